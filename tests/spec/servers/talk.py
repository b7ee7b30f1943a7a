"""A client of python3-websockets: python3 talk.py URL. Has an echo server send back messages of all sizes, and prints
the extensions, how many came back as they went, and the close code."""
import asyncio
import sys

import websockets


def extensions_of(socket):
    return socket.extensions if hasattr(socket, "extensions") else socket.protocol.extensions  # since version 14


async def main():
    sizes = [0, 1, 125, 126, 1000, 65535, 65536, 1000000]
    texts = [("the quick brown fox " * (n // 20 + 1))[:n] for n in sizes]
    right = 0
    async with websockets.connect(sys.argv[1], max_size=64 << 20) as socket:
        print(", ".join(extension.name for extension in extensions_of(socket)), flush=True)
        for message in [one for text in texts + texts for one in (text, text[::-1].encode())]:
            await socket.send(message)
            right += await socket.recv() == message
        await socket.close(4000, "enough")
    print("right", right, "close", socket.close_code, flush=True)


asyncio.run(main())

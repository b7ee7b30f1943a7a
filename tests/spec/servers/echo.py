"""An echo server of python3-websockets: python3 echo.py [CERT KEY]. Prints the port it listens on, and how each
connection ended. DEFLATE=1: messages are compressed. What it does beside echoing: tests/interop/support/battery.lua."""
import asyncio

import websockets

from common import code_and_reason, context, deflate, tell


async def echo(socket, message):
    await socket.send(message)


async def pieces(socket, message):
    third = -(-len(message) // 3)
    await socket.send([message[at:at + third] for at in range(0, len(message), third)])


async def ping(socket, message):
    await (await socket.ping(message))
    await socket.send(message)


async def close(socket, message):
    await socket.close(*code_and_reason(message))


answers = {"/pieces": pieces, "/ping": ping, "/close": close}


async def serve(socket, path):
    answer = answers.get(path, echo)
    try:
        async for message in socket:
            await answer(socket, message)
    except websockets.ConnectionClosedError:  # by a code that is neither 1000 nor 1001
        pass
    tell("close", socket.close_code, socket.close_reason)


async def main():
    async with websockets.serve(serve, "127.0.0.1", 0, ssl=context(), max_size=64 << 20, subprotocols=["echo"],
                                compression="deflate" if deflate else None) as server:
        tell(server.sockets[0].getsockname()[1])
        await asyncio.Future()


asyncio.run(main())

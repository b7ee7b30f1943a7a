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


def path_of(socket):
    return socket.path if hasattr(socket, "path") else socket.request.path  # the latter since version 14


def choose(*lists):
    """The subprotocol, of what the client offers: a list that comes last since version 14, and first before."""
    offered = lists[0] if isinstance(lists[0], list) else lists[1]
    return "echo" if "echo" in offered else None


async def serve(socket):
    answer = answers.get(path_of(socket), echo)
    try:
        async for message in socket:
            await answer(socket, message)
    except websockets.ConnectionClosedError:  # by a code that is neither 1000 nor 1001
        pass
    tell("close", socket.close_code, socket.close_reason)


async def main():
    async with websockets.serve(serve, "127.0.0.1", 0, ssl=context(), max_size=64 << 20, subprotocols=["echo"],
                                select_subprotocol=choose, compression="deflate" if deflate else None) as server:
        tell(server.sockets[0].getsockname()[1])
        await asyncio.Future()


asyncio.run(main())

"""An echo server of python3-websockets on an abstract socket of Linux: abstract.py NAME. Prints a line when it is up."""
import asyncio
import sys

import websockets


async def echo(socket, *_):
    async for message in socket:
        await socket.send(message)


async def main():
    async with websockets.unix_serve(echo, "\0" + sys.argv[1]):
        print("up", flush=True)
        await asyncio.Future()


asyncio.run(main())

"""An echo server of aiohttp: python3 echo_aiohttp.py [CERT KEY]. Prints the port it listens on, and how each connection
ended. DEFLATE=1: messages are compressed. What it does beside echoing: tests/interop/support/battery.lua."""
import asyncio

from aiohttp import WSMsgType, web

from common import code_and_reason, context, deflate, tell


async def answer(socket, path, message):
    if path == "/ping":
        await socket.ping(message.data)
    elif path == "/close":
        code, reason = code_and_reason(message.data)
        await socket.close(code=code, message=reason.encode())
    elif message.type == WSMsgType.TEXT:
        await socket.send_str(message.data)
    else:
        await socket.send_bytes(message.data)


async def serve(request):
    socket = web.WebSocketResponse(max_msg_size=64 << 20, compress=deflate, protocols=["echo"], autoping=False,
                                   autoclose=False)
    await socket.prepare(request)
    while not socket.closed:
        message = await socket.receive()
        if message.type == WSMsgType.PING:
            await socket.pong(message.data)
        elif message.type == WSMsgType.PONG:
            await socket.send_str(message.data.decode())
        elif message.type == WSMsgType.CLOSE:
            tell("close", message.data, message.extra)
            await socket.close(code=message.data)
        elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            await answer(socket, request.path, message)
    return socket


async def main():
    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context()).start()
    tell(runner.addresses[0][1])
    await asyncio.Future()


asyncio.run(main())

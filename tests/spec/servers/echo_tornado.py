"""An echo server of Tornado: python3 echo_tornado.py [CERT KEY]. Prints the port it listens on, and how each connection
ended. DEFLATE=1: messages are compressed. What it does beside echoing: tests/interop/support/battery.lua."""
import asyncio

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from common import code_and_reason, context, deflate, tell


class Echo(WebSocketHandler):
    def get_compression_options(self):
        return {} if deflate else None

    def select_subprotocol(self, subprotocols):
        return "echo" if "echo" in subprotocols else None

    def on_message(self, message):
        if self.request.path == "/ping":
            self.ping(message)
        elif self.request.path == "/close":
            self.close(*code_and_reason(message))
        else:
            self.write_message(message, binary=isinstance(message, bytes))

    def on_pong(self, data):
        self.write_message(data)

    def on_close(self):
        tell("close", self.close_code, self.close_reason)


async def main():
    sockets = bind_sockets(0, "127.0.0.1")
    app = Application([(".*", Echo)], websocket_max_message_size=64 << 20)
    HTTPServer(app, ssl_options=context()).add_sockets(sockets)
    tell(sockets[0].getsockname()[1])
    await asyncio.Future()


asyncio.run(main())

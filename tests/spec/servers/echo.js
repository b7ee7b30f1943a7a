// An echo server of Node's ws: node echo.js [CERT KEY]. Prints the port it listens on, and how each connection ended.
// DEFLATE=1: messages are compressed. What it does beside echoing goes by the path: tests/interop/support/battery.lua.
const { WebSocketServer } = require("ws");
const fs = require("fs");
const [cert, key] = process.argv.slice(2);
const http = cert
  ? require("https").createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) })
  : require("http").createServer();
const server = new WebSocketServer({
  server: http,
  maxPayload: 64 << 20,
  perMessageDeflate: process.env.DEFLATE === "1",
  handleProtocols: (offered) => offered.has("echo") && "echo",
});

const answers = {
  "/pieces": (socket, data, binary) => {
    const third = Math.ceil(data.length / 3);
    socket.send(data.subarray(0, third), { binary, fin: false });
    socket.send(data.subarray(third, 2 * third), { fin: false });
    socket.send(data.subarray(2 * third), { fin: true });
  },
  "/ping": (socket, data) => {
    socket.once("pong", (payload) => socket.send(payload.toString()));
    socket.ping(data);
  },
  "/close": (socket, data) => {
    const [, code, reason] = data.toString().match(/^(\d+) (.*)$/);
    socket.close(Number(code), reason);
  },
};
const echo = (socket, data, binary) => socket.send(data, { binary });

const { version } = require("ws/package.json");
server.on("headers", (headers) => headers.push(`Server: ws/${version}`));
server.on("connection", (socket, request) => {
  const answer = answers[request.url] ?? echo;
  socket.on("message", (data, binary) => answer(socket, data, binary));
  socket.on("close", (code, reason) => console.log("close", code, reason.toString()));
});
http.listen(0, "127.0.0.1", () => console.log(http.address().port));

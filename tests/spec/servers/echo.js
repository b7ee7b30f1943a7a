// An echo server of Node's ws: node echo.js [CERT KEY]. Prints the port it listens on. DEFLATE=1: messages are compressed.
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
});
server.on("connection", (socket) => socket.on("message", (data, binary) => socket.send(data, { binary })));
http.listen(0, "127.0.0.1", () => console.log(http.address().port));

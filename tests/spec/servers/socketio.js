// A server of npm's socket.io: node socketio.js. Prints the port it listens on, and who leaves which namespace, and why.
// It pings five times a second. /chat is for those who present the token "secret".
const http = require("http").createServer();
const { Server } = require("socket.io");
const io = new Server(http, { pingInterval: 200, pingTimeout: 10000, transports: ["websocket"] });

const welcome = (socket) => {
  socket.on("say", (...args) => {
    const acknowledge = args.pop();
    socket.emit("said", ...args);
    acknowledge(...args);
  });
  socket.on("ask", async (acknowledge) => {
    socket.emit("told", typeof (await socket.emitWithAck("time")));
    acknowledge();
    socket.disconnect();
  });
  socket.conn.once("heartbeat", () => socket.emit("alive", socket.conn.protocol));
  socket.on("disconnect", (reason) => console.log("left", socket.nsp.name, reason));
};

io.on("connection", welcome);
io.of("/chat").use((socket, next) => next(socket.handshake.auth.token === "secret" ? undefined : new Error("who are you?")));
io.of("/chat").on("connection", welcome);
http.listen(0, "127.0.0.1", () => console.log(http.address().port));

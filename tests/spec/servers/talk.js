// A client of Node's ws: node talk.js URL DEFLATE_OPTIONS_AS_JSON. Has an echo server send back messages of all sizes,
// and prints the extensions, how many came back as they went, and the close code.
const { WebSocket } = require("ws");
const [url, deflate] = process.argv.slice(2);
const sizes = [0, 1, 125, 126, 1000, 65535, 65536, 1000000];
const text = (n) => "the quick brown fox ".repeat(n / 20 + 1).slice(0, n);
const messages = [...sizes, ...sizes].flatMap((n) => [text(n), Buffer.from(text(n)).reverse()]);
const socket = new WebSocket(url, { perMessageDeflate: JSON.parse(deflate), maxPayload: 64 << 20 });
let right = 0;
socket.on("upgrade", (response) => console.log(response.headers["sec-websocket-extensions"] ?? ""));
socket.on("open", () => {
  for (const message of messages) socket.send(message);
});
socket.on("message", (data, binary) => {
  const sent = messages.shift();
  if (binary === Buffer.isBuffer(sent) && data.equals(Buffer.from(sent))) right++;
  if (messages.length === 0) socket.close(4000, "enough");
});
socket.on("error", (error) => console.log("error", error.message));
socket.on("close", (code) => console.log("right", right, "close", code));

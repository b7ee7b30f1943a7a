// node_ws: a client by the package ws, on Node.js. As it comes: without its optional native parts where they are not here.
//
//     node node_ws.js MODE URL COUNT SIZE KIND CA_FILE      see ../README.md
"use strict";
const fs = require("fs");
const WebSocket = require("ws");
require("./script")(
  (url, ca, deflate) => new WebSocket(url, { ca: ca && fs.readFileSync(ca), perMessageDeflate: deflate,
    maxPayload: 64 << 20 }),
  (socket) => socket._socket.writableLength);

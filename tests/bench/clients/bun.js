// bun: Bun's own WebSocket, in C++ and Zig.
//
//     bun bun.js MODE URL COUNT SIZE KIND CA_FILE      see ../README.md
"use strict";
const fs = require("fs");
require("./script")(
  (url, ca, deflate) => {
    const socket = new WebSocket(url, { tls: ca && { ca: fs.readFileSync(ca, "utf8") }, perMessageDeflate: deflate });
    socket.binaryType = "nodebuffer";
    return socket;
  },
  (socket) => socket.bufferedAmount);

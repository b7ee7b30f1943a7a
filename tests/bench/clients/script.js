// script: what the clients in JavaScript have in common; by the WebSocket interface of browsers, which both offer.
// `open(url, ca_file, deflate)` makes a socket, `waiting(socket)` tells how many bytes of it wait to be written.
"use strict";
const fs = require("fs");

function cpu() {
  const used = process.cpuUsage();
  return used.user + used.system;
}

const memory = () => Number(fs.readFileSync("/proc/self/statm", "utf8").split(" ")[1]) * 4; // KB

function result(total, units) {
  process.stdout.write(`result ${total.toFixed(3)} ${units}\n`, () => process.exit(0));
}

module.exports = function (open, waiting) {
  const [mode, url, countText, sizeText, kind, caFile] = process.argv.slice(2);
  if (mode === "start") {
    console.log("up");
    return;
  }
  const count = Number(countText), size = Number(sizeText);
  const payload = kind === "binary" ? Buffer.alloc(size, "x") : "x".repeat(size);
  const ca = url.startsWith("wss") ? caFile : undefined;
  let start;

  function connect(on) {
    const socket = open(url, ca, mode === "deflate");
    socket.onopen = () => on.open(socket);
    socket.onmessage = on.message ? (event) => on.message(socket, event.data) : null;
    socket.onclose = on.close ?? null;
    socket.onerror = (event) => {
      console.error(event.message ?? String(event));
      process.exit(1);
    };
  }

  function receive() {
    let messages = 0;
    connect({
      open: () => { start = cpu(); },
      message: () => { messages++; },
      close: () => result(cpu() - start, messages),
    });
  }

  const modes = {
    receive,
    deflate: receive,
    answer() {
      let messages = 0;
      connect({
        open: () => { start = cpu(); },
        message(socket, text) {
          const { p, q, E } = JSON.parse(text).data;
          socket.send(`${p} ${q} ${E}`);
          messages++;
        },
        close: () => result(cpu() - start, messages),
      });
    },
    echo() {
      let messages = 0;
      connect({
        open(socket) { start = cpu(); socket.send(payload); },
        message(socket) {
          if (++messages < count) socket.send(payload);
          else result(cpu() - start, count);
        },
      });
    },
    send() {
      let sent = 0;
      function fill(socket) {
        while (sent < count) {
          socket.send(payload);
          sent++;
          if (sent % 64 === 0 && waiting(socket) > 1 << 20) return setTimeout(fill, 0, socket);
        }
      }
      connect({
        open(socket) { start = cpu(); fill(socket); },
        message() { result(cpu() - start, count); },
      });
    },
    connect() { // one after the other; the first does not count
      let done = -1;
      (function once() {
        connect({
          open: (socket) => socket.close(1000),
          close() {
            if (++done === 0) start = cpu();
            if (done < count) once();
            else result(cpu() - start, count);
          },
        });
      })();
    },
    idle() {
      const all = [];
      let before;
      (function more() {
        connect({
          open(socket) {
            if (all.push(socket) === 1) before = memory();
            if (all.length <= count) more();
            else result(memory() - before, count);
          },
        });
      })();
    },
  };
  if (!modes[mode]) process.exit(77);
  modes[mode]();
};

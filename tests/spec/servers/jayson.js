// A JSON-RPC server of npm's jayson over Node's ws: node jayson.js. Prints the port it listens on.
const jayson = require("jayson");
const { Server } = require("ws");

const server = new jayson.Server({
  add: (params, done) => done(null, Array.isArray(params) ? params[0] + params[1] : params.a + params.b),
  echo: (params, done) => done(null, params ?? null),
  fails: (params, done) => done({ code: 42, message: "it failed", data: params }),
  version: (params, done) => done(null, require("jayson/package.json").version),
  never: () => {},
});

const wss = new Server({ host: "127.0.0.1", port: 0 }, () => console.log(wss.address().port));
server.websocket({ wss });

// json: texts and objects, without a connection, by JSON.parse and JSON.stringify.
//
//     node json.js MODE FILE COUNT SIZE KIND      see ../README.md
"use strict";
const fs = require("fs");
const [mode, path, countText, , kind] = process.argv.slice(2);

function cpu() {
  const used = process.cpuUsage();
  return used.user + used.system;
}

const fields = { // what a feed handler asks for
  trade: ({ data }) => [data.p, data.q, data.E],
  depth: ({ data }) => [data.E, data.u, data.b[0][0]],
  last: ({ data }) => [data.u, data.a[0][0], data.a[39][1]],
};
let kept; // so that no result is for nothing

function run(list, count, work) {
  const n = list.length;
  for (let i = 1; i <= count; i++) kept = work(list[i % n]);
}

function main() {
  const count = Number(countText), texts = fs.readFileSync(path, "utf8").trimEnd().split("\n"), read = fields[kind];
  const modes = {
    decode: [texts, (text) => JSON.parse(text)],
    encode: [texts.map((text) => JSON.parse(text)), (value) => JSON.stringify(value)],
    get: [texts, (text) => read(JSON.parse(text))],
  };
  modes.view = modes.get;
  const [list, work] = modes[mode];
  run(list, Math.floor(count / 10), work); // does not count
  const start = cpu();
  run(list, count, work);
  console.log(`result ${(cpu() - start).toFixed(3)} ${count}`);
}

if (mode === "start") console.log("up");
else main();

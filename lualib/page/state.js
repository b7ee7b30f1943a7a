// state: what host.state keeps, as text, of each worker.
import { button, el, filter } from "./dom.js";

const EVERY = 3; // ticks: it may be long

export function makeState(rpc) {
  const text = el("div.texts");
  const words = filter("Filter state", () => draw());
  let answers = [];
  let ticks = 0;

  // The lines that have the words, and those within them.
  function fitting(all) {
    const wanted = words.value.toLowerCase();
    if (!wanted) return all;
    return all.split("\n").filter((line) => line.toLowerCase().includes(wanted)).join("\n");
  }

  function draw() {
    text.replaceChildren(...answers.map(({ worker, result, why }) => el("div", {},
      worker ? el("h3", {}, `worker ${worker}`) : null,
      el("pre.data", { tabIndex: 0 }, why ?? (fitting(result) || "Nothing.")))));
  }

  async function ask() {
    const answer = await rpc.call("state");
    const next = typeof answer === "string" ? [{ result: answer }] : answer;
    if (JSON.stringify(next) === JSON.stringify(answers)) return;
    answers = next;
    draw();
  }

  return {
    title: "State",
    element: el("section.state", { "aria-label": "State" }, el("h2", {}, "State"),
      el("div.bar", {}, words, button("Again", ask)), text),
    show() {
      ticks = 0;
    },
    async tick() {
      if (ticks % EVERY === 0) await ask();
      ticks += 1;
    },
  };
}

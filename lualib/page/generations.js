// generations: the last reloads, and buttons for the next.
import { button, el, put } from "./dom.js";
import { day, span } from "./format.js";

function entry(reload) {
  return el(`li.${reload.ok ? "ok" : "failed"}`, {}, el("div.head", {}, el("b", {}, `generation ${reload.generation}`),
    el(`span.chip.${reload.ok ? "open" : "failed"}`, {}, reload.ok ? "took over" : "failed"),
    reload.worker ? el("span", {}, `worker ${reload.worker}`) : null,
    el("span.when", {}, `${day(reload.time)} · ${reload.cause} · ${span(reload.took)}`)),
  reload.report ? el("pre.data", {}, reload.report) : null);
}

// What several workers have said, or one.
function answerOf(result) {
  if (!Array.isArray(result)) return null;
  const failed = result.filter((answer) => answer.why !== undefined);
  return failed.length ? failed.map((answer) => `worker ${answer.worker}: ${answer.why}`).join("; ") : null;
}

export function makeGenerations(rpc) {
  const list = el("ol.generations", { reversed: "" });
  const told = el("span.count.answer", { role: "status" });
  const now = el("p.sub");
  const buttons = [
    button("Reload", () => ask("reload", "The script is loaded again."), { title: "Loads the script again" }),
    button("Back", () => ask("back", "The generation before comes back."), {
      title: "Loads the sources of the generation before",
    }),
  ];
  let last = "";

  function tell(text, isFailure) {
    put(told, text);
    told.classList.toggle("failed", isFailure);
  }

  async function ask(method, done) {
    for (const one of buttons) one.disabled = true;
    try {
      const failure = answerOf(await rpc.call(method));
      tell(failure ?? done, failure !== null);
    } catch (error) {
      tell(error.message, true);
    }
    for (const one of buttons) one.disabled = false;
  }

  return {
    title: "Generations",
    element: el("section", { "aria-label": "Generations" }, el("h2", {}, "Generations"),
      el("div.bar", {}, buttons, told), now, list),
    async tick(program) {
      put(now, `Generation ${program.generation} runs.`);
      const reloads = await rpc.call("generations");
      const next = JSON.stringify(reloads);
      if (next === last) return;
      last = next;
      list.replaceChildren(...(reloads.length ? reloads.sort((a, b) => b.time - a.time).map(entry)
        : [el("li.empty", {}, "It was not reloaded yet.")]));
    },
  };
}

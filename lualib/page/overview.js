// overview: what the program is, and plots of what it does. It takes what it is given also while another view is shown.
import { el, facts } from "./dom.js";
import { bytes, day, percent, short, span, whole } from "./format.js";
import { Plot } from "./series.js";

const states = ["open", "connecting", "waiting", "closing", "closed"];

function chips(connections) {
  const list = states.filter((state) => connections[state])
    .map((state) => el(`span.chip.${state}`, {}, `${whole(connections[state])} ${state}`));
  return el("span.chips", {}, list.length ? list : "none");
}

const perSecond = (n) => `${short(n)}/s`;
const both = [{ name: "in", class: "in" }, { name: "out", class: "out" }];
const one = [{ name: "", class: "one" }];

// What the plots have: their values by two looks at the program, and the seconds between them.
function makePlots() {
  const rate = (field) => (b, a, s) => (b[field] - a[field]) / s;
  return [
    { plot: new Plot("Messages", both, perSecond), of: [rate("messages_in"), rate("messages_out")] },
    { plot: new Plot("Bytes", both, (n) => `${bytes(n)}/s`), of: [rate("bytes_in"), rate("bytes_out")] },
    { plot: new Plot("CPU", one, percent), of: [(b, a, s) => (100 * (b.cpu - a.cpu)) / s] },
    { plot: new Plot("Longest turn of the loop", one, span, 0.001), of: [(b) => b.lag] },
    { plot: new Plot("Memory", one, bytes), of: [(b) => b.memory] },
    { plot: new Plot("Memory of Lua", one, bytes), of: [(b) => b.lua_memory] },
  ];
}

export function makeOverview() {
  const plots = makePlots();
  const about = el("div");
  const element = el("section.overview", { "aria-label": "Overview" }, el("h2", {}, "Overview"), about,
    el("div.plots", {}, plots.map(({ plot }) => plot.element)));
  let last = null;

  function describe(p, turns) {
    about.replaceChildren(facts([
      ["connections", chips(p.connections)], ["up", span(Date.now() / 1000 - p.since)], ["since", day(p.since)],
      ["generation", `${p.generation}`],
      ["workers", p.workers && (p.silent ? `${p.workers}, ${p.silent} silent` : `${p.workers}`)],
      ["tasks", whole(p.tasks)], ["timers", whole(p.timers)],
      ["descriptors", p.descriptors < 0 ? null : whole(p.descriptors)], ["turns", turns && perSecond(turns)],
      ["kept for the script", bytes(p.script_memory)], ["script", el("span.path", {}, p.script)],
      ["wsbot", p.version],
    ]));
  }

  return {
    title: "Overview",
    element,

    // Notes what the program says of itself, once a second.
    take(program) {
      const passed = last ? program.now - last.now : 0;
      if (passed > 0) {
        for (const { plot, of } of plots) plot.add(of.map((value) => value(program, last, passed)), passed);
      }
      if (!element.hidden) {
        describe(program, passed > 0 && (program.turns - last.turns) / passed);
        for (const { plot } of plots) plot.draw();
      }
      last = program;
    },
  };
}

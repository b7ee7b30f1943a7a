// log: the last lines of the log, and those that come.
import { button, el, filter, put, throttled } from "./dom.js";
import { clock, day, whole } from "./format.js";
import { List } from "./list.js";

const KEPT = 5000; // lines
const levels = ["debug", "info", "warn", "error"];

export function makeLog(rpc) {
  const words = filter("Filter log", () => draw(true));
  const from = el("select", { "aria-label": "From which level on", onchange: () => { watch(); draw(true); } },
    levels.map((level) => el("option", { value: level }, level)));
  from.value = "info";
  const count = el("span.count", { role: "status" });
  const full = el("pre.data.message", { hidden: true, tabIndex: 0 });
  const list = new List("Log", {
    line: (line) => [el("span.time", { title: day(line.time) }, clock(line.time)), el("span.level", {}, line.level),
      line.worker ? el("span.which", {}, `[${line.worker}]`) : null, el("span.preview", {}, line.message)],
    classes: (line) => line.level,
    picked(line) {
      full.hidden = !line;
      put(full, line ? line.message : "");
    },
  });
  const drawSoon = throttled(() => draw());
  let lines = [];
  let hasBegun = false;

  function draw(isOther) {
    const wanted = words.value.toLowerCase();
    const least = levels.indexOf(from.value);
    const fitting = lines.filter((line) => levels.indexOf(line.level) >= least
      && (!wanted || line.message.toLowerCase().includes(wanted)));
    list.set(fitting, isOther);
    put(count, fitting.length === lines.length ? whole(lines.length)
      : `${whole(fitting.length)} of ${whole(lines.length)}`);
  }

  function add(more) {
    lines = lines.concat(more).slice(-KEPT);
    drawSoon();
  }

  function watch() {
    if (rpc.isOpen) rpc.call("watch", { log: from.value }).catch(fail);
  }

  function fail(error) {
    put(count, error.message);
  }

  return {
    title: "Log",
    element: el("section.log", { "aria-label": "Log" }, el("h2", {}, "Log"),
      el("div.bar", {}, words, from, button("Clear", () => { lines = []; draw(true); }), count), list.element, full),

    // The lines that came while another view was shown are asked for as well.
    async show() {
      watch();
      try {
        const last = await rpc.call("log");
        const since = hasBegun && lines.length ? lines.at(-1).time : 0;
        hasBegun = true;
        add(last.filter((line) => line.time > since));
      } catch (error) {
        fail(error);
      }
    },

    hide() {
      if (rpc.isOpen) rpc.call("unwatch").catch(() => {});
    },

    events({ events, worker }) {
      add(events.filter((event) => event.level !== undefined).map((line) => ({ ...line, worker })));
    },

    back: () => list.leave(),
  };
}

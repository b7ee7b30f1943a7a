// log: the last lines of the log, and those that come.
import { button, el, filter, put, throttled } from "./dom.js";
import { clock, day, whole } from "./format.js";
import { List } from "./list.js";

const KEPT = 5000; // lines
const levels = ["debug", "info", "warn", "error"];

const keyOf = (line) => `${line.time} ${line.worker} ${line.message}`;

const cells = (line) => [
  el("span.time", { title: day(line.time) }, clock(line.time)), el("span.level", {}, line.level),
  line.worker ? el("span.which", {}, `[${line.worker}]`) : null, el("span.preview", {}, line.message),
];

class Log {
  constructor(rpc) {
    Object.assign(this, { title: "Log", rpc, lines: [], last: 0 });
    this.words = filter("Filter log", () => this.draw(true));
    this.from = el("select", { "aria-label": "From which level on", onchange: () => this.changeLevel() },
      levels.map((level) => el("option", { value: level }, level)));
    this.from.value = "info";
    this.count = el("span.count", { role: "status" });
    this.full = el("pre.data.message", { hidden: true, tabIndex: 0 });
    this.list = new List("Log", {
      line: cells, classes: (line) => line.level, picked: (line) => this.pick(line),
    });
    this.drawSoon = throttled(() => this.draw());
    this.element = el("section.log", { "aria-label": "Log" }, el("h2", {}, "Log"),
      el("div.bar", {}, this.words, this.from, button("Clear", () => this.clear()), this.count), this.list.element,
      this.full);
  }

  pick(line) {
    this.full.hidden = !line;
    put(this.full, line ? line.message : "");
  }

  clear() {
    this.lines = [];
    this.draw(true);
  }

  changeLevel() {
    this.watch();
    this.draw(true);
  }

  draw(isOther) {
    const words = this.words.value.toLowerCase();
    const least = levels.indexOf(this.from.value);
    const fitting = this.lines.filter((line) => levels.indexOf(line.level) >= least
      && (!words || line.message.toLowerCase().includes(words)));
    this.list.set(fitting, isOther);
    put(this.count, fitting.length === this.lines.length ? whole(this.lines.length)
      : `${whole(fitting.length)} of ${whole(this.lines.length)}`);
  }

  add(more) {
    this.lines = this.lines.concat(more).slice(-KEPT);
    for (const line of more) this.last = Math.max(this.last, line.time);
    this.drawSoon();
  }

  watch() {
    if (this.rpc.isOpen) this.rpc.call("watch", { log: this.from.value }).catch((error) => this.fail(error));
  }

  fail(error) {
    put(this.count, error.message);
  }

  // The lines that came while another view was shown are asked for as well.
  async show() {
    this.watch();
    try {
      const since = this.last;
      const last = await this.rpc.call("log");
      const known = new Set(this.lines.map(keyOf));
      this.add(last.filter((line) => line.time > since && !known.has(keyOf(line))));
      this.lines.sort((a, b) => a.time - b.time);
    } catch (error) {
      this.fail(error);
    }
  }

  hide() {
    if (this.rpc.isOpen) this.rpc.call("unwatch").catch(() => {});
  }

  events({ events, worker }) {
    this.add(events.filter((event) => event.level !== undefined).map((line) => ({ ...line, worker })));
  }

  back() {
    this.list.leave();
  }
}

export const makeLog = (rpc) => new Log(rpc);

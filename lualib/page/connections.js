// connections: a table of all, with their rates; of the one that is chosen more, and its messages as they pass.
import { button, el, facts, put } from "./dom.js";
import { bytes, short, span, whole } from "./format.js";
import { Messages } from "./messages.js";
import { Table } from "./table.js";

const keyOf = (conn) => `${conn.worker ?? 0}:${conn.id}`;
const nameOf = (conn) => conn.name ?? `connection ${conn.id}`;
const maybe = (value, show) => (value === undefined ? "–" : show(value));

// Adds rates to the connections, by what was counted a look before.
class Rates {
  constructor() {
    this.last = new Map();
    this.at = 0;
  }

  add(connections, now) {
    const passed = now - this.at;
    const next = new Map();
    for (const conn of connections) {
      const key = keyOf(conn);
      const before = this.last.get(key);
      conn.rateIn = before && passed > 0 ? Math.max(0, conn.messages_in - before.messages_in) / passed : 0;
      conn.rateOut = before && passed > 0 ? Math.max(0, conn.messages_out - before.messages_out) / passed : 0;
      next.set(key, conn);
    }
    this.last = next;
    this.at = now;
  }
}

const columns = [
  {
    title: "connection", class: "name",
    text: (conn) => el("span", {}, el(`span.dot.${conn.state}`, { title: conn.state }), el("b", {}, nameOf(conn)),
      el("span.url", {}, conn.url ?? "")),
  },
  { title: "worker", class: "number worker", text: (conn) => `${conn.worker ?? ""}` },
  { title: "in/s", class: "number in", text: (conn) => short(conn.rateIn) },
  { title: "out/s", class: "number out", text: (conn) => short(conn.rateOut) },
  { title: "latency", class: "number", text: (conn) => maybe(conn.latency, span) },
  { title: "attempts", class: "number lesser", text: (conn) => whole(conn.attempts) },
  { title: "buffered", class: "number lesser", text: (conn) => bytes(conn.buffered) },
  { title: "inbox", class: "number lesser", text: (conn) => bytes(conn.inbox) },
];

const codeOf = (end) => (end.word ? `${end.code} ${end.word}` : `${end.code}`);
const times = (n) => (n === 1 ? "once" : `${whole(n)} times`);

// How its attempts have ended: "1006 reset 3 times", and the last one in full.
function describeEnds({ ends = [], last_end: last }) {
  const message = last?.message ? `: ${last.message}` : "";
  return [
    ["ends", ends.map((end) => `${codeOf(end)} ${times(end.count)}`).join(", ")],
    ["last end", last && el("span.path", {}, `${codeOf(last)}${message} (attempt ${last.attempt}, open for ${
      span(last.uptime)})`)],
  ];
}

const ratio = (n) => (n === undefined ? null : `${n.toFixed(1)} to 1`);

function describe(conn) {
  const held = [conn.paused && "by the script", conn.behind && "the script is behind"].filter(Boolean).join(", ");
  return facts([
    ["state", el(`span.chip.${conn.state}`, {}, conn.state)], ["phase", conn.phase !== conn.state ? conn.phase : null],
    ["open for", conn.open_for === undefined ? null : span(conn.open_for)],
    ["next step in", conn.next_step_in === undefined ? null : span(conn.next_step_in)],
    ["latency", conn.latency === undefined ? null : span(conn.latency)],
    ["attempts", whole(conn.attempts)], ["rotation", `${conn.rotation}`],
    ["messages in", `${whole(conn.messages_in)} (${short(conn.rateIn)}/s)`],
    ["messages out", `${whole(conn.messages_out)} (${short(conn.rateOut)}/s)`],
    ["bytes in", bytes(conn.bytes_in)], ["bytes out", bytes(conn.bytes_out)],
    ["last byte in", conn.since_in === undefined ? null : `${span(conn.since_in)} ago`],
    ["last byte out", conn.since_out === undefined ? null : `${span(conn.since_out)} ago`],
    ["compressed in", ratio(conn.ratio_in)], ["compressed out", ratio(conn.ratio_out)],
    ["in callbacks", conn.callback_time === undefined ? null : span(conn.callback_time)],
    ["buffered", bytes(conn.buffered)], ["inbox", bytes(conn.inbox)], ["not read", held || null],
    ["protocol", conn.protocol], ["address", conn.remote_address], ["url", conn.url && el("span.path", {}, conn.url)],
    ...describeEnds(conn),
  ]);
}

class Connections {
  constructor(rpc) {
    Object.assign(this, { title: "Connections", rpc, rates: new Rates(), messages: new Messages(), chosen: null });
    this.table = new Table("connections", columns, {
      key: keyOf, picked: (conn) => this.choose(conn), empty: "There are no connections.",
      searched: (conn) => `${nameOf(conn)} ${conn.url ?? ""} ${conn.state} ${conn.remote_address ?? ""}`,
      classes: (conn) => conn.state,
    });
    this.name = el("h3");
    this.about = el("div");
    this.problem = el("p.notice", { hidden: true });
    this.detail = el("div.detail", { hidden: true },
      el("div.head", {}, this.name, button("Close", () => this.leave())), this.about, this.problem,
      this.messages.element);
    this.split = el("div.split", {}, this.table.element, this.detail);
    this.element = el("section.connections", { "aria-label": "Connections" }, el("h2", {}, "Connections"), this.split);
  }

  async watch() {
    if (!this.chosen || !this.rpc.isOpen) return;
    try {
      await this.rpc.call("watch", { connection: this.chosen.id, worker: this.chosen.worker });
      this.problem.hidden = true;
    } catch (error) {
      this.problem.hidden = false;
      put(this.problem, `Its messages cannot be seen: ${error.message}`);
    }
  }

  unwatch() {
    if (this.chosen && this.rpc.isOpen) this.rpc.call("unwatch").catch(() => {});
  }

  show() {
    this.watch();
  }

  hide() {
    this.unwatch();
  }

  choose(conn) {
    this.unwatch();
    this.chosen = conn;
    this.detail.hidden = !conn;
    this.split.classList.toggle("has-choice", conn !== null);
    if (!conn) return;
    this.messages.clear();
    this.draw();
    this.watch();
  }

  leave() {
    this.table.choose(null);
    this.table.scroller.focus();
  }

  back() {
    if (this.messages.detail.element.hidden) this.leave();
    else this.messages.list.leave();
  }

  draw() {
    put(this.name, nameOf(this.chosen));
    this.about.replaceChildren(describe(this.chosen));
  }

  async tick(program) {
    const connections = await this.rpc.call("connections");
    this.rates.add(connections, program.now);
    this.table.element.classList.toggle("of-pool", program.workers !== undefined);
    this.table.set(connections);
    if (!this.chosen) return;
    this.chosen = this.table.item ?? { ...this.chosen, state: "closed", phase: "gone" };
    this.draw();
  }

  events(params) {
    if (!this.chosen) return;
    const { id } = this.chosen;
    this.messages.add(params, (event) => event.connection === id);
  }
}

export const makeConnections = (rpc) => new Connections(rpc);

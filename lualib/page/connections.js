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
    ["buffered", bytes(conn.buffered)], ["inbox", bytes(conn.inbox)], ["not read", held || null],
    ["protocol", conn.protocol], ["address", conn.remote_address], ["url", conn.url && el("span.path", {}, conn.url)],
  ]);
}

export function makeConnections(rpc) {
  const rates = new Rates();
  const messages = new Messages();
  const title = el("h3");
  const about = el("div");
  const problem = el("p.notice", { hidden: true });
  const table = new Table("connections", columns, {
    key: keyOf, picked: choose, empty: "There are no connections.",
    searched: (conn) => `${nameOf(conn)} ${conn.url ?? ""} ${conn.state} ${conn.remote_address ?? ""}`,
    classes: (conn) => conn.state,
  });
  const detail = el("div.detail", { hidden: true }, el("div.head", {}, title, button("Close", () => leave())), about,
    problem, messages.element);
  const split = el("div.split", {}, table.element, detail);
  let chosen = null;

  function watch() {
    if (!chosen || !rpc.isOpen) return;
    rpc.call("watch", { connection: chosen.id, worker: chosen.worker }).then(() => { problem.hidden = true; },
      (error) => {
        problem.hidden = false;
        put(problem, `Its messages cannot be seen: ${error.message}`);
      });
  }

  function unwatch() {
    if (chosen && rpc.isOpen) rpc.call("unwatch").catch(() => {});
  }

  function choose(conn) {
    unwatch();
    chosen = conn;
    detail.hidden = !conn;
    split.classList.toggle("has-choice", conn !== null);
    if (!conn) return;
    messages.clear();
    draw();
    watch();
  }

  function leave() {
    table.choose(null);
    table.scroller.focus();
  }

  function draw() {
    put(title, nameOf(chosen));
    about.replaceChildren(describe(chosen));
  }

  return {
    title: "Connections",
    element: el("section.connections", { "aria-label": "Connections" }, el("h2", {}, "Connections"), split),
    show: watch,
    hide: unwatch,

    async tick(program) {
      const connections = await rpc.call("connections");
      rates.add(connections, program.now);
      table.element.classList.toggle("of-pool", program.workers !== undefined);
      table.set(connections);
      if (!chosen) return;
      chosen = table.item ?? { ...chosen, state: "closed", phase: "gone" };
      draw();
    },

    events(params) {
      if (!chosen) return;
      const { id } = chosen;
      messages.add(params, (event) => event.connection === id);
    },

    back() {
      if (messages.detail.element.hidden) leave();
      else messages.list.leave();
    },
  };
}

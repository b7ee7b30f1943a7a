// tables: the views that are a table: tasks and timers.
import { el } from "./dom.js";
import { span } from "./format.js";
import { Table } from "./table.js";

const ofWorker = (item) => (item.worker ? `${item.worker}` : "");

function place(task) {
  if (!task.file) return "";
  const name = task.file.match(/[^/]*$/)[0];
  return el("span", { title: task.file }, `${name}:${task.line}`);
}

function make(rpc, method, title, columns, options, prepare = (items) => items) {
  const table = new Table(title.toLowerCase(), columns, options);
  return {
    title,
    element: el(`section.${method}`, { "aria-label": title }, el("h2", {}, title), table.element),
    async tick(program) {
      table.element.classList.toggle("of-pool", program.workers !== undefined);
      table.set(prepare(await rpc.call(method)));
    },
  };
}

const worker = { title: "worker", class: "number worker", text: ofWorker };

export function makeTasks(rpc) {
  return make(rpc, "tasks", "Tasks", [
    { title: "id", class: "number lesser", text: (task) => `${task.id}` },
    worker,
    { title: "kind", class: "", text: (task) => task.kind },
    { title: "state", class: "lesser", text: (task) => task.state },
    { title: "waits in", class: "code", text: (task) => task.waits_in ?? "" },
    { title: "at", class: "code", text: place },
    { title: "at most", class: "number", text: (task) => (task.left === undefined ? "" : span(task.left)) },
  ], {
    key: (task) => `${ofWorker(task)}:${task.id}`,
    searched: (task) => `${task.kind} ${task.state} ${task.waits_in ?? ""} ${task.file ?? ""}:${task.line ?? ""}`,
    empty: "No task waits: the program is all callbacks.",
  });
}

// Timers without a name may be alike: those are told apart by their order.
function number(timers) {
  const counts = new Map();
  for (const timer of timers) {
    const alike = `${ofWorker(timer)}:${timer.name ?? ""}:${timer.every ?? ""}`;
    counts.set(alike, (counts.get(alike) ?? 0) + 1);
    timer.key = `${alike}:${counts.get(alike)}`;
  }
  return timers;
}

export function makeTimers(rpc) {
  return make(rpc, "timers", "Timers", [
    { title: "name", class: "", text: (timer) => timer.name ?? "–" },
    worker,
    { title: "every", class: "number", text: (timer) => (timer.every ? span(timer.every) : "once") },
    { title: "due in", class: "number", text: (timer) => span(timer.left) },
  ], {
    key: (timer) => timer.key,
    searched: (timer) => timer.name ?? "",
    empty: "There are no timers.",
  }, number);
}

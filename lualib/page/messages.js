// messages: what passes on a connection, as it comes: the last ones, those that fit, and one of them in full.
import { button, el, facts, filter, put, throttled } from "./dom.js";
import { bytes, clock, whole } from "./format.js";
import { List } from "./list.js";
import { pretty, preview, searched, sizeOf } from "./pretty.js";

const KEPT = 2000; // events
const KEPT_BYTES = 16 << 20;

const arrows = { sent: "↑", received: "↓" };

export const classOf = (event) => `${event.event} ${event.kind ?? ""}`;

// The cells of an event's line; when: its time, as text.
export function cells(event, when) {
  return [
    el("span.time", {}, when), el("span.arrow", { title: event.event }, arrows[event.event] ?? "·"),
    el("span.kind", {}, event.kind ?? event.event),
    el("span.size", {}, arrows[event.event] && event.kind !== "close" ? bytes(sizeOf(event)) : ""),
    el("span.preview", {}, preview(event)),
  ];
}

// One event in full, with a way to close it.
export class Detail {
  constructor(closed) {
    this.body = el("div.body", { tabIndex: 0, "aria-label": "The chosen message" });
    this.title = el("span.title");
    this.element = el("div.message", { hidden: true }, el("div.bar", {}, this.title,
      button("Copy", () => this.copy()), button("Close", closed)), this.body);
  }

  async copy() {
    const { data, base64, reason } = this.event;
    try {
      await navigator.clipboard.writeText(data ?? base64 ?? reason ?? JSON.stringify(this.event));
    } catch (error) {
      put(this.title, `not copied: ${error.message}`);
    }
  }

  show(event, when) {
    this.event = event;
    this.element.hidden = !event;
    if (!event) return;
    const size = sizeOf(event);
    const isCut = event.size !== undefined;
    put(this.title, `${event.event} ${event.kind ?? ""} · ${when}${event.kind ? ` · ${whole(size)} bytes` : ""}`
      + `${isCut ? ", cut here" : ""}`);
    const more = event.kind === "close" ? facts([["code", `${event.code}`], ["reason", event.reason]]) : null;
    this.body.replaceChildren(...[more, more ? null : pretty(event)].filter(Boolean));
    this.body.scrollTop = 0;
  }
}

export class Messages {
  constructor() {
    this.filter = filter("Filter messages", () => this.draw(true));
    this.way = el("select", { "aria-label": "Which way", onchange: () => this.draw(true) },
      [["", "both ways"], ["received", "received"], ["sent", "sent"]]
        .map(([value, text]) => el("option", { value }, text)));
    this.pause = button("Pause", () => this.togglePause(), { "aria-pressed": "false" });
    this.told = el("span.count", { role: "status" });
    this.list = new List("Messages", {
      line: (event) => cells(event, this.when(event)), classes: classOf,
      picked: (event) => this.detail.show(event, event && this.when(event)),
    });
    this.detail = new Detail(() => this.list.leave());
    this.element = el("div.messages", {}, el("div.bar", {}, this.filter, this.way, this.pause,
      button("Clear", () => this.clear()), this.told), this.list.element, this.detail.element);
    this.drawSoon = throttled(() => this.draw());
    this.clear();
  }

  clear() {
    Object.assign(this, { events: [], size: 0, seen: 0, sampled: null, base: null });
    this.list.follows = true;
    this.list.leave();
    this.draw(true);
  }

  // Times are seconds since the watch began.
  when(event) {
    return clock(this.base + event.time);
  }

  // Takes a notification of a watch.
  add({ seen, shown, events }, isMine) {
    if (this.isPaused) return;
    this.sampled = shown < seen ? `${whole(shown)} of ${whole(seen)} shown` : null;
    for (const event of events) {
      if (!isMine(event)) continue;
      if (this.base === null) this.base = Date.now() / 1000 - event.time;
      this.events.push(event);
      this.size += (event.data ?? event.base64 ?? "").length;
    }
    while (this.events.length > KEPT || this.size > KEPT_BYTES) {
      const gone = this.events.shift();
      this.size -= (gone.data ?? gone.base64 ?? "").length;
    }
    this.drawSoon();
  }

  togglePause() {
    this.isPaused = !this.isPaused;
    this.pause.setAttribute("aria-pressed", `${this.isPaused}`);
    put(this.pause, this.isPaused ? "Go on" : "Pause");
    this.draw();
  }

  draw(isOther) {
    const words = this.filter.value.toLowerCase();
    const way = this.way.value;
    const fitting = this.events.filter((event) => (!way || event.event === way)
      && (!words || searched(event).toLowerCase().includes(words)));
    this.list.set(fitting, isOther);
    const count = fitting.length === this.events.length ? whole(fitting.length)
      : `${whole(fitting.length)} of ${whole(this.events.length)}`;
    put(this.told, this.isPaused ? "paused" : this.sampled ?? count);
    this.told.classList.toggle("sampled", this.sampled !== null || this.isPaused === true);
  }
}

// record: the page of a file of --record: a timeline, a list of its events, one of them in full.
import { button, el, filter, put, throttled } from "./dom.js";
import { bytes, clock, day, plural, span, whole } from "./format.js";
import { har } from "./har.js";
import { listen } from "./keys.js";
import { List } from "./list.js";
import { Detail, cells, classOf } from "./messages.js";
import { searched } from "./pretty.js";
import { KINDS, Reader, turn } from "./reader.js";
import { spec } from "./spec.js";
import { Timeline } from "./timeline.js";

const SLICE = 25; // milliseconds of a search before the page may do something else

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

class Page {
  constructor(about) {
    this.about = about;
    this.reader = new Reader(about.size);
    this.timeline = new Timeline(this.reader, (i) => this.choose(i));
    this.list = new List("Events", {
      line: (i) => this.line(i), classes: (i) => this.classes(i), picked: (i) => this.show(i),
    });
    this.detail = new Detail(() => this.list.leave());
    this.list.follows = false;
    this.makeFrame();
    listen({ go: () => {}, back: () => this.list.leave() });
    document.addEventListener("keydown", (event) => this.key(event));
    this.begin().catch((error) => this.tell(`It cannot be shown: ${error.message}`));
  }

  makeFrame() {
    this.notice = el("p.notice", { role: "status" }, "reading ...");
    this.sub = el("span.sub");
    this.searchSoon = throttled(() => this.search());
    this.filter = filter("Search the record", () => this.searchSoon());
    this.connection = el("select", { "aria-label": "Which connection", onchange: () => this.search() },
      el("option", { value: "" }, "all connections"));
    this.count = el("span.count", { role: "status" });
    this.dialog = el("dialog", { "aria-label": "A spec" });
    const bar = el("div.bar", {}, this.filter, this.connection, this.count, el("span.space"),
      button("Make a spec of this", () => this.makeSpec()), button("Export HAR", () => this.exportHar()));
    document.body.classList.add("record");
    document.body.append(el("main", {}, this.notice, el("section", { "aria-label": "Record" },
      el("div.head", {}, el("h1", {}, this.about.name), this.sub), this.timeline.element, bar,
      el("div.halves", {}, this.list.element, this.detail.element))), this.dialog);
  }

  async begin() {
    await this.reader.load((share) => put(this.notice, `reading ... ${Math.floor(100 * share)} %`));
    const { reader } = this;
    this.tell(reader.broken ? `${plural(reader.broken, "line")} could not be read, the first is line `
      + `${whole(reader.firstBroken)}.` : null);
    this.timeline.begin();
    for (const id of this.timeline.lanes.keys()) {
      this.connection.append(el("option", { value: `${id}` }, `connection ${id}`));
    }
    put(this.sub, [bytes(this.about.size), plural(reader.count, "event"),
      plural(this.timeline.lanes.size, "connection"), reader.count ? span(reader.times.at(-1)) : null,
      reader.head.program, reader.started ? day(reader.started) : null].filter(Boolean).join(" · "));
    await this.search();
  }

  tell(text) {
    this.notice.hidden = text === null;
    put(this.notice, text ?? "");
  }

  // ---- lines

  when(i) {
    const time = this.reader.times[i];
    return this.reader.started ? clock(this.reader.started + time) : span(time);
  }

  line(i) {
    return [el("span.which", {}, `${this.reader.connections[i]}`), ...cells(this.reader.event(i), this.when(i))];
  }

  classes(i) {
    return classOf({ event: KINDS[this.reader.kinds[i]] });
  }

  show(i) {
    this.timeline.choose(i ?? -1);
    this.detail.show(i === null ? null : this.reader.event(i), i === null ? "" : `${this.when(i)} (${
      span(this.reader.times[i])})`);
  }

  // Chooses an event that the timeline has found.
  choose(i) {
    const place = this.list.items.indexOf(i);
    if (place >= 0) this.list.choose(place);
  }

  // Arrow keys step also outside of the list.
  key(event) {
    if (event.defaultPrevented || event.target.matches("input, select, textarea, .list, .body, dialog *")) return;
    if (["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].includes(event.key)) {
      const isNext = event.key === "ArrowRight" || event.key === "ArrowDown";
      const at = this.list.chosen;
      event.preventDefault();
      this.list.choose(at < 0 ? 0 : at + (isNext ? 1 : -1));
    }
  }

  // ---- searching

  // Looks for what fits, without holding up the page; a later search ends this one.
  async search() {
    const words = this.filter.value.toLowerCase();
    const id = this.connection.value;
    const { reader } = this;
    const found = [];
    const number = (this.searches ?? 0) + 1;
    this.searches = number;
    let began = performance.now();
    for (let i = 0; i < reader.count; i += 1) {
      const isOf = !id || `${reader.connections[i]}` === id;
      if (isOf && (!words || searched(reader.event(i)).toLowerCase().includes(words))) found.push(i);
      if (i % 64 === 0 && performance.now() - began > SLICE) {
        put(this.count, `searching ... ${Math.floor((100 * i) / reader.count)} %`);
        await turn();
        if (this.searches !== number) return;
        began = performance.now();
      }
    }
    this.timeline.marked = words || id ? new Uint8Array(reader.count) : null;
    if (this.timeline.marked) for (const i of found) this.timeline.marked[i] = 1;
    this.list.set(found, true);
    this.timeline.draw();
    put(this.count, found.length === reader.count ? whole(found.length)
      : `${whole(found.length)} of ${whole(reader.count)}`);
  }

  // ---- what is made of it

  targets() {
    const seen = new Set();
    for (let i = 0; i < this.reader.count; i += 1) {
      if (KINDS[this.reader.kinds[i]] === "request") seen.add(this.reader.event(i).target);
    }
    return seen.size;
  }

  async makeSpec() {
    const text = spec(this.about, this.targets());
    let told = "It is in the clipboard.";
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      told = "The browser does not give the clipboard: copy it from here.";
    }
    const close = button("Close", () => this.dialog.close());
    this.dialog.replaceChildren(el("p", {}, told), el("pre.data", { tabIndex: 0 }, text), close);
    this.dialog.showModal();
    close.focus();
  }

  async exportHar() {
    save(await har(this.reader), `${this.about.name.replace(/\.jsonl?$/, "")}.har`);
  }
}

export function show(about) {
  return new Page(about);
}

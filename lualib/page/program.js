// program: the page of a running program: its views, of which one is shown, and the clock that has them ask once a
// second.
import { button, el, put } from "./dom.js";
import { listen } from "./keys.js";
import { Rpc } from "./rpc.js";
import { makeConnections } from "./connections.js";
import { makeGenerations } from "./generations.js";
import { makeLog } from "./log.js";
import { makeOverview } from "./overview.js";
import { makeProfile } from "./profile.js";
import { makeState } from "./state.js";
import { makeTasks, makeTimers } from "./tables.js";

const SECOND = 1000;

// A view: { title, element, show(), hide(), tick(program), events(params), back() -> was there anything to leave };
// all functions but tick may be missing.
const makers = [makeOverview, makeConnections, makeTasks, makeTimers, makeState, makeLog, makeGenerations, makeProfile];

class Page {
  constructor(about) {
    this.rpc = new Rpc(new URL("ws", document.baseURI).href.replace(/^http/, "ws"), {
      state: (text) => this.tell(text),
      ended: (why) => this.end(why),
      events: (params) => this.view?.events?.(params),
      opened: () => this.opened(),
    });
    this.views = makers.map((make) => make(this.rpc));
    this.notice = el("p.notice", { role: "status", hidden: true });
    this.dot = el("span.dot.waiting");
    this.sub = el("span.sub", {}, `process ${about.pid}`);
    this.tabs = this.views.map((view, i) => button(view.title, () => this.go(i), { "data-view": view.title }));
    this.main = el("main", {}, this.notice, this.views.map((view) => view.element));
    document.body.append(el("header.side", {}, el("div.program", {}, this.dot, el("h1", {}, about.name), this.sub),
      el("nav", { "aria-label": "Views" }, this.tabs)), this.main);
    for (const view of this.views) view.element.hidden = true;
    listen({ go: (i) => this.go(i), back: () => this.view.back?.() });
    const wanted = this.views.findIndex((view) => `#${view.title.toLowerCase()}` === location.hash);
    this.go(Math.max(0, wanted));
    setInterval(() => this.tick(), SECOND);
  }

  go(i) {
    const view = this.views[i];
    if (!view || view === this.view) return;
    if (this.view) {
      this.view.hide?.();
      this.view.element.hidden = true;
    }
    this.view = view;
    view.element.hidden = false;
    this.tabs.forEach((tab, k) => {
      if (k === i) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    });
    this.tabs[i].scrollIntoView({ block: "nearest", inline: "nearest" });
    history.replaceState(null, "", `#${view.title.toLowerCase()}`);
    if (this.rpc.isOpen) this.opened();
  }

  opened() {
    this.view.show?.();
    this.tick();
  }

  // Asks the program for what is shown; not again before that has come.
  async tick() {
    if (this.isAsking || !this.rpc.isOpen) return;
    this.isAsking = true;
    try {
      const program = await this.rpc.call("program");
      this.dot.setAttribute("class", `dot ${program.state}`);
      put(this.sub, program.workers ? `process ${program.pid}, ${program.workers} workers` : `process ${program.pid}`);
      const [overview] = this.views;
      overview.take(program);
      if (!document.hidden) await this.view.tick?.(program);
      this.tell(null);
    } catch (error) {
      if (this.rpc.isOpen) this.tell(error.message);
    }
    this.isAsking = false;
  }

  tell(text) {
    if (this.hasEnded) return;
    this.notice.hidden = text === null;
    put(this.notice, text ?? "");
  }

  end(why) {
    this.tell(`${why}. This is what was seen last.`);
    this.hasEnded = true;
    this.dot.setAttribute("class", "dot ended");
    document.title = `(ended) ${document.title}`;
    document.body.classList.add("ended");
  }
}

export function show(about) {
  return new Page(about);
}

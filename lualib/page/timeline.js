// timeline: all events of a record on a canvas: a lane for each connection, time from left to right. It is scrolled by
// dragging or the wheel, zoomed by the wheel with Ctrl, by pinching, and by + and -; a click finds the nearest event.
import { el } from "./dom.js";
import { span } from "./format.js";
import { KINDS } from "./reader.js";

const LANE = 26;
const RULER = 20;
const GUTTER = 30; // for the lanes' names
const LANES = 60; // that are drawn; the others share the last
const SHORTEST = 0.00002; // seconds that are in sight, at least

const steps = [1, 2, 5, 10];
const longSteps = [15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200];
const DAY = 86400;

// A round number of seconds, about that much.
function round(seconds) {
  if (seconds > 10) return longSteps.find((step) => step >= seconds) ?? Math.ceil(seconds / DAY) * DAY;
  const unit = 10 ** Math.floor(Math.log10(seconds));
  return steps.find((step) => step * unit >= seconds) * unit;
}

export class Timeline {
  constructor(reader, picked) {
    Object.assign(this, { reader, picked, chosen: -1, marked: null, lanes: new Map(), from: 0, to: 1 });
    this.canvas = el("canvas", { tabIndex: 0, role: "img", "aria-label": "Timeline: plus and minus zoom" });
    this.element = el("div.timeline", {}, this.canvas);
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.canvas.addEventListener("pointerdown", (event) => this.grab(event));
    this.canvas.addEventListener("pointermove", (event) => this.drag(event));
    this.canvas.addEventListener("pointerup", (event) => this.release(event));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  // All has been read.
  begin() {
    for (const id of this.reader.connections) {
      if (!this.lanes.has(id)) this.lanes.set(id, Math.min(this.lanes.size, LANES - 1));
    }
    this.laneOf = Uint8Array.from(this.reader.connections, (id) => this.lanes.get(id));
    this.last = Math.max(this.reader.times.at(-1) ?? 0, SHORTEST);
    this.showAll();
  }

  showAll() {
    const edge = this.last * 0.02;
    Object.assign(this, { from: -edge, to: this.last + edge });
    this.draw();
  }

  get width() {
    return Math.max(1, this.canvas.clientWidth - GUTTER);
  }

  x(time) {
    return GUTTER + ((time - this.from) / (this.to - this.from)) * this.width;
  }

  time(x) {
    return this.from + ((x - GUTTER) / this.width) * (this.to - this.from);
  }

  // ---- moving

  show(from, length) {
    const most = this.last * 1.04;
    const wanted = Math.min(most, Math.max(SHORTEST, length));
    this.from = Math.max(-this.last * 0.02, Math.min(from, this.last * 1.02 - wanted));
    this.to = this.from + wanted;
    this.draw();
  }

  // Zooms around a place.
  zoom(factor, x = GUTTER + this.width / 2) {
    const length = (this.to - this.from) * factor;
    this.show(this.time(x) - ((x - GUTTER) / this.width) * length, length);
  }

  move(pixels) {
    const length = this.to - this.from;
    this.show(this.from + (pixels / this.width) * length, length);
  }

  wheel(event) {
    const isSideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
    if (!event.ctrlKey && !isSideways) return;
    event.preventDefault();
    if (event.ctrlKey) this.zoom(Math.exp(event.deltaY * 0.004), event.offsetX);
    else this.move(event.deltaX || event.deltaY);
  }

  grab(event) {
    this.grabbed = { x: event.offsetX, y: event.offsetY, from: this.from, isMoved: false };
    this.canvas.setPointerCapture(event.pointerId);
  }

  drag(event) {
    if (!this.grabbed) return;
    const by = this.grabbed.x - event.offsetX;
    if (Math.abs(by) > 3) this.grabbed.isMoved = true;
    if (this.grabbed.isMoved) {
      this.show(this.grabbed.from + (by / this.width) * (this.to - this.from), this.to - this.from);
    }
  }

  release(event) {
    if (this.grabbed && !this.grabbed.isMoved) this.find(event.offsetX, event.offsetY);
    this.grabbed = null;
  }

  key(event) {
    const acts = {
      "+": () => this.zoom(0.6), "=": () => this.zoom(0.6), "-": () => this.zoom(1 / 0.6), 0: () => this.showAll(),
      "[": () => this.move(-this.width / 4), "]": () => this.move(this.width / 4),
    };
    if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    acts[event.key]();
  }

  // The first event at that time or later.
  after(time) {
    let [low, high] = [0, this.reader.count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.reader.times[middle] < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // Chooses the event that is nearest to a place.
  find(x, y) {
    const lane = Math.floor((y - RULER) / LANE);
    let best = -1;
    for (let i = this.after(this.time(x - 12)); i < this.reader.count; i += 1) {
      const at = this.x(this.reader.times[i]);
      if (at > x + 12) break;
      const isNearer = best < 0 || Math.abs(at - x) < Math.abs(this.x(this.reader.times[best]) - x);
      if (this.laneOf[i] === lane && isNearer) best = i;
    }
    if (best >= 0) this.picked(best);
  }

  choose(i) {
    this.chosen = i;
    const x = i >= 0 ? this.x(this.reader.times[i]) : 0;
    if (i >= 0 && (x < GUTTER || x > GUTTER + this.width)) this.move(x - GUTTER - this.width / 2);
    else this.draw();
  }

  // ---- drawing

  draw() {
    if (this.isAsked || this.last === undefined) return;
    this.isAsked = true;
    requestAnimationFrame(() => {
      this.isAsked = false;
      this.drawNow();
    });
  }

  drawNow() {
    const shown = Math.min(LANES, this.lanes.size);
    const scale = window.devicePixelRatio || 1;
    const width = this.element.clientWidth;
    const height = RULER + shown * LANE;
    this.canvas.style.height = `${height}px`;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    const context = this.canvas.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(`--${name}`);
    context.scale(scale, scale);
    this.drawRuler(context, color, height);
    this.drawEvents(context, color);
    this.drawNames(context, color);
  }

  drawRuler(context, color, height) {
    const step = round(((this.to - this.from) / this.width) * 90);
    context.textAlign = "left";
    context.font = "11px system-ui, sans-serif";
    const first = Math.ceil(Math.max(0, this.from) / step);
    const count = Math.floor(this.to / step) - first + 1;
    for (let i = 0; i < Math.min(count, this.width); i += 1) {
      const time = (first + i) * step;
      const x = Math.round(this.x(time)) + 0.5;
      context.fillStyle = color("edge");
      context.fillRect(x, RULER - 4, 1, height);
      context.fillStyle = color("soft");
      context.fillText(time === 0 ? "0" : span(time), x + 4, 12);
    }
  }

  // A pixel of a lane and a way is drawn once, however many events are there.
  drawEvents(context, color) {
    const colors = { connect: "accent", request: "soft", response: "soft", end: "bad", sent: "out", received: "in" };
    const palette = KINDS.map((kind) => color(colors[kind]));
    const drawn = new Int32Array(LANES * 16).fill(-1); // where last, by lane, kind and whether it is marked
    const { times, kinds } = this.reader;
    for (let i = this.after(this.from); i < times.length && times[i] <= this.to; i += 1) {
      const x = Math.round(this.x(times[i]));
      const isMarked = this.marked === null || this.marked[i] === 1;
      const what = this.laneOf[i] * 16 + kinds[i] * 2 + Number(isMarked);
      if (drawn[what] !== x) {
        drawn[what] = x;
        context.fillStyle = palette[kinds[i]];
        context.globalAlpha = isMarked ? 1 : 0.15;
        this.drawEvent(context, KINDS[kinds[i]], x, RULER + this.laneOf[i] * LANE);
      }
    }
    context.globalAlpha = 1;
    if (this.chosen < 0) return;
    context.fillStyle = color("accent");
    const y = RULER + this.laneOf[this.chosen] * LANE;
    context.fillRect(Math.round(this.x(times[this.chosen])) - 1, y + 1, 3, LANE - 2);
  }

  drawEvent(context, kind, x, y) {
    if (kind === "sent") context.fillRect(x, y + 4, 2, LANE / 2 - 4);
    else if (kind === "received") context.fillRect(x, y + LANE / 2, 2, LANE / 2 - 4);
    else context.fillRect(x, y + 3, 1, LANE - 6);
  }

  drawNames(context, color) {
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = color("soft");
    context.textAlign = "right";
    for (const [id, lane] of this.lanes) {
      const isShared = lane === LANES - 1 && this.lanes.size > LANES;
      context.fillText(isShared ? "…" : `${id}`, GUTTER - 10, RULER + lane * LANE + 17, GUTTER - 10);
      if (isShared) break;
    }
  }
}

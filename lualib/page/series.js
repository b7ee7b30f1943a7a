// series: the last minutes of some numbers, and their plot. A plot is an SVG that is as wide as its place; a pointer on
// it reads the values of that time.
import { el, put, svg } from "./dom.js";

const KEPT = 300; // points, one a second
const FEWEST = 60; // that a plot has room for
const HEIGHT = 60;

const steps = [1, 1.5, 2, 3, 5, 7.5, 10];

// The next round number above.
function ceiling(most) {
  if (!(most > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(most));
  return unit * steps.find((step) => step * unit >= most * 0.999);
}

export class Plot {
  // lines: [{ name: "in", class: "in" }, ...]; show(value): as text
  constructor(title, lines, show, least = 0) {
    Object.assign(this, { lines, show, least, points: lines.map(() => []), at: null });
    this.paths = lines.map((line) => svg(`path.${line.class}`));
    this.area = svg(`path.area.${lines[0].class}`);
    this.grid = svg("path.grid");
    this.cursor = svg("line.cursor", { y1: 0, y2: HEIGHT, visibility: "hidden" });
    this.values = lines.map((line) => el(`span.value.${line.class}`));
    this.top = el("span.top");
    this.when = el("span.when");
    const picture = svg("svg", {
      preserveAspectRatio: "none", "aria-hidden": "true",
    }, this.grid, this.area, this.paths, this.cursor);
    this.picture = picture;
    const frame = el("div.frame", {
      onpointermove: (event) => this.read(event.offsetX / frame.clientWidth),
      onpointerleave: () => this.read(null),
    }, picture, this.top, this.when);
    this.element = el("figure.plot", {}, el("figcaption", {}, el("span.title", {}, title),
      lines.map((line, i) => el("span.reading", {}, line.name ? el("span.name", {}, line.name) : null,
        this.values[i]))), frame);
  }

  // Adds what holds for the last seconds: a page that is not in sight asks less often.
  add(values, seconds) {
    values.forEach((value, i) => {
      const more = new Array(Math.max(1, Math.min(KEPT, Math.round(seconds)))).fill(Number.isFinite(value) ? value : 0);
      this.points[i] = this.points[i].concat(more).slice(-KEPT);
    });
  }

  // Reads the values at that share of the width; null: the last ones.
  read(share) {
    this.at = share;
    this.draw();
  }

  // How many points there is room for.
  get room() {
    return Math.max(FEWEST, this.points[0].length);
  }

  path(points, top) {
    const from = this.room - points.length;
    return points.map((value, i) => `${i ? "L" : "M"}${from + i} ${(HEIGHT * (1 - value / top)).toFixed(1)}`).join("");
  }

  draw() {
    this.picture.setAttribute("viewBox", `0 0 ${this.room - 1} ${HEIGHT}`);
    this.grid.setAttribute("d", `M0 ${HEIGHT / 2}H${this.room - 1}M0 ${HEIGHT}H${this.room - 1}`);
    const top = ceiling(Math.max(this.least, ...this.points.flat()));
    this.paths.forEach((path, i) => path.setAttribute("d", this.path(this.points[i], top)));
    const first = this.points[0];
    const line = this.path(first, top);
    this.area.setAttribute("d", line && `${line}V${HEIGHT}H${this.room - first.length}Z`);
    put(this.top, this.show(top));
    this.drawReading(first.length);
  }

  drawReading(count) {
    const x = this.at === null ? this.room - 1 : Math.round(this.at * (this.room - 1));
    const place = x - (this.room - count);
    const isRead = this.at !== null && place >= 0 && place < count;
    this.cursor.setAttribute("visibility", isRead ? "visible" : "hidden");
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
    put(this.when, isRead ? `${count - 1 - place} s ago` : "");
    this.values.forEach((value, i) => {
      put(value, count ? this.show(this.points[i][isRead ? place : count - 1]) : "–");
    });
  }
}

// flame: a flame graph of folded stacks ("a;b;c 12" on each line), as SVG: the wider a frame, the more samples were in
// it. A click or Enter goes into a frame, Esc back to all; arrow keys go from frame to frame.
import { button, el, filter, put, svg } from "./dom.js";
import { percent, plural } from "./format.js";

const HEIGHT = 20; // pixels of a frame
const NARROWEST = 2;
const LETTER = 6.7;

function child(node, name) {
  let found = node.children.get(name);
  if (!found) {
    found = { name, value: 0, own: 0, children: new Map(), parent: node, depth: node.depth + 1 };
    node.children.set(name, found);
  }
  return found;
}

// Makes a tree of the text.
export function parse(text) {
  const root = { name: "all", value: 0, own: 0, children: new Map(), parent: null, depth: 0 };
  for (const line of text.split("\n")) {
    const found = line.match(/^(.*) (\d+)$/);
    if (!found) continue;
    const count = Number(found[2]);
    let node = root;
    root.value += count;
    for (const name of found[1].split(";")) {
      node = child(node, name);
      node.value += count;
    }
    node.own += count;
  }
  return root;
}

function hue(name) {
  let hash = 7;
  for (const letter of name) hash = (hash * 31 + letter.charCodeAt(0)) % 9973;
  return 12 + (hash % 44);
}

// The name without the folders of its file.
const shortName = (name) => name.replace(/\([^()]*\//, "(");

const depthOf = (node) => Math.max(node.depth, ...[...node.children.values()].map(depthOf));

export class Flame {
  constructor() {
    this.told = el("p.sub.reading", { role: "status" });
    this.picture = svg("svg", { role: "tree", "aria-label": "Flame graph", height: 0 });
    this.filter = filter("Mark frames", () => this.draw());
    this.bar = el("div.bar", { hidden: true }, this.filter, button("All", () => this.reset()));
    this.place = el("div.flame", {}, this.picture);
    this.element = el("div", {}, this.bar, this.place, this.told);
    this.picture.addEventListener("click", (event) => this.at(event, (node) => this.enter(node)));
    this.picture.addEventListener("pointermove", (event) => this.at(event, (node) => this.tell(node)));
    this.picture.addEventListener("focusin", (event) => this.at(event, (node) => this.tell(node)));
    this.picture.addEventListener("keydown", (event) => this.at(event, (node) => this.key(event, node)));
    new ResizeObserver(() => this.draw()).observe(this.place);
  }

  set(root) {
    this.root = root;
    this.bar.hidden = root.value === 0;
    this.top = root;
    this.draw();
    put(this.told, root.value ? plural(root.value, "sample") : "");
  }

  reset() {
    if (this.root) this.enter(this.root);
  }

  enter(node) {
    this.top = node;
    this.draw();
    this.tell(node);
    this.groups.get(node)?.focus();
  }

  at(event, act) {
    const node = this.nodes?.[event.target.closest("g")?.dataset.at];
    if (node) act(node);
  }

  tell(node) {
    const own = node.own ? `, ${plural(node.own, "sample")} in itself` : "";
    put(this.told, `${node.name}: ${percent((100 * node.value) / this.root.value)}, `
      + `${plural(node.value, "sample")}${own}`);
  }

  key(event, node) {
    const beside = node.parent ? [...node.parent.children.values()].filter((one) => this.groups.has(one)) : [node];
    const at = beside.indexOf(node);
    const ways = {
      ArrowUp: () => node.parent, ArrowDown: () => [...node.children.values()].find((one) => this.groups.has(one)),
      ArrowLeft: () => beside[at - 1], ArrowRight: () => beside[at + 1],
    };
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.enter(node);
    } else if (ways[event.key]) {
      event.preventDefault();
      this.groups.get(ways[event.key]())?.focus();
    }
  }

  draw() {
    if (!this.root) return;
    const width = this.place.clientWidth;
    Object.assign(this, { nodes: [], groups: new Map() });
    this.words = this.filter.value.toLowerCase();
    this.picture.replaceChildren();
    this.picture.setAttribute("width", width);
    this.picture.setAttribute("height", this.root.value ? (depthOf(this.top) + 1) * HEIGHT : 0);
    if (this.root.value === 0) return;
    const above = [];
    for (let node = this.top.parent; node; node = node.parent) above.push(node);
    for (const node of above) this.frame(node, 0, width, true);
    this.stack(this.top, 0, width);
  }

  stack(node, x, width) {
    this.frame(node, x, width, false);
    for (const one of [...node.children.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const share = (width * one.value) / node.value;
      if (share >= NARROWEST) this.stack(one, x, share);
      x += share;
    }
  }

  frame(node, x, width, isAbove) {
    const fits = Math.floor((width - 8) / LETTER);
    const name = shortName(node.name);
    const text = fits < 3 ? "" : name.length > fits ? `${name.slice(0, fits - 1)}…` : name;
    const isMarked = this.words && node.name.toLowerCase().includes(this.words);
    const y = node.depth * HEIGHT;
    const group = svg("g", {
      class: `${isAbove ? "above" : ""}${isMarked ? " marked" : ""}`, "data-at": this.nodes.length, tabindex: "0",
      role: "treeitem", "aria-label": `${node.name}, ${percent((100 * node.value) / this.root.value)}`,
    }, svg("title", {}, node.name),
    svg("rect", {
      x, y, width: Math.max(1, width - 1), height: HEIGHT - 1, rx: 2, fill: `hsl(${hue(node.name)} 82% 62%)`,
    }),
    svg("text", { x: x + 5, y: y + 14 }, text));
    this.nodes.push(node);
    this.groups.set(node, group);
    this.picture.append(group);
  }
}

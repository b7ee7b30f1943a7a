// list: a long list of lines of one height, of which only those in sight are elements. Arrow keys choose; while none is
// chosen and the last line is in sight, the list goes on with what is added.
import { el } from "./dom.js";

const TALLEST = 8e6; // pixels: browsers do not scroll much further
const MORE = 5;      // lines beyond the edges

export class List {
  // line(item): its children; classes(item): " in"; picked(item or null)
  constructor(label, { line, classes = () => "", picked = () => {}, height = 26 }) {
    Object.assign(this, { line, classes, picked, height, items: [], chosen: -1, follows: true, drawn: "" });
    this.inside = el("div.inside");
    this.element = el("div.list", { tabIndex: 0, role: "listbox", "aria-label": label }, this.inside);
    this.element.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.inside.addEventListener("click", (event) => this.clicked(event));
    new ResizeObserver(() => this.resized()).observe(this.element);
  }

  // Takes the lines. What was chosen stays so, where it is still there.
  set(items, isOther) {
    const chosen = this.items[this.chosen];
    this.items = items;
    this.chosen = chosen === undefined ? -1 : items.lastIndexOf(chosen);
    if (isOther) this.drawn = "";
    if (this.follows) this.toEnd();
    this.draw(true);
  }

  get total() {
    return Math.min(TALLEST, this.items.length * this.height);
  }

  // The place of the first line in sight; a list that is too tall is scrolled by its share.
  get first() {
    const { scrollTop, clientHeight } = this.element;
    const whole = this.items.length * this.height;
    if (whole <= TALLEST) return scrollTop / this.height;
    return ((scrollTop / Math.max(1, TALLEST - clientHeight)) * (whole - clientHeight)) / this.height;
  }

  toEnd() {
    this.inside.style.height = `${this.total}px`;
    this.element.scrollTop = this.total;
  }

  scrolled() {
    const { scrollTop, clientHeight } = this.element;
    this.follows = this.chosen < 0 && scrollTop + clientHeight >= this.total - this.height;
    this.draw();
  }

  resized() {
    if (this.follows) this.toEnd();
    else if (this.chosen >= 0) this.reveal(this.chosen);
    this.draw(true);
  }

  draw(isOther) {
    const seen = Math.ceil(this.element.clientHeight / this.height);
    const from = Math.max(0, Math.floor(this.first) - MORE);
    const to = Math.min(this.items.length, from + seen + 2 * MORE);
    const drawn = `${from} ${to} ${this.chosen}`;
    if (!isOther && drawn === this.drawn) return;
    this.drawn = drawn;
    this.inside.style.height = `${this.total}px`;
    const shift = this.element.scrollTop - this.first * this.height;
    const lines = [];
    for (let i = from; i < to; i += 1) lines.push(this.elementOf(i, shift));
    this.inside.replaceChildren(...lines);
    if (this.chosen >= 0) this.element.setAttribute("aria-activedescendant", "chosen");
    else this.element.removeAttribute("aria-activedescendant");
  }

  elementOf(i, shift) {
    const item = this.items[i];
    const isChosen = i === this.chosen;
    const line = el("div", {
      class: `line ${this.classes(item)}${isChosen ? " chosen" : ""}`, role: "option", "aria-selected": `${isChosen}`,
      "data-at": i, id: isChosen ? "chosen" : null,
    }, this.line(item));
    line.style.transform = `translateY(${i * this.height + shift}px)`;
    return line;
  }

  choose(i, isSilent) {
    if (this.items.length === 0) return;
    this.chosen = Math.max(0, Math.min(this.items.length - 1, i));
    this.follows = false;
    this.reveal(this.chosen);
    this.draw(true);
    if (!isSilent) this.picked(this.items[this.chosen]);
  }

  reveal(i) {
    const seen = Math.floor(this.element.clientHeight / this.height) - 1;
    const first = this.first;
    if (i < first) this.scrollTo(i);
    else if (i > first + seen - 1) this.scrollTo(i - seen + 1);
  }

  scrollTo(first) {
    const whole = this.items.length * this.height;
    const top = first * this.height;
    const { clientHeight } = this.element;
    this.element.scrollTop = whole <= TALLEST ? top : (top / (whole - clientHeight)) * (TALLEST - clientHeight);
  }

  leave() {
    this.chosen = -1;
    this.scrolled();
    this.draw(true);
    this.picked(null);
  }

  clicked(event) {
    const line = event.target.closest(".line");
    if (line) this.choose(Number(line.dataset.at));
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.height) - 1);
    const begin = this.chosen < 0 ? this.items.length : this.chosen;
    const places = {
      ArrowUp: begin - 1, ArrowDown: begin + 1, PageUp: begin - page, PageDown: begin + page, Home: 0,
      End: this.items.length - 1,
    };
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Escape" && this.chosen >= 0) {
      event.stopPropagation();
      this.leave();
    } else if (event.key in places) {
      event.preventDefault();
      this.choose(places[event.key]);
    }
  }
}

// table: a table of what the program lists anew each second, whose lines stay the same elements; a filter above it, and
// arrow keys where a line can be chosen.
import { el, filter, put } from "./dom.js";
import { whole } from "./format.js";

const MOST = 500; // lines

export class Table {
  // columns: [{ title, class, text(item): a text or an element }, ...]; options: key(item), searched(item),
  // picked(item or null), classes(item), empty: what is said where there are none
  constructor(title, columns, options) {
    Object.assign(this, { columns, options, items: [], rows: new Map(), chosen: null });
    this.filter = filter(`Filter ${title}`, () => this.draw());
    this.count = el("span.count");
    this.body = el("tbody");
    this.empty = el("p.empty", { hidden: true }, options.empty);
    const head = el("tr", {}, columns.map((column) => el("th", { class: column.class, scope: "col" }, column.title)));
    this.scroller = el("div.scroller", { tabIndex: 0, "aria-label": title, role: "group" },
      el("table", {}, el("thead", {}, head), this.body), this.empty);
    this.bar = el("div.bar", {}, this.filter, this.count);
    this.element = el("div.table", {}, this.bar, this.scroller);
    if (!options.picked) return;
    this.body.addEventListener("click", (event) => this.choose(event.target.closest("tr")?.dataset.key));
    this.scroller.addEventListener("keydown", (event) => this.key(event));
  }

  set(items) {
    this.items = items;
    this.draw();
  }

  row(key) {
    const cells = this.columns.map((column) => el("td", { class: column.class }));
    const element = el("tr", { "data-key": key }, cells);
    const row = { element, cells };
    this.rows.set(key, row);
    return row;
  }

  fill(item, key) {
    const row = this.rows.get(key) ?? this.row(key);
    this.columns.forEach((column, i) => {
      const made = column.text(item);
      if (typeof made === "string") put(row.cells[i], made);
      else row.cells[i].replaceChildren(made);
    });
    row.element.setAttribute("class", `${this.options.classes?.(item) ?? ""}${key === this.chosen ? " chosen" : ""}`);
    if (this.options.picked) row.element.setAttribute("aria-selected", `${key === this.chosen}`);
    return row.element;
  }

  draw() {
    const words = this.filter.value.toLowerCase();
    const fitting = words ? this.items.filter((item) => this.options.searched(item).toLowerCase().includes(words))
      : this.items;
    const shown = fitting.slice(0, MOST);
    const keys = shown.map((item) => `${this.options.key(item)}`);
    for (const key of this.rows.keys()) if (!keys.includes(key)) this.rows.delete(key);
    const elements = shown.map((item, i) => this.fill(item, keys[i]));
    const isSame = elements.length === this.body.children.length
      && elements.every((element, i) => element === this.body.children[i]);
    if (!isSame) this.body.replaceChildren(...elements);
    this.keys = keys;
    put(this.count, shown.length === this.items.length ? whole(shown.length)
      : `${whole(shown.length)} of ${whole(this.items.length)} shown`);
    this.empty.hidden = shown.length > 0;
    put(this.empty, this.items.length ? "Nothing fits the filter." : this.options.empty);
  }

  get item() {
    return this.items.find((item) => `${this.options.key(item)}` === this.chosen) ?? null;
  }

  choose(key) {
    if (key === undefined || key === this.chosen) return;
    this.chosen = key;
    this.draw();
    if (key !== null) this.rows.get(key)?.element.scrollIntoView({ block: "nearest" });
    this.options.picked(this.item);
  }

  key(event) {
    const at = this.keys.indexOf(this.chosen);
    const places = { ArrowUp: Math.max(0, at - 1), ArrowDown: at + 1, Home: 0, End: this.keys.length - 1 };
    if (!(event.key in places) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.choose(this.keys[Math.min(this.keys.length - 1, places[event.key])]);
  }
}

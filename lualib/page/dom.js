// dom: makes elements. What comes from a program goes in as text, never as HTML.

const properties = new Set(["textContent", "hidden", "value", "disabled", "title", "type", "placeholder", "tabIndex"]);

function assign(element, given) {
  for (const [name, value] of Object.entries(given)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (properties.has(name) && name in element) element[name] = value;
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
}

function fill(element, classes, given, children) {
  if (classes.length) element.setAttribute("class", classes.join(" "));
  assign(element, given);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

// el("div.a.b", { title: "x", onclick: f }, "text", child, [more])
export function el(name, given = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  return fill(document.createElement(tag), classes, given, children);
}

export function svg(name, given = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), classes, given, children);
}

// Sets a text, where it is another one.
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// A list of facts: [["name", "value"], ...]; those without a value are left out.
export function facts(list) {
  return el("dl.facts", {}, list.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

export function button(text, onclick, given = {}) {
  return el("button", { type: "button", onclick, ...given }, text);
}

// A field to filter by: Esc empties it, `/` leads to it (see keys.js).
export function filter(label, oninput) {
  return el("input.filter", {
    type: "search", placeholder: label, "aria-label": label, autocomplete: "off", spellcheck: "false", oninput,
  });
}

// Calls `draw` soon, and at most ten times a second.
export function throttled(draw) {
  let timer = null;
  let last = 0;
  return () => {
    if (timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      last = performance.now();
      draw();
    }, Math.max(0, 100 - (performance.now() - last)));
  };
}

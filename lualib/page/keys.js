// keys: keys of the whole page. `/` leads to the filter in sight, Esc empties it and leaves it, digits choose a view.

const inSight = (element) => element.offsetParent !== null;

function isTyped(target) {
  return target.matches("input, select, textarea");
}

function leave(field) {
  if (field.value) {
    field.value = "";
    field.dispatchEvent(new Event("input"));
  } else {
    field.blur();
  }
}

// go(n): to view n, from 0; back(): what Esc means outside of a field.
export function listen({ go, back }) {
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
    if (isTyped(event.target)) {
      if (event.key === "Escape" && event.target.matches(".filter")) leave(event.target);
      return;
    }
    if (event.key === "/") {
      const fields = [...document.querySelectorAll(".filter")].filter(inSight);
      if (fields.length === 0) return;
      event.preventDefault();
      fields.at(-1).focus();
    } else if (event.key === "Escape") {
      back();
    } else if (/^[1-9]$/.test(event.key)) {
      go(Number(event.key) - 1);
    }
  });
}

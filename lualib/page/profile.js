// profile: samples where the time goes for some seconds, and draws that as a flame graph.
import { button, el, put } from "./dom.js";
import { Flame, parse } from "./flame.js";

// The folded text of all who were asked.
function textOf(result) {
  if (typeof result === "string") return result;
  const failed = result.find((answer) => answer.result === undefined);
  if (failed) throw new Error(`worker ${failed.worker}: ${failed.why}`);
  return result.map((answer) => answer.result).join("\n");
}

export function makeProfile(rpc) {
  const seconds = el("input", { type: "number", min: "1", max: "60", value: "5", "aria-label": "Seconds" });
  const told = el("span.count", { role: "status" });
  const flame = new Flame();
  const start = button("Profile", run);

  // Says how long it still takes.
  function count(left) {
    put(told, left > 0 ? `samples for ${left} s more` : "nearly there");
    return setInterval(() => {
      left -= 1;
      put(told, left > 0 ? `samples for ${left} s more` : "nearly there");
    }, 1000);
  }

  async function run() {
    const wanted = Math.max(1, Math.min(60, Math.round(Number(seconds.value)) || 5));
    seconds.value = `${wanted}`;
    start.disabled = true;
    const counting = count(wanted);
    try {
      const root = parse(textOf(await rpc.call("profile", { seconds: wanted })));
      put(told, root.value ? "" : "No sample: the script has not run in that time.");
      flame.set(root);
    } catch (error) {
      put(told, error.message);
    }
    clearInterval(counting);
    start.disabled = false;
  }

  return {
    title: "Profile",
    element: el("section.profile", { "aria-label": "Profile" }, el("h2", {}, "Profile"),
      el("div.bar", {}, start, el("label", {}, seconds, " seconds"), told), flame.element),
    back: () => flame.reset(),
  };
}

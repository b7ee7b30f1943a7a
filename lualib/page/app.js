// app: begins the page: it asks what there is to see, a program or a record.
import { el } from "./dom.js";

async function begin() {
  const about = await (await fetch("about")).json();
  document.title = `${about.name} · wsbot`;
  const { show } = await import(about.kind === "record" ? "./record.js" : "./program.js");
  await show(about);
}

begin().catch((error) => {
  document.body.append(el("p.fatal", { role: "alert" }, `This page cannot be shown: ${error.message}`));
});

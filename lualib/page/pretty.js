// pretty: the data of a message for people: JSON laid out as it was written (numbers keep all their digits), bytes as
// hex, texts as they are. Long ones are cut.
import { el } from "./dom.js";
import { whole } from "./format.js";

const TEXT = 200000; // characters that are shown
const TOKENS = 20000;
const BYTES = 4096;
const PREVIEW = 400; // characters
const DEEPEST = 40; // levels that are set in

const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

function kindOf(text, isKey) {
  if (text[0] === '"') return isKey ? "key" : "string";
  return /^[tfn]/.test(text) ? "word" : "number";
}

// Lays out the tokens of a text that is right JSON.
function layOut(text) {
  const nodes = [];
  const tokens = text.match(token) ?? [];
  let depth = 0;
  const line = () => nodes.push(`\n${"  ".repeat(Math.min(depth, DEEPEST))}`);
  for (let i = 0; i < tokens.length && i < TOKENS; i += 1) {
    const t = tokens[i];
    const next = tokens[i + 1];
    if (t === "{" || t === "[") {
      nodes.push(t);
      depth += 1;
      if (next !== "}" && next !== "]") line();
    } else if (t === "}" || t === "]") {
      depth -= 1;
      if (!/^[{[]$/.test(tokens[i - 1])) line();
      nodes.push(t);
    } else if (t === ",") {
      nodes.push(t);
      line();
    } else if (t === ":") {
      nodes.push(": ");
    } else {
      nodes.push(el(`span.${kindOf(t, next === ":")}`, {}, t));
    }
  }
  if (tokens.length > TOKENS) nodes.push("\n...");
  return nodes;
}

function isJson(text) {
  if (!/^\s*[{["\d-]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function ofText(text, isCut) {
  if (!isCut && text.length <= TEXT && isJson(text)) return el("pre.data.json", {}, layOut(text));
  return el("pre.data", {}, text.length > TEXT ? `${text.slice(0, TEXT)}\n...` : text);
}

// A letter for each byte; none where it is not Base64.
function letters(base64) {
  try {
    return atob(base64);
  } catch {
    return "";
  }
}

const unbase64 = (base64) => Uint8Array.from(letters(base64), (letter) => letter.charCodeAt(0));

const printable = (byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·");
const hex = (byte) => byte.toString(16).padStart(2, "0");

function ofBytes(bytes) {
  const lines = [];
  const each = window.innerWidth < 1300 ? 8 : 16;
  for (let at = 0; at < bytes.length && at < BYTES; at += each) {
    const row = [...bytes.subarray(at, at + each)];
    const digits = row.map(hex).join(" ").padEnd(each * 3 - 1);
    lines.push(el("span.offset", {}, at.toString(16).padStart(4, "0")), `  ${digits}  `,
      el("span.string", {}, row.map(printable).join("")), "\n");
  }
  if (bytes.length > BYTES) lines.push(`... ${whole(bytes.length - BYTES)} bytes more`);
  return el("pre.data.hex", {}, lines);
}

// The size in bytes of what an event (as --record writes them) has.
export function sizeOf(event) {
  if (event.size !== undefined) return event.size;
  const { base64 } = event;
  if (base64 !== undefined) return (base64.length * 3) / 4 - base64.match(/=*$/)[0].length;
  return new TextEncoder().encode(event.data ?? event.reason ?? "").length;
}

// One line of it.
export function preview(event) {
  if (event.base64 !== undefined) {
    const bytes = unbase64(event.base64.slice(0, 128));
    return `${[...bytes.subarray(0, 24)].map(hex).join(" ")}  ${[...bytes.subarray(0, 48)].map(printable).join("")}`;
  }
  if (event.kind === "close") return `${event.code} ${event.reason ?? ""}`;
  if (event.data !== undefined) return event.data.slice(0, PREVIEW).replace(/\s+/g, " ");
  if (event.event === "connect") return `attempt ${event.attempt}${event.url ? `, ${event.url}` : ""}`;
  if (event.event === "request") return `GET ${event.target}`;
  if (event.event === "response") return `${event.status} ${event.reason ?? ""}`;
  if (event.event === "end") return `${event.code}${event.error ? ` ${event.error}: ${event.message}` : ""}`;
  return "";
}

const headers = (event) => el("pre.data", {}, (event.headers ?? []).flatMap(([name, value]) =>
  [el("span.key", {}, name), `: ${value}\n`]));

// All of it.
export function pretty(event) {
  if (event.base64 !== undefined) return ofBytes(unbase64(event.base64));
  if (event.data !== undefined) return ofText(event.data, event.size !== undefined);
  if (event.headers) return el("div", {}, headers(event), event.body ? ofText(event.body) : null);
  return el("pre.data", {}, preview(event));
}

// What a search looks at.
export function searched(event) {
  if (event.base64 !== undefined) return `${event.kind} ${letters(event.base64)}`;
  const more = event.headers ? event.headers.map((pair) => pair.join(": ")).join("\n") : "";
  return `${event.event} ${event.kind ?? ""} ${event.data ?? preview(event)} ${more} ${event.body ?? ""}`;
}

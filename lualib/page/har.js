// har: a record as HAR 1.2, with its messages as `_webSocketMessages`, as DevTools of Chromium have them: an entry for
// each request of an attempt. The text comes in pieces, since all of it may be longer than a string can be.
import { turn } from "./reader.js";

const opcodes = { text: 1, binary: 2 };

function pairs(headers) {
  return (headers ?? []).map(([name, value]) => ({ name, value }));
}

function queryOf(url) {
  try {
    return [...new URL(url).searchParams].map(([name, value]) => ({ name, value }));
  } catch {
    return [];
  }
}

// The address of a request: its target may lead elsewhere than that of the attempt, after a redirect.
function urlOf(connect, request) {
  const host = (request.headers ?? []).find(([name]) => name.toLowerCase() === "host")?.[1];
  const scheme = /^wss:/.test(connect?.url ?? "") ? "wss" : "ws";
  return host ? `${scheme}://${host}${request.target}` : connect?.url ?? request.target;
}

class Entry {
  constructor(connect, request) {
    Object.assign(this, { connect, request, response: null, end: null, messages: [] });
  }

  text(started) {
    const { request, response } = this;
    const url = urlOf(this.connect, request);
    const from = this.connect?.time ?? request.time;
    const until = this.end?.time ?? this.last ?? response?.time ?? request.time;
    const milliseconds = (seconds) => Math.max(0, Math.round(seconds * 1e6) / 1000);
    const entry = {
      startedDateTime: new Date((started + request.time) * 1000).toISOString(),
      time: milliseconds(until - request.time), _resourceType: "websocket", _connectionId: `${request.connection}`,
      request: {
        method: "GET", url, httpVersion: "HTTP/1.1", headers: pairs(request.headers), queryString: queryOf(url),
        cookies: [], headersSize: -1, bodySize: 0,
      },
      response: {
        status: response?.status ?? 0, statusText: response?.reason ?? "", httpVersion: "HTTP/1.1",
        headers: pairs(response?.headers), cookies: [],
        content: { size: response?.body?.length ?? 0, mimeType: "x-unknown", text: response?.body },
        redirectURL: response?.headers?.find(([name]) => name.toLowerCase() === "location")?.[1] ?? "",
        headersSize: -1, bodySize: -1, _error: this.end?.error,
      },
      cache: {},
      timings: {
        blocked: -1, dns: -1, connect: milliseconds(request.time - from), ssl: -1, send: 0,
        wait: milliseconds((response?.time ?? until) - request.time),
        receive: milliseconds(until - (response?.time ?? until)),
      },
    };
    return `${JSON.stringify(entry).slice(0, -1)},"_webSocketMessages":[${this.messages.join(",")}]}`;
  }
}

// Puts the events of a record into entries.
class Entries {
  constructor(started) {
    Object.assign(this, { started, all: [], open: new Map(), connects: new Map() });
  }

  take(event) {
    const entry = this.open.get(event.connection);
    if (event.event === "connect") this.connects.set(event.connection, event);
    else if (event.event === "request") this.begin(event);
    else if (!entry) return;
    else if (event.event === "response") entry.response = event;
    else if (event.event === "end") entry.end = event;
    else this.message(entry, event);
  }

  begin(request) {
    const entry = new Entry(this.connects.get(request.connection), request);
    this.all.push(entry);
    this.open.set(request.connection, entry);
  }

  message(entry, event) {
    entry.last = event.time;
    if (!opcodes[event.kind]) return;
    entry.messages.push(JSON.stringify({
      type: event.event === "sent" ? "send" : "receive", time: this.started + event.time,
      opcode: opcodes[event.kind], data: event.data ?? event.base64 ?? "",
    }));
  }
}

export async function har(reader) {
  const entries = new Entries(reader.started);
  for (let i = 0; i < reader.count; i += 1) {
    entries.take(reader.event(i));
    if (i % 4096 === 0) await turn();
  }
  const creator = { name: "wsbot", version: (reader.head.program ?? "").replace(/^wsbot /, "") || "unknown" };
  const parts = [`{"log":{"version":"1.2","creator":${JSON.stringify(creator)},"pages":[],"entries":[`];
  entries.all.forEach((entry, i) => parts.push(i ? "," : "", entry.text(reader.started)));
  parts.push("]}}");
  return new Blob(parts, { type: "application/json" });
}

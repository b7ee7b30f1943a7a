// reader: a record as it is served: its bytes, and where in them each event is. An event is read again when it is
// shown, so that a long record takes little more room than its file.

const SLICE = 25; // milliseconds of work before the page may do something else

// What of an event is kept beside its place.
export const KINDS = ["connect", "request", "response", "end", "sent", "received"];

const isText = (value) => value === undefined || typeof value === "string";
const isPair = (value) => Array.isArray(value) && value.length === 2 && value.every((one) => typeof one === "string");
const isHeaders = (value) => value === undefined || (Array.isArray(value) && value.every(isPair));

// Is it one that --record writes?
function isEvent(event) {
  const { time, kind, data, base64, reason, body, target, url, headers } = event ?? {};
  return Number.isFinite(time) && KINDS.includes(event.event) && Number.isInteger(event.connection)
    && [kind, data, base64, reason, body, target, url].every(isText) && isHeaders(headers);
}

export function turn() {
  return new Promise((resolve) => {
    setTimeout(resolve);
  });
}

export class Reader {
  constructor(size) {
    this.bytes = new Uint8Array(size);
    this.filled = 0;
    Object.assign(this, { times: [], connections: [], kinds: [], places: [], sizes: [] });
    Object.assign(this, { head: {}, broken: 0, firstBroken: 0, lines: 0, next: 0, scanned: 0 });
    this.decoder = new TextDecoder();
  }

  get count() {
    return this.times.length;
  }

  // Loads all; told(share) from time to time.
  async load(told) {
    while (this.filled < this.bytes.length) {
      const answer = await fetch(`record?from=${this.filled}`);
      if (!answer.ok) throw new Error(`the record is not served: ${answer.status}`);
      const piece = new Uint8Array(await answer.arrayBuffer());
      if (piece.length === 0) throw new Error("the file is shorter than it was");
      this.bytes.set(piece, this.filled);
      this.filled += piece.length;
      await this.index();
      told(this.filled / this.bytes.length);
    }
    if (this.next < this.filled) this.take(this.next, this.filled); // a line without an end
  }

  // Notes the lines that are whole.
  async index() {
    const filled = this.bytes.subarray(0, this.filled);
    let began = performance.now();
    for (;;) {
      const end = filled.indexOf(10, this.scanned);
      this.scanned = end < 0 ? this.filled : end + 1;
      if (end < 0) return;
      this.take(this.next, end);
      this.next = end + 1;
      if (this.lines % 64 === 0 && performance.now() - began > SLICE) {
        await turn();
        began = performance.now();
      }
    }
  }

  read(from, to) {
    return JSON.parse(this.decoder.decode(this.bytes.subarray(from, to)));
  }

  take(from, to) {
    this.lines += 1;
    if (to === from) return;
    let event = null;
    try {
      event = this.read(from, to);
    } catch {
      event = null;
    }
    if (event?.record !== undefined && this.lines === 1) this.head = event;
    else if (isEvent(event)) this.add(event, from, to - from);
    else this.note();
  }

  note() {
    this.broken += 1;
    this.firstBroken ||= this.lines;
  }

  add(event, place, size) {
    this.times.push(event.time);
    this.connections.push(event.connection);
    this.kinds.push(KINDS.indexOf(event.event));
    this.places.push(place);
    this.sizes.push(size);
  }

  // The event at a place of the list.
  event(i) {
    return this.read(this.places[i], this.places[i] + this.sizes[i]);
  }

  get started() {
    const time = Date.parse(this.head.started);
    return Number.isFinite(time) ? time / 1000 : 0;
  }
}

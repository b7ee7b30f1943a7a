// rpc: calls methods of the program (lualib/meta/control.lua) by a WebSocket, which is opened again where it is lost.

const AGAIN = 1500; // milliseconds
const TRIES = 5;

export class Rpc {
  // told.state(text or null): what is wrong with the connection; told.ended(why): it is for good;
  // told.events(params): what a watch has brought; told.opened(): (again) connected.
  constructor(url, told) {
    Object.assign(this, { url, told, waiting: new Map(), last: 0, failures: 0 });
    this.open();
  }

  open() {
    this.socket = new WebSocket(this.url);
    this.socket.onopen = () => {
      this.failures = 0;
      this.told.state(null);
      this.told.opened();
    };
    this.socket.onmessage = (event) => this.take(JSON.parse(event.data));
    this.socket.onclose = (event) => this.closed(event);
  }

  take(message) {
    if (message.method === "events") return this.told.events(message.params);
    const waits = this.waiting.get(message.id);
    if (!waits) return undefined;
    this.waiting.delete(message.id);
    return message.error ? waits.reject(new Error(message.error.message)) : waits.resolve(message.result);
  }

  closed(event) {
    for (const waits of this.waiting.values()) waits.reject(new Error("the connection was lost"));
    this.waiting.clear();
    if (event.code === 1001) return this.told.ended(event.reason || "wsbot inspect has ended");
    this.failures += 1;
    if (this.failures > TRIES) return this.told.ended("wsbot inspect does not answer any more");
    this.told.state(event.reason || "connecting again ...");
    return setTimeout(() => this.open(), AGAIN);
  }

  get isOpen() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  call(method, params) {
    return new Promise((resolve, reject) => {
      if (!this.isOpen) return reject(new Error("there is no connection"));
      this.last += 1;
      this.waiting.set(this.last, { resolve, reject });
      return this.socket.send(JSON.stringify({ jsonrpc: "2.0", id: this.last, method, params }));
    });
  }
}

// What a page reaches the world by, with the world in our hands: time, other tabs, a socket.

import { Roads } from "../../chat/static/chat/roads.js";

/** Time that passes when it is told to; what is due happens in order. */
export function createClock(start = 1_000_000) {
  let time = start;
  let due = [];
  return {
    now: () => time,
    after(ms, work) {
      const timer = { at: time + Math.max(0, ms), work };
      due.push(timer);
      return () => {
        due = due.filter((each) => each !== timer);
      };
    },
    /** Waits still to come, in ms from now. */
    get waits() {
      return due.map((each) => each.at - time).sort((a, b) => a - b);
    },
    /** The system's clock is set to another time, which no timer notices. */
    jump(ms) {
      time += ms;
      for (const timer of due) timer.at += ms;
    },
    pass(ms) {
      const end = time + ms;
      for (;;) {
        const next = due.filter((each) => each.at <= end).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        due = due.filter((each) => each !== next);
        time = next.at;
        next.work();
      }
      time = end;
    },
  };
}

/** Tabs of one browser: what one tells the others hear, and a key is one tab's at a time. */
export function createBrowser() {
  const tabs = new Set();
  const queues = new Map(); // keys to claims in the order they were asked for

  function grant(key) {
    const first = queues.get(key)?.[0];
    if (first === undefined || first.isGranted) return;
    first.isGranted = true;
    first.onGranted();
  }

  function letGo(claim) {
    queues.set(claim.key, (queues.get(claim.key) ?? []).filter((each) => each !== claim));
    grant(claim.key);
  }

  return {
    newTab() {
      const claims = new Set();
      const tab = {
        hear: () => {},
        listen(hear) {
          tab.hear = hear;
        },
        tell(message) {
          if (!tabs.has(tab)) return;
          const copy = structuredClone(message);
          for (const other of tabs) if (other !== tab) queueMicrotask(() => other.hear(copy));
        },
        claim(key, onGranted) {
          const claim = { key, onGranted, isGranted: false };
          claims.add(claim);
          queues.set(key, [...(queues.get(key) ?? []), claim]);
          queueMicrotask(() => grant(key));
          return () => letGo(claim);
        },
        /** The tab is closed, without a word. */
        close() {
          tabs.delete(tab);
          for (const claim of claims) letGo(claim);
        },
      };
      tabs.add(tab);
      return tab;
    },
  };
}

/** Lets everything happen that waits for nothing but its turn. */
export async function settle() {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A socket whose server's end is in our hand. */
export class Socket {
  static OPEN = 1;
  static all = [];
  readyState = Socket.OPEN;
  sent = [];

  constructor() {
    Socket.all.push(this);
  }

  static get last() {
    return Socket.all.at(-1);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
  }

  /** The server says something. */
  say(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
  }

  /** The server, or the network, ends it. */
  end(code, reason = "") {
    this.readyState = 3;
    this.onclose({ code, reason });
  }

  of(type) {
    return this.sent.filter((frame) => frame.type === type);
  }
}

/** The way to the server that all networks but a few let through. */
export function createRoads({ openStream = null } = {}) {
  return new Roads({ openSocket: () => new Socket(), openStream, now: Date.now });
}

/** Makes this process a window with such sockets. */
export function becomeWindow() {
  globalThis.WebSocket = Socket;
  globalThis.window = new EventTarget();
  globalThis.document = new EventTarget();
  Object.defineProperty(globalThis, "navigator", { value: { onLine: true }, writable: true });
}

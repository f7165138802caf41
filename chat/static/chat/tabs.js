// The tabs of one user in one browser: what they tell each other, and which of them may send.

/**
 * @import {Answer} from "./frames.js"
 *
 * @typedef {{type: "new"} | {type: "changed"} | {type: "answered", frame: Answer}
 *   | {type: "postponed", ids: string[], until: number, code: string}} TabMessage
 */

export class Tabs {
  #name;
  #channel;
  #locks;

  /** @param {{user_id: string}} options tabs of another user hear and hold nothing of this one's */
  constructor({ user_id }) {
    this.#name = `netra.outbox.${user_id}`;
    this.#channel = new BroadcastChannel(this.#name);
    // Missing on plain http outside localhost: there two tabs may send the same entry, which the
    // server stores once.
    this.#locks = /** @type {LockManager | undefined} */ (navigator.locks);
  }

  /**
   * Calls `hear` with what other tabs tell.
   * @param {(message: TabMessage) => void} hear
   */
  listen(hear) {
    this.#channel.onmessage = (event) => hear(event.data);
  }

  /** @param {TabMessage} message */
  tell(message) {
    this.#channel.postMessage(message);
  }

  /**
   * Asks for what one tab may have at a time, until it lets go or is gone.
   * @param {string} key
   * @param {() => void} onGranted
   * @returns {() => void} lets go, or asks no more
   */
  claim(key, onGranted) {
    if (this.#locks === undefined) {
      onGranted();
      return () => {};
    }
    const asking = new AbortController();
    let letGo = () => {};
    /** @type {Promise<void>} */
    const held = new Promise((resolve) => {
      letGo = resolve;
    });
    const keep = () => {
      onGranted();
      return held;
    };
    this.#locks
      .request(`${this.#name}.${key}`, { signal: asking.signal }, keep)
      .catch(() => asking.signal.aborted || onGranted());
    return () => {
      asking.abort();
      letGo();
    };
  }
}

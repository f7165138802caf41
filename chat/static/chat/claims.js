// For which threads this tab may send: each is one tab's at a time.

// Longer than a server takes to answer: a tab that has the key for so long may be frozen, and what
// two tabs send is stored once.
const WAIT_MAX_MS = 10_000;

export class Claims {
  #tabs;
  #clock;
  #prepare;
  #onGranted;
  /** @type {Map<string, {isGranted: boolean, release: () => void}>} */
  #claims = new Map(); // by key

  /**
   * @param {object} options
   * @param {Pick<import("./tabs.js").Tabs, "claim">} options.tabs
   * @param {import("./clock.js").Clock} options.clock
   * @param {() => Promise<void>} options.prepare awaited before a key that was granted is used
   * @param {() => void} options.onGranted
   */
  constructor({ tabs, clock, prepare, onGranted }) {
    this.#tabs = tabs;
    this.#clock = clock;
    this.#prepare = prepare;
    this.#onGranted = onGranted;
  }

  /**
   * Asks for a key unless that was done before; answers whether this tab has it.
   * @param {string} key
   */
  ask(key) {
    const asked = this.#claims.get(key);
    if (asked !== undefined) return asked.isGranted;
    const claim = { isGranted: false, release: () => {} };
    this.#claims.set(key, claim);
    const use = async () => {
      endWait();
      await this.#prepare();
      claim.isGranted = true;
      this.#onGranted();
    };
    const endWait = this.#clock.after(WAIT_MAX_MS, use);
    const letGo = this.#tabs.claim(key, use);
    claim.release = () => {
      endWait();
      letGo();
    };
    return false;
  }

  /**
   * Lets go of all keys but these, each after `until` is over.
   * @param {Set<string>} keys
   * @param {() => Promise<unknown>} until
   */
  keepOnly(keys, until) {
    for (const [key, { release }] of this.#claims) {
      if (keys.has(key)) continue;
      this.#claims.delete(key);
      until().then(release, release);
    }
  }

  releaseAll() {
    for (const { release } of this.#claims.values()) release();
    this.#claims.clear();
  }
}

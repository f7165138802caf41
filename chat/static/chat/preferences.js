// What somebody prefers in this browser: a table of choices, of which the first is the default.

/** @type {Record<string, {key: string, choices: string[]}>} */
export const PREFERENCES = {
  theme: { key: "netra.theme", choices: ["system", "light", "dark"] },
  size: { key: "netra.size", choices: ["normal", "small", "large"] },
  enter: { key: "netra.enter", choices: ["send", "line"] },
  thinking: { key: "netra.thinking", choices: ["collapsed", "shown"] },
  spoken: { key: "netra.spoken", choices: ["sentences", "end", "off"] },
  notices: { key: "netra.notices", choices: ["off", "on"] },
};

export class Preferences {
  #storage;
  /** @type {Map<string, string>} */
  #unkept = new Map(); // what a browser did not keep lasts as long as the page
  /** @type {Set<(name: string) => void>} */
  #listeners = new Set();

  /** @param {{storage: () => Storage}} options asked each time: in private windows that can throw */
  constructor({ storage }) {
    this.#storage = storage;
  }

  /** @param {string} name of the table */
  get(name) {
    const { key, choices } = PREFERENCES[name];
    const value = this.#unkept.get(name) ?? this.#read(key) ?? "";
    return choices.includes(value) ? value : choices[0];
  }

  /**
   * Takes effect at once, here and in the other tabs.
   * @param {string} name
   * @param {string} value
   */
  set(name, value) {
    const { key, choices } = PREFERENCES[name];
    if (!choices.includes(value)) return;
    try {
      const storage = this.#storage();
      if (value === choices[0]) storage.removeItem(key);
      else storage.setItem(key, value);
      this.#unkept.delete(name);
    } catch {
      this.#unkept.set(name, value);
    }
    this.#tell(name);
  }

  /** Everything as it was in the beginning. */
  reset() {
    for (const [name, { choices }] of Object.entries(PREFERENCES)) this.set(name, choices[0]);
  }

  /**
   * Calls `listener` with the name of what has changed, until the answered function is called.
   * @param {(name: string) => void} listener
   */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Another tab has changed something, as a `storage` event tells.
   * @param {{key: string | null}} event
   */
  hear({ key }) {
    for (const [name, each] of Object.entries(PREFERENCES)) {
      if (key === null || key === each.key) this.#tell(name);
    }
  }

  /** @type {(key: string) => string | null} */
  #read(key) {
    try {
      return this.#storage().getItem(key);
    } catch {
      return null;
    }
  }

  /** @type {(name: string) => void} */
  #tell(name) {
    for (const listener of this.#listeners) listener(name);
  }
}

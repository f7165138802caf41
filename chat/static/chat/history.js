// One's own last messages of a thread, walked with the arrows in an empty field. Pure.

export const HISTORY_MAX = 50;

/**
 * What was written in a thread, the newest first, each once.
 * @param {{messages: {text: string}[], pending: {text: string}[]}} thread
 * @returns {string[]}
 */
export function writtenIn({ messages, pending }) {
  const texts = [...messages, ...pending].map((each) => each.text).filter((text) => text !== "");
  return [...new Set(texts.reverse())].slice(0, HISTORY_MAX);
}

export class Walk {
  /** @type {string[]} */
  #texts = [];
  #place = -1; // -1 is the empty field it began in

  get isOn() {
    return this.#place >= 0;
  }

  /**
   * The next older text, or null at the end; `texts` are read when the walk begins.
   * @param {string[]} texts
   */
  older(texts) {
    if (!this.isOn) this.#texts = texts;
    if (this.#place + 1 >= this.#texts.length) return null;
    this.#place += 1;
    return this.#texts[this.#place];
  }

  /** The next newer text, "" where the walk began. */
  newer() {
    this.#place -= 1;
    return this.isOn ? this.#texts[this.#place] : "";
  }

  end() {
    this.#place = -1;
  }
}

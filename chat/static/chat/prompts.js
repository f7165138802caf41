// The user's prompts as this page knows them: read from the server, and changed there first.

/** @typedef {{prompt_id: string, name: string, text: string, updated_at: string}} KeptPrompt */

export class Prompts {
  #api;
  /** @type {KeptPrompt[]} */
  #list = [];
  #isRead = false;
  #changes = 0; // an answer that was asked for before one of them is too old

  /** @param {{api: import("./threads_api.js").ThreadsApi}} doors */
  constructor({ api }) {
    this.#api = api;
  }

  /** By name, as last read. */
  get list() {
    return this.#list;
  }

  /** Whether the server has told of them yet: no prompt and no answer are two things. */
  get isRead() {
    return this.#isRead;
  }

  /** Reads them again; throws RequestFailed, and then what was known stays. */
  async load() {
    /** @type {number} */
    let before;
    /** @type {{prompts: KeptPrompt[]}} */
    let answer;
    do {
      before = this.#changes;
      answer = await this.#api.prompts();
    } while (before !== this.#changes);
    this.#list = answer.prompts;
    this.#isRead = true;
  }

  /** @param {{prompt_id?: string, name: string, text: string}} prompt without an id it is new */
  async keep({ prompt_id, ...prompt }) {
    const isNew = prompt_id === undefined;
    const kept = isNew
      ? await this.#api.makePrompt(prompt)
      : await this.#api.changePrompt(prompt_id, prompt);
    this.#changes++;
    const others = this.#list.filter((each) => each.prompt_id !== kept.prompt_id);
    this.#list = [...others, kept].sort((a, b) => a.name.localeCompare(b.name));
  }

  /** @param {{prompt_id: string}} prompt */
  async remove({ prompt_id }) {
    try {
      await this.#api.removePrompt(prompt_id);
    } catch (error) {
      const { status } = /** @type {import("./threads_api.js").RequestFailed} */ (error);
      if (status !== 404) throw error; // another window was faster
    }
    this.#changes++;
    this.#list = this.#list.filter((each) => each.prompt_id !== prompt_id);
  }
}

/** To begin with; the built-in assistant, which reads English, answers them. */
export const EXAMPLES = [
  { name: "percent", text: "What is {{percent}}% of {{amount}}?" },
  {
    name: "compare-prices",
    text: "What would {{input}} input tokens cost on {{model}} and on {{other model}}?",
  },
  { name: "find", text: "Search my threads for {{words}}" },
];

/** The characters that a name is made of, as the server takes them. */
export const NAME_PATTERN = "[\\p{L}\\p{M}\\p{N}_\\-]{1,60}";

// Which model answers: a button that names it, and a menu of those there are.

import { gettext } from "../gettext.js";
import { setText } from "./element.js";
import { openMenu } from "./menu.js";

/** @import {MenuItem} from "./menu.js" */

export class ModelChoice {
  #button;
  #models;
  #locked;
  #onLocked;
  #default;
  /** @type {string | null | undefined} */
  #told; // the model of the thread as last told; undefined before
  /** @type {string | undefined} */
  #chosen;

  /**
   * @param {object} options
   * @param {HTMLElement | undefined} options.button missing where there is nothing to choose
   * @param {{model: string, name: string}[]} options.models the default first
   * @param {{name: string, tier: string}[]} options.locked which another plan has
   * @param {() => void} options.onLocked one of those was picked
   */
  constructor({ button, models, locked, onLocked }) {
    this.#button = button;
    this.#models = models;
    this.#locked = locked;
    this.#onLocked = onLocked;
    this.#default = models[0]?.model;
    this.#chosen = this.#default;
    button?.addEventListener("click", () => this.open());
    this.#show();
  }

  /** The model chosen here; undefined where it is the one that answers anyway. */
  get model() {
    return this.#chosen === (this.#told ?? this.#default) ? undefined : this.#chosen;
  }

  get isThere() {
    return this.#button !== undefined;
  }

  /** @param {string | undefined} model */
  choose(model) {
    this.#chosen = this.#models.some((each) => each.model === model) ? model : this.#default;
    this.#show();
  }

  /** Forgets what the last thread told. */
  forget() {
    this.#told = undefined;
  }

  /**
   * What the user has chosen and not used yet stays, unless the thread tells another one.
   * @param {string | null} model
   */
  tell(model) {
    if (model === this.#told) return;
    this.#told = model;
    // A model that is not offered any more: the default answers.
    this.choose(model ?? this.#default);
  }

  open() {
    if (this.#button === undefined) return;
    openMenu({ anchor: this.#button, label: gettext("Model"), items: this.#items() });
  }

  /** @returns {MenuItem[]} */
  #items() {
    const offered = this.#models.map(({ model, name }) => ({
      label: name,
      note: model === this.#default ? gettext("default") : "",
      isChecked: model === this.#chosen,
      run: () => this.choose(model),
    }));
    const locked = this.#locked.map(({ name, tier }) => ({
      label: name,
      note: gettext("from the plan %(tier)s", { tier }),
      shape: "lock",
      run: () => this.#onLocked(),
    }));
    return [...offered, ...locked];
  }

  #show() {
    if (this.#button === undefined) return;
    const found = this.#models.find((each) => each.model === this.#chosen);
    const name = found?.name ?? gettext("Built-in assistant");
    setText(/** @type {Element} */ (this.#button.querySelector("[data-name]")), name);
    this.#button.setAttribute("aria-label", gettext("Model: %(name)s", { name }));
  }
}

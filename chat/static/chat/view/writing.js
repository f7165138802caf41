// Joins what helps with writing to the page: commands by a slash, and the prompt library.

import { Prompts } from "../prompts.js";
import { RequestFailed } from "../threads_api.js";
import { CommandMenu } from "./command_menu.js";
import { byId } from "./page.js";
import { fillPlaces } from "./prompt_form.js";
import { openLibrary } from "./prompt_library.js";

/**
 * @import {Offer, Prompt} from "../commands.js"
 * @import {PageConfig} from "../frames.js"
 * @import {ThreadsApi} from "../threads_api.js"
 * @import {Composer} from "./composer.js"
 * @import {Does} from "./threads_page.js"
 */

/**
 * @param {object} options
 * @param {PageConfig} options.config
 * @param {ThreadsApi} options.api
 * @param {Composer} options.composer
 * @param {Does} options.does what the page does, by the names of the commands
 * @param {() => {isRunning: boolean, isStored: boolean}} options.situation
 */
export function createWriting({ config, api, composer, does, situation }) {
  const field = /** @type {HTMLTextAreaElement} */ (byId("message"));
  const prompts = new Prompts({ api });
  const menu = new CommandMenu({
    field,
    list: byId("commands"),
    status: byId("commands-status"),
    rowsFor: () => ({
      situation: { ...situation(), hasModels: composer.openModels !== null },
      prompts: prompts.list,
    }),
    onPick: pick,
    onOpen: load,
  });
  /** @type {Record<string, (...unused: any[]) => unknown>} */
  const acts = {
    ...does,
    model: () => composer.openModels?.(),
    prompts: open,
    demo() {
      composer.write("/demo");
      composer.submit();
    },
  };
  byId("open-commands").addEventListener("click", begin);

  function open() {
    const { text: limit } = config.limits;
    openLibrary({ prompts, written: field.value, limit, onUse: use });
  }

  /** @param {Prompt} prompt */
  function use(prompt) {
    fillPlaces(prompt, (text) => composer.insert(text));
  }

  /** @param {Offer} offer */
  function pick({ name, prompt }) {
    composer.write("");
    if (prompt === undefined) acts[name]();
    else use(prompt);
  }

  // With something written a slash would not begin it: the library goes in between.
  function begin() {
    composer.focus();
    if (field.value !== "" && field.value !== "/") {
      open();
      return;
    }
    composer.write("/");
    menu.open();
  }

  // Another window may have changed them.
  async function load() {
    try {
      await prompts.load();
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      return; // the commands are there all the same
    }
    menu.refresh();
  }

  return { openPrompts: open };
}

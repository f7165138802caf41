// The prompts of the empty state: a click sends one, with the sample data where it speaks of it.

import { element } from "./element.js";

/** @import {Composer} from "./composer.js" */

const SAMPLE_NAME = "sample-usage.csv";

/**
 * @param {object} options
 * @param {HTMLElement} options.root
 * @param {HTMLElement} options.sampleButton adds the sample data and sends nothing
 * @param {{example_prompts: {title: string, text: string, sample: boolean}[],
 *   sample_csv_url: string}} options.config
 * @param {Composer} options.composer
 */
export function showExamples({ root, sampleButton, config, composer }) {
  const url = config.sample_csv_url;
  const cards = config.example_prompts.map((example) => {
    const title = element("span", { class: "example__title" }, example.title);
    const text = element("span", { class: "example__text" }, example.text);
    const card = element("button", { type: "button", class: "example" }, title, text);
    onClickOnce(card, () => tryExample(example, { url, composer }));
    return card;
  });
  root.replaceChildren(...cards);
  onClickOnce(sampleButton, async () => {
    await addSample(url, composer);
    composer.focus();
  });
}

// A second click while the first is at work would send twice.
/** @type {(button: HTMLElement, act: () => Promise<void>) => void} */
function onClickOnce(button, act) {
  let isBusy = false;
  button.addEventListener("click", async () => {
    if (isBusy) return;
    isBusy = true;
    button.setAttribute("aria-busy", "true");
    await act();
    button.removeAttribute("aria-busy");
    isBusy = false;
  });
}

// Without its sample an example stays in the composer, where the file can be added again.
/**
 * @param {{text: string, sample: boolean}} example
 * @param {{url: string, composer: Composer}} where
 */
async function tryExample({ text, sample }, { url, composer }) {
  composer.write(text);
  if (sample && !(await addSample(url, composer))) return;
  await composer.submit();
}

/** @type {(url: string, composer: Composer) => Promise<boolean>} */
async function addSample(url, composer) {
  try {
    const answer = await fetch(url);
    if (!answer.ok) return false;
    return await composer.add(new File([await answer.blob()], SAMPLE_NAME, { type: "text/csv" }));
  } catch {
    return false; // no network
  }
}

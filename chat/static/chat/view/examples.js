// The prompts of the empty state: a click sends one, with the sample data where it speaks of it.

import { element } from "./element.js";

const SAMPLE_NAME = "sample-usage.csv";

/**
 * @param {object} options
 * @param {HTMLElement} options.root
 * @param {HTMLElement} options.sampleButton adds the sample data and sends nothing
 * @param {{example_prompts: {title: string, text: string, sample: boolean}[],
 *   sample_csv_url: string}} options.config
 * @param {object} options.composer
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
async function tryExample({ text, sample }, { url, composer }) {
  composer.write(text);
  if (sample && !(await addSample(url, composer))) return;
  await composer.submit();
}

async function addSample(url, composer) {
  try {
    const answer = await fetch(url);
    if (!answer.ok) return false;
    return await composer.add(new File([await answer.blob()], SAMPLE_NAME, { type: "text/csv" }));
  } catch {
    return false; // no network
  }
}

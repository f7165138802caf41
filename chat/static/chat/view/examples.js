// The prompts of the empty state: a click sends one, with the sample data where it speaks of it.

import { element } from "./element.js";

const SAMPLE_NAME = "sample-usage.csv";

/**
 * @param {object} options
 * @param {HTMLElement} options.root
 * @param {{example_prompts: object[], sample_csv_url: string}} options.config
 * @param {object} options.composer
 */
export function showExamples({ root, config, composer }) {
  const cards = config.example_prompts.map((example) => {
    const click = () => tryExample(example, { url: config.sample_csv_url, composer });
    const title = element("span", { class: "example__title" }, example.title);
    const text = element("span", { class: "example__text" }, example.text);
    return element("button", { type: "button", class: "example", click }, title, text);
  });
  root.replaceChildren(...cards);
}

// Without its sample an example stays in the composer, where the file can be added again.
async function tryExample({ text, sample }, { url, composer }) {
  composer.write(text);
  if (sample && !(await addSample(url, composer))) return;
  composer.submit();
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

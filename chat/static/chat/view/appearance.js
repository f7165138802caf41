// What the preferences change on the page itself. `theme.js` did the first two before it was drawn.

const OPENED = "details.thinking";

/** @param {import("../preferences.js").Preferences} preferences */
export function keepAppearance(preferences) {
  const { dataset } = document.documentElement;
  /** @type {(name: string, isDefault: string) => void} */
  const mark = (name, isDefault) => {
    const value = preferences.get(name);
    if (value === isDefault) delete dataset[name];
    else dataset[name] = value;
  };
  /** @type {Record<string, () => void>} */
  const steps = {
    theme: () => mark("theme", "system"),
    size: () => mark("size", "normal"),
    thinking() {
      mark("thinking", "collapsed");
      /** @type {NodeListOf<HTMLDetailsElement>} */
      const all = document.querySelectorAll(OPENED);
      for (const each of all) {
        each.open = dataset.thinking === "shown" || each.dataset.active === "true";
      }
    },
  };
  for (const step of Object.values(steps)) step();
  preferences.listen((name) => steps[name]?.());
}

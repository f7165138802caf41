// The words of the page in the user's language: Django's catalogue, under gettext's names.

/** @type {Record<string, string | string[]>} */
let catalog = {};
let language = "en";
/** @type {(count: number) => number} */
let pluralOf = (count) => (count === 1 ? 0 : 1);

/**
 * @param {{
 *   catalog: Object<string, string | string[]>,
 *   language?: string,
 *   plural?: (count: number) => number,
 * }} words
 */
export function useCatalog(words) {
  catalog = words.catalog;
  if (words.language) language = words.language;
  if (words.plural) pluralOf = words.plural;
}

/** The language that `gettext` speaks, for Intl. */
export function pageLanguage() {
  return language;
}

/**
 * @param {string} text in English, a literal, with a place for each value as in `%(name)s`
 * @param {Object<string, string | number>} [values]
 */
export function gettext(text, values) {
  const found = catalog[text];
  return filled(typeof found === "string" ? found : text, values);
}

/**
 * @param {string} one
 * @param {string} many
 * @param {number} count
 * @param {Object<string, string | number>} [values]
 */
export function ngettext(one, many, count, values) {
  const found = catalog[one];
  if (Array.isArray(found)) return filled(found[pluralOf(count)], values);
  return filled(count === 1 ? one : many, values);
}

/** @type {(text: string, values?: Record<string, string | number>) => string} */
function filled(text, values) {
  if (values === undefined) return text;
  return text.replace(/%\((\w+)\)s/g, (place, name) => String(values[name] ?? place));
}

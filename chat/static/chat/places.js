// The places of a prompt that are filled before it is used: {{a name}}. Pure.

const PLACE = /\{\{\s*([\p{L}\p{N}][\p{L}\p{M}\p{N} _-]{0,39}?)\s*\}\}/gu;
export const PLACES_MAX = 10; // fields of one form; what is beyond stays as it is

/**
 * The names of the places, each once, in order.
 * @param {string} text
 * @returns {string[]}
 */
export function placesIn(text) {
  const names = [...text.matchAll(PLACE)].map((match) => match[1]);
  return [...new Set(names)].slice(0, PLACES_MAX);
}

/**
 * The text with its places filled; what fills one is never read as a place itself.
 * @param {string} text
 * @param {Map<string, string>} values by name; a place without one stays
 */
export function filledIn(text, values) {
  return text.replace(PLACE, (place, name) => values.get(name) ?? place);
}

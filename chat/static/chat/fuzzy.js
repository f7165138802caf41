// How well a few typed letters fit a name: all of them in order, best at the beginnings of words.

const AT_WORD = 8;
const IN_ROW = 6;
const ELSEWHERE = 1;
const GAP = 0.2; // for each letter passed over
const LENGTH = 0.01; // for each letter of the name: of two alike the shorter

/**
 * @param {string} query
 * @param {string} name
 * @returns {number | null} the higher the better; null where it does not fit
 */
export function fits(query, name) {
  const wanted = [...query.toLowerCase()].filter((letter) => letter.trim() !== "");
  const letters = [...name.toLowerCase()];
  /** @type {number[] | null} */
  let scores = null; // by the place of the last letter found
  for (const letter of wanted) scores = step(scores, letters, letter);
  const score = scores === null ? 0 : Math.max(...scores, -Infinity);
  return score === -Infinity ? null : score - letters.length * LENGTH;
}

/**
 * What fits, best first; all of it, in its own order, for an empty query.
 * @template Item
 * @param {string} query
 * @param {Item[]} items
 * @param {(item: Item) => string} nameOf
 */
export function filtered(query, items, nameOf) {
  if (query.trim() === "") return items;
  return items
    .map((item) => ({ item, score: fits(query, nameOf(item)) ?? -Infinity }))
    .filter(({ score }) => score !== -Infinity)
    .sort((a, b) => b.score - a.score)
    .map(({ item }) => item);
}

/** @type {(before: number[] | null, letters: string[], letter: string) => number[]} */
function step(before, letters, letter) {
  let reached = before === null ? 0 : -Infinity; // the best of all places before this one
  return letters.map((each, at) => {
    const previous = before?.[at - 1] ?? -Infinity;
    reached = Math.max(reached - GAP, previous);
    if (each !== letter) return -Infinity;
    if (isBeginning(letters, at)) return reached + AT_WORD;
    return Math.max(previous + IN_ROW, reached + ELSEWHERE);
  });
}

/** @type {(letters: string[], at: number) => boolean} */
function isBeginning(letters, at) {
  return at === 0 || /[^\p{L}\p{N}]/u.test(letters[at - 1]);
}

// Signs that turn the direction of text can make a name or an address read as another one.

const TURNING = /[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]/g;

/**
 * A name in which such signs are to be seen instead of obeyed.
 * @param {string} text
 */
export function plainName(text) {
  return text.replace(TURNING, "\ufffd");
}

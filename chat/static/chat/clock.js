// The page's time: what it is now, and what is to happen later.

// A longer wait would overflow the 32 bits of the browser's timers and be over at once.
export const WAIT_MAX_MS = 2 ** 31 - 1;

/**
 * `after` does `work` after a wait; it gives the function that calls it off.
 * @typedef {{now: () => number, after: (ms: number, work: () => void) => () => void}} Clock
 *
 * @type {Clock}
 */
export const clock = {
  /** Milliseconds since 1970. */
  now: () => Date.now(),
  after(ms, work) {
    const timer = setTimeout(work, Math.min(Math.max(0, ms), WAIT_MAX_MS));
    return () => clearTimeout(timer);
  },
};

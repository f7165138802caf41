// Words that count the seconds to a moment.

const TICK_MS = 1_000;

/**
 * Writes into an element until the moment has come or it is told to stop.
 * @param {(seconds: number) => void} write called at once and each second, with at least 1
 * @returns {{show: (until: number | null) => void}} `until` in ms since 1970; null stops
 */
export function createCountdown(write) {
  let timer = 0;
  /** @type {number | null} */
  let moment = null;

  function tick() {
    const left = (moment ?? 0) - Date.now();
    write(Math.max(1, Math.ceil(left / 1000)));
    if (left > TICK_MS) timer = setTimeout(tick, left % TICK_MS || TICK_MS);
  }

  return {
    show(until) {
      if (until === moment) return;
      clearTimeout(timer);
      moment = until;
      if (until !== null) tick();
    },
  };
}

// When the page draws: once a frame, and less often while an answer grows without a pause.

// The server tells what has grown every 60 ms: a draw in between would show nothing new.
const DRAWN_EVERY_MS = 60;
// What grows may not take more than this share of the time, with all that the browser does for it.
const DRAW_SHARE = 1 / 60;
// But so much in advance after a calm: a short answer comes in small steps.
const ADVANCE_MS = 25;
const PAUSE_MAX_MS = 420;
const FRAME_MS = 16;

/**
 * @param {() => void} draw
 * @param {import("./clock.js").Clock} clock one that is never set back
 * @param {(work: () => void) => void} onFrame calls it with the next frame
 * @returns {{soon: () => void, next: () => void}} `soon` draws when the last draw is long enough
 *   ago, `next` with the next frame, for whoever waits for it; once, however often they are called
 */
export function createDrawing(draw, clock, onFrame) {
  let isDue = false; // something has changed
  let isResting = false; // a timer will look at that
  let isFramed = false; // the next frame draws
  let restUntil = -Infinity;
  let advance = ADVANCE_MS; // time that draws may take still, or have taken too much
  let drawnAt = -Infinity;

  function drawNow() {
    isDue = false;
    isFramed = false;
    const began = clock.now();
    advance = Math.min(ADVANCE_MS, advance + (began - drawnAt) * DRAW_SHARE);
    drawnAt = began;
    draw();
    restUntil = began + DRAWN_EVERY_MS;
    // Behind the frame: layout and paint are over then.
    clock.after(0, () => {
      const left = advance - (clock.now() - began);
      advance = Math.max(left, -PAUSE_MAX_MS * DRAW_SHARE);
      restUntil = began + Math.max(DRAWN_EVERY_MS, -advance / DRAW_SHARE);
    });
  }

  function drawWhenRested() {
    isResting = false;
    if (!isDue || isFramed) return;
    const wait = restUntil - clock.now();
    if (wait <= FRAME_MS) {
      drawNext();
      return;
    }
    isResting = true;
    clock.after(wait - FRAME_MS / 2, drawWhenRested);
  }

  function drawNext() {
    isDue = true;
    if (isFramed) return;
    isFramed = true;
    onFrame(drawNow);
  }

  return {
    soon() {
      isDue = true;
      if (!isResting) drawWhenRested();
    },
    next: drawNext,
  };
}

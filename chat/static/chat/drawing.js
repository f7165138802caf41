// When the page draws: once a frame, and less often while it changes without a pause.

// The server tells what has grown every 60 ms: a draw in between would show nothing new.
const DRAWN_EVERY_MS = 60;
// A draw, with all that the browser does for it, may not take more than this share of the time.
const DRAW_SHARE = 1 / 12;
const PAUSE_MAX_MS = 250;
const FRAME_MS = 16;

/**
 * @param {() => void} draw
 * @param {object} clock see clock.js; one that is never set back
 * @param {(work: () => void) => void} onFrame calls it with the next frame
 * @returns {() => void} draws soon, however often it is called until then
 */
export function createDrawing(draw, clock, onFrame) {
  let isDue = false;
  let restUntil = -Infinity;

  function drawNow() {
    isDue = false;
    const began = clock.now();
    draw();
    restUntil = began + DRAWN_EVERY_MS;
    // Behind the frame: layout and paint are over then.
    clock.after(0, () => {
      const pause = (clock.now() - began) / DRAW_SHARE;
      restUntil = began + Math.min(PAUSE_MAX_MS, Math.max(DRAWN_EVERY_MS, pause));
    });
  }

  function drawWhenRested() {
    const wait = restUntil - clock.now();
    if (wait > FRAME_MS) clock.after(wait - FRAME_MS / 2, drawWhenRested);
    else onFrame(drawNow);
  }

  return () => {
    if (isDue) return;
    isDue = true;
    drawWhenRested();
  };
}

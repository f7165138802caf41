import assert from "node:assert/strict";
import { test } from "node:test";

import { createDrawing } from "../../chat/static/chat/drawing.js";
import { createClock } from "./doors.mjs";

const FRAME_MS = 16;

// A page whose draws take so long; `drawn` are the times at which they began.
function pageOf({ takes_ms }) {
  const clock = createClock(0);
  const drawn = [];
  const onFrame = (work) => clock.after(FRAME_MS - (clock.now() % FRAME_MS), work);
  const busy = { ...clock, after: (ms, work) => clock.after(ms === 0 ? takes_ms : ms, work) };
  return { clock, drawn, ...createDrawing(() => drawn.push(clock.now()), busy, onFrame) };
}

// Changes every 5 ms for two seconds.
function changing({ clock, soon }) {
  for (let at = 0; at < 2_000; at += 5) {
    soon();
    clock.pass(5);
  }
}

const gaps = (times) => times.slice(1).map((time, at) => time - times[at]);

test("what changes is drawn with the next frame, once", () => {
  const page = pageOf({ takes_ms: 1 });
  page.soon();
  page.soon();
  page.clock.pass(FRAME_MS);
  assert.deepEqual(page.drawn, [16]);
  page.clock.pass(1_000);
  page.soon();
  page.clock.pass(FRAME_MS);
  assert.equal(page.drawn.length, 2);
});

for (const [takes_ms, atLeast, atMost] of [
  [1, 55, 85],
  [3, 160, 200],
  [40, 410, 440],
]) {
  test(`draws of ${takes_ms} ms come ${atLeast} to ${atMost} ms apart after a while`, () => {
    const page = pageOf({ takes_ms });
    changing(page);
    const found = gaps(page.drawn).slice(-3);
    assert.ok(Math.min(...found) >= atLeast && Math.max(...found) <= atMost, found.join(" "));
  });
}

test("what begins comes in small steps, and so does what begins after a calm", () => {
  const page = pageOf({ takes_ms: 5 });
  for (const calm_ms of [0, 2_000]) {
    page.clock.pass(calm_ms);
    page.drawn.length = 0;
    changing(page);
    const [first, second, third, ...later] = gaps(page.drawn);
    assert.ok(Math.max(first, second, third) <= 85, page.drawn.join(" "));
    assert.ok(Math.min(...later.slice(-3)) >= 290, page.drawn.join(" "));
  }
});

test("the last change is drawn", () => {
  const page = pageOf({ takes_ms: 12 });
  changing(page);
  const count = page.drawn.length;
  page.soon();
  page.clock.pass(420);
  assert.equal(page.drawn.length, count + 1);
});

test("what somebody does is drawn with the next frame, and what had changed with it", () => {
  const page = pageOf({ takes_ms: 12 });
  page.soon();
  page.clock.pass(50);
  page.soon();
  page.next();
  page.next();
  page.clock.pass(FRAME_MS);
  assert.deepEqual(page.drawn, [16, 64]);
  page.clock.pass(1_000);
  assert.equal(page.drawn.length, 2);
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { WAIT_MAX_MS, clock } from "../../chat/static/chat/clock.js";

const soon = () => new Promise((resolve) => clock.after(20, resolve));

test("a wait longer than timers can count is not over at once", async () => {
  const over = [];
  const ends = [WAIT_MAX_MS + 1, 2 ** 40].map((ms) => clock.after(ms, () => over.push(ms)));
  await soon();
  ends.forEach((end) => end());
  assert.deepEqual(over, []);
});

test("a wait that is called off does nothing", async () => {
  const over = [];
  clock.after(1, () => over.push("kept"));
  clock.after(1, () => over.push("off"))();
  await soon();
  assert.deepEqual(over, ["kept"]);
});

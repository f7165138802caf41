import assert from "node:assert/strict";
import { test } from "node:test";

import { statusOf } from "../../chat/static/chat/socket.js";

const up = { database: true, bus: true, runs: true };
const calm = {
  phase: "closed",
  services: {},
  failures: 0,
  final: null,
  online: true,
  isRestarting: false,
};
const CASES = [
  [{ ...calm, phase: "opening" }, "connecting"],
  [{ ...calm, failures: 1 }, "connecting"],
  [{ ...calm, failures: 2 }, "offline"],
  [{ ...calm, failures: 2, isRestarting: true }, "connecting"],
  [{ ...calm, online: false }, "offline"],
  [{ ...calm, phase: "connected" }, "connected"],
  [{ ...calm, phase: "ready", services: up }, "ready"],
  [{ ...calm, phase: "ready", services: { ...up, bus: false } }, "degraded"],
  [{ ...calm, phase: "ready", services: up, online: false }, "ready"],
  [{ ...calm, final: { code: 4501, message: "You are signed out." } }, "offline"],
];

for (const [circumstances, word] of CASES) {
  test(`${JSON.stringify(circumstances)} is ${word}`, () => {
    const { status, note } = statusOf(circumstances);
    assert.equal(status, word);
    assert.ok(note.length > 0);
  });
}

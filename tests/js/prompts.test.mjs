// The user's prompts as a page knows them: no late answer takes back what was changed meanwhile.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Prompts } from "../../chat/static/chat/prompts.js";

const KEPT = { prompt_id: "p1", name: "percent", text: "x", updated_at: "" };

test("an answer that was asked for before a change is not believed", async () => {
  const asked = [];
  const api = {
    prompts: () => new Promise((resolve) => asked.push(resolve)),
    makePrompt: async () => KEPT,
    removePrompt: async () => undefined,
  };
  const answer = async (prompts) => {
    asked.shift()({ prompts });
    await new Promise(setImmediate);
  };
  const prompts = new Prompts({ api });
  const first = prompts.load();
  await prompts.keep({ name: "percent", text: "x" });
  await answer([]);
  assert.deepEqual(prompts.list, [KEPT]);
  await answer([KEPT]);
  await first;
  assert.deepEqual([prompts.list, prompts.isRead], [[KEPT], true]);

  const second = prompts.load();
  await prompts.remove(KEPT);
  await answer([KEPT]);
  assert.deepEqual(prompts.list, []);
  await answer([]);
  await second;
  assert.deepEqual(prompts.list, []);
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { COMMANDS, offered, soughtIn } from "../../chat/static/chat/commands.js";
import { PLACES_MAX, filledIn, placesIn } from "../../chat/static/chat/places.js";
import { EXAMPLES, NAME_PATTERN, Prompts } from "../../chat/static/chat/prompts.js";

const nowhere = { situation: { isRunning: false, isStored: false, hasModels: false }, prompts: [] };
const everywhere = { isRunning: true, isStored: true, hasModels: true };
const names = (rows) => rows.map((each) => each.name);

test("a slash begins a command only where it is all there is", () => {
  const table = {
    "/": "",
    "/Mod": "mod",
    "/über-s": "über-s",
    "": null,
    " /new": null,
    "/etc/hosts": null,
    "/new thing": null,
    "/new\n": null,
    "1/2": null,
  };
  for (const [text, sought] of Object.entries(table)) assert.equal(soughtIn(text), sought, text);
});

test("what makes no sense now is not offered", () => {
  const gone = ["stop", "model", "export"];
  const all = names(COMMANDS);
  assert.deepEqual(names(offered("", { situation: everywhere, prompts: [] })), all);
  assert.deepEqual(
    names(offered("", nowhere)),
    all.filter((name) => !gone.includes(name)),
  );
});

test("commands and prompts are found by the beginnings of their words", () => {
  const prompts = ["Compare-Prices", "find_me", "newsletter"].map((name) => ({ name, text: "a\nb" }));
  const found = (sought) => names(offered(sought, { ...nowhere, prompts }));
  assert.deepEqual(found("new"), ["new", "newsletter"]);
  assert.deepEqual(found("pri"), ["Compare-Prices"]);
  assert.deepEqual(found("me"), ["find_me"]);
  assert.deepEqual(found("etc"), []);
  assert.equal(offered("find", { ...nowhere, prompts })[0].words, "a");
});

test("places are named once each, in order and so many at most", () => {
  assert.deepEqual(placesIn("{{b}} {{ a c }} {{b}} {{}} {{{d}}} {e} {{x\ny}}"), ["b", "a c", "d"]);
  const many = Array.from({ length: PLACES_MAX + 3 }, (_, number) => `{{p${number}}}`).join("");
  assert.equal(placesIn(many).length, PLACES_MAX);
  assert.equal(placesIn(`{{${"x".repeat(50_000)}`).length, 0);
});

test("what fills a place is taken as it is", () => {
  const values = new Map([
    ["a", "{{b}} $& $1"],
    ["b", "2"],
  ]);
  assert.equal(filledIn("{{a}}, {{ b }}, {{c}}", values), "{{b}} $& $1, 2, {{c}}");
});

test("the examples have names that may be kept, and places", () => {
  const pattern = new RegExp(`^(?:${NAME_PATTERN})$`, "v");
  for (const { name, text } of EXAMPLES) {
    assert.match(name, pattern);
    assert.ok(placesIn(text).length > 0);
  }
});

test("what the server has taken is known at once, and a failure leaves what was known", async () => {
  const prompt = (name) => ({ prompt_id: `prompt_${name}`, name, text: name });
  const gone = Object.assign(new Error("gone"), { status: 404 });
  const lost = Object.assign(new Error("lost"), { status: 0 });
  let removal = null;
  const api = {
    prompts: async () => ({ prompts: [prompt("b")] }),
    makePrompt: async ({ name }) => prompt(name),
    changePrompt: async (prompt_id, change) => ({ prompt_id, ...change }),
    removePrompt: async () => {
      if (removal) throw removal;
    },
  };
  const prompts = new Prompts({ api });
  assert.equal(prompts.isRead, false);
  await prompts.load();
  await prompts.keep({ name: "a", text: "a" });
  assert.deepEqual([prompts.isRead, names(prompts.list)], [true, ["a", "b"]]);
  await prompts.keep({ prompt_id: "prompt_a", name: "c", text: "c" });
  assert.deepEqual(names(prompts.list), ["b", "c"]);
  removal = lost;
  await assert.rejects(prompts.remove(prompts.list[0]), lost);
  assert.equal(prompts.list.length, 2);
  removal = gone;
  await prompts.remove(prompts.list[0]);
  assert.deepEqual(names(prompts.list), ["c"]);
});

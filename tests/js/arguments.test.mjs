import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ARGUMENTS_MAX_BYTES,
  argumentsFrom,
  fieldsOf,
  isSame,
} from "../../chat/static/chat/arguments.js";

const ARGS = { to: "ada", copies: 2.5, urgent: false, tags: ["a", "b"], note: null };
const changed = (name, value) =>
  fieldsOf(ARGS).map((field) => (field.name === name ? { ...field, value } : field));

test("each value becomes a field of its kind, and unchanged fields give the same arguments", () => {
  const fields = fieldsOf(ARGS);
  assert.deepEqual(
    fields.map((field) => field.kind),
    ["text", "number", "flag", "json", "json"],
  );
  assert.deepEqual(argumentsFrom(fields), { args: ARGS, faults: {} });
});

test("a change keeps its value's kind", () => {
  assert.equal(argumentsFrom(changed("copies", " 3 ")).args.copies, 3);
  assert.equal(argumentsFrom(changed("urgent", true)).args.urgent, true);
  assert.deepEqual(argumentsFrom(changed("tags", "[1]")).args.tags, [1]);
  assert.equal(argumentsFrom(changed("to", "7")).args.to, "7");
});

for (const [name, value, words] of [
  ["copies", "many", /number/],
  ["copies", "", /number/],
  ["copies", "Infinity", /number/],
  ["tags", "[1,", /JSON/],
]) {
  test(`${name} as ${JSON.stringify(value)} is refused at its field`, () => {
    const { args, faults } = argumentsFrom(changed(name, value));
    assert.equal(args, null);
    assert.deepEqual(Object.keys(faults), [name]);
    assert.match(faults[name], words);
  });
}

test("what would not fit into a frame is refused", () => {
  const { args, faults } = argumentsFrom(changed("to", "é".repeat(ARGUMENTS_MAX_BYTES / 2)));
  assert.equal(args, null);
  assert.match(faults[""], /too long/);
});

test("a call without arguments has no fields", () => {
  assert.deepEqual(fieldsOf(null), []);
  assert.deepEqual(fieldsOf({}), []);
});

test("the same arguments are no change", () => {
  assert.equal(isSame(ARGS, structuredClone(ARGS)), true);
  assert.equal(isSame(ARGS, { ...ARGS, to: "eve" }), false);
});

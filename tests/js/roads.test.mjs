import assert from "node:assert/strict";
import { test } from "node:test";

import { Roads } from "../../chat/static/chat/roads.js";

/** Roads that are opened in turn; what was taken is in `taken`. */
function roads({ storage = null, start = 1_000 } = {}) {
  const world = { taken: "", now: start };
  const take = (road) => () => (world.taken += road);
  world.roads = new Roads({
    openSocket: take("w"),
    openStream: take("s"),
    now: () => world.now,
    storage,
  });
  return world;
}

function memory() {
  const kept = new Map();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
  };
}

function fails({ roads: each }, code = 1006) {
  each.open();
  each.failed(code);
}

test("after two sockets that carried nothing both ways are tried in turns", () => {
  const world = roads();
  for (let tries = 0; tries < 6; tries += 1) fails(world);
  assert.equal(world.taken, "wwswsw");
});

test("a socket that once carried something, or was closed with a word, is not blocked", () => {
  const world = roads();
  fails(world);
  world.roads.open();
  world.roads.carries();
  fails(world);
  for (let tries = 0; tries < 3; tries += 1) fails(world, 4501);
  assert.equal(world.taken, "wwwwww");
});

test("a stream that carries is taken for ten minutes, by a reloaded page too", () => {
  const storage = memory();
  const first = roads({ storage });
  fails(first);
  fails(first);
  first.roads.open();
  first.roads.carries();
  first.roads.open();
  assert.equal(first.taken, "wwss");
  const reloaded = roads({ storage, start: 600_999 });
  reloaded.roads.open();
  reloaded.now = 601_001;
  reloaded.roads.open();
  assert.equal(reloaded.taken, "sw");
});

test("a stream that stops carrying gives way to sockets", () => {
  const storage = memory();
  storage.setItem("netra-stream-until", "9000");
  const world = roads({ storage });
  fails(world);
  fails(world);
  assert.equal(world.taken, "sw");
});

test("without a stream there is only the socket", () => {
  let taken = "";
  const only = new Roads({ openSocket: () => (taken += "w"), now: () => 0 });
  for (let tries = 0; tries < 4; tries += 1) {
    only.open();
    only.failed(1006);
  }
  assert.equal(taken, "wwww");
});

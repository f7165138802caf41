import assert from "node:assert/strict";
import { test } from "node:test";

import { Notifications } from "../../chat/static/chat/notifications.js";
import { createClock } from "./doors.mjs";

const NOTICE = { id: "ended thread_1 now", title: "Invoices", body: "It has ended.", click() {} };
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** The locks of one browser, as the tabs of it share them (Web Locks API). */
function createLocks() {
  const held = [];
  const hold = async (name, work) => {
    const lock = { name };
    held.push(lock);
    try {
      await work(lock);
    } finally {
      held.splice(held.indexOf(lock), 1);
    }
  };
  return {
    query: async () => ({ held: [...held] }),
    async request(name, { ifAvailable = false }, work) {
      const isTaken = held.some((each) => each.name === name);
      if (ifAvailable && isTaken) await work(null);
      else await hold(name, work);
    },
  };
}

/** The system's notifications, with what the user answers when asked. */
function createSystem({ permission = "granted", answer = "granted" } = {}) {
  const shown = [];
  return class {
    static permission = permission;
    static shown = shown;
    static async requestPermission() {
      this.permission = answer;
      return answer;
    }
    constructor(title, { tag }) {
      shown.push({ title, tag, click: () => this.onclick() });
    }
    close() {}
  };
}

function createTab({ system, locks, wanted = "on" }) {
  const chosen = { notices: wanted };
  return new Notifications({
    preferences: {
      get: (name) => chosen[name],
      set(name, value) {
        chosen[name] = value;
      },
    },
    ...{ system, locks, clock: createClock(), user_id: "user_1" },
  });
}

test("of several hidden tabs one shows it, and a click leads to the thread", async () => {
  const [system, locks] = [createSystem(), createLocks()];
  const clicks = [];
  const notice = { ...NOTICE, click: () => clicks.push("thread_1") };
  const tabs = [1, 2, 3].map(() => createTab({ system, locks }));
  const shown = await Promise.all(tabs.map((tab) => tab.show(notice)));
  assert.deepEqual(shown.toSorted(), [false, false, true]);
  assert.equal(system.shown.length, 1);
  system.shown[0].click();
  assert.deepEqual(clicks, ["thread_1"]);
});

test("while one window is seen, none shows anything; after that one does", async () => {
  const [system, locks] = [createSystem(), createLocks()];
  const [seen, hidden] = [createTab({ system, locks }), createTab({ system, locks })];
  seen.see(true);
  assert.equal(await hidden.show(NOTICE), false);
  assert.equal(await seen.show(NOTICE), false);
  seen.see(false);
  await turn();
  assert.equal(await hidden.show(NOTICE), true);
});

for (const [name, options, standing] of [
  ["not wanted", { system: createSystem(), wanted: "off" }, "off"],
  ["not granted yet", { system: createSystem({ permission: "default" }) }, "off"],
  ["forbidden", { system: createSystem({ permission: "denied" }) }, "denied"],
  ["unknown to the browser", { system: undefined }, "missing"],
  ["without locks", { system: createSystem(), locks: undefined }, "missing"],
]) {
  test(`nothing is shown where it is ${name}`, async () => {
    const tab = createTab({ locks: createLocks(), ...options });
    assert.equal(tab.standing, standing);
    assert.equal(await tab.show(NOTICE), false);
    assert.equal(options.system?.shown.length ?? 0, 0);
  });
}

for (const answer of ["granted", "denied", "default"]) {
  test(`asked for, it stands as the browser answers: ${answer}`, async () => {
    const system = createSystem({ permission: "default", answer });
    const tab = createTab({ system, locks: createLocks(), wanted: "off" });
    const standing = { granted: "on", denied: "denied", default: "off" }[answer];
    assert.equal(await tab.turnOn(), standing);
    tab.turnOff();
    assert.notEqual(tab.standing, "on");
  });
}

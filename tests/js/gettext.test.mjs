import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { gettext, ngettext, useCatalog } from "../../chat/static/chat/gettext.js";

afterEach(() => useCatalog({ catalog: {}, plural: (count) => (count === 1 ? 0 : 1) }));

test("words without a translation stay English", () => {
  assert.equal(gettext("Delete %(name)s?", { name: "Plans" }), "Delete Plans?");
  assert.equal(ngettext("%(count)s file", "%(count)s files", 1, { count: 1 }), "1 file");
  assert.equal(ngettext("%(count)s file", "%(count)s files", 0, { count: 0 }), "0 files");
});

test("a catalogue gives the words, and a language its own plurals", () => {
  useCatalog({
    catalog: { Send: "Senden", "%(count)s file": ["%(count)s plik", "%(count)s pliki", "%(count)s plików"] },
    plural: (count) => (count === 1 ? 0 : count < 5 ? 1 : 2),
  });

  assert.equal(gettext("Send"), "Senden");
  const files = (count) => ngettext("%(count)s file", "%(count)s files", count, { count });
  assert.deepEqual([1, 3, 7].map(files), ["1 plik", "3 pliki", "7 plików"]);
});

test("a value may hold what looks like a place, and one that is missing is seen", () => {
  assert.equal(gettext("%(a)s and %(b)s", { a: "%(b)s" }), "%(b)s and %(b)s");
});

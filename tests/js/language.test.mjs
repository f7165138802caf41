// In a file of its own: the language of a page stays what it was when its modules were loaded.
import assert from "node:assert/strict";
import { test } from "node:test";

import { gettext, ngettext, pageLanguage, useCatalog } from "../../chat/static/chat/gettext.js";
import { refusalWords } from "../../chat/static/chat/refusals.js";

const refusal = { code: "text_empty", message: "Say something." };
const inEnglish = refusalWords(refusal);
useCatalog({
  language: "de",
  catalog: {
    "Write something first.": "Schreib zuerst etwas.",
    "Delete %(name)s?": "%(name)s löschen?",
    "%(count)s command": ["%(count)s Befehl", "%(count)s Befehle"],
    "%(count)s token": ["%(count)s Token", "%(count)s Tokens"],
    "at least %(cost)s": "mindestens %(cost)s",
  },
});
const { amountWords, durationWords, ordinalWords, sizeWords, timeWords, usageWords } = await import(
  "../../chat/static/chat/view/words.js"
);

test("words are the catalogue's, and stay as they are where it has none", () => {
  assert.equal(pageLanguage(), "de");
  assert.equal(gettext("Delete %(name)s?", { name: "Plan" }), "Plan löschen?");
  assert.equal(gettext("Nobody knows this"), "Nobody knows this");
  const commands = [0, 1, 2].map((count) =>
    ngettext("%(count)s command", "%(count)s commands", count, { count }),
  );
  assert.deepEqual(commands, ["0 Befehle", "1 Befehl", "2 Befehle"]);
});

test("a refusal reads in the page's language, and in English as the server said it", () => {
  assert.equal(inEnglish, "Say something.");
  assert.equal(refusalWords(refusal), "Schreib zuerst etwas.");
  assert.equal(refusalWords({ code: "new_one", message: "Not now." }), "Not now.");
  assert.equal(refusalWords({ code: "toString", message: "Not now." }), "Not now.");
});

test("numbers and times are written as the language does", () => {
  assert.equal(durationWords(4_230), "4,2 s");
  assert.equal(sizeWords(34_500), "34,5 KB");
  assert.equal(amountWords(1234.5, "USD"), "$1.234,50");
  assert.equal(ordinalWords(3), "3.");
  assert.match(timeWords("2026-11-22T14:05:00"), /^22\.11\.2026, 14:05$/);
  const usage = { input_tokens: 1_000, output_tokens: 234, cost_usd: "0.5", unpriced_requests: 1 };
  assert.equal(usageWords({ model: "m", usage }), "m · 1.234 Tokens · mindestens $0,50");
});

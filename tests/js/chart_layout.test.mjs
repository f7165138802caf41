import assert from "node:assert/strict";
import { test } from "node:test";

import { heightOf, layoutOf, ticksBetween } from "../../chat/static/chat/chart_layout.js";

const words = { short: String, full: String };
const chartOf = (kind, count, ...values) => ({
  kind,
  labels: Array.from({ length: count }, (_, n) => `label ${n}`),
  series: values.map((each, n) => ({ name: `series ${n}`, values: each })),
});
const numbers = (count, valueOf = (n) => n) => Array.from({ length: count }, (_, n) => valueOf(n));

for (const [low, high] of [
  [1, 100],
  [3, 8.7],
  [0, 0],
  [-20, 30],
  [-4, -1],
  [0.001, 0.0123],
]) {
  test(`the axis from ${low} to ${high} has few round steps and zero`, () => {
    const ticks = ticksBetween(low, high);
    assert.equal(ticks[0] <= low && ticks.at(-1) >= high && ticks.includes(0), true);
    assert.ok(ticks.length <= 7, `${ticks}`);
    assert.ok(ticks.every((tick) => String(tick).length < 8), `${ticks}`);
  });
}

const charts = [
  chartOf("bar", 3, [5, 1, 3]),
  chartOf("bar", 5, numbers(5), numbers(5, () => 2), numbers(5, (n) => -n)),
  chartOf("bar", 60, numbers(60)),
  chartOf("line", 60, numbers(60), numbers(60, (n) => n * n)),
  chartOf("line", 1, [4]),
  chartOf("line", 4, [1, null, 3, 4]),
  chartOf("bar", 2, [0, null]),
];

for (const chart of charts) {
  for (const width of [250, 358, 700]) {
    const { length } = chart.labels;
    test(`${length} labels as ${chart.kind} stay inside of ${width} px, in numbers`, () => {
      const { height, bars, lines, dots, texts, rules } = layoutOf(chart, width, words);
      assert.equal(height, heightOf(chart));
      const places = [
        ...bars.flatMap(({ x, y, width: w, height: h }) => [[x, y], [x + w, y + h]]),
        ...lines.flatMap(({ points }) => points),
        ...[...dots, ...texts].map(({ x, y }) => [x, y]),
        ...rules.map(({ to, y }) => [to, y]),
      ];
      for (const [x, y] of places) {
        assert.ok(x >= 0 && x <= width + 1, `x ${x}`);
        assert.ok(y >= 0 && y <= height + 1, `y ${y}`);
      }
    });
  }
}

test("longer bars are greater values, from the same edge", () => {
  const { bars } = layoutOf(charts[0], 500, words);
  assert.equal(new Set(bars.map(({ x }) => x)).size, 1);
  const [five, one, three] = bars.map(({ width }) => width);
  assert.ok(Math.abs(five - 5 * one) < 0.01 && Math.abs(three - 3 * one) < 0.01);
});

test("a line is broken where a value is missing, and a lone value is a dot", () => {
  const { lines, dots } = layoutOf(charts[5], 500, words);
  assert.deepEqual(
    lines.map(({ points }) => points.length),
    [2],
  );
  assert.equal(dots.length, 3);
});

test("names under an axis do not run into each other", () => {
  const { texts } = layoutOf(charts[3], 358, words);
  const names = texts.filter(({ anchor }) => anchor === "middle");
  assert.ok(names.length >= 3 && names.length < 10, `${names.length}`);
});

test("a long name beside its bar is cut, and is told in full", () => {
  const long = { ...charts[0], labels: ["a".repeat(80), "b", "c"] };
  const [name] = layoutOf(long, 358, words).texts;
  assert.match(name.text, /^a+…$/);
  assert.equal(name.full.length, 80);
});

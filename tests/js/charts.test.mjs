import assert from "node:assert/strict";
import { test } from "node:test";

import {
  CHARTS_MAX,
  LABELS_MAX,
  SERIES_MAX,
  chartsIn,
  sentenceOf,
  withoutFigures,
} from "../../chat/static/chat/charts.js";

const CHART = {
  kind: "bar",
  title: "Spend by model",
  unit: "USD",
  labels: ["gpt-4o", "o3"],
  series: [{ name: "Spend", values: [12.5, 3] }],
};
const call = (...charts) => ({ call_id: "call1", result: { total: 1, charts } });

test("the charts of all calls are found, each under a name of its own", () => {
  const charts = chartsIn([call(CHART), { ...call(CHART, CHART), call_id: "call2" }]);
  assert.deepEqual(
    charts.map((chart) => chart.key),
    ["call1/0", "call2/0", "call2/1"],
  );
  assert.deepEqual(charts[0].series, CHART.series);
});

for (const [what, chart] of [
  ["null", null],
  ["text", "a chart"],
  ["an unknown kind", { ...CHART, kind: "pie" }],
  ["no labels", { ...CHART, labels: [] }],
  ["no series", { ...CHART, series: [] }],
  ["series of nothing", { ...CHART, series: [{ name: "x", values: ["12", null, NaN] }] }],
  ["series that are none", { ...CHART, series: "x" }],
]) {
  test(`${what} is not drawn`, () => {
    assert.deepEqual(chartsIn([call(chart)]), []);
  });
}

test("results without charts have none", () => {
  const calls = [undefined, null, "text", [1], { charts: "x" }].map((result) => ({ result }));
  assert.deepEqual(chartsIn(calls), []);
});

test("labels, series and charts are bounded, and values fit the labels", () => {
  const many = {
    ...CHART,
    labels: Array.from({ length: 100 }, (_, n) => n),
    series: Array.from({ length: 10 }, () => ({ name: "x", values: [1, null] })),
  };
  const charts = chartsIn([call(...Array(CHARTS_MAX + 3).fill(many))]);
  assert.equal(charts.length, CHARTS_MAX);
  assert.equal(charts[0].labels.length, LABELS_MAX);
  assert.equal(charts[0].series.length, SERIES_MAX);
  assert.equal(charts[0].series[0].values.length, LABELS_MAX);
  assert.equal(charts[0].series[0].values[5], null);
});

test("who does not see a chart is told its title, its highest and its lowest", () => {
  const [chart] = chartsIn([call(CHART)]);
  const words = sentenceOf(chart, (value) => `$${value}`);
  assert.equal(words, "Bar chart: Spend by model; highest $12.5 at gpt-4o, lowest $3.");
});

test("what is shown elsewhere is not shown in the result too", () => {
  assert.deepEqual(withoutFigures({ total: 1, charts: [], citations: [] }), { total: 1 });
  for (const result of [null, "text", [1], 3]) assert.deepEqual(withoutFigures(result), result);
});

// Charts that results of tools carry: taken apart, checked and made bounded, so that whatever
// a tool says, what comes out can be drawn. Pure functions.

import { gettext } from "./gettext.js";

/**
 * @import {Json} from "./frames.js"
 *
 * `values` are those of the labels, null where there is none.
 * @typedef {{name: string, values: (number | null)[]}} Series
 *
 * @typedef {object} Chart
 * @property {string} key
 * @property {"bar" | "line"} kind
 * @property {string} title
 * @property {string} unit
 * @property {string[]} labels
 * @property {Series[]} series
 */

// More of these nobody can tell apart on one screen.
export const CHARTS_MAX = 6;
export const LABELS_MAX = 60;
export const SERIES_MAX = 6;
// Of larger ones the distance between two is beyond what a number can be.
const VALUE_MAX = 1e300;
const KINDS = new Set(["bar", "line"]);

/**
 * The charts of a run's calls.
 * @param {{call_id: string, result?: Json}[]} calls
 * @returns {Chart[]}
 */
export function chartsIn(calls) {
  const found = calls.flatMap(({ call_id, result }) =>
    listOf(result?.charts).map((chart, index) => ({ chart, key: `${call_id}/${index}` })),
  );
  const charts = found.map(({ chart, key }) => chartOf(chart, key));
  return charts.filter((chart) => chart !== null).slice(0, CHARTS_MAX);
}

/**
 * A result without what is shown elsewhere.
 * @param {Json} result
 * @returns {Json}
 */
export function withoutFigures(result) {
  if (result === null || typeof result !== "object" || Array.isArray(result)) return result;
  const { charts: _charts, citations: _citations, ...rest } = result;
  return rest;
}

/**
 * The one sentence of a chart for who does not see it.
 * @param {Chart} chart
 * @param {(value: number) => string} wordsOf
 */
export function sentenceOf({ kind, title, series, labels }, wordsOf) {
  const parts = series.map(({ name, values }) => {
    const known = values.filter((value) => value !== null);
    const highest = Math.max(...known);
    const at = labels[values.indexOf(highest)];
    const peak = gettext("highest %(highest)s at %(at)s, lowest %(lowest)s", {
      highest: wordsOf(highest),
      at,
      lowest: wordsOf(Math.min(...known)),
    });
    return series.length > 1 ? `${name}: ${peak}` : peak;
  });
  const told = { parts: [title, ...parts].join("; ") };
  if (kind === "bar") return gettext("Bar chart: %(parts)s.", told);
  return gettext("Line chart: %(parts)s.", told);
}

/** @type {(chart: Json, key: string) => Chart | null} */
function chartOf(chart, key) {
  const { kind, title, unit, labels, series } = chart ?? {};
  if (!KINDS.has(kind) || !Array.isArray(labels) || !Array.isArray(series)) return null;
  const count = Math.min(labels.length, LABELS_MAX);
  const usable = series.filter(isSeries).slice(0, SERIES_MAX);
  const drawn = usable.map(({ name, values }) => ({
    name: String(name ?? ""),
    values: Array.from({ length: count }, (_, index) => numberOf(values[index])),
  }));
  const known = drawn.filter(({ values }) => values.some((value) => value !== null));
  if (count === 0 || known.length === 0) return null;
  return {
    key,
    kind,
    title: String(title ?? ""),
    unit: String(unit ?? ""),
    labels: labels.slice(0, count).map(String),
    series: known,
  };
}

/** @type {(value: Json) => Json[]} */
function listOf(value) {
  return Array.isArray(value) ? value : [];
}

/** @type {(series: Json) => boolean} */
function isSeries(series) {
  return Array.isArray(series?.values);
}

/** @type {(value: Json) => number | null} */
function numberOf(value) {
  return Number.isFinite(value) && Math.abs(value) < VALUE_MAX ? value : null;
}

// A chart of a tool's result: drawn for the width there is, and a table of the same numbers.

import { heightOf, layoutOf } from "../chart_layout.js";
import { sentenceOf } from "../charts.js";
import { gettext } from "../gettext.js";
import { element } from "./element.js";
import { shortAmountWords, amountWords } from "./words.js";

/**
 * @import {Layout} from "../chart_layout.js"
 * @import {Chart} from "../charts.js"
 */

const SVG = "http://www.w3.org/2000/svg";
const DOT_PX = 2.5;
const TARGET_PX = 9; // what a pointer must meet to be told a point's value

/** @param {Chart} chart */
export function chartView(chart) {
  /** @type {import("../chart_layout.js").ValueWords} */
  const words = {
    short: (value) => shortAmountWords(value, chart.unit),
    full: (value) => amountWords(value, chart.unit),
  };
  const drawing = svg("svg", {
    class: "chart__drawing",
    role: "img",
    "aria-label": sentenceOf(chart, words.full),
    height: heightOf(chart),
  });
  let shown = 0;
  new ResizeObserver(([{ contentRect }]) => {
    const width = Math.floor(contentRect.width);
    if (width === shown || width === 0) return;
    shown = width;
    drawing.replaceChildren(...marksOf(layoutOf(chart, width, words)));
  }).observe(drawing);
  const unit = chart.unit === "" ? "" : ` (${chart.unit})`;
  return element(
    "figure",
    { class: "chart" },
    element("figcaption", { class: "chart__title" }, `${chart.title}${unit}`),
    ...(chart.series.length > 1 ? [legend(chart)] : []),
    drawing,
    tableOf(chart, words.full),
  );
}

/** @param {Chart} chart */
function legend({ series }) {
  const names = series.map(({ name }, number) => {
    const key = svg("svg", { class: "chart__key", "aria-hidden": "true", viewBox: "0 0 12 12" });
    key.append(svg("rect", { class: bar(number), width: 12, height: 12, rx: 3 }));
    return element("li", { class: "chart__name" }, key, name);
  });
  return element("ul", { class: "chart__legend" }, ...names);
}

/** @param {Layout} layout */
function marksOf({ rules, bars, lines, dots, texts }) {
  return [
    ...rules.map(({ y, from, to, isZero }) =>
      svg("line", { class: isZero ? "chart__zero" : "", x1: from, x2: to, y1: y, y2: y }),
    ),
    ...bars.map(({ x, y, width, height, series, full }) =>
      titled(svg("rect", { class: bar(series), x, y, width, height, rx: 2 }), full),
    ),
    ...lines.map(({ points, series }) =>
      svg("polyline", { class: `chart__line series-${series + 1}`, points: points.join(" ") }),
    ),
    ...dots.flatMap(({ x, y, series, full }) => [
      svg("circle", { class: `chart__dot series-${series + 1}`, cx: x, cy: y, r: DOT_PX }),
      titled(svg("circle", { class: "chart__target", cx: x, cy: y, r: TARGET_PX }), full),
    ]),
    ...texts.map(({ x, y, text, anchor, full }) => {
      const node = svg("text", { class: "chart__text", x, y, "text-anchor": anchor });
      node.append(text);
      return full === undefined || full === text ? node : titled(node, full);
    }),
  ];
}

/** @type {(chart: Chart, words: (value: number) => string) => HTMLElement} */
function tableOf({ labels, series }, words) {
  /** @type {(value: number | null) => string} */
  const cell = (value) => (value === null ? "–" : words(value));
  const heads = series.map(({ name }) =>
    element("th", { scope: "col", class: "align-right" }, name || gettext("Value")),
  );
  const rows = labels.map((label, index) => {
    const cells = series.map(({ values }) =>
      element("td", { class: "align-right" }, cell(values[index])),
    );
    return element("tr", {}, element("th", { scope: "row" }, label), ...cells);
  });
  const head = element("tr", {}, element("td", {}), ...heads);
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  const frame = { class: "table-frame", tabindex: "0", role: "group", "aria-label": gettext("Table") };
  return element(
    "details",
    { class: "chart__data" },
    element("summary", {}, gettext("Show the numbers")),
    element("div", frame, table),
  );
}

/** @type {(series: number) => string} */
function bar(series) {
  return `chart__bar series-${series + 1}`;
}

// What a pointer that rests on it is told.
/** @type {(node: SVGElement, words: string) => SVGElement} */
function titled(node, words) {
  const title = svg("title", {});
  title.append(words);
  node.append(title);
  return node;
}

/** @type {(tag: string, attributes: Record<string, string | number>) => SVGElement} */
function svg(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  return node;
}

// Where everything of a chart stands, in pixels for a given width: a pure function. Bars with few
// labels lie, so that long names can be read; bars with many stand, and share axes with lines.

/**
 * @import {Chart, Series} from "./charts.js"
 *
 * @typedef {{short: (value: number) => string, full: (value: number) => string}} ValueWords
 * @typedef {(value: number) => number} Scale from a value, or an index, to its place in px
 *
 * @typedef {{x: number, y: number, text: string, anchor: string, full?: string}} TextMark
 * @typedef {{y: number, from: number, to: number, isZero: boolean}} Rule
 * @typedef {{x: number, y: number, width: number, height: number}} Place
 * @typedef {Place & {series: number, full: string}} Bar
 * @typedef {{series: number, points: number[][]}} Line
 * @typedef {{x: number, y: number, series: number, full: string}} Dot
 *
 * @typedef {{bars: Bar[], lines: Line[], dots: Dot[]}} Marks
 * @typedef {Marks & {width: number, height: number, texts: TextMark[], rules: Rule[]}} Layout each
 *   with its place and, where it belongs to one, the number of its `series`
 *
 * @typedef {Pick<Chart, "labels" | "series"> & {x: Scale, y: Scale, room: number,
 *   words: ValueWords}} Plot
 */

const LYING_LABELS_MAX = 12;
const CHAR_PX = 6.6; // of a small letter; a little more than fonts have
const LINE_PX = 16;
const ROW_GAP_PX = 8;
const BAR_PX = 14;
const LABEL_SHARE_MAX = 0.42; // of the width, for the names beside lying bars
const PLOT_PX = 170;
const TOP_PX = 10;
const TICKS = 4;

/**
 * @param {Chart} chart
 * @param {number} width in px
 * @param {ValueWords} words
 * @returns {Layout}
 */
export function layoutOf(chart, width, words) {
  const isLying = chart.kind === "bar" && chart.labels.length <= LYING_LABELS_MAX;
  return isLying ? lying(chart, width, words) : standing(chart, width, words);
}

/**
 * The height that a chart will have at any width.
 * @param {Chart} chart
 */
export function heightOf(chart) {
  return layoutOf(chart, 1_000, { short: String, full: String }).height;
}

/**
 * Round values from at most 0 to at least `high`, a few of them, evenly spaced.
 * @param {number} low
 * @param {number} high
 */
export function ticksBetween(low, high) {
  const from = Math.min(0, low);
  const span = Math.max(0, high) - from || 1;
  const rough = span / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((each) => each * power >= rough * 0.999) ?? 10);
  const first = Math.floor(from / step);
  const count = Math.ceil((from + span) / step - 0.001) - first;
  // Through the number of steps, since sums of fractions drift.
  return Array.from({ length: count + 1 }, (_, index) => rounded((first + index) * step));
}

/** @type {(chart: Chart, width: number, words: ValueWords) => Layout} */
function lying({ labels, series }, width, words) {
  /** @type {TextMark[]} */
  const texts = [];
  /** @type {Bar[]} */
  const bars = [];
  const ticks = ticksOf(series);
  const longest = Math.max(...labels.map((label) => label.length)) * CHAR_PX;
  const left = Math.ceil(Math.min(longest, width * LABEL_SHARE_MAX)) + 8;
  const values = series.flatMap((each) => each.values.map((value) => wordsOf(value, words.full)));
  const right = Math.max(...values.map((each) => each.length)) * CHAR_PX + 8;
  const x = scale(ticks, left, Math.max(left + 20, width - right));
  const row = series.length * BAR_PX + ROW_GAP_PX;
  labels.forEach((label, index) => {
    const top = index * row + ROW_GAP_PX / 2;
    const middle = top + (series.length * BAR_PX) / 2 + 4;
    texts.push({ x: left - 8, y: middle, text: cut(label, left - 8), anchor: "end", full: label });
    series.forEach(({ values: own }, number) => {
      const y = top + number * BAR_PX;
      const value = own[index];
      const word = wordsOf(value, words.full);
      texts.push({ x: x(Math.max(0, value ?? 0)) + 6, y: y + 11, text: word, anchor: "start" });
      if (value !== null) {
        const [start, length] = between(x(0), x(value));
        const place = { x: start, y: y + 1, width: length, height: BAR_PX - 2 };
        bars.push({ ...place, series: number, full: `${label}: ${word}` });
      }
    });
  });
  return { width, height: labels.length * row, texts, rules: [], bars, lines: [], dots: [] };
}

/** @type {(chart: Chart, width: number, words: ValueWords) => Layout} */
function standing({ kind, labels, series }, width, words) {
  const ticks = ticksOf(series);
  const left = Math.max(...ticks.map((tick) => words.short(tick).length)) * CHAR_PX + 10;
  const y = scale(ticks, TOP_PX + PLOT_PX, TOP_PX);
  const axis = axisTexts(ticks, { y, left, words });
  const rules = ticks.map((tick) => ({ y: y(tick), from: left, to: width, isZero: tick === 0 }));
  const room = (width - left) / labels.length;
  /** @type {Scale} */
  const x = (index) => left + room * (index + 0.5);
  const names = labelTexts(labels, { x, room, right: width });
  const plot = { labels, series, x, y, room, words };
  const marks = kind === "bar" ? standingBars(plot) : lineMarks(plot);
  const height = TOP_PX + PLOT_PX + LINE_PX + 6;
  return { width, height, texts: [...axis, ...names], rules, ...marks };
}

/** @type {(plot: Plot) => Marks} */
function standingBars({ labels, series, x, y, room, words }) {
  const breadth = Math.max(1, (room * 0.76) / series.length);
  const bars = series.flatMap(({ values }, number) =>
    values.flatMap((value, index) => {
      if (value === null) return [];
      const from = x(index) - (breadth * series.length) / 2 + number * breadth;
      const [start, length] = between(y(0), y(value));
      const place = { x: from, y: start, width: breadth, height: length };
      return [{ ...place, series: number, full: `${labels[index]}: ${words.full(value)}` }];
    }),
  );
  return { bars, lines: [], dots: [] };
}

/** @type {(plot: Plot) => Marks} */
function lineMarks({ labels, series, x, y, words }) {
  const dots = series.flatMap(({ name, values }, number) =>
    values.flatMap((value, index) => {
      if (value === null) return [];
      const full = `${name} ${labels[index]}: ${words.full(value)}`.trim();
      return [{ x: x(index), y: y(value), series: number, full }];
    }),
  );
  const lines = series.flatMap(({ values }, number) =>
    stretches(values).map((stretch) => ({
      series: number,
      points: stretch.map(({ index, value }) => [x(index), y(value)]),
    })),
  );
  return { bars: [], lines, dots };
}

// Values without a hole between them.
/** @type {(values: (number | null)[]) => {index: number, value: number}[][]} */
function stretches(values) {
  /** @type {{index: number, value: number}[][]} */
  const found = [[]];
  values.forEach((value, index) => {
    if (value === null) found.push([]);
    else found.at(-1)?.push({ index, value });
  });
  return found.filter((stretch) => stretch.length > 1);
}

/** @type {(ticks: number[], where: {y: Scale, left: number, words: ValueWords}) => TextMark[]} */
function axisTexts(ticks, { y, left, words }) {
  return ticks.map((tick) => ({
    x: left - 6,
    y: y(tick) + 4,
    text: words.short(tick),
    anchor: "end",
  }));
}

// As many labels as there is room for, evenly, none over the edge.
/** @type {(labels: string[], where: {x: Scale, room: number, right: number}) => TextMark[]} */
function labelTexts(labels, { x, room, right }) {
  const longest = Math.max(...labels.map((label) => label.length)) * CHAR_PX + 10;
  const every = Math.max(1, Math.ceil(longest / room));
  const y = TOP_PX + PLOT_PX + LINE_PX;
  return labels.flatMap((label, index) => {
    const half = (label.length * CHAR_PX) / 2;
    if (index % every !== 0) return [];
    return [{ x: Math.min(x(index), right - half), y, text: label, anchor: "middle" }];
  });
}

/** @type {(series: Series[]) => number[]} */
function ticksOf(series) {
  const values = series.flatMap((each) => each.values.filter((value) => value !== null));
  return ticksBetween(Math.min(...values), Math.max(...values));
}

/** @type {(ticks: number[], from: number, to: number) => Scale} */
function scale(ticks, from, to) {
  const [low, high] = [ticks[0], ticks[ticks.length - 1]];
  return (value) => from + ((value - low) / (high - low)) * (to - from);
}

// A mark from one place to another, whichever comes first; never too small to be seen.
/** @type {(one: number, other: number) => [start: number, length: number]} */
function between(one, other) {
  return [Math.min(one, other), Math.max(1, Math.abs(one - other))];
}

/** @type {(label: string, px: number) => string} */
function cut(label, px) {
  const room = Math.floor(px / CHAR_PX);
  return label.length <= room ? label : `${label.slice(0, Math.max(1, room - 1))}…`;
}

/** @type {(value: number | null, words: (value: number) => string) => string} */
function wordsOf(value, words) {
  return value === null ? "–" : words(value);
}

/** @type {(value: number) => number} */
function rounded(value) {
  return Number(value.toPrecision(12));
}

// Formulas on the screen, by KaTeX, which comes with the first of them.

import { formulaIn } from "./formulas.js";

// Kept as they are drawn, so that a paragraph that grows does not set them again.
const KEPT_MAX = 200;
// How far from the screen a formula is set already.
const AHEAD = "1500px 0px";
// No frame of drawing may be late for formulas: the others are set in the next ones.
const SLICE_MS = 8;
// LaTeX itself would refuse these; readers understand them.
const HARMLESS = new Set(["unicodeTextInMathMode", "unknownSymbol", "mathVsTextUnits"]);

/** @type {Map<string, HTMLElement | null>} */
const kept = new Map(); // source -> the drawn formula, or null of one that cannot be drawn
/** @type {HTMLElement[]} */
const seen = [];
/** @type {typeof import("../vendor/katex.js").default | null} */
let katex = null;
let isAsked = false;
/** @type {IntersectionObserver | null} */
let observer = null;
let isWorking = false;

/**
 * Draws a formula: one that is known at once, another when it comes near; no open one.
 * @param {HTMLElement} node
 */
export function typeset(node) {
  if (!node.classList.contains("math--open") && !show(node)) watch(node);
}

/**
 * What is copied has the source of formulas in their place.
 * @param {HTMLElement} region
 */
export function copySources(region) {
  region.addEventListener("copy", (event) => {
    const selection = getSelection();
    if (selection === null || selection.isCollapsed || selection.rangeCount === 0) return;
    const holder = document.createElement("div");
    holder.className = "visually-hidden math-copy";
    holder.append(wholeFormulas(selection.getRangeAt(0)).cloneContents());
    /** @type {NodeListOf<HTMLElement>} */
    const drawn = holder.querySelectorAll("[data-source]");
    if (drawn.length === 0) return;
    for (const node of drawn) node.replaceChildren(node.dataset.source ?? "");
    document.body.append(holder); // only what is laid out has line breaks
    event.clipboardData?.setData("text/plain", holder.innerText);
    holder.remove();
    event.preventDefault();
  });
}

/** @type {(range: Range) => Range} */
function wholeFormulas(range) {
  const whole = range.cloneRange();
  const start = formulaAround(range.startContainer);
  const end = formulaAround(range.endContainer);
  if (start !== null) whole.setStartBefore(start);
  if (end !== null) whole.setEndAfter(end);
  return whole;
}

/** @type {(node: Node) => Element | null} */
function formulaAround(node) {
  const parent = node instanceof Element ? node : node.parentElement;
  return parent?.closest("[data-source]") ?? null;
}

/** @type {(node: HTMLElement) => void} */
function watch(node) {
  observer ??= new IntersectionObserver(
    (entries, self) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) seen.push(/** @type {HTMLElement} */ (target));
        if (isIntersecting || !target.isConnected) self.unobserve(target);
      }
      if (seen.length > 0) ask();
    },
    { rootMargin: AHEAD, scrollMargin: AHEAD },
  );
  observer.observe(node);
}

async function ask() {
  if (katex !== null) return work();
  // A page without these styles would show each formula twice.
  const styles = /** @type {HTMLLinkElement | null} */ (document.getElementById("math-styles"));
  if (isAsked || styles === null) return;
  isAsked = true;
  try {
    styles.disabled = false;
    ({ default: katex } = await import("../vendor/katex.js"));
    work();
  } catch {
    isAsked = false; // no network: the sources stay, and the next formula asks again
  }
}

function work() {
  if (isWorking) return;
  isWorking = true;
  requestAnimationFrame(() => {
    isWorking = false;
    const until = performance.now() + SLICE_MS;
    for (let node = seen.shift(); node !== undefined; node = seen.shift()) {
      draw(node);
      if (performance.now() >= until) break;
    }
    if (seen.length > 0) work();
  });
}

/** @type {(node: HTMLElement) => void} */
function draw(node) {
  if (!node.isConnected || node.dataset.source !== undefined) return;
  const source = node.textContent;
  if (!kept.has(source)) keep(source, drawn(source));
  show(node);
}

/** @type {(node: HTMLElement) => boolean} */
function show(node) {
  const source = node.textContent;
  const found = kept.get(source);
  if (found === undefined) return false;
  if (found === null) return true;
  node.dataset.source = source;
  node.replaceChildren(found.cloneNode(true));
  return true;
}

/** @type {(source: string, node: HTMLElement | null) => void} */
function keep(source, node) {
  kept.set(source, node);
  const [oldest] = kept.keys();
  if (kept.size > KEPT_MAX) kept.delete(oldest);
}

// What would make a link, load a picture or set an attribute is no formula: the source is shown.
/** @returns {boolean} */
function refuse() {
  throw new TypeError("not allowed in a formula");
}

/** @type {(source: string) => HTMLElement | null} */
function drawn(source) {
  const formula = formulaIn(source);
  if (formula === null || katex === null) return null;
  const target = document.createElement("span");
  target.dir = "ltr";
  try {
    katex.render(formula.tex, target, {
      displayMode: formula.isDisplay,
      throwOnError: true,
      trust: refuse,
      strict: (code) => (HARMLESS.has(code) ? "ignore" : "error"),
      maxSize: 20,
      maxExpand: 300,
      macros: {}, // its own: what one formula defines is nothing to the next
    });
  } catch {
    return null; // wrong, too deep or too much: the reader gets the source
  }
  return target;
}

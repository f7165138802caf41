// A menu at a button: walked with the arrows, closed by Escape or by a click elsewhere.

import { gettext } from "../gettext.js";
import { element } from "./element.js";
import { icon } from "./icons.js";

const AWAY_PX = 4;

/**
 * @typedef {object} MenuItem
 * @property {string} label
 * @property {string} [shape] its icon
 * @property {string} [note] what else is to be known of it
 * @property {() => void} [run]
 * @property {() => MenuItem[]} [items] shown in place of these, with a way back
 * @property {boolean} [isChecked] one of several of which one is chosen
 * @property {boolean} [isDangerous]
 */

/**
 * Opens a menu; the focus goes into it, and back to `anchor` when it closes.
 * @param {object} options
 * @param {HTMLElement} options.anchor
 * @param {string} options.label
 * @param {MenuItem[]} options.items
 */
export function openMenu({ anchor, label, items }) {
  const panel = element("div", {
    class: "menu__panel menu__panel--floating",
    role: "menu",
    "aria-label": label,
    popover: "auto",
    keydown: walk,
    toggle: (event) => event.newState === "closed" && leave(),
  });
  document.body.append(panel);
  anchor.setAttribute("aria-expanded", "true");
  show(items);
  panel.showPopover();
  place(panel, anchor);
  rowsOf(panel)[0].focus();

  /** @param {MenuItem[]} shown */
  function show(shown) {
    panel.replaceChildren(...shown.map((item) => rowOf(item, () => choose(item))));
  }

  /** @param {MenuItem} item */
  function choose(item) {
    if (item.items !== undefined) {
      const back = { label: gettext("Back"), shape: "left", items: () => items };
      show(item.items() === items ? items : [back, ...item.items()]);
      place(panel, anchor);
      rowsOf(panel)[0].focus();
      return;
    }
    panel.hidePopover();
    anchor.focus();
    item.run?.();
  }

  /** @param {KeyboardEvent} event */
  function walk(event) {
    const rows = rowsOf(panel);
    const at = rows.findIndex((row) => row === document.activeElement);
    const next = targetOf(event, rows, at);
    if (event.key === "Escape" || event.key === "Tab") {
      panel.hidePopover();
      anchor.focus();
    } else if (next === undefined) return;
    else next.focus();
    event.preventDefault();
    event.stopPropagation(); // Escape also stops a run
  }

  function leave() {
    const hadFocus = panel.contains(document.activeElement);
    panel.remove();
    anchor.setAttribute("aria-expanded", "false");
    if (hadFocus) anchor.focus();
  }
}

/** @type {(item: MenuItem, click: () => void) => HTMLElement} */
function rowOf({ label, shape, note, isChecked, isDangerous, items }, click) {
  const role = isChecked === undefined ? "menuitem" : "menuitemradio";
  return element(
    "button",
    {
      type: "button",
      class: `menu__item${isDangerous ? " menu__item--danger" : ""}`,
      role,
      tabindex: "-1",
      "aria-checked": isChecked === undefined ? null : String(isChecked),
      "aria-haspopup": items === undefined ? null : "menu",
      click,
    },
    ...(shape ? [icon(shape)] : []),
    element("span", { class: "menu__text", dir: "auto" }, label),
    ...(note ? [element("span", { class: "menu__note" }, note)] : []),
    ...(items === undefined || shape === "left" ? [] : [icon("chevron")]),
  );
}

/** @type {(panel: HTMLElement) => HTMLElement[]} */
function rowsOf(panel) {
  return [.../** @type {NodeListOf<HTMLElement>} */ (panel.querySelectorAll(".menu__item"))];
}

/** @type {(event: KeyboardEvent, rows: HTMLElement[], at: number) => HTMLElement | undefined} */
function targetOf({ key }, rows, at) {
  /** @type {Record<string, number>} */
  const places = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 };
  if (Object.hasOwn(places, key)) return rows.at(places[key] % rows.length);
  if (key.length !== 1) return undefined;
  const rest = [...rows.slice(at + 1), ...rows.slice(0, at + 1)];
  return rest.find((row) => row.textContent.toLowerCase().startsWith(key.toLowerCase()));
}

// Below the button or above it, and never beyond the window.
/** @type {(panel: HTMLElement, anchor: HTMLElement) => void} */
function place(panel, anchor) {
  const at = anchor.getBoundingClientRect();
  const { width, height } = panel.getBoundingClientRect();
  const isRight = getComputedStyle(anchor).direction === "rtl";
  const left = isRight ? at.left : at.right - width;
  const below = at.bottom + AWAY_PX;
  const top = below + height > innerHeight ? at.top - height - AWAY_PX : below;
  panel.style.left = `${within(left, innerWidth - width)}px`;
  panel.style.top = `${within(top, innerHeight - height)}px`;
}

/** @type {(value: number, end: number) => number} */
function within(value, end) {
  return Math.max(AWAY_PX, Math.min(value, end - AWAY_PX));
}

// Short notices at the edge of the page: they go by themselves, but not while somebody is at them.

import { gettext } from "../gettext.js";
import { element } from "./element.js";
import { icon } from "./icons.js";

const SHOWN_MS = 10_000;
const TOASTS_MAX = 3;

/**
 * @typedef {object} Toast
 * @property {string} text
 * @property {"calm" | "danger"} [tone]
 * @property {{label: string, run: () => void}} [action]
 *
 * @typedef {ReturnType<typeof createToasts>} Toasts
 */

/** @param {HTMLElement} region whose additions are read aloud */
export function createToasts(region) {
  /** @type {{action: Toast["action"], end: () => void}[]} */
  const toasts = [];

  /** @param {Toast} toast */
  function show({ text, tone = "calm", action }) {
    const toast = { action, end };
    const timer = createTimer(SHOWN_MS, end);
    const node = element(
      "div",
      {
        class: `toast toast--${tone}`,
        pointerenter: timer.pause,
        pointerleave: goOn,
        focusin: timer.pause,
        focusout: goOn,
        keydown: (event) => {
          if (event.key !== "Escape") return;
          event.stopPropagation(); // Escape also stops a run
          end();
        },
      },
      element("span", { class: "toast__text", dir: "auto" }, text),
      ...(action ? [actionButton(action.label, run)] : []),
      element(
        "button",
        {
          type: "button",
          class: "button button--quiet button--icon",
          "aria-label": gettext("Dismiss"),
          click: end,
        },
        icon("close"),
      ),
    );

    /** @param {FocusEvent | PointerEvent} event */
    function goOn({ relatedTarget }) {
      const next = /** @type {Node | null} */ (relatedTarget) ?? document.activeElement;
      if (!node.contains(next) && !node.matches(":hover")) timer.go();
    }

    function run() {
      end();
      action?.run();
    }

    function end() {
      timer.pause();
      if (toasts.includes(toast)) toasts.splice(toasts.indexOf(toast), 1);
      const hadFocus = node.contains(document.activeElement);
      node.remove();
      if (hadFocus) document.getElementById("message")?.focus();
    }

    toasts.push(toast);
    if (toasts.length > TOASTS_MAX) toasts[0].end();
    region.append(node);
    timer.go();
    return end;
  }

  return {
    show,
    /** Does what the newest toast offers; false where none offers anything. */
    act() {
      const toast = toasts.findLast((each) => each.action !== undefined);
      if (toast === undefined) return false;
      toast.end();
      toast.action?.run();
      return true;
    },
  };
}

/** @type {(label: string, click: () => void) => HTMLButtonElement} */
function actionButton(label, click) {
  return element("button", { type: "button", class: "button button--small", click }, label);
}

// Stops while it is paused, and goes on with what was left.
/** @type {(ms: number, over: () => void) => {go: () => void, pause: () => void}} */
function createTimer(ms, over) {
  let left = ms;
  let began = 0;
  /** @type {number | null} */
  let timer = null;
  return {
    go() {
      if (timer !== null) return;
      began = performance.now();
      timer = setTimeout(over, left);
    },
    pause() {
      if (timer === null) return;
      clearTimeout(timer);
      timer = null;
      left = Math.max(1_000, left - (performance.now() - began));
    },
  };
}

// Short notices at the edge of the page: they go by themselves, but not while somebody is at them.

import { gettext } from "../gettext.js";
import { element } from "./element.js";
import { icon } from "./icons.js";

const SHOWN_MS = 10_000;
const TOASTS_MAX = 3;

/** @param {HTMLElement} region whose additions are read aloud */
export function createToasts(region) {
  const toasts = [];

  /**
   * @param {object} toast
   * @param {string} toast.text
   * @param {"calm" | "danger"} [toast.tone]
   * @param {{label: string, run: () => void}} [toast.action]
   */
  function show({ text, tone = "calm", action }) {
    const toast = { action, end };
    const timer = createTimer(SHOWN_MS, end);
    toast.node = element(
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

    function goOn({ relatedTarget }) {
      const isHeld = toast.node.contains(relatedTarget ?? document.activeElement);
      if (!isHeld && !toast.node.matches(":hover")) timer.go();
    }

    function run() {
      end();
      action.run();
    }

    function end() {
      timer.pause();
      if (toasts.includes(toast)) toasts.splice(toasts.indexOf(toast), 1);
      const hadFocus = toast.node.contains(document.activeElement);
      toast.node.remove();
      if (hadFocus) document.getElementById("message")?.focus();
    }

    toasts.push(toast);
    if (toasts.length > TOASTS_MAX) toasts[0].end();
    region.append(toast.node);
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
      toast.action.run();
      return true;
    },
  };
}

function actionButton(label, click) {
  return element("button", { type: "button", class: "button button--small", click }, label);
}

// Stops while it is paused, and goes on with what was left.
function createTimer(ms, over) {
  let left = ms;
  let began = 0;
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

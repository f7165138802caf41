// What the agent says to itself: open while nothing else is there, then one quiet line.

import { element, setText } from "./element.js";
import { icon } from "./icons.js";

/** @returns {{node: HTMLElement, update: (run: object, isThinking: boolean) => void}} */
export function createThinking() {
  const label = element("span", {}, "Thinking…");
  const text = element("p", { class: "thinking__text" });
  const head = element(
    "summary",
    { class: "thinking__head" },
    icon("spark"),
    label,
    icon("chevron"),
  );
  const node = element("details", { class: "thinking" }, head, text);
  let chosen = false; // once the reader opened or closed it, it stays as they left it

  head.addEventListener("click", () => {
    chosen = true;
  });
  return {
    node,
    update(run, isThinking) {
      node.hidden = !isThinking && run.thinking === "";
      node.dataset.active = String(isThinking);
      if (!chosen && node.open !== isThinking) node.open = isThinking;
      setText(label, isThinking ? "Thinking…" : "Thought");
      setText(text, run.thinking);
      text.hidden = run.thinking === "";
    },
  };
}

// Walks from message to message by key: each takes the focus, with a ring to be seen.

/**
 * @param {HTMLElement} region the conversation
 * @param {1 | -1} step
 * @param {() => void} onEnd after the last message
 */
export function walkMessages(region, step, onEnd) {
  const messages = [...region.querySelectorAll("article")];
  const next = nextOf(messages, { region, step });
  if (next !== undefined) focusMessage(next, "start");
  else if (step > 0) onEnd();
}

/**
 * @param {HTMLElement} message
 * @param {"start" | "center"} block where in the region it comes to stand
 */
export function focusMessage(message, block) {
  message.tabIndex = -1;
  message.focus({ preventScroll: true });
  message.scrollIntoView({ block });
}

/**
 * @param {HTMLElement[]} messages
 * @param {{region: HTMLElement, step: number}} where
 */
function nextOf(messages, { region, step }) {
  const focused = document.activeElement?.closest("article") ?? null;
  const at = messages.findIndex((each) => each === focused);
  if (at >= 0) return messages[at + step];
  if (step < 0) return messages.at(-1);
  const { top } = region.getBoundingClientRect();
  return messages.find((each) => each.getBoundingClientRect().top >= top);
}

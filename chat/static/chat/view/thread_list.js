// The list of threads, newest first; in a narrow window it is a drawer.

import { element, setChildren, setText } from "./element.js";

/**
 * @param {object} options
 * @param {HTMLElement} options.list
 * @param {HTMLElement} options.empty said while there are no threads
 * @param {(thread_id: string) => void} options.onOpen
 */
export function createThreadList({ list, empty, onOpen }) {
  const rows = new Map();

  function rowOf(thread_id) {
    const text = element("span", { class: "list-item__text" });
    const dot = element("span", { class: "dot dot--active", role: "img", "aria-label": "Running" });
    const link = element(
      "a",
      { class: "list-item", href: `/chat/${encodeURIComponent(thread_id)}/`, click: open },
      text,
      dot,
    );
    function open(event) {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      onOpen(thread_id);
    }
    return { node: element("li", {}, link), link, text, dot };
  }

  return {
    update({ list: threads, listLoaded, current }) {
      for (const thread of threads) {
        if (!rows.has(thread.thread_id)) rows.set(thread.thread_id, rowOf(thread.thread_id));
        const row = rows.get(thread.thread_id);
        setText(row.text, thread.title || "New thread");
        row.link.title = thread.title;
        row.dot.hidden = !thread.running;
        if (thread.thread_id === current) row.link.setAttribute("aria-current", "page");
        else row.link.removeAttribute("aria-current");
      }
      setChildren(
        list,
        threads.map((thread) => rows.get(thread.thread_id).node),
      );
      empty.hidden = threads.length > 0 || !listLoaded;
    },
  };
}

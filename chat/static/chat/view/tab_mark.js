// The tab's title and sign: the thread, and how many threads have an answer that is not read.

/**
 * @param {object} options
 * @param {HTMLLinkElement} options.sign the page's icon
 * @param {string} options.unreadSign where the one with a mark is
 */
export function createTabMark({ sign, unreadSign }) {
  const calmSign = sign.href;
  let shown = "";
  return {
    /** @type {(title: string, unread: number) => void} */
    update(title, unread) {
      const words = `${unread > 0 ? `(${unread}) ` : ""}${title} · Netra`;
      if (words === shown) return;
      shown = words;
      document.title = words;
      const address = unread > 0 ? unreadSign : calmSign;
      if (sign.href !== address) sign.href = address;
    },
  };
}

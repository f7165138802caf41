// Links of an answer: they open beside the page, tell it nothing, and say where they lead.

import { plainName } from "../bidi.js";
import { element } from "./element.js";

const HOST_IN_TEXT = /^\s*(?:https?:\/\/)?(?:[^\s/@]*@)?([^\s/:?#@]+\.[^\s/:?#@]+)/i;

/**
 * Makes a link safe to press; one that leads nowhere stays as it is.
 * @param {HTMLAnchorElement} link
 */
export function finishLink(link) {
  if (!link.hasAttribute("href")) return;
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  plainText(link);
  const host = hostToTell(link);
  if (host !== null) link.append(element("bdi", { class: "link__host", dir: "ltr" }, ` (${host})`));
}

// Where the words name another host than the address, or one of look-alike letters.
/** @type {(link: HTMLAnchorElement) => string | null} */
function hostToTell(link) {
  const { hostname } = link;
  if (hostname === "" || hostname === location.hostname) return null;
  if (hostname.split(".").some((label) => label.startsWith("xn--"))) return hostname;
  const named = HOST_IN_TEXT.exec(link.textContent)?.[1].toLowerCase();
  if (named === undefined || !/\.[a-z]{2,}$/.test(named)) return null;
  return withoutWww(named) === withoutWww(hostname) ? null : hostname;
}

/** @type {(host: string) => string} */
function withoutWww(host) {
  return host.replace(/^www\./, "");
}

/** @type {(link: HTMLAnchorElement) => void} */
function plainText(link) {
  const texts = document.createTreeWalker(link, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = /** @type {Text} */ (texts.currentNode);
    const plain = plainName(node.data);
    if (plain !== node.data) node.data = plain;
  }
}

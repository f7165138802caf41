// Items of an answer as the HTML that their elements would be.

const SIGNS = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escaped = (text) => text.replace(/[&<>"]/g, (sign) => SIGNS[sign]);

/** @param {import("../../chat/static/chat/prose.js").Item[]} items */
export function htmlOf(items) {
  return items.map(htmlOfOne).join("");
}

function htmlOfOne(item) {
  const { kind, tag, text, source, language, attributes = {}, children = [] } = item;
  if (kind === "text") return escaped(text);
  if (kind === "code") {
    const name = language === "" ? "" : ` class="language-${escaped(language)}"`;
    return `<pre><code${name}>${escaped(source.replace(/\n$/, ""))}</code></pre>`;
  }
  const named = Object.entries(attributes).filter(([name]) => name !== "dir");
  const written = named.map(([name, value]) => ` ${name}="${escaped(value)}"`).join("");
  if (["br", "hr"].includes(tag)) return `<${tag}${written}>`;
  const inside = kind === "formula" ? escaped(text) : htmlOf(children);
  return `<${tag}${written}>${inside}</${tag}>`;
}

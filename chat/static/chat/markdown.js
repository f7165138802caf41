// Markdown into safe DOM: markdown-it without HTML, then DOMPurify, then our own finish.

import DOMPurify from "../vendor/dompurify.js";
import hljs from "../vendor/highlight.js";
import MarkdownIt from "../vendor/markdown-it.js";
import { blocksOf, finishedCount } from "./blocks.js";
import { element } from "./view/element.js";
import { icon } from "./view/icons.js";

// Colouring is quadratic for a block that grows; above this size it waits for the end.
const HIGHLIGHT_WHILE_GROWING_MAX_CHARS = 4_000;
const HIGHLIGHT_MAX_CHARS = 60_000;

const md = new MarkdownIt({ html: false, linkify: true, breaks: false });
md.renderer.rules.fence = (tokens, index, options, env) => {
  const language = md.utils.escapeHtml(tokens[index].info.trim().split(/\s+/)[0]);
  const code = coloured(tokens[index].content, language, env.isGrowing);
  return `<pre><code class="language-${language}">${code}</code></pre>`;
};
// Remote images would be requests off our origin: they are shown as links.
md.renderer.rules.image = (tokens, index) => {
  const source = md.utils.escapeHtml(tokens[index].attrGet("src") ?? "");
  const text = md.utils.escapeHtml(tokens[index].content || "image");
  return `<a href="${source}">${text}</a>`;
};
// Column alignment as a class: the content security policy refuses style attributes.
for (const rule of ["th_open", "td_open"]) {
  md.renderer.rules[rule] = (tokens, index, options, env, self) => {
    const style = tokens[index].attrGet("style");
    if (style) tokens[index].attrs = [["class", `align-${style.split(":")[1]}`]];
    return self.renderToken(tokens, index, options);
  };
}

const SAFE = {
  ALLOWED_TAGS: [
    ...["a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr"],
    ...["li", "ol", "p", "pre", "s", "span", "strong"],
    ...["table", "tbody", "td", "th", "thead", "tr", "ul"],
  ],
  ALLOWED_ATTR: ["href", "title", "class", "start"],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|\/(?!\/)|#)/i,
  RETURN_DOM_FRAGMENT: true,
};

/** Fills `target` with the whole of a finished text. */
export function renderMarkdown(target, text) {
  new Markdown(target).finish(text);
}

/**
 * Keeps `target` showing a text that grows. Blocks that are finished keep their DOM; `finish`
 * compares every block once more, since a link's definition may come long after its use.
 */
export class Markdown {
  #target;
  #finished = []; // {html, node} of blocks that `update` no longer looks at
  #growing = []; // {html, node} of the blocks behind them
  #offset = 0;
  #env = {};
  #shown = "";

  constructor(target) {
    this.#target = target;
  }

  update(source) {
    const text = withPlainNewlines(source);
    if (text === this.#shown) return;
    if (!text.startsWith(this.#shown)) this.#reset();
    this.#shown = text;
    const tail = text.slice(this.#offset);
    const blocks = this.#show(tail, { isGrowing: true });
    const done = finishedCount(tail, blocks);
    if (done === 0) return;
    this.#finished.push(...this.#growing.splice(0, done));
    this.#offset += blocks[done].start;
  }

  finish(source) {
    const text = withPlainNewlines(source);
    this.#growing = [...this.#finished, ...this.#growing];
    this.#finished = [];
    this.#offset = 0;
    this.#env = {};
    this.#shown = text;
    this.#show(text, { isGrowing: false });
  }

  #reset() {
    this.#target.replaceChildren();
    this.#finished = [];
    this.#growing = [];
    this.#offset = 0;
    this.#env = {};
  }

  #show(text, { isGrowing }) {
    this.#env.isGrowing = isGrowing;
    const blocks = blocksOf(md, text, this.#env);
    const htmls = blocks.map((block) => md.renderer.render(block.tokens, md.options, this.#env));
    this.#growing = patch(this.#target, this.#growing, htmls, this.#finished.length);
    return blocks;
  }
}

function coloured(code, language, isGrowing) {
  const limit = isGrowing ? HIGHLIGHT_WHILE_GROWING_MAX_CHARS : HIGHLIGHT_MAX_CHARS;
  if (code.length > limit || !hljs.getLanguage(language)) return md.utils.escapeHtml(code);
  return hljs.highlight(code, { language, ignoreIllegals: true }).value;
}

function withPlainNewlines(text) {
  return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
}

// Replaces the nodes from `from` on whose html differs; answers what is shown there now.
function patch(target, before, htmls, from) {
  const after = htmls.map((html, index) => {
    const held = before[index];
    if (held?.html === html) return held;
    const node = nodeOf(html);
    if (held) held.node.replaceWith(node);
    else target.insertBefore(node, target.children[from + index] ?? null);
    return { html, node };
  });
  for (const { node } of before.slice(htmls.length)) node.remove();
  return after;
}

function nodeOf(html) {
  const fragment = DOMPurify.sanitize(html, SAFE);
  const node = fragment.firstElementChild ?? element("p", {}, fragment.textContent ?? "");
  const root = element("div", {}, node);
  for (const link of root.querySelectorAll("a[href]")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
  }
  for (const table of root.querySelectorAll("table")) frameTable(table);
  for (const pre of root.querySelectorAll("pre")) frameCode(pre);
  return root.firstElementChild;
}

function frameTable(table) {
  const frame = element("div", {
    class: "table-frame",
    tabindex: "0",
    role: "group",
    "aria-label": "Table",
  });
  table.replaceWith(frame);
  frame.append(table);
}

function frameCode(pre) {
  const code = pre.querySelector("code");
  const language = /language-([\w+#.-]+)/.exec(code?.className ?? "")?.[1] ?? "text";
  const copy = element(
    "button",
    { type: "button", class: "button button--quiet button--small", "data-copy": "" },
    icon("copy"),
    element("span", {}, "Copy"),
  );
  const head = element("div", { class: "code__head" }, element("span", {}, language), copy);
  const frame = element("div", { class: "code" }, head);
  pre.replaceWith(frame);
  pre.tabIndex = 0;
  frame.append(pre);
}

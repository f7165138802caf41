// The few icons of the page, drawn with one pen: 24 by 24, stroke 1.75, round ends.

const SVG = "http://www.w3.org/2000/svg";
/** @type {Record<string, string>} */
const PATHS = {
  arrow_up: "M12 19V5M6 11l6-6 6 6",
  arrow_down: "M12 5v14M6 13l6 6 6-6",
  stop: "M7 7h10v10H7z",
  clip: "M20 11.5l-8.2 8.2a5 5 0 0 1-7.1-7.1l8.6-8.6a3.3 3.3 0 0 1 4.7 4.7l-8.5 8.5a1.7 1.7 0 0 1-2.4-2.4l7.8-7.7",
  close: "M6 6l12 12M18 6L6 18",
  left: "M14.5 6l-6 6 6 6",
  right: "M9.5 6l6 6-6 6",
  pencil: "M4 20l1-4L16.5 4.5l3 3L8 19zM14 7l3 3",
  again: "M19.5 12a7.5 7.5 0 1 1-2.3-5.4M19.5 3.5v4h-4",
  copy: "M9 9h10v11H9zM5 15V4h10",
  check: "M5 12.5l4.5 4.5L19 7.5",
  wrap: "M4 6h16M4 18h5M4 12h13.5a3 3 0 0 1 0 6H13M15.5 15.5L13 18l2.5 2.5",
  up: "M7 20V10.5L11 3a2 2 0 0 1 2.2 2.5L12.5 9.5H18a2 2 0 0 1 2 2.4l-1.4 6.5a2 2 0 0 1-2 1.6zM7 10.5H4V20h3",
  down: "M7 4v9.5L11 21a2 2 0 0 0 2.2-2.5l-.7-4H18a2 2 0 0 0 2-2.4l-1.4-6.5a2 2 0 0 0-2-1.6zM7 13.5H4V4h3",
  more: "M5.5 12h.01M12 12h.01M18.5 12h.01",
  plus: "M12 5v14M5 12h14",
  pin: "M9 3.5h6l-.8 6.5 3.3 3.5h-11l3.3-3.5zM12 13.5V21",
  folder: "M3.5 18.5v-13h6l2 2.5h9v10.5z",
  archive: "M4 8.5v11h16v-11M3 4.5h18v4H3zM10 12.5h4",
  share: "M12 15V3.5M8 7l4-4 4 4M5 12v8h14v-8",
  export: "M12 4v11M8 11.5l4 4 4-4M5 16v4h14v-4",
  bin: "M4.5 6.5h15M9 6.5V4h6v2.5M6.5 6.5l1 13.5h9l1-13.5M10 10.5v6M14 10.5v6",
  search: "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13M15.5 15.5l5 5",
  list: "M4 5h16v14H4zM9.5 5v14",
  keyboard: "M3 6.5h18v11H3zM7 10.5h.01M11 10.5h.01M15 10.5h.01M18 10.5h.01M8 14h8",
  theme: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
  clock: "M12 4a8 8 0 1 1 0 16a8 8 0 0 1 0-16M12 8v4.5l3 2",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  prompt: "M5 4h14v12H11l-4 4v-4H5zM8.5 8.5h7M8.5 11.5h4.5",
  alert: "M12 8v5M12 16.5v.1M12 3.5l9.5 16.5h-19z",
  chevron: "M9 6l6 6-6 6",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  spark: "M12 4l1.8 6.2L20 12l-6.2 1.8L12 20l-1.8-6.2L4 12l6.2-1.8z",
  wrench:
    "M14.5 6.5a4 4 0 0 1 5-1.2l-2.7 2.7 1.7 1.7 2.7-2.7a4 4 0 0 1-5.4 4.6L8 19.5 5 16.5l8-7.7a4 4 0 0 1 1.5-2.3z",
};

/** @type {Map<string, SVGSVGElement>} */
const drawn = new Map();

/**
 * An icon as an element that assistive technology passes over.
 * @param {string} name
 */
export function icon(name) {
  const held = drawn.get(name) ?? draw(name);
  drawn.set(name, held);
  return /** @type {SVGSVGElement} */ (held.cloneNode(true)); // a third of the work of a new one
}

/** @param {string} name */
function draw(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

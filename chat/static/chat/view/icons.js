// The few icons of the page, drawn with one pen: 24 by 24, stroke 1.75, round ends.

const SVG = "http://www.w3.org/2000/svg";
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
  alert: "M12 8v5M12 16.5v.1M12 3.5l9.5 16.5h-19z",
  chevron: "M9 6l6 6-6 6",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  spark: "M12 4l1.8 6.2L20 12l-6.2 1.8L12 20l-1.8-6.2L4 12l6.2-1.8z",
  wrench:
    "M14.5 6.5a4 4 0 0 1 5-1.2l-2.7 2.7 1.7 1.7 2.7-2.7a4 4 0 0 1-5.4 4.6L8 19.5 5 16.5l8-7.7a4 4 0 0 1 1.5-2.3z",
};

/** An icon as an element that assistive technology passes over. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

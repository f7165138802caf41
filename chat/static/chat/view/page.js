// The frame around the conversation: what the template has, and its menus.

/**
 * An element that the page's template has.
 * @param {string} id
 */
export function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** Menus are <details>: they close on Escape and on a click elsewhere. */
export function closeMenusOutside() {
  document.addEventListener("click", (event) => {
    const pressed = /** @type {Node} */ (event.target);
    /** @type {NodeListOf<HTMLDetailsElement>} */
    const menus = document.querySelectorAll("details.menu[open]");
    for (const menu of menus) if (!menu.contains(pressed)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    const pressed = /** @type {Partial<Element>} */ (event.target);
    /** @type {HTMLDetailsElement | null | undefined} */
    const menu = pressed.closest?.("details.menu[open]");
    if (event.key !== "Escape" || !menu) return;
    event.stopPropagation();
    menu.open = false;
    menu.querySelector("summary")?.focus();
  });
}

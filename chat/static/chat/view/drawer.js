// The sidebar: in a narrow window a drawer over the page, elsewhere a column that can be hidden.

/** @typedef {ReturnType<typeof createDrawer>} Drawer */

const KEY = "netra.sidebar";

/**
 * @param {object} options
 * @param {HTMLElement} options.app
 * @param {HTMLElement} options.sidebar
 * @param {HTMLElement} options.opener
 * @param {HTMLElement} options.closer
 * @param {HTMLElement} options.scrim
 */
export function createDrawer({ app, sidebar, opener, closer, scrim }) {
  const narrow = matchMedia("(max-width: 767px)");

  /** @param {boolean} isOpen */
  function show(isOpen) {
    app.dataset.drawer = isOpen && narrow.matches ? "open" : "closed";
    app.dataset.sidebar = isOpen ? "shown" : "hidden";
    opener.setAttribute("aria-expanded", String(isOpen));
    scrim.hidden = app.dataset.drawer !== "open";
    sidebar.inert = !isOpen;
  }

  /** @param {boolean} isOpen */
  function set(isOpen) {
    show(isOpen);
    if (!narrow.matches) remember(isOpen);
    if (!isOpen) opener.focus();
    else /** @type {HTMLElement | null} */ (sidebar.querySelector("button, a"))?.focus();
  }

  /** After something was chosen: a column stays, a drawer goes. */
  function close() {
    if (app.dataset.drawer === "open") set(false);
  }

  opener.addEventListener("click", () => set(true));
  closer.addEventListener("click", () => set(false));
  scrim.addEventListener("click", close);
  sidebar.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || app.dataset.drawer !== "open") return;
    event.stopPropagation(); // Escape also stops a run
    close();
  });
  const settle = () => show(!narrow.matches && !wasHidden());
  narrow.addEventListener("change", settle);
  settle();
  return {
    close,
    toggle: () => set(app.dataset.sidebar !== "shown"),
    /** Shows it where it is hidden. */
    open: () => app.dataset.sidebar !== "shown" && set(true),
  };
}

function wasHidden() {
  try {
    return localStorage.getItem(KEY) === "hidden";
  } catch {
    return false; // storage is refused in some private windows
  }
}

/** @param {boolean} isOpen */
function remember(isOpen) {
  try {
    if (isOpen) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, "hidden");
  } catch {
    // It is shown again on the next page, nothing else.
  }
}

// The frame around the conversation: drawer, menus, theme, title, and what is said aloud.

import { ENDED, isUndecided } from "../run.js";
import { setText } from "./element.js";
import { nameWords } from "./words.js";

const THEME_KEY = "netra.theme";

/** In a narrow window the list of threads is a drawer; elsewhere this changes nothing. */
export function createDrawer({ app, opener, scrim }) {
  const narrow = matchMedia("(max-width: 767px)");
  const sidebar = document.getElementById("sidebar");

  function set(isOpen) {
    app.dataset.drawer = isOpen ? "open" : "closed";
    opener.setAttribute("aria-expanded", String(isOpen));
    scrim.hidden = !isOpen;
    sidebar.inert = narrow.matches && !isOpen;
  }

  function close() {
    if (app.dataset.drawer !== "open") return;
    set(false);
    opener.focus();
  }

  opener.addEventListener("click", () => {
    set(true);
    sidebar.querySelector("button, a").focus();
  });
  scrim.addEventListener("click", close);
  document.getElementById("close-drawer").addEventListener("click", close);
  sidebar.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || app.dataset.drawer !== "open") return;
    event.stopPropagation(); // Escape also stops a run
    close();
  });
  narrow.addEventListener("change", () => set(false));
  set(false);
  return { close };
}

/** Menus are <details>: they close on Escape and on a click elsewhere. */
export function closeMenusOutside() {
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.("details.menu[open]");
    if (event.key !== "Escape" || !menu) return;
    event.stopPropagation();
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

/** The three theme buttons; "system" takes the choice back. */
export function createThemeChoice(buttons) {
  function show(theme) {
    for (const button of buttons) {
      button.setAttribute("aria-checked", String(button.dataset.chooseTheme === theme));
    }
  }
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const theme = button.dataset.chooseTheme;
      if (theme === "system") {
        delete document.documentElement.dataset.theme;
        localStorage.removeItem(THEME_KEY);
      } else {
        document.documentElement.dataset.theme = theme;
        localStorage.setItem(THEME_KEY, theme);
      }
      show(theme);
    });
  }
  show(document.documentElement.dataset.theme ?? "system");
}

/** Says when an answer has ended or waits for the user; the growing text itself is not live. */
export function createAnnouncer(region) {
  const words = {
    completed: "The assistant has answered.",
    stopped: "The answer was stopped.",
    failed: "The answer failed.",
    limit: "A limit was reached.",
  };
  let key = null;
  let open = new Set();
  let asked = new Set(); // ids of calls of this thread whose approval has been asked for
  return {
    update(current, thread) {
      const runs = Object.values(thread.runs);
      const ended = runs.filter((run) => open.has(run.run_id) && ENDED.has(run.status));
      if (current === key && ended.length > 0) setText(region, words[ended.at(-1).status]);
      else if (current !== key) setText(region, "");
      if (current !== key) asked = new Set();
      for (const { run_id, call_id, tool_name } of undecidedCalls(runs)) {
        const id = `${run_id} ${call_id}`;
        if (asked.has(id)) continue;
        asked.add(id);
        setText(region, `The assistant asks whether it may use ${nameWords(tool_name)}.`);
      }
      key = current;
      open = new Set(runs.filter((run) => !ENDED.has(run.status)).map((run) => run.run_id));
    },
  };
}

function undecidedCalls(runs) {
  return runs.flatMap(({ run_id, calls }) =>
    calls.filter(isUndecided).map((call) => ({ ...call, run_id })),
  );
}

// Runs before the first paint, so that a chosen theme never flashes the other one.
// A classic script: modules are deferred, and that would be too late.
(function applyChosenTheme() {
  let theme = null;
  try {
    theme = localStorage.getItem("netra.theme");
  } catch {
    // Storage is refused in some private windows; the system's theme stands.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();

// Runs before the first paint, so that a chosen theme or size never flashes the other one.
// A classic script: modules are deferred, and that would be too late.
(function applyChoices() {
  const { dataset } = document.documentElement;
  let theme = null;
  let size = null;
  try {
    theme = localStorage.getItem("netra.theme");
    size = localStorage.getItem("netra.size");
  } catch {
    // Storage is refused in some private windows; the system's theme stands.
  }
  if (theme === "light" || theme === "dark") dataset.theme = theme;
  if (size === "small" || size === "large") dataset.size = size;
})();

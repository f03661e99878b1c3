// Runs before the first paint, so that nobody who uses the dark theme sees a white flash. A file of its own: no inline script.
(function () {
  var stored = null;
  try {
    stored = localStorage.getItem("mantine-color-scheme-value");
  } catch (error) {
    stored = null; // storage can be forbidden; then the system's preference decides
  }
  var system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  var scheme = stored === "dark" || stored === "light" ? stored : system;
  document.documentElement.setAttribute("data-mantine-color-scheme", scheme);
})();

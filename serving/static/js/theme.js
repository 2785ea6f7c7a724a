// Runs before the first paint, so that the page does not flash in the other theme. (Not a module: those wait.)
document.documentElement.dataset.theme = (() => {
  try {
    return localStorage.getItem("tidemark.theme") || "auto";
  } catch {
    return "auto"; // storage is forbidden
  }
})();

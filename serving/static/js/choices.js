// What the viewer has chosen: what is shown in the address, so that it can be passed on; the rest on this machine.

const PREFIX = "tidemark.";

export const shown = () => Object.fromEntries(new URLSearchParams(location.search));

/** Change what the address says; null takes a word out. */
export function show(changed) {
  const words = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changed)) {
    if (value === null || value === undefined) words.delete(name);
    else words.set(name, value);
  }
  history.replaceState(null, "", `${location.pathname}?${words}`);
}

export function kept(name, usual) {
  try {
    return localStorage.getItem(PREFIX + name) ?? usual;
  } catch {
    return usual; // storage is forbidden
  }
}

export function keep(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // It then holds until the page is closed.
  }
}

/** Bind a form control to a value that is kept; calls `changed` when the viewer changes it. */
export function bind(control, name, changed) {
  const property = control.type === "checkbox" ? "checked" : "value";
  const value = kept(name, null);
  if (value !== null) control[property] = property === "checked" ? value === "true" : value;
  control.addEventListener("input", () => {
    keep(name, String(control[property]));
    changed();
  });
}

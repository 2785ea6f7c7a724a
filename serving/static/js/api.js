// Asks the REST API; the key, where one is needed, is sent as a header and kept as long as the tab is open.

import { byId } from "./dom.js";

const KEPT = "tidemark.key";
let key = sessionStorage.getItem(KEPT);
let asking = null;

/** What the API refused, or that it could not be reached. */
export class Refusal extends Error {
  constructor(status, detail, hint, after = null) {
    super(detail);
    this.status = status;
    this.hint = hint;
    this.after = after; // seconds
  }
}

export const headers = () => (key ? { Authorization: `Bearer ${key}` } : {});

/** Ask the API; `query` without what is null or empty. Returns its JSON. Throws Refusal, or AbortError. */
export async function ask(path, query = {}, signal = undefined) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const address = `/api/v1/${path}${given.length ? `?${new URLSearchParams(given)}` : ""}`;
  for (;;) {
    const answer = await send(address, signal);
    if (answer.ok) return answer.json();
    const refusal = await refused(answer);
    if (refusal.status !== 401) throw refusal;
    await askForKey(refusal.message);
    signal?.throwIfAborted();
  }
}

async function send(address, signal) {
  try {
    return await fetch(address, { headers: headers(), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, "The API cannot be reached.", "It is asked again by itself.");
  }
}

/** Read a problem (RFC 9457). */
export async function refused(answer) {
  const after = Number(answer.headers.get("Retry-After")) || null;
  try {
    const problem = await answer.json();
    return new Refusal(answer.status, problem.detail || problem.title, problem.hint || "", after);
  } catch {
    return new Refusal(answer.status, `The API answered ${answer.status}.`, "", after);
  }
}

/** Show the dialog for a key, once for all who need it; resolves when there is one. */
export function askForKey(why) {
  asking ??= new Promise((resolve) => {
    const dialog = byId("key-dialog");
    byId("key-why").textContent = why;
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener(
      "close",
      () => {
        key = byId("key").value.trim();
        byId("key").value = "";
        sessionStorage.setItem(KEPT, key);
        asking = null;
        resolve();
      },
      { once: true },
    );
    dialog.showModal();
  });
  return asking;
}

// A panel is loading, ready, empty or in error; what it showed stays while it is asked for anew.

import { el } from "./dom.js";
import { hourMinute } from "./format.js";

export class Empty extends Error {
  constructor(text, hint = "") {
    super(text);
    this.hint = hint;
  }
}

export class Panel {
  /** `load(signal)` asks for what is shown; `draw(body, data)` shows it and may throw Empty. */
  constructor(section, load, draw) {
    this.section = section;
    this.body = section.querySelector(":scope > .body");
    this.notice = section.querySelector(":scope > .notice");
    this.load = load;
    this.draw = draw;
    this.data = null;
    this.text = null;
    this.skeleton();
  }

  set state(state) {
    this.section.dataset.state = state;
    this.section.setAttribute("aria-busy", String(state === "loading"));
  }

  skeleton() {
    this.state = "loading";
    this.notice.hidden = true;
    this.data = this.text = null;
  }

  /** Forget what is shown, as it is about something else now, and load. */
  restart() {
    this.skeleton();
    return this.refresh();
  }

  /** Load and show. A call that another one has overtaken shows nothing. */
  async refresh() {
    this.abort?.abort();
    const abort = (this.abort = new AbortController());
    try {
      const data = await this.load(abort.signal);
      if (abort.signal.aborted) return;
      this.section.removeAttribute("data-old");
      this.show(data);
    } catch (error) {
      if (abort.signal.aborted || error.name === "AbortError") return;
      this.fail(error);
    }
  }

  /** Show `data`, unless it is what is shown already; without, what is there, in another way. */
  show(data = undefined) {
    if (data !== undefined) {
      const text = JSON.stringify(data);
      if (text === this.text && this.section.dataset.state === "ready") return;
      this.text = text;
      this.data = data;
    }
    if (this.data === null) return;
    try {
      this.draw(this.body, this.data);
      this.state = "ready";
      this.notice.hidden = true;
      this.at = Date.now();
    } catch (error) {
      if (!(error instanceof Empty)) throw error;
      this.say("empty", error.message, error.hint);
    }
  }

  fail(error) {
    if (error instanceof Empty) {
      this.say("empty", error.message, error.hint);
    } else if (this.data !== null && this.section.dataset.state === "ready") {
      this.section.dataset.old = `as of ${hourMinute(this.at)}`; // better old and told so than nothing
      this.notice.replaceChildren(el("p", {}, `${error.message} What is shown is as of ${hourMinute(this.at)}.`));
      this.notice.hidden = false;
    } else {
      this.say("error", error.message, error.hint, el("button", { type: "button", class: "small", onclick: () => this.restart() }, "Try again"));
    }
  }

  say(state, text, hint, ...more) {
    this.state = state;
    this.notice.replaceChildren(el("p", { class: "what" }, text), hint ? el("p", { class: "faint" }, hint) : "", ...more);
    this.notice.hidden = false;
  }
}

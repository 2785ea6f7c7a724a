// The live stream (server-sent events), and what happens while there is none.
//
// It is read by fetch and not by EventSource, which cannot send a key, cannot tell a refusal from a broken line, and
// does not notice a line that has gone dead.

import { askForKey, headers, refused } from "./api.js";

const SILENCE = 15_000; // ms without even a heartbeat, after which the stream is taken for dead
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;
const HIDDEN = 60_000; // ms out of sight after which the stream is given back: browsers allow six to a server

/** Read server-sent events from text that comes in pieces (HTML Living Standard, 9.2.6). */
export class EventParser {
  constructor(onEvent) {
    this.onEvent = onEvent;
    this.rest = "";
    this.clear();
  }

  clear() {
    this.event = { type: "message", data: [], id: undefined };
  }

  push(text) {
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop();
    for (const line of lines) this.line(line);
  }

  line(line) {
    if (line === "") {
      if (this.event.data.length) this.onEvent({ ...this.event, data: this.event.data.join("\n") });
      this.clear();
      return;
    }
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (name === "event") this.event.type = value;
    else if (name === "data") this.event.data.push(value);
    else if (name === "id") this.event.id = value;
  }
}

/** Keeps a stream open. `onEvent(type, data)`; `onState(state)`: connecting, live, reconnecting, polling or offline. */
export class Live {
  constructor(onEvent, onState) {
    this.onEvent = onEvent;
    this.onState = onState;
    this.failures = 0;
    this.run = 0;
    addEventListener("online", () => this.address && this.open(this.address));
    addEventListener("offline", () => this.onState("offline"));
    document.addEventListener("visibilitychange", () => this.seen());
  }

  seen() {
    clearTimeout(this.hiding);
    if (document.hidden) this.hiding = setTimeout(() => this.close(), HIDDEN);
    else if (this.closed && this.address) this.open(this.address);
  }

  /** Open the stream at `address`; one at another address ends. */
  open(address) {
    this.close();
    if (address !== this.address) this.last = undefined;
    this.address = address;
    this.closed = false;
    this.failures = 0;
    this.onState("connecting");
    this.keep(++this.run);
  }

  close() {
    this.closed = true;
    this.run += 1;
    this.abort?.abort();
    clearTimeout(this.waiting);
  }

  async keep(run) {
    while (run === this.run) {
      let wait = null;
      try {
        await this.read(run);
      } catch (error) {
        if (run !== this.run) return;
        if (error.status === 401) {
          await askForKey(error.message);
          continue;
        }
        wait = error.after;
      }
      if (run !== this.run) return;
      this.failures += 1;
      this.onState(!navigator.onLine ? "offline" : this.failures === 1 ? "reconnecting" : "polling");
      const usual = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (this.failures - 1)) * (0.5 + Math.random() / 2);
      await new Promise((resolve) => {
        this.waiting = setTimeout(resolve, wait ? wait * 1000 : usual);
      });
    }
  }

  async read(run) {
    const abort = (this.abort = new AbortController());
    let timer = setTimeout(() => abort.abort(), SILENCE);
    try {
      const resume = this.last === undefined ? {} : { "Last-Event-ID": this.last };
      const answer = await fetch(this.address, {
        headers: { Accept: "text/event-stream", ...headers(), ...resume },
        signal: abort.signal,
        cache: "no-store",
      });
      if (!answer.ok) throw await refused(answer);
      if (run !== this.run) return;
      this.onState("live");
      const parser = new EventParser(({ type, data, id }) => {
        if (run !== this.run) return;
        this.failures = 0;
        if (id !== undefined) this.last = id;
        const told = JSON.parse(data);
        if (type !== "heartbeat") this.onEvent(type, told);
        else this.onState((told.kafka ?? "ok") === "ok" ? "live" : "polling"); // a stream, but nothing to say in it
      });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || run !== this.run) return;
        clearTimeout(timer);
        timer = setTimeout(() => abort.abort(), SILENCE);
        parser.push(value);
      }
    } finally {
      clearTimeout(timer);
      abort.abort();
    }
  }
}

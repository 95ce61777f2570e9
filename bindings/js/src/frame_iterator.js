// Received frames for `for await`.
"use strict";

const { Deferred } = require("./deferred.js");

const DONE = { value: undefined, done: true };

class FrameIterator {
  #inbox;
  #on_end;
  #waiting = [];
  #has_ended = false;
  /** After the end: the frames and the error that were not given out yet. */
  #rest = [];
  #error = null;

  /** `on_end` is called once, when no more frames are wanted or will come. */
  constructor(inbox, on_end) {
    this.#inbox = inbox;
    this.#on_end = on_end;
    inbox.give_to(this);
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async next() {
    const frame = this.#has_ended ? this.#rest.shift() : this.#inbox.take();
    if (frame !== undefined) return { value: frame, done: false };
    if (this.#has_ended) {
      const error = this.#error;
      this.#error = null;
      if (error !== null) throw error;
      return DONE;
    }
    const arrival = new Deferred();
    this.#waiting.push(arrival);
    return arrival.promise;
  }

  async return() {
    this.end(null);
    this.#rest = [];
    return DONE;
  }

  /** Whether somebody waits in `next`. */
  get is_waiting() {
    return this.#waiting.length > 0;
  }

  /** For who waits. */
  give(frame) {
    this.#waiting.shift().resolve({ value: frame, done: false });
  }

  /** No more frames: `next` gives those that are there, then throws the error if there is one. */
  end(error) {
    if (this.#has_ended) return;
    this.#has_ended = true;
    this.#rest = this.#inbox.take_all();
    this.#error = error;
    this.#inbox.give_to(null);
    this.#on_end();
    // In the order of their calls, as if they had come now.
    for (const arrival of this.#waiting.splice(0)) {
      this.next().then((result) => arrival.resolve(result), (reason) => arrival.reject(reason));
    }
  }
}

module.exports = { FrameIterator };

// Received frames that the program has not finished with, and the iterator that gives them out.
"use strict";

const { Deferred } = require("./deferred.js");

/**
 * Counts frames from their arrival until their handler, or the iterator, is done with them. When
 * there are too many the connection stops reading, and the broker holds up the senders.
 */
class Inbox {
  #frames = 0;
  #bytes = 0;
  #on_room;

  /** `on_room` is called whenever a frame is finished with. */
  constructor(on_room) {
    this.#on_room = on_room;
  }

  /** `times` the bounds. */
  has_room(max_frames, max_bytes, times) {
    return this.#frames < max_frames * times && this.#bytes < max_bytes * times;
  }

  hold(frame) {
    this.#frames += 1;
    this.#bytes += frame.payload.length;
  }

  release(frame) {
    this.#frames -= 1;
    this.#bytes -= frame.payload.length;
    this.#on_room();
  }

  /** Runs a handler of the program, and holds the frame until the promise that it may return. */
  run(frame, handler) {
    let outcome;
    try {
      outcome = handler(frame);
    } catch (error) {
      // A fault of the program is to be seen, as that of an event listener, but in its own event:
      // here it would end the reading.
      process.nextTick(() => {
        throw error;
      });
      return;
    }
    if (typeof outcome?.then !== "function") return;
    this.hold(frame);
    // With nothing that catches its rejection, which therefore is to be seen, too.
    Promise.resolve(outcome).finally(() => this.release(frame));
  }
}

/** Frames as an async iterator; each `next` takes one. */
class FrameIterator {
  #inbox;
  #on_end;
  #frames = [];
  #waiting = [];
  #has_ended = false;
  #error = null;

  /** `on_end` is called once, when it takes no more frames. */
  constructor(inbox, on_end) {
    this.#inbox = inbox;
    this.#on_end = on_end;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async next() {
    if (this.#frames.length > 0) {
      const frame = this.#frames.shift();
      this.#inbox.release(frame);
      return { value: frame, done: false };
    }
    if (this.#error !== null) {
      const error = this.#error;
      this.#error = null;
      throw error;
    }
    if (this.#has_ended) return { value: undefined, done: true };
    const arrival = new Deferred();
    this.#waiting.push(arrival);
    return arrival.promise;
  }

  async return() {
    this.end(null);
    for (const frame of this.#frames.splice(0)) this.#inbox.release(frame);
    return { value: undefined, done: true };
  }

  push(frame) {
    const arrival = this.#waiting.shift();
    if (arrival !== undefined) {
      arrival.resolve({ value: frame, done: false });
      return;
    }
    this.#inbox.hold(frame);
    this.#frames.push(frame);
  }

  /** No more frames: `next` gives those that are there, then throws the error if there is one. */
  end(error) {
    if (this.#has_ended) return;
    this.#has_ended = true;
    this.#on_end();
    const [first, ...others] = this.#waiting.splice(0);
    if (first === undefined) {
      this.#error = error;
    } else if (error === null) {
      first.resolve({ value: undefined, done: true });
    } else {
      first.reject(error);
    }
    for (const arrival of others) arrival.resolve({ value: undefined, done: true });
  }
}

module.exports = { Inbox, FrameIterator };

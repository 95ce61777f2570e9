// Received frames on their way to the program.
"use strict";

/** What a frame takes besides its payload, about, in bytes: so that empty frames count, too. */
const FRAME_COST = 256;

/** Given frames are cut off the queue when there are so many of them. */
const CUT_LENGTH = 1024;

/**
 * Gives frames to a handler, as many at a time as `queue_size` allows, or to an iterator. Without room
 * the connection stops reading, so that the broker holds up the senders. While answers are awaited,
 * which stand behind the frames in the same stream, there has to be room: then frames queue up to
 * `queue_bytes`, and are dropped beyond that.
 */
class Inbox {
  /** Has `queue_size` and `queue_bytes`, and counts `dropped_frames`. */
  #client;
  #handler;
  #on_room;
  #iterator = null;
  #queue = [];
  /** Frames of the queue that were given out already. */
  #given = 0;
  /** Handlers that have not finished. */
  #running = 0;
  #bytes = 0;

  /** `handler(frame)` may return a promise; `on_room` is called when there may be room again. */
  constructor(client, handler, on_room) {
    this.#client = client;
    this.#handler = handler;
    this.#on_room = on_room;
  }

  has_room(answers_are_awaited) {
    if (answers_are_awaited) return true;
    const frames = this.#queue.length - this.#given + this.#running;
    return frames < this.#client.queue_size && this.#bytes < this.#client.queue_bytes;
  }

  accept(frame) {
    if (this.#bytes >= this.#client.queue_bytes) {
      this.#client.dropped_frames += 1;
      return;
    }
    this.#bytes += cost(frame);
    this.#queue.push(frame);
    this.#give_out();
  }

  /** From now on, or no more if it is null, frames are for the iterator. */
  give_to(iterator) {
    this.#iterator = iterator;
  }

  /** For the iterator: the next frame, or undefined. */
  take() {
    if (this.#given === this.#queue.length) return undefined;
    const frame = this.#shift();
    this.#release(frame);
    return frame;
  }

  /** For the iterator: all that is left. */
  take_all() {
    const frames = [];
    for (let frame; (frame = this.take()) !== undefined; ) frames.push(frame);
    return frames;
  }

  #give_out() {
    while (this.#given < this.#queue.length) {
      if (this.#iterator !== null) {
        if (!this.#iterator.is_waiting) return;
        this.#iterator.give(this.take());
      } else {
        if (this.#running >= this.#client.queue_size) return;
        this.#run(this.#shift());
      }
    }
  }

  #run(frame) {
    let outcome;
    try {
      outcome = this.#handler(frame);
    } catch (error) {
      // A fault of the program is to be seen, as that of an event listener, but in its own event:
      // here it would end the reading.
      process.nextTick(() => {
        throw error;
      });
    }
    if (typeof outcome?.then !== "function") {
      this.#release(frame);
      return;
    }
    this.#running += 1;
    const finished = () => {
      this.#running -= 1;
      this.#release(frame);
      this.#give_out();
    };
    // Nothing catches its rejection, which therefore is to be seen, too.
    Promise.resolve(outcome).finally(finished);
  }

  #shift() {
    const frame = this.#queue[this.#given];
    this.#queue[this.#given] = undefined;
    this.#given += 1;
    if (this.#given === this.#queue.length || this.#given === CUT_LENGTH) {
      this.#queue.splice(0, this.#given);
      this.#given = 0;
    }
    return frame;
  }

  #release(frame) {
    this.#bytes -= cost(frame);
    this.#on_room();
  }
}

function cost(frame) {
  return FRAME_COST + frame.payload.length;
}

module.exports = { Inbox };

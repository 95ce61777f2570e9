// What waits for an answer of the other side: operations for their acks, calls for their replies.
"use strict";

const { ERR_BUSY, ERR_TIMEOUT } = require("./constants.js");
const { ElbusError } = require("./errors.js");

const MAX_ID = 0xffffffff;

/** Deadlines that are this close are dealt with together, in ms. */
const GRANULARITY_MS = 10;

/**
 * Entries with a `fail(error)`, by an id of 32 bits that is never 0. One timer serves all of them: it
 * is set to the earliest deadline known, so that an entry answered in time never touches it.
 */
class Pending {
  #entries = new Map();
  #last_id = 0;
  #timer = null;
  #due_ms = Infinity;

  get size() {
    return this.#entries.size;
  }

  /** Gives the entry an id. Throws an ElbusError if `limit` entries wait already. */
  add(entry, timeout_s, limit) {
    if (this.#entries.size >= limit) {
      throw new ElbusError(ERR_BUSY, `${limit} answers are waited for, which is the limit (max_pending)`);
    }
    do {
      this.#last_id = this.#last_id === MAX_ID ? 1 : this.#last_id + 1;
    } while (this.#entries.has(this.#last_id));
    const deadline_ms = performance.now() + timeout_s * 1000;
    this.#entries.set(this.#last_id, { entry, deadline_ms, timeout_s });
    this.#wake_at(deadline_ms);
    return this.#last_id;
  }

  /** An entry, if it is still there. */
  get(id) {
    return this.#entries.get(id)?.entry;
  }

  /** Removes and returns an entry, if it is still there. */
  take(id) {
    const found = this.#entries.get(id);
    this.#entries.delete(id);
    return found?.entry;
  }

  /** Fails all entries with the error. */
  fail_all(error) {
    const failed = [...this.#entries.values()];
    this.#entries.clear();
    clearTimeout(this.#timer);
    this.#due_ms = Infinity;
    for (const { entry } of failed) entry.fail(error);
  }

  #wake_at(deadline_ms) {
    if (deadline_ms >= this.#due_ms) return;
    clearTimeout(this.#timer);
    this.#due_ms = deadline_ms;
    // After this process stood still its timers come first: the answers may be in the socket, so it
    // is read once more before anything is given up.
    const expire = () => setImmediate(() => this.#expire());
    this.#timer = setTimeout(expire, Math.max(0, deadline_ms - performance.now()));
  }

  #expire() {
    const now_ms = performance.now() + GRANULARITY_MS;
    let earliest_ms = Infinity;
    this.#due_ms = Infinity;
    for (const [id, { entry, deadline_ms, timeout_s }] of this.#entries) {
      if (deadline_ms <= now_ms) {
        this.#entries.delete(id);
        entry.fail(new ElbusError(ERR_TIMEOUT, `no answer within ${timeout_s} s`));
      } else {
        earliest_ms = Math.min(earliest_ms, deadline_ms);
      }
    }
    if (earliest_ms < Infinity) this.#wake_at(earliest_ms);
  }
}

module.exports = { Pending };

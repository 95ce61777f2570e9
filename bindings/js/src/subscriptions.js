// The topic filters that a client has asked for, to ask again after a reconnect.
"use strict";

const { ERR_ACCESS, OP_SUBSCRIBE, RESPONSE_OK } = require("./constants.js");
const { TOPICS_PER_FRAME } = require("./limits.js");

class Subscriptions {
  #topics = new Set();

  /** The broker has answered a frame. */
  note(op, topics, code) {
    // Of a frame that is denied in part, the permitted filters take effect; nobody says which these
    // are, but asking again for all leads to the same state.
    if (code !== RESPONSE_OK && code !== ERR_ACCESS) return;
    for (const topic of topics) {
      if (op === OP_SUBSCRIBE) this.#topics.add(topic);
      else this.#topics.delete(topic);
    }
  }

  clear() {
    this.#topics.clear();
  }

  /** All filters, in lists that fit a frame each. */
  *batches() {
    const topics = [...this.#topics];
    for (let start = 0; start < topics.length; start += TOPICS_PER_FRAME) {
      yield topics.slice(start, start + TOPICS_PER_FRAME);
    }
  }
}

module.exports = { Subscriptions };

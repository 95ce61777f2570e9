// A frame as programs see it, for both directions.
"use strict";

const { OP_MESSAGE } = require("./constants.js");
const { EMPTY } = require("./bytes.js");

class Frame {
  constructor(type = OP_MESSAGE, qos = 0) {
    this.type = type;
    this.qos = qos;
    this.payload = EMPTY;
  }

  /** A received frame. */
  static received(type, realtime, sender, topic, payload) {
    const frame = new Frame(type, realtime ? 2 : 0);
    frame.payload = payload;
    frame.sender = sender;
    frame.topic = topic;
    frame.realtime = realtime;
    return frame;
  }

  get primary_sender() {
    return this.sender?.split("%%", 1)[0];
  }

  get_payload() {
    return this.payload;
  }
}

module.exports = { Frame };

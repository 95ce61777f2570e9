// What opens a conversation, as a machine without I/O: bytes of the broker in, bytes for it out.
"use strict";

const { ERR_DATA, ERR_NOT_SUPPORTED, RESPONSE_OK } = require("../constants.js");
const { ElbusError, describe } = require("../errors.js");
const { EMPTY } = require("../bytes.js");
const { MAX_NAME } = require("../limits.js");

/** Magic byte, and protocol version 1 as u16; both sides say the same. */
const GREETING = Buffer.from([0xeb, 0x01, 0x00]);

/** The greeting, the answer to ours, the answer to the name. */
const STEPS = [GREETING.length, 1, 1];

class Handshake {
  #name;
  #step = 0;
  #bytes = EMPTY;

  constructor(name) {
    this.#name = encode_registration(name);
  }

  get is_complete() {
    return this.#step === STEPS.length;
  }

  /** What followed the handshake in the same read. */
  get rest() {
    return this.#bytes;
  }

  /** Takes a read, and returns what is to be written. Throws an ElbusError if the broker refuses. */
  push(chunk) {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    let answer = EMPTY;
    while (!this.is_complete && this.#bytes.length >= STEPS[this.#step]) {
      const received = this.#bytes.subarray(0, STEPS[this.#step]);
      this.#bytes = this.#bytes.subarray(received.length);
      if (this.#step === 0) {
        check_greeting(received);
        // The broker takes both at once, which saves a round trip.
        answer = Buffer.concat([GREETING, this.#name]);
      } else {
        check_response(received[0], this.#step === 1 ? "the version of the protocol" : "the name");
      }
      this.#step += 1;
    }
    return answer;
  }
}

function encode_registration(name) {
  const text = Buffer.from(name, "utf8");
  if (text.length === 0 || text.length > MAX_NAME || text.includes(0)) {
    throw new ElbusError(ERR_DATA, `a name has 1 to ${MAX_NAME} bytes without NUL, not ${text.length}`);
  }
  const length = Buffer.alloc(2);
  length.writeUInt16LE(text.length);
  return Buffer.concat([length, text]);
}

function check_greeting(greeting) {
  if (!greeting.equals(GREETING)) {
    const hex = greeting.toString("hex");
    throw new ElbusError(ERR_NOT_SUPPORTED, `not a broker of elbus, protocol 1: it greets with ${hex}`);
  }
}

function check_response(code, subject) {
  if (code !== RESPONSE_OK) {
    throw new ElbusError(code, `the broker refuses ${subject}: ${describe(code)}`);
  }
}

module.exports = { GREETING, Handshake, encode_registration };

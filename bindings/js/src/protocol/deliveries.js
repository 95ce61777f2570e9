// Frames from broker to client, bytes to meaning. No I/O, no clock.
"use strict";

const { isUtf8 } = require("node:buffer");
const { ERR_DATA, OP_NOP, OP_ACK, OP_PUBLISH, OP_MESSAGE, OP_BROADCAST } = require("../constants.js");
const { ElbusError } = require("../errors.js");
const { Frame } = require("../frame.js");
const { EMPTY } = require("../bytes.js");
const { MAX_DELIVERY } = require("../limits.js");

const HEADER_LENGTH = 6;

/**
 * Payloads up to this many bytes are copied out of the read buffer. Larger ones share it: who keeps
 * one keeps at most the 64 KiB of its read alive, or its own frame.
 */
const COPY_LIMIT = 4096;

/** First room for a frame that arrives in parts; it doubles with what arrives, not with promises. */
const PART_LENGTH = 4096;

/**
 * Takes reads of any size and gives whole deliveries, one at a time:
 * `{ kind: OP_NOP }`, `{ kind: OP_ACK, id, code }`, or `{ kind, frame }`.
 */
class DeliveryDecoder {
  #chunk = EMPTY;
  /** A frame that no single read held, and how much of it is there. */
  #part = null;
  #part_length = 0;

  /** The next read. What was pushed before has to be taken out first. */
  push(chunk) {
    this.#chunk = chunk;
  }

  /** The next delivery, or null if there is no whole one. Throws an ElbusError for a malformed one. */
  next() {
    const bytes = this.#part === null ? this.#whole_of_chunk() : this.#completed_part();
    return bytes === null ? null : decode(bytes);
  }

  #whole_of_chunk() {
    const length = frame_length(this.#chunk);
    if (length !== null && length <= this.#chunk.length) return this.#take(length);
    if (this.#chunk.length > 0) {
      this.#part = EMPTY;
      this.#part_length = 0;
      this.#append(this.#take(this.#chunk.length), length ?? HEADER_LENGTH);
    }
    return null;
  }

  #completed_part() {
    while (this.#chunk.length > 0) {
      const length = frame_length(this.#part.subarray(0, this.#part_length)) ?? HEADER_LENGTH;
      this.#append(this.#take(Math.min(length - this.#part_length, this.#chunk.length)), length);
      if (frame_length(this.#part.subarray(0, this.#part_length)) === this.#part_length) {
        const whole = this.#part.subarray(0, this.#part_length);
        this.#part = null;
        return whole;
      }
    }
    return null;
  }

  /** Adds to the part, of which `wanted` bytes are known to come. */
  #append(bytes, wanted) {
    const length = this.#part_length + bytes.length;
    if (length > this.#part.length) {
      const roomier = Buffer.allocUnsafeSlow(Math.min(wanted, Math.max(PART_LENGTH, 2 * length)));
      this.#part.copy(roomier, 0, 0, this.#part_length);
      this.#part = roomier;
    }
    bytes.copy(this.#part, this.#part_length);
    this.#part_length = length;
  }

  #take(length) {
    const taken = this.#chunk.subarray(0, length);
    this.#chunk = this.#chunk.subarray(length);
    return taken;
  }
}

/** The length of the frame that starts here, or null as long as its header is not complete. */
function frame_length(bytes) {
  if (bytes.length < HEADER_LENGTH) return null;
  if (bytes[0] === OP_NOP || bytes[0] === OP_ACK) return HEADER_LENGTH;
  if (bytes[0] !== OP_MESSAGE && bytes[0] !== OP_BROADCAST && bytes[0] !== OP_PUBLISH) {
    throw malformed(`unknown kind 0x${bytes[0].toString(16).padStart(2, "0")}`);
  }
  const body_length = bytes.readUInt32LE(1);
  if (body_length > MAX_DELIVERY) {
    throw malformed(`body of ${body_length} bytes, over the limit of ${MAX_DELIVERY}`);
  }
  return HEADER_LENGTH + body_length;
}

/** A whole frame. */
function decode(bytes) {
  const kind = bytes[0];
  if (kind === OP_NOP) return { kind };
  if (kind === OP_ACK) return { kind, id: bytes.readUInt32LE(1), code: bytes[5] };
  const [sender, after_sender] = text_up_to_nul(bytes, HEADER_LENGTH, "sender");
  const [topic, start] =
    kind === OP_PUBLISH ? text_up_to_nul(bytes, after_sender, "topic") : [undefined, after_sender];
  const shared = bytes.subarray(start);
  const payload = shared.length <= COPY_LIMIT ? Buffer.from(shared) : shared;
  return { kind, frame: Frame.received(kind, bytes[5] !== 0, sender, topic, payload) };
}

function text_up_to_nul(bytes, start, what) {
  const end = bytes.indexOf(0, start);
  if (end === -1) throw malformed(`no NUL after the ${what}`);
  const text = bytes.subarray(start, end);
  if (!isUtf8(text)) throw malformed(`the ${what} is not UTF-8`);
  return [text.toString("utf8"), end + 1];
}

function malformed(problem) {
  return new ElbusError(ERR_DATA, `malformed frame from the broker: ${problem}`);
}

module.exports = { DeliveryDecoder };

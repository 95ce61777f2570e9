// Frames from client to broker, meaning to bytes. No I/O, no clock.
"use strict";

const {
  ERR_DATA, OP_PUBLISH, OP_SUBSCRIBE, OP_UNSUBSCRIBE, OP_MESSAGE, OP_BROADCAST,
} = require("../constants.js");
const { ElbusError } = require("../errors.js");
const { MAX_FRAME, OUTPUT_HIGH_WATER } = require("../limits.js");

const HEADER_LENGTH = 9;

/**
 * Payloads up to this many bytes are copied. A longer one fills the output by itself, so its sender is
 * held up until it is written; so the memory of a payload is the sender's again when `send` is through.
 */
const COPY_LIMIT = OUTPUT_HIGH_WATER;

const TARGETED = new Set([OP_PUBLISH, OP_MESSAGE, OP_BROADCAST]);
const WITH_TOPICS = new Set([OP_SUBSCRIBE, OP_UNSUBSCRIBE]);

/** Nine bytes, of which the fifth makes it a ping. */
const PING = Buffer.alloc(HEADER_LENGTH);

/**
 * Message, broadcast or publication, as the one or two buffers to write. `prefix` goes before the
 * payload and belongs to it (the RPC header). A payload over 64 KiB is referred to, not copied.
 */
function encode_targeted(op, qos, id, target, prefix, payload) {
  if (!TARGETED.has(op)) throw new TypeError(`a frame of type ${op} has no target`);
  const target_length = checked_text("target", target);
  const body_length = checked_body(target_length + 1 + prefix.length + payload.length);
  const copied = payload.length <= COPY_LIMIT;
  const head_length = HEADER_LENGTH + target_length + 1 + prefix.length;
  const head = Buffer.allocUnsafe(copied ? head_length + payload.length : head_length);
  write_header(head, op, qos, id, body_length);
  head.write(target, HEADER_LENGTH);
  head[HEADER_LENGTH + target_length] = 0;
  head.set(prefix, HEADER_LENGTH + target_length + 1);
  if (!copied) return [head, payload];
  head.set(payload, head_length);
  return [head];
}

/** Subscribe or unsubscribe. */
function encode_topics(op, qos, id, topics) {
  if (!WITH_TOPICS.has(op)) throw new TypeError(`a frame of type ${op} needs a target`);
  // The wire has no way to say "none": an empty body is the one filter "".
  if (topics.length === 0) throw new ElbusError(ERR_DATA, "the list of topics is empty");
  for (const topic of topics) checked_text("topic", topic);
  const body = topics.join("\0");
  const body_length = checked_body(Buffer.byteLength(body));
  const frame = Buffer.allocUnsafe(HEADER_LENGTH + body_length);
  write_header(frame, op, qos, id, body_length);
  frame.write(body, HEADER_LENGTH);
  return [frame];
}

function write_header(buffer, op, qos, id, body_length) {
  buffer.writeUInt32LE(id, 0);
  buffer[4] = op | (qos << 6);
  buffer.writeUInt32LE(body_length, 5);
}

/** The length of a text in bytes, if the wire can carry it: NUL is the delimiter. */
function checked_text(what, text) {
  if (typeof text !== "string") throw new TypeError(`a ${what} must be text, not ${typeof text}`);
  if (text.includes("\0")) {
    throw new ElbusError(ERR_DATA, `a ${what} must not contain NUL: ${JSON.stringify(text)}`);
  }
  return Buffer.byteLength(text);
}

function checked_body(length) {
  if (length > MAX_FRAME) {
    throw new ElbusError(ERR_DATA, `a frame body of ${length} bytes is over the limit of ${MAX_FRAME}`);
  }
  return length;
}

module.exports = { PING, encode_targeted, encode_topics };

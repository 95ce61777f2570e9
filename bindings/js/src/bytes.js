"use strict";

const EMPTY = Buffer.alloc(0);

/** A payload of a user as bytes, which stay the user's; text becomes UTF-8. */
function to_bytes(payload) {
  if (payload === undefined || payload === null) return EMPTY;
  if (Buffer.isBuffer(payload)) return payload;
  if (typeof payload === "string") return Buffer.from(payload, "utf8");
  if (payload instanceof Uint8Array) {
    return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  }
  throw new TypeError(`a payload must be a Buffer, a Uint8Array or text, not ${typeof payload}`);
}

module.exports = { EMPTY, to_bytes };

// Payloads of direct messages in the RPC layer, both ways. No I/O, no clock.
"use strict";

const { RPC_NOTIFICATION, RPC_REQUEST, RPC_REPLY, RPC_ERROR } = require("../constants.js");

// The encoders return what goes before the data, which is not copied for it.

const NOTIFICATION_HEADER = Buffer.from([RPC_NOTIFICATION]);

function request_header(id, method) {
  const header = Buffer.allocUnsafe(5 + method.length + 1);
  header[0] = RPC_REQUEST;
  header.writeUInt32LE(id, 1);
  header.set(method, 5);
  header[header.length - 1] = 0;
  return header;
}

function reply_header(id) {
  const header = Buffer.allocUnsafe(5);
  header[0] = RPC_REPLY;
  header.writeUInt32LE(id, 1);
  return header;
}

function error_header(id, code) {
  const header = Buffer.allocUnsafe(7);
  header[0] = RPC_ERROR;
  header.writeUInt32LE(id, 1);
  header.writeInt16LE(code, 5);
  return header;
}

/**
 * The meaning of a payload: `{ type, data }` of a notification, `{ type, id, method, data }` of a
 * request, `{ type, id, data }` of a reply, `{ type, id, code, data }` of an error; or null if it
 * is malformed, which is to be ignored. `method` and `data` share the memory of the payload.
 */
function decode_rpc(payload) {
  const type = payload[0];
  if (type === RPC_NOTIFICATION) return { type, data: payload.subarray(1) };
  if (payload.length < 5) return null;
  const id = payload.readUInt32LE(1);
  if (type === RPC_REQUEST) {
    const end = payload.indexOf(0, 5);
    if (end === -1) return null;
    return { type, id, method: payload.subarray(5, end), data: payload.subarray(end + 1) };
  }
  if (type === RPC_REPLY) return { type, id, data: payload.subarray(5) };
  if (type === RPC_ERROR && payload.length >= 7) {
    return { type, id, code: payload.readInt16LE(5), data: payload.subarray(7) };
  }
  return null;
}

module.exports = { NOTIFICATION_HEADER, request_header, reply_header, error_header, decode_rpc };

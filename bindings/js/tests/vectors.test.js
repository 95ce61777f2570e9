// The vectors that all bindings share.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const test = require("node:test");

const elbus = require("elbus");
const { DeliveryDecoder } = require("../src/protocol/deliveries.js");
const { GREETING, Handshake, encode_registration } = require("../src/protocol/handshake.js");
const requests = require("../src/protocol/requests.js");
const rpc = require("../src/protocol/rpc.js");

const DIRECTORY = process.env.ELBUS_VECTORS ?? path.join(__dirname, "../../vectors");
const OPERATIONS = { publish: elbus.OP_PUBLISH, message: elbus.OP_MESSAGE, broadcast: elbus.OP_BROADCAST };
const WITH_TOPICS = { subscribe: elbus.OP_SUBSCRIBE, unsubscribe: elbus.OP_UNSUBSCRIBE };
const KINDS = {
  [elbus.OP_PUBLISH]: "publication", [elbus.OP_MESSAGE]: "message", [elbus.OP_BROADCAST]: "broadcast",
};
const RESPONSES = {
  "not-registered": elbus.ERR_CLIENT_NOT_REGISTERED, data: elbus.ERR_DATA, busy: elbus.ERR_BUSY,
  "not-supported": elbus.ERR_NOT_SUPPORTED, access: elbus.ERR_ACCESS,
};

/** The vectors of a file, with their repeated bytes written out. */
function vectors(file) {
  const { vectors } = JSON.parse(fs.readFileSync(path.join(DIRECTORY, file)));
  assert(vectors.length > 0);
  return vectors.map(({ hex, meaning, fill, ...rest }) => {
    const filling = fill === undefined ? "" : fill.byte.repeat(fill.count);
    if (fill !== undefined) meaning.payload += filling;
    return { ...rest, meaning, bytes: Buffer.from(hex + filling, "hex") };
  });
}

function assert_bytes(actual, expected) {
  assert.equal(actual.toString("hex"), expected.toString("hex"));
}

for (const { name, bytes, meaning, error } of vectors("handshake.json")) {
  test(`handshake: ${name}`, () => {
    const handshake = new Handshake("n");
    if (error !== undefined) {
      assert.throws(() => handshake.push(bytes), { code: elbus.ERR_NOT_SUPPORTED });
    } else if (meaning.greeting) {
      assert_bytes(handshake.push(bytes), Buffer.concat([GREETING, encode_registration("n")]));
    } else if (meaning.registration !== undefined) {
      assert_bytes(encode_registration(meaning.registration), bytes);
    } else {
      handshake.push(GREETING);
      if (meaning.response === "accepted") {
        handshake.push(Buffer.concat([bytes, bytes]));
        assert(handshake.is_complete);
      } else {
        assert.throws(() => handshake.push(bytes), { code: RESPONSES[meaning.response] });
      }
    }
  });
}

for (const { name, bytes, meaning, way, error } of vectors("requests.json")) {
  // A client does not read requests.
  if (error !== undefined || way === "decode") continue;
  test(`requests: ${name}`, () => {
    const { op, id, qos, topics } = meaning;
    if (op === "ping") {
      assert_bytes(requests.PING, bytes);
    } else if (op in WITH_TOPICS) {
      assert_bytes(Buffer.concat(requests.encode_topics(WITH_TOPICS[op], qos, id, topics)), bytes);
    } else {
      const target = meaning.topic ?? meaning.target ?? meaning.mask;
      const payload = Buffer.from(meaning.payload, "hex");
      const encoded = requests.encode_targeted(OPERATIONS[op], qos, id, target, Buffer.alloc(0), payload);
      assert_bytes(Buffer.concat(encoded), bytes);
    }
  });
}

/** All deliveries in chunks of at most `size` bytes, in the form of the vectors. */
function deliveries(bytes, size) {
  const decoder = new DeliveryDecoder();
  const found = [];
  for (let start = 0; start < bytes.length; start += size) {
    decoder.push(bytes.subarray(start, start + size));
    for (let delivery; (delivery = decoder.next()) !== null; ) found.push(meaning_of(delivery));
  }
  return found;
}

function meaning_of({ kind, id, code, frame }) {
  if (kind === elbus.OP_NOP) return { kind: "ping" };
  if (kind === elbus.OP_ACK) return { kind: "ack", id, code };
  const { realtime, sender, topic } = frame;
  const meaning = { kind: KINDS[kind], realtime, sender, payload: frame.get_payload().toString("hex") };
  return topic === undefined ? meaning : { ...meaning, topic };
}

for (const { name, bytes, meaning, error } of vectors("deliveries.json")) {
  test(`deliveries: ${name}`, () => {
    if (error !== undefined) {
      assert.throws(() => deliveries(bytes, bytes.length), { code: elbus.ERR_DATA });
      return;
    }
    // Twice, so that a decoder that takes too much or too little is found out.
    for (const size of [2 * bytes.length, bytes.length, bytes.length - 1, 7, 1]) {
      const expected = [meaning, meaning];
      assert.deepEqual(deliveries(Buffer.concat([bytes, bytes]), size), expected, `by ${size} bytes`);
    }
  });
}

function encode_rpc({ type, id, method, code, data, params, result }) {
  switch (type) {
    case "notification":
      return [rpc.NOTIFICATION_HEADER, data];
    case "request":
      return [rpc.request_header(id, Buffer.from(method)), params];
    case "reply":
      return [rpc.reply_header(id), result];
    case "error":
      return [rpc.error_header(id, code), data];
    default:
      return assert.fail(`unknown type ${type}`);
  }
}

function meaning_of_rpc({ type, id, method, code, data }) {
  const hex = data.toString("hex");
  switch (type) {
    case elbus.RPC_NOTIFICATION:
      return { type: "notification", data: hex };
    case elbus.RPC_REQUEST:
      return { type: "request", id, method: method.toString(), params: hex };
    case elbus.RPC_REPLY:
      return { type: "reply", id, result: hex };
    default:
      return { type: "error", id, code, data: hex };
  }
}

for (const { name, bytes, meaning, way, error } of vectors("rpc.json")) {
  test(`rpc: ${name}`, () => {
    const decoded = rpc.decode_rpc(bytes);
    if (error !== undefined) {
      assert.equal(decoded, null);
      return;
    }
    assert.deepEqual(meaning_of_rpc(decoded), meaning);
    if (way === "decode") return;
    const [header, payload] = encode_rpc(meaning);
    assert_bytes(Buffer.concat([header, Buffer.from(payload, "hex")]), bytes);
  });
}

// Remote calls, both ways, with a real broker.
"use strict";

const assert = require("node:assert/strict");
const { once } = require("node:events");
const test = require("node:test");
const { setImmediate: next_event } = require("node:timers/promises");

const elbus = require("elbus");
const { Rpc, RpcError, RpcNotification, RpcRequest } = elbus;
const { Broker } = require("./support/broker.js");
const { client_of } = require("./support/fake_broker.js");

/** A broker with "caller" and "server", which has the given methods. */
async function pair(t, methods = {}, settings) {
  const broker = await Broker.start(t);
  const caller = new Rpc(await broker.client(t, "caller", settings));
  const server = new Rpc(await broker.client(t, "server", settings));
  server.on_call = (event) => {
    const method = methods[event.method.toString()];
    if (method === undefined) throw new RpcError(elbus.RPC_ERROR_CODE_METHOD_NOT_FOUND);
    return method(event);
  };
  return { caller, server };
}

test("calls are answered with bytes, text or nothing, at once or later, with every QoS", async (t) => {
  const { caller } = await pair(t, {
    echo: (event) => event.get_payload(),
    text: async () => "grün",
    view: () => new Uint8Array([1, 2, 3]),
    nothing: () => {},
  });
  for (const qos of [0, 1, 2, 3]) {
    const params = Buffer.from([0, 1, 0, 255]);
    assert.deepEqual(await caller.call("server", "echo", params, { qos }).result(), params);
  }
  assert.equal((await caller.call("server", "text").result()).toString(), "grün");
  assert.deepEqual([...(await caller.call("server", new RpcRequest("view")).result())], [1, 2, 3]);
  const reply = await caller.call("server", new RpcRequest("nothing"), { qos: 3 }).wait_completed();
  assert.deepEqual([reply.get_payload().length, reply.frame.sender, reply.frame.realtime], [0, "server", true]);
  assert(reply.is_completed());
  const big = Buffer.alloc(10_000_000, 7);
  assert(big.equals(await caller.call("server", "echo", big).result()));
});

test("errors of a method keep their code and data", async (t) => {
  const { caller, server } = await pair(t, {
    fail: () => {
      throw new RpcError(-777, Buffer.from([0xff, 0x00]));
    },
    text: async () => {
      throw new RpcError(1, "nöt now");
    },
    fault: () => {
      throw new Error("a fault");
    },
    object: () => ({ ok: true }),
    long: () => Buffer.alloc(elbus.ERR_DATA << 20),
  });
  const failure = (method, expected) => assert.rejects(caller.call("server", method).result(), expected);
  await failure("fail", {
    name: "RpcError", code: -777, data: Buffer.from([0xff, 0x00]), client: "caller", target: "server", method: "fail",
  });
  await failure("text", { code: 1, message: "nöt now" });
  await failure("fault", { code: elbus.RPC_ERROR_CODE_INTERNAL, message: "a fault" });
  await failure("object", { code: elbus.RPC_ERROR_CODE_INTERNAL, message: /a payload must be/ });
  await failure("long", { code: elbus.RPC_ERROR_CODE_INTERNAL, message: /over the limit of 16777216/ });
  await failure("none", { code: -32601, message: "RPC error code -32601", data: Buffer.alloc(0) });
  await assert.rejects(server.call("caller", "none").result(), { code: -32601 });
  assert.throws(() => new RpcError(0x8000), TypeError);
  assert.throws(() => new RpcRequest("a\0b"), { code: elbus.ERR_DATA });
});

test("local failures of a call name who called what", async (t) => {
  const { caller } = await pair(t, { never: () => new Promise(() => {}) });
  await assert.rejects(caller.call("nobody", "m").result(), {
    code: -32113,
    message: 'client "caller", target "nobody": the broker answers: client not registered (0x71)',
    target: "nobody",
    method: "m",
  });
  await assert.rejects(caller.call("server", "never", "", { timeout: 0.1 }).result(), {
    code: -32120,
    message: 'client "caller", target "server": no answer within 0.1 s',
  });
  const controller = new AbortController();
  const call = await caller.call("server", "never", "", { signal: controller.signal });
  assert(!call.is_completed());
  controller.abort(new Error("enough"));
  await assert.rejects(call.result(), { message: "enough" });
  await assert.rejects(caller.call("server", "m", 5).result(), TypeError);
  const lost = assert.rejects(caller.call("server", "never").result(), { code: -32115 });
  await caller.client.disconnect();
  await lost;
  assert(!caller.is_connected());
});

test("calls without a reply, notifications and other frames reach their handlers", async (t) => {
  const seen = [];
  const { caller, server } = await pair(t, {
    note: (event) => {
      seen.push(["call0", event.frame.sender, event.call_id, event.get_payload().toString()]);
      throw new RpcError(1);
    },
  });
  server.on_notification = (event) => {
    seen.push(["notification", event.frame.sender, event.get_payload().toString()]);
  };
  server.on_frame = (frame) => seen.push([frame.topic ?? "broadcast", frame.get_payload().toString()]);
  await server.client.subscribe("t").confirmed();
  await caller.call0("server", new RpcRequest("note", "1")).confirmed();
  await caller.call0("server", "note", "2", { qos: 2 });
  await caller.notify("server", new RpcNotification("3")).confirmed();
  await caller.notify("server", "4", { qos: 3 }).confirmed();
  await caller.client.publish("t", "5").confirmed();
  await caller.client.broadcast("server", "6").confirmed();
  await assert.rejects(caller.notify("nobody", "x").confirmed(), { code: elbus.ERR_CLIENT_NOT_REGISTERED });
  while (seen.length < 6) await next_event();
  assert.deepEqual(seen, [
    ["call0", "caller", 0, "1"], ["call0", "caller", 0, "2"], ["notification", "caller", "3"],
    ["notification", "caller", "4"], ["t", "5"], ["broadcast", "6"],
  ]);
});

test("an unexpected fault in a call without a reply is a warning", async (t) => {
  const { caller } = await pair(t, {
    fault: () => {
      throw new Error("a fault that nobody is told");
    },
  });
  const warned = once(process, "warning");
  await caller.call0("server", "fault");
  assert.equal((await warned)[0].message, "a fault that nobody is told");
});

test("publications go to the iterator while calls are answered", async (t) => {
  const { caller, server } = await pair(t, { echo: (event) => event.get_payload() });
  const frames = server.client.frames();
  await server.client.subscribe("t").confirmed();
  await caller.client.publish("t", "p").confirmed();
  assert.equal((await caller.call("server", "echo", "x").result()).toString(), "x");
  assert.equal((await frames.next()).value.get_payload().toString(), "p");
});

test("clients may call each other, and themselves, from within calls", async (t) => {
  const { caller, server } = await pair(t, {
    twice: async (event) => {
      const half = await server.call("caller", "once", event.get_payload()).result();
      return Buffer.concat([half, await server.call("server", "echo", half).result()]);
    },
    echo: (event) => event.get_payload(),
  });
  caller.on_call = (event) => caller.call("server", "echo", event.get_payload()).result();
  const calls = Array.from({ length: 500 }, (_, i) => caller.call("server", i % 2 ? "echo" : "twice", `${i},`).result());
  const results = (await Promise.all(calls)).map(String);
  assert.deepEqual(results, Array.from({ length: 500 }, (_, i) => (i % 2 ? `${i},` : `${i},${i},`)));
});

test("handlers may call others while requests queue up", async (t) => {
  const { caller, server } = await pair(t, {
    relay: (event) => server.call("caller", "echo", event.get_payload()).result(),
  }, { queue_size: 3 });
  caller.on_call = (event) => event.get_payload();
  const calls = Array.from({ length: 2000 }, (_, i) => caller.call("server", "relay", String(i)).result());
  const results = (await Promise.all(calls)).map(String);
  assert.deepEqual(results, Array.from({ length: 2000 }, (_, i) => String(i)));
});

test("handlers run at the same time, but no more of them than the queue has room for", async (t) => {
  let running = 0;
  let most = 0;
  let finish_all;
  const finished = new Promise((resolve) => (finish_all = resolve));
  const { caller } = await pair(t, {
    slow: async () => {
      running += 1;
      most = Math.max(most, running);
      if (running === 7) finish_all();
      await finished;
      running -= 1;
    },
  }, { queue_size: 7 });
  await Promise.all(Array.from({ length: 50 }, () => caller.call("server", "slow").result()));
  assert.equal(most, 7);
});

test("only one layer fits on a client", async (t) => {
  const { caller } = await pair(t);
  assert.throws(() => new Rpc(caller.client), { code: elbus.ERR_BUSY });
});

test("replies count if they come from who was called, once; malformed messages are ignored", async (t) => {
  const message = (sender, payload) => {
    const body = Buffer.concat([Buffer.from(`${sender}\0`), payload]);
    const header = Buffer.from("120000000000", "hex");
    header.writeUInt32LE(body.length, 1);
    return Buffer.concat([header, body]);
  };
  const client = await client_of(t, async (peer) => {
    const { id, body } = await peer.request();
    const call_id = body.subarray("server".length + 2, "server".length + 6);
    const reply = (text) => Buffer.concat([Buffer.from([elbus.RPC_REPLY]), call_id, Buffer.from(text)]);
    for (const malformed of ["", "ff", "01", "0101000000", "11", "1200000000"]) {
      peer.write(message("server", Buffer.from(malformed, "hex")));
    }
    peer.write(message("thief%%server", reply("forged")));
    peer.write(message("server%%2", reply("right")));
    peer.write(message("server", reply("too late")));
    peer.ack(id, elbus.RESPONSE_OK);
  });
  const rpc = new Rpc(client);
  rpc.on_notification = () => assert.fail("there was no notification");
  assert.equal((await rpc.call("server", "m").result()).toString(), "right");
});

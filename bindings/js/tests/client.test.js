// Messages, broadcasts, topics, and their bounds, with a real broker.
"use strict";

const assert = require("node:assert/strict");
const { once, EventEmitter } = require("node:events");
const test = require("node:test");
const { setTimeout: sleep, setImmediate: next_event } = require("node:timers/promises");

const elbus = require("elbus");
const { Client, Frame } = elbus;
const { Broker, free_port } = require("./support/broker.js");

/** What a frame says, without what the test does not care about. */
function summary(frame) {
  return [frame.type, frame.sender, frame.topic, frame.get_payload().toString(), frame.realtime];
}

test("messages, broadcasts and publications arrive with every QoS", async (t) => {
  const broker = await Broker.start(t);
  const alice = await broker.client(t, "g.alice");
  const bob = await broker.client(t, "g.bob");
  const frames = bob.frames();
  await bob.subscribe(["a/+", "b/#"]).confirmed();

  for (const qos of [0, 1, 2, 3]) {
    const realtime = qos >= 2;
    await alice.send("g.bob", "m", { qos }).confirmed();
    await alice.broadcast("g.*", Buffer.from("b"), { qos }).confirmed();
    await alice.publish("a/1", new Uint8Array([0x70]), { qos }).confirmed();
    assert.deepEqual(summary((await frames.next()).value), [elbus.OP_MESSAGE, "g.alice", undefined, "m", realtime]);
    assert.deepEqual(summary((await frames.next()).value), [elbus.OP_BROADCAST, "g.alice", undefined, "b", realtime]);
    const { value } = await frames.next();
    assert.deepEqual(summary(value), [elbus.OP_PUBLISH, "g.alice", "a/1", "p", realtime]);
    assert.equal(value.qos, realtime ? 2 : 0);
  }

  await bob.unsubscribe("a/+").confirmed();
  await alice.publish("a/1", "not seen").confirmed();
  await alice.publish("b/c/d", "seen").confirmed();
  assert.equal((await frames.next()).value.topic, "b/c/d");
});

test("the same works over TCP, by host and port and by port alone", async (t) => {
  const port = await free_port();
  const broker = await Broker.start(t, ["-B", `127.0.0.1:${port}`]);
  const bob = await broker.client(t, "bob");
  const frames = bob.frames();
  for (const address of [`127.0.0.1:${port}`, port]) {
    const alice = new Client("alice");
    await alice.connect(address);
    await alice.send("bob", "hello").confirmed();
    assert.equal((await frames.next()).value.get_payload().toString(), "hello");
    await alice.disconnect();
  }
});

test("payloads of any size arrive whole, in their order", async (t) => {
  const broker = await Broker.start(t);
  const alice = await broker.client(t, "alice");
  const bob = await broker.client(t, "bob", { timeout: 30 });
  const frames = bob.frames();
  const sizes = [0, 1, 4095, 4096, 4097, 65535, 65536, 65537, 1 << 20, (1 << 24) - 4];
  for (const size of sizes) {
    const payload = Buffer.alloc(size, size & 0xff);
    await bob.send("bob", payload);
    // It was copied or written: its memory is ours again.
    const expected = Buffer.from(payload);
    payload.fill(0xaa);
    assert(expected.equals((await frames.next()).value.get_payload()), `${size} bytes`);
  }
  await assert.rejects(alice.send("bob", Buffer.alloc((1 << 24) - 3)), {
    name: "ElbusError",
    code: elbus.ERR_DATA,
    client: "alice",
    target: "bob",
    message: 'client "alice", target "bob": a frame body of 16777217 bytes is over the limit of 16777216',
  });
});

test("a refusal names the client, the target and the code", async (t) => {
  const broker = await Broker.start(t);
  const alice = await broker.client(t, "alice");
  const operation = await alice.send("nobody", "x");
  assert.equal(await operation.wait_completed(), elbus.ERR_CLIENT_NOT_REGISTERED);
  assert(operation.is_completed());
  await assert.rejects(operation.confirmed(), {
    code: elbus.ERR_CLIENT_NOT_REGISTERED,
    message: 'client "alice", target "nobody": the broker answers: client not registered (0x71)',
  });
  await assert.rejects(new Client("alice").connect(broker.path), {
    code: elbus.ERR_BUSY,
    message: 'client "alice": the broker refuses the name: busy (0x76)',
  });
  await assert.rejects(new Client(".x").connect(broker.path), { code: elbus.ERR_DATA });
  await assert.rejects(new Client("p%%a").connect(broker.path), { code: elbus.ERR_CLIENT_NOT_REGISTERED });
});

test("without a broker, or with a wrong address, connecting says so", async () => {
  const client = new Client("c");
  await assert.rejects(client.connect("/nowhere/elbus.sock"), { code: elbus.ERR_IO, message: /nowhere.*ENOENT/ });
  await assert.rejects(client.connect("elbus"), { code: elbus.ERR_DATA, message: /neither the path/ });
  await assert.rejects(client.connect("h:65536"), { code: elbus.ERR_DATA });
  await assert.rejects(client.connect("tls://h:1"), { code: elbus.ERR_NOT_SUPPORTED });
  await assert.rejects(new Client("").connect("/x.sock"), { code: elbus.ERR_DATA, message: /1 to 65535 bytes/ });
  await assert.rejects(client.send("t", "x"), { code: elbus.ERR_IO, message: 'client "c", target "t": not connected' });
  await assert.rejects(client.subscribe("t"), { code: elbus.ERR_IO });
  await assert.rejects(client.wait_connected(), { code: elbus.ERR_IO });
  await client.disconnect();
});

test("wrong arguments are told from failures of the bus", async (t) => {
  assert.throws(() => new Client(), TypeError);
  assert.throws(() => new Client("c", { retries: 1 }), { message: 'there is no setting "retries"' });
  assert.throws(() => new Client("c", { timeout: 0 }), { message: /timeout must be more than 0/ });
  assert.throws(() => new Client("c", { queue_size: 1.5 }), { message: /queue_size must be a whole number/ });
  assert.throws(() => new Client("c", { reconnect: 1 }), { message: /reconnect must be true or false/ });
  const late = new Client("c");
  late.timeout = -1;
  await assert.rejects(late.connect("/x.sock"), TypeError);

  const broker = await Broker.start(t);
  const client = await broker.client(t, "c");
  await assert.rejects(client.send("t", 5), TypeError);
  await assert.rejects(client.send("t", "x", { qos: 4 }), TypeError);
  await assert.rejects(client.send("t", "x", { timeout: -1 }), TypeError);
  await assert.rejects(client.send(new Frame(elbus.OP_MESSAGE)), TypeError);
  await assert.rejects(client.send("t\0", "x"), { code: elbus.ERR_DATA });
  await assert.rejects(client.subscribe([]), { code: elbus.ERR_DATA });
  await assert.rejects(client.subscribe("a\0b"), { code: elbus.ERR_DATA });
  await assert.rejects(client.connect(broker.path), { code: elbus.ERR_BUSY });
  assert(client.is_connected());
});

test("what was sent before disconnect arrives, and what is pending is answered", async (t) => {
  const broker = await Broker.start(t);
  const bob = await broker.client(t, "bob", { queue_size: 10_000 });
  const frames = bob.frames();
  const alice = await broker.client(t, "alice");
  let disconnects = 0;
  alice.on_disconnect = () => (disconnects += 1);
  for (let i = 0; i < 300; i += 1) alice.send("bob", String(i), { qos: 0 });
  const last = alice.send("bob", "last");
  await alice.disconnect();
  assert.equal(await last.wait_completed(), elbus.RESPONSE_OK);
  assert.equal(disconnects, 1);
  assert(!alice.is_connected());
  for (let i = 0; i < 300; i += 1) assert.equal((await frames.next()).value.payload.toString(), String(i));
  assert.equal((await frames.next()).value.payload.toString(), "last");
  // And again, with the same object.
  await alice.connect(broker.path);
  await alice.send("bob", "back").confirmed();
  assert.equal((await frames.next()).value.payload.toString(), "back");
});

test("an iterator ends with disconnect, with break, and with its signal", async (t) => {
  const broker = await Broker.start(t);
  const client = await broker.client(t, "c");
  const ended = (async () => {
    for await (const frame of client.frames()) assert.fail(`there is no frame, but ${frame}`);
  })();
  assert.throws(() => client.frames(), { code: elbus.ERR_BUSY });
  await client.disconnect();
  await ended;

  await client.connect(broker.path);
  const frames = client.frames();
  await client.send("c", "1").confirmed();
  await client.send("c", "2").confirmed();
  for await (const frame of frames) {
    assert.equal(frame.get_payload().toString(), "1");
    break;
  }
  assert.deepEqual(await frames.next(), { value: undefined, done: true });

  const controller = new AbortController();
  const waiting = client.frames({ signal: controller.signal }).next();
  controller.abort(new Error("enough"));
  await assert.rejects(waiting, { message: "enough" });
  client.frames();
});

test("signals end connecting and waiting for an acknowledgement", async (t) => {
  const broker = await Broker.start(t);
  const client = new Client("c");
  t.after(() => client.disconnect());
  await assert.rejects(client.connect(broker.path, { signal: AbortSignal.abort() }), { name: "AbortError" });
  await client.connect(broker.path);
  await assert.rejects(client.send("c", "x", { signal: AbortSignal.abort() }), { name: "AbortError" });
  broker.stand_still();
  const controller = new AbortController();
  const operation = await client.send("c", "x", { signal: controller.signal });
  controller.abort(new Error("enough"));
  await assert.rejects(operation.wait_completed(), { message: "enough" });
  broker.go_on();
  // The ack that nobody waits for does no harm.
  await client.send("c", "y").confirmed();
});

test("handlers that are slow hold up the sender, and lose nothing", async (t) => {
  const COUNT = 5000;
  const QUEUE = 10;
  const broker = await Broker.start(t, ["-t", "60"]);
  const sender = await broker.client(t, "sender", { timeout: 60 });
  const receiver = await broker.client(t, "receiver", { queue_size: QUEUE });
  const released = new EventEmitter().setMaxListeners(0);
  let is_released = false;
  const received = [];
  receiver.on_frame = async (frame) => {
    received.push(Number(frame.get_payload().toString()));
    if (!is_released) await once(released, "now");
  };
  const flood = (async () => {
    const filling = Buffer.alloc(1024, " ");
    for (let i = 0; i < COUNT; i += 1) {
      await sender.send("receiver", Buffer.concat([Buffer.from(String(i)), filling]), { qos: 0 });
    }
    await sender.send("receiver", String(COUNT)).confirmed();
  })();
  while (received.length < QUEUE) await next_event();
  await sleep(100);
  assert.equal(received.length, QUEUE);

  is_released = true;
  released.emit("now");
  await flood;
  while (received.length <= COUNT) await next_event();
  assert.deepEqual(received, Array.from({ length: COUNT + 1 }, (_, i) => i));
});

test("an iterator that nobody asks holds up the sender, too, by frames and by bytes", async (t) => {
  for (const settings of [{ queue_size: 5 }, { queue_bytes: 5 * 1000 }]) {
    const broker = await Broker.start(t);
    const sender = await broker.client(t, "sender");
    const receiver = await broker.client(t, "receiver", settings);
    const frames = receiver.frames();
    // More than the bound, less than what the broker queues.
    for (let i = 0; i < 100; i += 1) await sender.send("receiver", Buffer.alloc(1000, i)).confirmed();
    // Acks come through all the same.
    if (settings.queue_size) await receiver.subscribe("a").confirmed();
    for (let i = 0; i < 100; i += 1) assert.equal((await frames.next()).value.payload[0], i);
  }
});

test("handlers may wait for acknowledgements while frames arrive", async (t) => {
  const broker = await Broker.start(t);
  const sender = await broker.client(t, "sender");
  const echo = await broker.client(t, "echo", { queue_size: 4 });
  echo.on_frame = async (frame) => {
    await echo.send("sender", frame.get_payload()).confirmed();
  };
  const frames = sender.frames();
  for (let i = 0; i < 5000; i += 1) sender.send("echo", String(i), { qos: 0 });
  for (let i = 0; i < 5000; i += 1) assert.equal((await frames.next()).value.payload.toString(), String(i));
});

test("what waits for an answer, and what waits to be written, is bounded", async (t) => {
  const broker = await Broker.start(t);
  const client = await broker.client(t, "c", { max_pending: 10, max_buffered: 1 << 20 });
  broker.stand_still();
  const pending = Array.from({ length: 10 }, () => client.send("c", "x"));
  await assert.rejects(client.send("c", "x"), { code: elbus.ERR_BUSY, message: /10 answers .*max_pending/ });
  const waiting = [];
  await assert.rejects(
    async () => {
      for (let i = 0; i < 100; i += 1) {
        const sent = client.send("c", Buffer.alloc(100_000), { qos: 0 });
        waiting.push(sent);
        // Those that wait for room are not waited for; what is refused is refused at once.
        await Promise.race([sent, next_event()]);
      }
    },
    { code: elbus.ERR_BUSY, message: /1048576 may \(max_buffered\)/ },
  );
  broker.go_on();
  for (const operation of pending) await operation.confirmed();
  waiting.pop();
  await Promise.all(waiting);
});

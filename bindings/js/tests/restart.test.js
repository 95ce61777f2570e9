// A broker that is killed, started again, or stopped, in the middle of everything.
"use strict";

const assert = require("node:assert/strict");
const test = require("node:test");
const { setTimeout: sleep } = require("node:timers/promises");

const elbus = require("elbus");
const { Client, Rpc, RpcError } = elbus;
const { Broker } = require("./support/broker.js");
const { fake_broker } = require("./support/fake_broker.js");

const RECONNECT = { reconnect: true, reconnect_delay_min: 0.02, reconnect_delay_max: 0.2, timeout: 30 };

/** What a call ends with when the connection is lost. */
function lost_call(error) {
  assert(error instanceof RpcError, String(error));
  assert.equal(error.code, -32000 - elbus.ERR_IO);
  assert.equal(error.cause.code, elbus.ERR_IO);
  assert.match(error.message, /client "caller", target "server": connection lost/);
  assert.equal(error.method, "slow");
  return true;
}

test("a broker that dies in the middle of calls and comes back", async (t) => {
  const broker = await Broker.start(t);
  const server = await broker.client(t, "server", RECONNECT);
  const caller = await broker.client(t, "caller", RECONNECT);
  const served = new Rpc(server);
  const calls = new Rpc(caller);
  let is_slow = true;
  served.on_call = async (event) => {
    if (is_slow) await sleep(60_000, undefined, { ref: false });
    return event.get_payload();
  };
  let losses = 0;
  caller.on_disconnect = () => (losses += 1);
  const frames = caller.frames();
  await caller.subscribe(["a/#", "b", "c"]).confirmed();
  await caller.unsubscribe("c").confirmed();

  for (let round = 1; round <= 3; round += 1) {
    is_slow = true;
    const under_way = Array.from({ length: 200 }, () => calls.call("server", "slow", "x"));
    await Promise.all(under_way);
    const ended = Promise.all(under_way.map((call) => assert.rejects(call.result(), lost_call)));
    await broker.kill();
    await ended;
    assert.equal(losses, round);
    // While it is away nothing waits for it.
    await assert.rejects(caller.send("server", "x"), { code: elbus.ERR_IO, message: /not connected/ });
    await assert.rejects(calls.call("server", "slow").result(), { code: -32000 - elbus.ERR_IO });
    await assert.rejects(caller.wait_connected({ signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });

    is_slow = false;
    await broker.start();
    await Promise.all([server.wait_connected(), caller.wait_connected()]);
    assert.equal((await calls.call("server", "fast", "again").result()).toString(), "again");
    // Subscribed as before.
    for (const topic of ["a/x", "b", "c", "b"]) await server.publish(topic, topic).confirmed();
    const topics = [];
    for (let i = 0; i < 3; i += 1) topics.push((await frames.next()).value.topic);
    assert.deepEqual(topics, ["a/x", "b", "b"]);
  }
  await caller.disconnect();
  assert.deepEqual(await frames.next(), { value: undefined, done: true });
});

test("without reconnect a lost connection stays lost, until the program connects", async (t) => {
  const broker = await Broker.start(t);
  const client = await broker.client(t, "c", { timeout: 30 });
  const ended = assert.rejects(client.frames().next(), { code: elbus.ERR_IO });
  const disconnected = new Promise((resolve) => (client.on_disconnect = resolve));
  await broker.kill();
  await ended;
  await disconnected;
  assert(!client.is_connected());
  await assert.rejects(client.wait_connected(), { code: elbus.ERR_IO });
  await broker.start();
  await client.connect(broker.path);
  await client.send("c", "x").confirmed();
});

test("disconnect ends attempts to reconnect", async (t) => {
  const broker = await Broker.start(t);
  const client = await broker.client(t, "c", RECONNECT);
  const disconnected = new Promise((resolve) => (client.on_disconnect = resolve));
  await broker.kill();
  await disconnected;
  while (client.last_error === null) await sleep(5);
  assert.equal(client.last_error.code, elbus.ERR_IO);
  const waiting = assert.rejects(client.wait_connected(), { code: elbus.ERR_IO });
  await client.disconnect();
  await waiting;
  await broker.start();
  await sleep(300);
  assert(!client.is_connected());
  // The name is free: nobody has taken it behind our back.
  await client.connect(broker.path);
});

test("a name that is still taken is asked for until it is free, then subscriptions are renewed", async (t) => {
  const BUSY_UNTIL = 4;
  let connections = 0;
  const renewed = [];
  const address = await fake_broker(t, async (peer) => {
    connections += 1;
    if (connections > 1 && connections < BUSY_UNTIL) {
      peer.write("eb01000176");
      return;
    }
    await peer.accept();
    const { id, flags, body } = await peer.request();
    if (connections > 1) renewed.push(flags, body.toString());
    peer.ack(id, elbus.RESPONSE_OK);
    if (connections === 1) peer.socket.end();
  });
  const client = new Client("c", RECONNECT);
  t.after(() => client.disconnect());
  const errors = [];
  const reconnected = new Promise((resolve) => (client.on_reconnect = resolve));
  client.on_disconnect = () => {
    const look = setInterval(() => client.last_error && errors.push(client.last_error.code), 1);
    reconnected.then(() => clearInterval(look));
  };
  await client.connect(address);
  await client.subscribe(["a", "b/#"]).confirmed();
  await reconnected;
  assert.equal(connections, BUSY_UNTIL);
  assert.deepEqual(renewed, [0x42, "a\0b/#"]);
  assert.deepEqual([...new Set(errors)], [elbus.ERR_BUSY]);
  assert.equal(client.last_error, null);
});

test("a broker that stands still is a timeout, and is used again when it goes on", async (t) => {
  const broker = await Broker.start(t);
  const server = await broker.client(t, "server");
  const client = await broker.client(t, "c", { timeout: 0.3 });
  const calls = new Rpc(client);
  new Rpc(server).on_call = (event) => event.get_payload();
  broker.stand_still();
  await Promise.all([
    assert.rejects(client.send("server", "x").confirmed(), {
      code: elbus.ERR_TIMEOUT,
      message: 'client "c", target "server": no answer within 0.3 s',
    }),
    assert.rejects(client.subscribe("t").confirmed(), { code: elbus.ERR_TIMEOUT }),
    assert.rejects(calls.call("server", "echo", "x").result(), { code: -32000 - elbus.ERR_TIMEOUT }),
    assert.rejects(new Client("late", { timeout: 0.3 }).connect(broker.path), { code: elbus.ERR_TIMEOUT }),
  ]);
  assert(client.is_connected());
  broker.go_on();
  client.timeout = 30;
  assert.equal((await calls.call("server", "echo", "y").result()).toString(), "y");
});

test("a broker that stands still while much is sent is given up", async (t) => {
  const broker = await Broker.start(t);
  const client = await broker.client(t, "c", { ...RECONNECT, timeout: 0.5 });
  const lost = new Promise((resolve) => (client.on_disconnect = resolve));
  broker.stand_still();
  await assert.rejects(
    async () => {
      for (;;) await client.send("nobody", Buffer.alloc(50_000), { qos: 0 });
    },
    { code: elbus.ERR_TIMEOUT, message: /has taken nothing for 0.5 s/ },
  );
  await lost;
  broker.go_on();
  await client.wait_connected();
  await client.send("c", "x").confirmed();
});

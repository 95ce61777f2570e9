// Programs for the original package, 0.0.8, as its documentation has users write them.
"use strict";

const assert = require("node:assert/strict");
const { once } = require("node:events");
const test = require("node:test");
const { setImmediate: next_event } = require("node:timers/promises");

const elbus = require("elbus");
const { Broker, free_port } = require("./support/broker.js");

test("a client: subscribe, unsubscribe, send, disconnect", async (t) => {
  const broker = await Broker.start(t);
  let disconnected = false;
  const frames = [];
  const bus = new elbus.Client("js");
  bus.on_disconnect = async () => (disconnected = true);
  bus.on_frame = async (frame) => frames.push([frame.type, frame.sender, frame.topic, frame.get_payload().toString()]);
  bus.timeout = 5;
  bus.ping_interval = 1;
  await bus.connect(broker.path);
  assert.equal(bus.is_connected(), true);

  // As documented, without `await`; most programs have one.
  let op = bus.subscribe(["some/topic1", "topic2"]);
  assert.equal(await op.wait_completed(), elbus.RESPONSE_OK);
  op = await bus.subscribe("topic3");
  assert.equal(await op.wait_completed(), elbus.RESPONSE_OK);
  assert.equal(op.is_completed(), true);

  const publication = new elbus.Frame(elbus.OP_PUBLISH, 1);
  publication.payload = Buffer.from("21.5");
  op = await bus.send("some/topic1", publication);
  assert.equal(await op.wait_completed(), elbus.RESPONSE_OK);
  op = bus.unsubscribe(["some/topic1", "topic2"]);
  assert.equal(await op.wait_completed(), elbus.RESPONSE_OK);

  const msg = new elbus.Frame(elbus.OP_MESSAGE, 1);
  msg.payload = Buffer.from("hello");
  op = await bus.send("js", msg);
  assert.equal(await op.wait_completed(), elbus.RESPONSE_OK);
  op = await bus.send("nobody", msg);
  assert.equal(await op.wait_completed(), elbus.ERR_CLIENT_NOT_REGISTERED);
  op = await bus.send("js", new elbus.Frame());
  assert.equal(op.is_completed(), true);
  assert.equal(await op.wait_completed(), elbus.RESPONSE_OK);
  const broadcast = new elbus.Frame(elbus.OP_BROADCAST, 1);
  broadcast.payload = Buffer.from("all");
  await (await bus.send("*", broadcast)).wait_completed();

  assert.deepEqual(frames, [
    [elbus.OP_PUBLISH, "js", "some/topic1", "21.5"],
    [elbus.OP_MESSAGE, "js", undefined, "hello"],
    [elbus.OP_MESSAGE, "js", undefined, ""],
    [elbus.OP_BROADCAST, "js", undefined, "all"],
  ]);
  await bus.disconnect();
  assert.equal(disconnected, true);
  assert.equal(bus.is_connected(), false);
});

test("an address of TCP, which the documentation writes as a pair", async (t) => {
  const port = await free_port();
  await Broker.start(t, ["-B", `127.0.0.1:${port}`]);
  const bus = new elbus.Client("js");
  await bus.connect(("localhost", port));
  await bus.disconnect();
});

test("subscribing with a frame, as with the first versions", async (t) => {
  const broker = await Broker.start(t);
  const bus = await broker.client(t, "js");
  const frames = bus.frames();
  for (const [qos, topic] of [[1, ["some/topic1", "topic2"]], [0, "topic3"]]) {
    const frame = new elbus.Frame(elbus.OP_SUBSCRIBE, qos);
    frame.topic = topic;
    const op = await bus.send(frame);
    assert.equal(await op.wait_completed(), elbus.RESPONSE_OK);
  }
  for (const topic of ["some/topic1", "topic2", "topic3"]) {
    await bus.publish(topic, "x").confirmed();
    assert.equal((await frames.next()).value.topic, topic);
  }
});

test("the RPC layer: handlers, notifications, calls, errors", async (t) => {
  const broker = await Broker.start(t);
  const seen = [];
  const target = new elbus.Client("target");
  t.after(() => target.disconnect());
  await target.connect(broker.path);
  const handler = new elbus.Rpc(target);
  handler.on_notification = async (ev) => seen.push(["notification", ev.frame.sender, ev.get_payload().toString()]);
  handler.on_frame = async (frame) => seen.push(["frame", frame.sender, frame.get_payload().toString()]);
  handler.on_call = async (ev) => {
    const method = ev.method.toString();
    if (method == "test") {
      seen.push(["call", ev.call_id === 0, ev.get_payload().toString()]);
      return Buffer.from("ok");
    } else if (method == "err") {
      throw new elbus.RpcError(-777, "test error");
    } else if (method == "bytes") {
      throw new elbus.RpcError(-778, Buffer.from("bytes"));
    } else {
      throw new elbus.RpcError(elbus.RPC_ERROR_CODE_METHOD_NOT_FOUND);
    }
  };

  const bus = new elbus.Client("js");
  t.after(() => bus.disconnect());
  await bus.connect(broker.path);
  const rpc = new elbus.Rpc(bus);
  await rpc.notify("target", new elbus.RpcNotification("hello"));
  await rpc.call0("target", new elbus.RpcRequest("test", Buffer.from("params")));
  const request = await rpc.call("target", new elbus.RpcRequest("test", Buffer.from("params")));
  const result = await request.wait_completed();
  assert.equal(request.is_completed(), true);
  assert.equal(result.get_payload().toString(), "ok");
  await bus.broadcast("target", "b").confirmed();
  while (seen.length < 4) await next_event();
  assert.deepEqual(seen, [
    ["notification", "js", "hello"], ["call", true, "params"], ["call", false, "params"], ["frame", "js", "b"],
  ]);

  for (const [to, method, code, message] of [
    ["target", "err", -777, "test error"],
    ["target", "bytes", -778, "bytes"],
    ["target", "none", elbus.RPC_ERROR_CODE_METHOD_NOT_FOUND, "RPC error code -32601"],
    ["nobody", "test", -32000 - elbus.ERR_CLIENT_NOT_REGISTERED, /nobody/],
  ]) {
    try {
      const failing = await rpc.call(to, new elbus.RpcRequest(method));
      await failing.wait_completed();
      assert.fail("there should have been an error");
    } catch (err) {
      assert.equal(err.code, code);
      assert.match(err.message.toString(), message instanceof RegExp ? message : new RegExp(`^${message}$`));
    }
  }
  assert.equal(rpc.is_connected(), true);
  await bus.disconnect();
  assert.equal(rpc.is_connected(), false);
});

test("on_disconnect is called when the broker goes, also as an event of the program's own", async (t) => {
  const broker = await Broker.start(t);
  const bus = await broker.client(t, "js");
  const events = new EventTarget();
  bus.on_disconnect = () => events.dispatchEvent(new Event("gone"));
  const gone = once(events, "gone");
  await broker.kill();
  await gone;
  assert.equal(bus.is_connected(), false);
});

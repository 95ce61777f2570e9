// Brokers that misbehave, scripted byte by byte.
"use strict";

const assert = require("node:assert/strict");
const { once } = require("node:events");
const net = require("node:net");
const test = require("node:test");
const { setTimeout: sleep } = require("node:timers/promises");

const elbus = require("elbus");
const { Client } = elbus;
const { client_of, fake_broker } = require("./support/fake_broker.js");

const MESSAGE = "1205000000006e30006869"; // "hi" from n0

/** Waits until the client has noticed that its connection is gone. */
async function lost(client) {
  await new Promise((resolve) => (client.on_disconnect = resolve));
}

test("handshakes that go wrong end with an error that says how", async (t) => {
  const cases = [
    ["another protocol", { code: elbus.ERR_NOT_SUPPORTED, message: /greets with 485454/ }, (peer) => peer.write("485454")],
    ["another version", { code: elbus.ERR_NOT_SUPPORTED, message: /greets with eb0200/ }, (peer) => peer.write("eb0200")],
    ["version refused", { code: elbus.ERR_NOT_SUPPORTED, message: /refuses the version/ }, (peer) => peer.write("eb010075")],
    ["name refused", { code: elbus.ERR_ACCESS, message: 'client "c": the broker refuses the name: access denied (0x79)' }, (peer) => peer.write("eb01000179")],
    ["closed before the greeting", { code: elbus.ERR_IO, message: /during the handshake/ }, (peer) => peer.socket.end()],
    ["closed after the name", { code: elbus.ERR_IO, message: /during the handshake/ }, async (peer) => {
      peer.write("eb010001");
      await peer.read(3 + 2 + 1);
      peer.socket.end();
    }],
    ["silence", { code: elbus.ERR_TIMEOUT, message: /within 0.2 s/ }, () => {}],
    ["half a greeting", { code: elbus.ERR_TIMEOUT }, (peer) => peer.write("eb01")],
  ];
  for (const [name, expected, script] of cases) {
    await t.test(name, async (t) => {
      const client = new Client("c", { timeout: 0.2, reconnect: true });
      await assert.rejects(client.connect(await fake_broker(t, script)), expected);
      assert(!client.is_connected());
    });
  }
});

test("disconnect ends an attempt to connect", async (t) => {
  const client = new Client("c");
  const attempt = client.connect(await fake_broker(t, () => {}));
  const refused = assert.rejects(attempt, { code: elbus.ERR_IO, message: /disconnected by the program/ });
  await client.disconnect();
  await refused;
});

test("handshake and frames may come byte by byte", async (t) => {
  const address = await fake_broker(t, async (peer) => {
    for (const byte of Buffer.from(`eb01000101${"000000000000"}${MESSAGE}`, "hex")) {
      peer.write(Buffer.from([byte]));
      await sleep(1);
    }
  });
  const client = new Client("c");
  const frames = client.frames();
  await client.connect(address);
  const { value } = await frames.next();
  assert.deepEqual([value.sender, value.get_payload().toString()], ["n0", "hi"]);
  await client.disconnect();
});

test("handshake and frames may come all at once", async (t) => {
  const client = new Client("c");
  const frames = client.frames();
  await client.connect(await fake_broker(t, (peer) => peer.write(`eb01000101${MESSAGE}${MESSAGE}`)));
  await frames.next();
  await frames.next();
  await client.disconnect();
});

test("the client registers under its name", async (t) => {
  const names = [];
  const address = await fake_broker(t, async (peer) => names.push(await peer.accept()));
  const client = new Client("датчик.🌡");
  await client.connect(address);
  await client.disconnect();
  assert.deepEqual(names, ["датчик.🌡"]);
});

for (const [name, hex, problem] of [
  ["of an unknown kind", "020000000000", /unknown kind 0x02/],
  ["without a NUL", "1202000000006e30", /no NUL after the sender/],
  ["with a sender that is not UTF-8", "1203000000006eff00", /the sender is not UTF-8/],
  ["that is too long", "12ffffffff00", /body of 4294967295 bytes, over the limit of 16842752/],
]) {
  test(`a frame ${name} ends the connection, and everything that waits`, async (t) => {
    const client = await client_of(t, async (peer) => {
      await peer.request();
      peer.write(hex);
    });
    const expected = { code: elbus.ERR_DATA, message: problem };
    const ended = assert.rejects(client.frames().next(), expected);
    const is_lost = lost(client);
    await assert.rejects(client.send("t", "x").confirmed(), expected);
    await ended;
    await is_lost;
    await assert.rejects(client.send("t", "x"), { code: elbus.ERR_IO, message: /not connected/ });
  });
}

test("acks may come in any order, late, twice, or for nothing", async (t) => {
  const client = await client_of(t, async (peer) => {
    const [first, second, third] = [await peer.request(), await peer.request(), await peer.request()];
    peer.ack(0xdeadbeef, elbus.RESPONSE_OK);
    peer.ack(third.id, elbus.ERR_NOT_DELIVERED);
    peer.ack(first.id, elbus.RESPONSE_OK);
    peer.ack(first.id, elbus.ERR_DATA);
    peer.ack(second.id, 0x7a);
  });
  const operations = ["1", "2", "3"].map((payload) => client.send("t", payload));
  const codes = await Promise.all(operations.map((operation) => operation.wait_completed()));
  assert.deepEqual(codes, [elbus.RESPONSE_OK, 0x7a, elbus.ERR_NOT_DELIVERED]);
  await assert.rejects(operations[1].confirmed(), { code: 0x7a, message: /unknown code \(0x7a\)/ });
  assert(client.is_connected());
});

test("an answer that does not come is a timeout of that operation only", async (t) => {
  const client = await client_of(t, async (peer) => {
    await peer.request();
    const second = await peer.request();
    peer.ack(second.id, elbus.RESPONSE_OK);
  }, { timeout: 30 });
  const first = client.send("t", "x", { timeout: 0.1 });
  await client.send("t", "y").confirmed();
  await assert.rejects(first.confirmed(), {
    code: elbus.ERR_TIMEOUT,
    message: 'client "c", target "t": no answer within 0.1 s',
  });
  assert(client.is_connected());
});

test("a connection that ends fails what waits at once, with the reason", async (t) => {
  const client = await client_of(t, async (peer) => {
    await peer.request();
    peer.socket.end();
  }, { timeout: 600 });
  const ended = assert.rejects(client.frames().next(), { code: elbus.ERR_IO });
  await assert.rejects(client.send("t", "x").wait_completed(), {
    code: elbus.ERR_IO,
    message: 'client "c", target "t": connection lost: closed by the broker',
  });
  await ended;
  assert(!client.is_connected());
});

test("frames that find no room while an answer is awaited are dropped and counted", async (t) => {
  const frame = Buffer.concat([Buffer.from("12eb030000006e3000", "hex"), Buffer.alloc(1000)]);
  const client = await client_of(t, async (peer) => {
    const { id } = await peer.request();
    for (let i = 0; i < 30; i += 1) peer.write(frame);
    peer.ack(id, elbus.RESPONSE_OK);
  }, { queue_bytes: 10 * (256 + 1000) });
  const frames = client.frames();
  await client.send("t", "x").confirmed();
  assert.equal(client.dropped_frames, 20);
  await client.disconnect();
  let received = 0;
  for await (const _ of frames) received += 1;
  assert.equal(received, 10);
});

test("pings go out while nothing else does", async (t) => {
  let second_ping;
  const pinged = new Promise((resolve) => (second_ping = resolve));
  await client_of(t, async (peer) => {
    assert.deepEqual(await peer.read(9), Buffer.alloc(9));
    assert.deepEqual(await peer.read(9), Buffer.alloc(9));
    second_ping();
  }, { ping_interval: 0.02 });
  await pinged;
});

test("a silent broker is given up if there is a limit", async (t) => {
  const client = await client_of(t, () => {}, { ping_interval: 0.05, silence_timeout: 0.2 });
  const ended = assert.rejects(client.frames().next(), {
    code: elbus.ERR_TIMEOUT,
    message: /said nothing for 0.2 s/,
  });
  await ended;
});

test("a broker that says something is not silent", async (t) => {
  const client = await client_of(t, async (peer) => {
    for (let i = 0; i < 20; i += 1) {
      peer.write("000000000000");
      await sleep(20);
    }
    peer.write(MESSAGE);
  }, { ping_interval: 0.05, silence_timeout: 0.2 });
  assert.equal((await client.frames().next()).value.sender, "n0");
});

test("a broker that reads nothing is given up, and senders are not left waiting", async (t) => {
  const client = await client_of(t, (peer) => peer.socket.pause(), { timeout: 0.3, ping_interval: 0.05 });
  const expected = { code: elbus.ERR_TIMEOUT, message: /has taken nothing for 0.3 s|no answer within/ };
  const acknowledged = assert.rejects(client.send("t", Buffer.alloc(1 << 20)).confirmed(), expected);
  await assert.rejects(client.send("t", Buffer.alloc(1 << 20), { qos: 0 }), expected);
  await acknowledged;
  assert(!client.is_connected());
});

test("frames are written in one piece per event", async (t) => {
  let received = 0;
  const client = await client_of(t, async (peer) => {
    peer.socket.on("data", (chunk) => (received += chunk.length));
    await once(peer.socket, "close");
  });
  const single = t.mock.method(net.Socket.prototype, "_write");
  const many = t.mock.method(net.Socket.prototype, "_writev");
  for (let i = 0; i < 100; i += 1) await client.send("t", "x", { qos: 0 });
  await client.disconnect();
  assert.equal(received, 100 * (9 + "t".length + 1 + "x".length));
  assert.deepEqual([single.mock.callCount(), many.mock.callCount()], [0, 1]);
});

test("faults of handlers are uncaught errors, and the connection goes on", async (t) => {
  const client = await client_of(t, async (peer) => {
    await peer.request();
    peer.write(MESSAGE + MESSAGE + MESSAGE);
  });
  // The runner of the tests takes such errors for its own.
  for (const event of ["uncaughtException", "unhandledRejection"]) {
    const listeners = process.listeners(event);
    process.removeAllListeners(event);
    t.after(() => {
      process.removeAllListeners(event);
      for (const listener of listeners) process.on(event, listener);
    });
  }
  const thrown = once(process, "uncaughtException");
  const rejected = once(process, "unhandledRejection");
  const handlers = [
    () => {
      throw new Error("thrown");
    },
    async () => {
      throw new Error("rejected");
    },
  ];
  const third = new Promise((resolve) => {
    client.on_frame = (frame) => (handlers.shift() ?? resolve)(frame);
  });
  client.send("t", "go", { qos: 0 });
  assert.equal((await thrown)[0].message, "thrown");
  assert.equal((await rejected)[0].message, "rejected");
  assert.equal((await third).sender, "n0");
});

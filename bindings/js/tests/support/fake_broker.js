// A broker that says what a test wants it to say.
"use strict";

const { once } = require("node:events");
const net = require("node:net");
const path = require("node:path");
const { Client } = require("elbus");
const { temporary_directory } = require("./broker.js");

const GREETING = Buffer.from("eb0100", "hex");
const OK = Buffer.from("01", "hex");

/** Reads of a socket in the pieces that the script asks for. */
class Peer {
  #bytes = Buffer.alloc(0);

  constructor(socket) {
    this.socket = socket;
    socket.on("error", () => {});
  }

  async read(length) {
    while (this.#bytes.length < length) {
      const [chunk] = await once(this.socket, "data");
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
    }
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }

  write(hex) {
    this.socket.write(typeof hex === "string" ? Buffer.from(hex, "hex") : hex);
  }

  /** The whole handshake; the name of the client. */
  async accept() {
    this.write(GREETING);
    await this.read(3);
    this.write(OK);
    const name = await this.read((await this.read(2)).readUInt16LE());
    this.write(OK);
    return name.toString();
  }

  /** The next request that is not a ping. */
  async request() {
    for (;;) {
      const header = await this.read(9);
      if (header[4] === 0) continue;
      const body = await this.read(header.readUInt32LE(5));
      return { id: header.readUInt32LE(0), flags: header[4], body };
    }
  }

  ack(id, code) {
    const frame = Buffer.from([0xfe, 0, 0, 0, 0, code]);
    frame.writeUInt32LE(id, 1);
    this.write(frame);
  }
}

/** Listens, and runs `script(peer)` for each connection. Returns the address. */
async function fake_broker(t, script) {
  const address = path.join(temporary_directory(t), "fake.sock");
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    const peer = new Peer(socket);
    // Ends with the connection: what it waits for then never comes.
    Promise.resolve(script(peer)).catch((error) => socket.destroy(error));
  });
  server.listen(address);
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return address;
}

/** A client connected to a broker that accepts it and then runs the script. */
async function client_of(t, script, settings) {
  const address = await fake_broker(t, async (peer) => {
    await peer.accept();
    await script(peer);
  });
  const client = new Client("c", settings);
  t.after(() => client.disconnect());
  await client.connect(address);
  return client;
}

module.exports = { fake_broker, client_of };

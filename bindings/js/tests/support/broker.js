// A real broker as a process, and clients that end with their test.
"use strict";

const { spawn } = require("node:child_process");
const { once } = require("node:events");
const fs = require("node:fs");
const net = require("node:net");
const os = require("node:os");
const path = require("node:path");
const { setTimeout: sleep } = require("node:timers/promises");
const { Client } = require("elbus");

const PROGRAM =
  process.env.ELBUSD ?? path.join(__dirname, "../../../../target/debug/elbusd");

/** How long a broker may take to listen, in ms; much more than it needs. */
const START_LIMIT_MS = 20_000;

class Broker {
  #args;
  #process = null;

  /** Starts a broker for the test `t`, on a socket in a directory of its own. */
  static async start(t, args = []) {
    const broker = new Broker(temporary_directory(t), args);
    t.after(() => broker.kill());
    await broker.start();
    return broker;
  }

  constructor(directory, args) {
    this.path = path.join(directory, "elbus.sock");
    this.#args = args;
  }

  async start() {
    this.#process = spawn(PROGRAM, ["-B", this.path, ...this.#args], { stdio: "ignore" });
    await once(this.#process, "spawn");
    const limit = AbortSignal.timeout(START_LIMIT_MS);
    while (!(await is_listening(this.path))) {
      limit.throwIfAborted();
      await sleep(10);
    }
  }

  /** kill -9 */
  async kill() {
    if (this.#process === null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
    this.#process = null;
  }

  stand_still() {
    this.#process.kill("SIGSTOP");
  }

  go_on() {
    this.#process.kill("SIGCONT");
  }

  /** A connected client. */
  async client(t, name, settings) {
    const client = new Client(name, settings);
    t.after(() => client.disconnect());
    await client.connect(this.path);
    return client;
  }
}

function temporary_directory(t) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "elbus-js-"));
  t.after(() => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function is_listening(address) {
  const socket = net.connect(address);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A port of this host that nobody uses. */
async function free_port() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

module.exports = { Broker, free_port, temporary_directory };

// The scriptable peer on this package: node peer.js
// The line protocol is described in tests/peers/README.md of the repository.
"use strict";

const readline = require("node:readline");
const elbus = require("elbus");

/** The code of the errors that the method "fail" returns, the same in every peer. */
const FAIL_CODE = -777;

const FLOOD_PREFIX = "flood:";

const KINDS = {
  [elbus.OP_MESSAGE]: "message", [elbus.OP_BROADCAST]: "broadcast", [elbus.OP_PUBLISH]: "publication",
};

const ERROR_WORDS = {
  [elbus.ERR_CLIENT_NOT_REGISTERED]: "not-registered",
  [elbus.ERR_DATA]: "data",
  [elbus.ERR_IO]: "io",
  [elbus.ERR_OTHER]: "other",
  [elbus.ERR_NOT_SUPPORTED]: "not-supported",
  [elbus.ERR_BUSY]: "busy",
  [elbus.ERR_NOT_DELIVERED]: "not-delivered",
  [elbus.ERR_TIMEOUT]: "timeout",
  [elbus.ERR_ACCESS]: "access",
  [elbus.ERR_EOF]: "eof",
};

/** The command failed; the text follows `error`. */
class PeerError extends Error {}

/** Numbered messages, counted and checked for order instead of printed. */
class Flood {
  #next = 0;
  #stray = null;
  #waiting = [];

  note(payload) {
    const text = payload.toString();
    if (!text.startsWith(FLOOD_PREFIX)) return false;
    const number = Number(text.slice(FLOOD_PREFIX.length));
    if (number === this.#next) this.#next += 1;
    else this.#stray ??= number;
    this.#waiting = this.#waiting.filter((check) => !check());
    return true;
  }

  async wait(count) {
    await new Promise((resolve) => {
      const check = () => {
        const is_over = this.#next >= count || this.#stray !== null;
        if (is_over) resolve();
        return is_over;
      };
      if (!check()) this.#waiting.push(check);
    });
    if (this.#stray !== null) throw new PeerError(`order ${this.#next} ${this.#stray}`);
    return String(this.#next);
  }
}

let bus = null;
let rpc = null;
const flood = new Flood();

const commands = {
  async connect(path, name) {
    bus = new elbus.Client(name);
    bus.on_frame = (frame) => print_frame(name, frame);
    await bus.connect(path);
  },
  async "rpc-serve"(path, name) {
    bus = new elbus.Client(name);
    rpc = new elbus.Rpc(bus);
    rpc.on_frame = (frame) => print_frame(name, frame);
    rpc.on_notification = (event) => {
      print("frame", name, "notification", event.frame.sender, "-", show(event.get_payload()));
    };
    rpc.on_call = (event) => serve(name, event);
    await bus.connect(path);
  },
  disconnect: () => bus.disconnect(),
  send: (target, text, qos) => acked(bus.send(target, text, { qos: Number(qos) }), qos),
  broadcast: (mask, text, qos) => acked(bus.broadcast(mask, text, { qos: Number(qos) }), qos),
  publish: (topic, text, qos) => acked(bus.publish(topic, text, { qos: Number(qos) }), qos),
  subscribe: (...topics) => acked(bus.subscribe(topics), 1),
  unsubscribe: (...topics) => acked(bus.unsubscribe(topics), 1),
  async flood(target, start, count) {
    const end = Number(start) + Number(count);
    for (let number = Number(start); number < end; number += 1) {
      await bus.send(target, `${FLOOD_PREFIX}${number}`, { qos: 0 });
    }
  },
  count: (count) => flood.wait(Number(count)),
  "rpc-call": async (target, method, text) => show(await rpc.call(target, method, text).result()),
  "rpc-call0": (target, method, text) => acked(rpc.call0(target, method, text), 1),
  "rpc-notify": (target, text) => acked(rpc.notify(target, text), 1),
};

async function acked(operation, qos) {
  await operation.confirmed();
  return (Number(qos) & 1) === 1 ? "acked" : "";
}

/** Answers a call as every peer does. */
function serve(name, event) {
  const method = event.method.toString();
  if (event.call_id === 0) print("frame", name, "call0", event.frame.sender, method, show(event.get_payload()));
  if (method === "echo") return event.get_payload();
  if (method === "nothing") return undefined;
  if (method === "fail") throw new elbus.RpcError(FAIL_CODE, event.get_payload());
  throw new elbus.RpcError(elbus.RPC_ERROR_CODE_METHOD_NOT_FOUND);
}

function print_frame(receiver, frame) {
  if (flood.note(frame.get_payload())) return;
  print("frame", receiver, KINDS[frame.type], frame.sender, frame.topic ?? "-", show(frame.get_payload()));
}

/** Text without white space or control characters as it is, else hexadecimal. */
function show(payload) {
  const text = payload.toString();
  const is_plain = Buffer.from(text).equals(payload) && !/[\s\p{Cc}]/u.test(text);
  return is_plain ? text : `hex:${payload.toString("hex")}`;
}

function words_of(error) {
  if (error instanceof elbus.RpcError) {
    // The data of local errors is for people.
    const data = error.cause === undefined && error.data.length > 0 ? ` ${show(error.data)}` : "";
    return `rpc ${error.code}${data}`;
  }
  if (error instanceof elbus.ElbusError) return ERROR_WORDS[error.code] ?? "other";
  return error instanceof PeerError ? error.message : `exception ${error.name}`;
}

function print(...words) {
  process.stdout.write(`${words.join(" ")}\n`);
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [command, ...words] = line.split(" ");
    if (command === "quit") break;
    try {
      if (!Object.hasOwn(commands, command)) throw new PeerError("usage");
      const outcome = await commands[command](...words);
      print(...(outcome ? ["ok", outcome] : ["ok"]));
    } catch (error) {
      print("error", words_of(error));
    }
  }
  process.exit(0);
}

main();

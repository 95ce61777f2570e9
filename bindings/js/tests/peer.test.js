// The peer for cross tests does what its line protocol says.
"use strict";

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const path = require("node:path");
const readline = require("node:readline");
const test = require("node:test");

const { Broker } = require("./support/broker.js");

/** A peer that is asked with `ask(command)`, which returns all lines up to the answer. */
function start_peer(t) {
  const child = spawn(process.execPath, [path.join(__dirname, "peer.js")], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill());
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => (await lines.next()).value;
  return {
    line,
    ask: (command) => {
      child.stdin.write(`${command}\n`);
      return line();
    },
    quit: () => {
      child.stdin.write("quit\n");
      return new Promise((resolve) => child.on("exit", resolve));
    },
  };
}

test("commands, answers and frames", async (t) => {
  const broker = await Broker.start(t);
  const plain = start_peer(t);
  const server = start_peer(t);
  assert.equal(await plain.ask(`connect ${broker.path} plain`), "ok");
  assert.equal(await server.ask(`rpc-serve ${broker.path} server`), "ok");
  assert.equal(await plain.ask("subscribe a b/#"), "ok acked");
  assert.equal(await server.ask("publish b/c text 1"), "ok acked");
  assert.equal(await plain.line(), "frame plain publication server b/c text");
  assert.equal(await server.ask("publish a  0"), "ok");
  assert.equal(await plain.line(), "frame plain publication server a ");
  assert.equal(await server.ask("send plain a\tb 3"), "ok acked");
  assert.equal(await plain.line(), "frame plain message server - hex:610962");
  assert.equal(await server.ask("broadcast pl* x 1"), "ok acked");
  assert.equal(await server.ask("broadcast plain x 1"), "ok acked");
  assert.equal(await plain.line(), "frame plain broadcast server - x");
  assert.equal(await plain.ask("unsubscribe a"), "ok acked");
  assert.equal(await plain.ask("send nobody x 1"), "error not-registered");
  assert.equal(await plain.ask("send nobody x 0"), "ok");
  assert.equal(await server.ask("flood plain 0 1000"), "ok");
  assert.equal(await plain.ask("count 1000"), "ok 1000");
  assert.equal(await server.ask("flood plain 1001 1"), "ok");
  assert.equal(await plain.ask("count 1002"), "error order 1000 1001");
  assert.equal(await start_peer(t).ask(`connect ${broker.path} plain`), "error busy");

  const caller = start_peer(t);
  assert.equal(await caller.ask(`rpc-serve ${broker.path} caller`), "ok");
  assert.equal(await caller.ask("rpc-call server echo grün"), "ok grün");
  assert.equal(await caller.ask("rpc-call server nothing x"), "ok");
  assert.equal(await caller.ask("rpc-call server fail why"), "error rpc -777 why");
  assert.equal(await caller.ask("rpc-call server unknown "), "error rpc -32601");
  assert.equal(await caller.ask("rpc-call nobody echo x"), "error rpc -32113");
  assert.equal(await caller.ask("rpc-notify server n"), "ok acked");
  assert.equal(await server.line(), "frame server notification caller - n");
  assert.equal(await caller.ask("rpc-call0 server echo c"), "ok acked");
  assert.equal(await server.line(), "frame server call0 caller echo c");
  assert.equal(await caller.ask("rpc-call server"), "error rpc -32601");
  assert.equal(await caller.ask("nonsense"), "error usage");
  assert.equal(await caller.ask("disconnect"), "ok");
  assert.equal(await caller.quit(), 0);
});

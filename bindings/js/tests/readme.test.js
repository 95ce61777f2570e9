// The examples of the README print what it says.
"use strict";

const assert = require("node:assert/strict");
const { execFile } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const test = require("node:test");
const { promisify } = require("node:util");

const { Broker } = require("./support/broker.js");

const PACKAGE = path.join(__dirname, "..");
const EXAMPLE = /\*\*(.+?)\*\*[^`]*?(?:`[^`\n]+`[^`]*?)*```js\n(.+?)```\n\n```text\n(.+?)```/gs;

const text = fs.readFileSync(path.join(PACKAGE, "README.md"), "utf8");
const examples = [...text.matchAll(EXAMPLE)];

test("every example was found", () => {
  assert(examples.length >= 4);
  assert.equal(examples.length, text.match(/^```js$/gm).length);
});

for (const [, name, program, expected] of examples) {
  test(`example: ${name}`, async (t) => {
    const broker = await Broker.start(t);
    const type = program.includes("require(") ? "commonjs" : "module";
    const source = program.replaceAll("/tmp/elbus.sock", broker.path);
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [`--input-type=${type}`, "--eval", source],
      { cwd: PACKAGE, timeout: 30_000 },
    );
    assert.equal(stdout, expected);
  });
}

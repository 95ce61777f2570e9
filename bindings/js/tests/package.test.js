// The package as others see it: what can be imported, and what is declared.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const test = require("node:test");

const elbus = require("elbus");

test("import gives the same names as require", async () => {
  const { default: everything, ...names } = await import("elbus");
  assert.equal(everything, elbus);
  delete names["module.exports"];
  assert.deepEqual({ ...names }, { ...elbus });
});

test("what is exported is declared, and the other way round", () => {
  const declarations = fs.readFileSync(path.join(__dirname, "../index.d.ts"), "utf8");
  const declared = [...declarations.matchAll(/^export (?:class|const) (\w+)/gm)].map((match) => match[1]);
  assert.deepEqual([...new Set(declared)].sort(), Object.keys(elbus).sort());
  for (const [, name, value] of declarations.matchAll(/^export const (\w+): (\S+);/gm)) {
    assert.equal(elbus[name], Number(value), name);
  }
});

test("there is nothing to install with it", () => {
  const description = JSON.parse(fs.readFileSync(path.join(__dirname, "../package.json"), "utf8"));
  assert.equal(description.dependencies, undefined);
  const lock = fs.readFileSync(path.join(__dirname, "../package-lock.json"), "utf8");
  assert.doesNotMatch(lock, /"resolved"/);
});

// The package: `require("elbus")` and `import { Client } from "elbus"`. Described in index.d.ts.
"use strict";

const { Client } = require("./src/client.js");
const { ElbusError, RpcError } = require("./src/errors.js");
const { Frame } = require("./src/frame.js");
const { Rpc, RpcNotification, RpcRequest } = require("./src/rpc.js");

// In this form, and that of constants.js, because `import` finds the names by reading, not by running.
module.exports = {
  ...require("./src/constants.js"),
  Client,
  ElbusError,
  Frame,
  Rpc,
  RpcError,
  RpcNotification,
  RpcRequest,
};

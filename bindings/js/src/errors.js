// The two errors of the package: of the bus, and of a remote call.
"use strict";

const constants = require("./constants.js");

const MEANINGS = {
  [constants.ERR_CLIENT_NOT_REGISTERED]: "client not registered",
  [constants.ERR_DATA]: "data error",
  [constants.ERR_IO]: "I/O error",
  [constants.ERR_OTHER]: "other error",
  [constants.ERR_NOT_SUPPORTED]: "not supported",
  [constants.ERR_BUSY]: "busy",
  [constants.ERR_NOT_DELIVERED]: "not delivered",
  [constants.ERR_TIMEOUT]: "timeout",
  [constants.ERR_ACCESS]: "access denied",
  [constants.ERR_EOF]: "end of file",
};

/** A result code for people: its meaning and its number. */
function describe(code) {
  return `${MEANINGS[code] ?? "unknown code"} (0x${code.toString(16).padStart(2, "0")})`;
}

class ElbusError extends Error {
  #problem;

  /** `where` says who was concerned: `{ client, target }`. */
  constructor(code, problem, where = {}, options) {
    const target = where.target === undefined ? "" : `, target "${where.target}"`;
    const who = where.client === undefined ? "" : `client "${where.client}"${target}: `;
    super(who + problem, options);
    this.name = "ElbusError";
    this.code = code;
    this.client = where.client;
    this.target = where.target;
    this.#problem = problem;
  }

  /** The same error, told about the client and the target that it concerns. */
  at(where) {
    return new ElbusError(this.code, this.#problem, where, { cause: this.cause });
  }
}

class RpcError extends Error {
  constructor(code, data, where = {}, options) {
    if (!Number.isInteger(code) || code < -0x8000 || code > 0x7fff) {
      throw new TypeError(`the code of an RpcError must be an integer of 16 bits, not ${code}`);
    }
    const bytes = Buffer.from(data ?? "");
    super(bytes.length > 0 ? bytes.toString() : `RPC error code ${code}`, options);
    this.name = "RpcError";
    this.code = code;
    this.data = bytes;
    this.client = where.client;
    this.target = where.target;
    this.method = where.method;
  }

  /** What a call ends with that `error` of the bus has kept from being answered. */
  static local(error, where) {
    const code = error instanceof ElbusError ? error.code : constants.ERR_OTHER;
    return new RpcError(-32000 - code, error.message, where, { cause: error });
  }
}

module.exports = { ElbusError, RpcError, describe };

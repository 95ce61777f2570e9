// Where a broker listens, as text or as a port of this host.
"use strict";

const { ERR_DATA, ERR_NOT_SUPPORTED } = require("./constants.js");
const { ElbusError } = require("./errors.js");

const UNIX_SUFFIXES = [".sock", ".socket", ".ipc"];

/**
 * The options of `net.connect` for an address: a path that starts with "/" or ends in .sock, .socket
 * or .ipc; else HOST:PORT, with an IPv6 host in brackets; or the number of a port of this host.
 */
function parse_address(address) {
  if (typeof address === "number") return tcp("localhost", address, address);
  if (typeof address !== "string") {
    throw new ElbusError(ERR_DATA, `an address is text or a port number, not ${typeof address}`);
  }
  if (address.startsWith("/") || UNIX_SUFFIXES.some((suffix) => address.endsWith(suffix))) {
    return { path: address };
  }
  if (address.startsWith("tls://")) {
    throw new ElbusError(ERR_NOT_SUPPORTED, `address "${address}": TLS is not supported by this client`);
  }
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(address) ?? [];
  return tcp(bracketed ?? plain, Number(port), address);
}

function tcp(host, port, address) {
  if (!host || !Number.isInteger(port) || port < 1 || port > 0xffff) {
    throw new ElbusError(ERR_DATA, `address "${address}" is neither the path of a socket nor HOST:PORT`);
  }
  return { host, port };
}

module.exports = { parse_address };

// From an address to a socket on which the broker has accepted a name.
"use strict";

const net = require("node:net");
const { ERR_IO, ERR_TIMEOUT } = require("./constants.js");
const { ElbusError } = require("./errors.js");
const { Deferred, on_abort } = require("./deferred.js");
const { parse_address } = require("./address.js");
const { OUTPUT_HIGH_WATER } = require("./limits.js");
const { Handshake } = require("./protocol/handshake.js");

/**
 * Connects and registers, all within `timeout_s`. Returns the socket, which is paused, and the bytes
 * that came after the handshake. Rejects with an ElbusError, or with the reason of `signal`.
 */
async function dial(address, name, timeout_s, signal) {
  const handshake = new Handshake(name);
  const where = parse_address(address);
  signal.throwIfAborted();
  const socket = net.connect({ ...where, noDelay: true, writableHighWaterMark: OUTPUT_HIGH_WATER });
  const done = new Deferred();
  const fail = (code, problem, cause) => done.reject(new ElbusError(code, problem, {}, { cause }));

  socket.on("data", (chunk) => {
    try {
      const answer = handshake.push(chunk);
      if (answer.length > 0) socket.write(answer);
      if (handshake.is_complete) done.resolve();
    } catch (error) {
      done.reject(error);
    }
    if (done.is_settled) socket.pause();
  });
  socket.on("error", (error) => fail(ERR_IO, `no connection to ${address}: ${error.message}`, error));
  socket.on("close", () => fail(ERR_IO, `${address} closed the connection during the handshake`));
  const timer = setTimeout(
    () => fail(ERR_TIMEOUT, `no connection to ${address} within ${timeout_s} s`),
    timeout_s * 1000,
  );
  on_abort(signal, done.promise, (reason) => done.reject(reason));

  try {
    await done.promise;
    signal.throwIfAborted();
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  socket.removeAllListeners("data").removeAllListeners("error").removeAllListeners("close");
  return { socket, rest: handshake.rest };
}

module.exports = { dial };

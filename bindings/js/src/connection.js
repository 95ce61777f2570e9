// Frames in, frames out, and the pings between them; knows nothing of names and topics.
"use strict";

const { ERR_IO, ERR_TIMEOUT } = require("./constants.js");
const { ElbusError } = require("./errors.js");
const { Deferred } = require("./deferred.js");
const { DeliveryDecoder } = require("./protocol/deliveries.js");
const { PING } = require("./protocol/requests.js");

class Connection {
  #socket;
  #owner;
  #decoder = new DeliveryDecoder();
  #is_reading = false;
  #is_corked = false;
  /** Exists while senders wait for room in the output. */
  #room = null;
  #error = null;
  #closed = new Deferred();
  #ticker = null;
  #has_written = false;
  #silent_ticks = 0;

  /**
   * `owner` is told what happens: `receive(delivery)`, only while its `has_room()` is true, and
   * `closed(error)`, once. `settings` are those of the client.
   */
  constructor({ socket, rest }, owner, settings) {
    this.#socket = socket;
    this.#owner = owner;
    this.#decoder.push(rest);
    socket.on("data", (chunk) => {
      this.#silent_ticks = 0;
      this.#decoder.push(chunk);
      this.read();
    });
    socket.on("drain", () => this.#release_senders());
    socket.on("error", (error) => this.#fail(ERR_IO, error.message, error));
    socket.on("close", () => this.#on_close());
    // Counts from the last byte in or out; pings do not prolong it while output waits.
    socket.setTimeout(settings.timeout * 1000, () => {
      if (socket.writableLength > 0) {
        this.#fail(ERR_TIMEOUT, `the broker has taken nothing for ${settings.timeout} s`);
      }
    });
    this.#ticker = setInterval(
      () => this.#tick(settings.ping_interval, settings.silence_timeout),
      settings.ping_interval * 1000,
    );
  }

  /** Reads on, as long as the owner has room. */
  read() {
    // The owner may find room, and say so, in the middle of `receive`.
    if (this.#is_reading || this.#socket.destroyed) return;
    this.#is_reading = true;
    try {
      while (this.#owner.has_room()) {
        const delivery = this.#decoder.next();
        if (delivery === null) {
          this.#socket.resume();
          return;
        }
        this.#owner.receive(delivery);
      }
      this.#socket.pause();
    } catch (error) {
      this.destroy(error);
    } finally {
      this.#is_reading = false;
    }
  }

  /** Bytes that wait in this process to be written. */
  get buffered() {
    return this.#socket.writableLength;
  }

  /** Writes the buffers, together with everything else that is written before the next event. */
  write(buffers) {
    if (!this.#is_corked) {
      this.#is_corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#is_corked = false;
        this.#socket.uncork();
      });
    }
    for (const buffer of buffers) this.#socket.write(buffer);
    this.#has_written = true;
  }

  /** Null if there is room for more output, else a promise of it. */
  room() {
    if (!this.#socket.writableNeedDrain) return null;
    this.#room ??= new Deferred();
    return this.#room.promise;
  }

  /** Writes what waits, lets the broker answer and close, and closes anyway after `linger_s`. */
  async end(linger_s) {
    this.read();
    this.#socket.end();
    const timer = setTimeout(() => this.#socket.destroy(), linger_s * 1000);
    await this.#closed.promise;
    clearTimeout(timer);
  }

  /** Closes at once, because of the error. */
  destroy(error) {
    this.#error ??= error;
    this.#socket.destroy();
  }

  #fail(code, problem, cause) {
    this.destroy(new ElbusError(code, `connection lost: ${problem}`, {}, { cause }));
  }

  #release_senders() {
    this.#room?.resolve();
    this.#room = null;
  }

  #tick(interval_s, silence_timeout_s) {
    // Output that waits would hold a ping up as well, and a ping would hide that nothing moves.
    if (!this.#has_written && this.#socket.writableLength === 0) this.write([PING]);
    this.#has_written = false;
    if (silence_timeout_s === 0 || this.#socket.isPaused()) return;
    this.#silent_ticks += 1;
    if (this.#silent_ticks * interval_s > silence_timeout_s) {
      this.#fail(ERR_TIMEOUT, `the broker has said nothing for ${silence_timeout_s} s`);
    }
  }

  #on_close() {
    clearInterval(this.#ticker);
    this.#error ??= new ElbusError(ERR_IO, "connection lost: closed by the broker");
    this.#room?.reject(this.#error);
    this.#room = null;
    this.#closed.resolve();
    this.#owner.closed(this.#error);
  }
}

module.exports = { Connection };

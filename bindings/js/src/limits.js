// Every bound of this client, in one place. `index.d.ts` documents the settings for users.
"use strict";

/** Longest body of a frame that may be sent, in bytes; the broker's own default. */
const MAX_FRAME = 16 * 1024 * 1024;

/** Longest body that is accepted: such a frame, with the name of its sender before it. */
const MAX_DELIVERY = MAX_FRAME + 0xffff + 1;

/** Longest client name in bytes, by its length field; the broker allows less. */
const MAX_NAME = 0xffff;

/** How long `disconnect` lets the broker take and answer what was sent before, in seconds. */
const LINGER_S = 1;

/** Topic filters in one frame when subscriptions are renewed after a reconnect. */
const TOPICS_PER_FRAME = 1024;

/** Bytes of output that may wait in this process before senders are held up. */
const OUTPUT_HIGH_WATER = 64 * 1024;

/** Settings of a client and their defaults; times are in seconds. */
const DEFAULTS = {
  timeout: 5,
  ping_interval: 1,
  silence_timeout: 0,
  reconnect: false,
  reconnect_delay_min: 0.1,
  reconnect_delay_max: 10,
  queue_size: 1024,
  queue_bytes: 32 * 1024 * 1024,
  max_pending: 8192,
  max_buffered: 32 * 1024 * 1024,
};

/** What timers can count, in seconds. */
const MAX_SECONDS = 0x7fffffff / 1000;

const WHOLE = new Set(["queue_size", "queue_bytes", "max_pending", "max_buffered"]);
const MAY_BE_ZERO = new Set(["silence_timeout"]);

/** Throws a TypeError that names the first setting with an impossible value. */
function check_settings(settings) {
  for (const name of Object.keys(DEFAULTS)) {
    const value = settings[name];
    if (name === "reconnect") {
      if (typeof value !== "boolean") throw new TypeError("reconnect must be true or false");
    } else if (WHOLE.has(name)) {
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new TypeError(`${name} must be a whole number from 1, not ${value}`);
      }
    } else if (!(MAY_BE_ZERO.has(name) && value === 0)) {
      check_seconds(name, value);
    }
  }
}

/** Throws a TypeError if `value` is no usable number of seconds. */
function check_seconds(name, value) {
  if (!(typeof value === "number" && value > 0 && value <= MAX_SECONDS)) {
    throw new TypeError(`${name} must be more than 0 and at most ${MAX_SECONDS} seconds, not ${value}`);
  }
}

module.exports = {
  MAX_FRAME, MAX_DELIVERY, MAX_NAME, TOPICS_PER_FRAME, LINGER_S, OUTPUT_HIGH_WATER, DEFAULTS,
  check_settings, check_seconds,
};

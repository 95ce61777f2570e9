// The client: one name on one broker, over one connection at a time.
"use strict";

const { setTimeout: sleep } = require("node:timers/promises");
const {
  OP_ACK, OP_BROADCAST, OP_MESSAGE, OP_NOP, OP_PUBLISH, OP_SUBSCRIBE, OP_UNSUBSCRIBE, RESPONSE_OK,
  ERR_ACCESS, ERR_BUSY, ERR_IO,
} = require("./constants.js");
const { EMPTY, to_bytes } = require("./bytes.js");
const { Connection } = require("./connection.js");
const { Deferred, on_abort } = require("./deferred.js");
const { dial } = require("./dial.js");
const { ElbusError } = require("./errors.js");
const { FrameIterator } = require("./frame_iterator.js");
const { Inbox } = require("./inbox.js");
const { DEFAULTS, LINGER_S, check_seconds, check_settings } = require("./limits.js");
const { Operation, OperationSubmission } = require("./operation.js");
const { Pending } = require("./pending.js");
const { encode_targeted, encode_topics } = require("./protocol/requests.js");
const { Subscriptions } = require("./subscriptions.js");

class Client {
  on_frame = null;
  on_disconnect = null;
  on_reconnect = null;
  /** Why the last attempt to reconnect failed. */
  last_error = null;
  /** Received frames that were lost for lack of room, see `queue_bytes`. */
  dropped_frames = 0;

  /** Ends what goes on between `connect` and `disconnect`, or the final loss; null outside of that. */
  #session = null;
  #address = null;
  #connection = null;
  /** Connected, registered, and subscribed again. */
  #is_ready = false;
  #ready = new Deferred();
  #operations = new Pending();
  #subscriptions = new Subscriptions();
  #inbox = new Inbox(
    this,
    (frame) => (this.#layer?.on_frame ?? this.on_frame)?.(frame),
    () => this.#connection?.read(),
  );
  #iterator = null;
  /** The RPC layer, if there is one on top of this client. */
  #layer = null;

  constructor(name, settings = {}) {
    if (typeof name !== "string") throw new TypeError(`the name of a client is text, not ${typeof name}`);
    for (const setting of Object.keys(settings)) {
      if (!(setting in DEFAULTS)) throw new TypeError(`there is no setting "${setting}"`);
    }
    this.name = name;
    Object.assign(this, DEFAULTS, settings);
    check_settings(this);
  }

  async connect(address, { signal } = {}) {
    check_settings(this);
    if (this.#session !== null) throw this.#error(ERR_BUSY, "already connected, or about to be");
    const session = new AbortController();
    this.#session = session;
    this.#address = address;
    this.#subscriptions.clear();
    try {
      await this.#open(session, signal);
    } catch (error) {
      this.#finish(session, this.#located(error));
      throw this.#located(error);
    }
  }

  async disconnect() {
    if (this.#session === null) return;
    const session = this.#session;
    const error = this.#error(ERR_IO, "disconnected by the program");
    session.abort(error);
    this.#iterator?.end(null);
    if (this.#is_ready) {
      await this.#connection.end(Math.min(LINGER_S, this.timeout));
    } else {
      // What is about to connect notices that by the signal, or by the end of its connection.
      this.#connection?.destroy(error);
      this.#finish(session, error);
    }
  }

  is_connected() {
    return this.#is_ready && !this.#session.signal.aborted;
  }

  async wait_connected({ signal } = {}) {
    signal?.throwIfAborted();
    if (this.is_connected()) return;
    if (this.#session === null) throw this.#error(ERR_IO, "not connected");
    const outcome = new Deferred();
    this.#ready.promise.then(() => outcome.resolve(), (error) => outcome.reject(error));
    on_abort(signal, outcome.promise, (reason) => outcome.reject(reason));
    await outcome.promise;
  }

  send(target, payload, options) {
    if (payload === undefined && is_frame(target)) return this.#send_topics(target);
    if (is_frame(payload)) return this.#send_frame(target, payload, options);
    return this.#send_payload(OP_MESSAGE, target, payload, options);
  }

  publish(topic, payload, options) {
    return this.#send_payload(OP_PUBLISH, topic, payload, options);
  }

  broadcast(mask, payload, options) {
    return this.#send_payload(OP_BROADCAST, mask, payload, options);
  }

  subscribe(topics, options) {
    return this.#change_subscriptions(OP_SUBSCRIBE, topics, options);
  }

  unsubscribe(topics, options) {
    return this.#change_subscriptions(OP_UNSUBSCRIBE, topics, options);
  }

  frames({ signal } = {}) {
    if (this.#iterator !== null) throw this.#error(ERR_BUSY, "there is an iterator of frames already");
    signal?.throwIfAborted();
    const ended = new Deferred();
    this.#iterator = new FrameIterator(this.#inbox, () => {
      this.#iterator = null;
      ended.resolve();
    });
    on_abort(signal, ended.promise, (reason) => this.#iterator.end(reason));
    return this.#iterator;
  }

  /**
   * For the RPC layer: `receive(message)` gets every message from now on, `has_room(...)` and
   * `awaits_replies` have their say in whether there is room, `connection_lost(error)` is called when
   * no more replies will come, and `on_frame` comes before that of the client. Returns what is to be
   * called when there may be room again.
   */
  attach(layer) {
    if (this.#layer !== null) throw this.#error(ERR_BUSY, "there is an RPC layer already");
    this.#layer = layer;
    return () => this.#connection?.read();
  }

  // Output.

  #send_payload(op, target, payload, { qos = 1, ...options } = {}) {
    return this.#send_frame(target, { type: op, qos, payload }, options);
  }

  #send_frame(target, { type, qos, header = EMPTY, payload }, options) {
    const encode = (id) => encode_targeted(type, qos, id, target, header, to_bytes(payload));
    return this.#submit({ client: this.name, target }, qos, encode, options).submission;
  }

  /** A frame that carries its topics, as programs for the first versions of the package send it. */
  #send_topics(frame) {
    return this.#change_subscriptions(frame.type, frame.topic, { qos: frame.qos });
  }

  #change_subscriptions(op, topics, { qos = 1, ...options } = {}) {
    const list = Array.isArray(topics) ? [...topics] : [topics];
    const encode = (id) => encode_topics(op, qos, id, list);
    const { operation, submission } = this.#submit({ client: this.name }, qos, encode, options);
    operation.wait_completed().then(
      (code) => this.#subscriptions.note(op, list, code),
      () => {},
    );
    return submission;
  }

  /** Starts an operation; `encode(id)` gives its buffers. */
  #submit(where, qos, encode, options) {
    const operation = new Operation(where);
    let started;
    try {
      if (!this.is_connected()) throw new ElbusError(ERR_IO, "not connected");
      started = this.#write(operation, qos, encode, options);
    } catch (error) {
      operation.fail(error);
      started = operation.wait_completed();
    }
    return { operation, submission: OperationSubmission.of(operation, started) };
  }

  /** Writes an operation, and returns it as soon as there is room for more output. */
  #write(operation, qos, encode, { timeout = this.timeout, signal } = {}) {
    signal?.throwIfAborted();
    check_seconds("timeout", timeout);
    if (![0, 1, 2, 3].includes(qos)) throw new TypeError(`the QoS must be 0, 1, 2 or 3, not ${qos}`);
    const connection = this.#connection;
    const is_acknowledged = (qos & 1) === 1;
    const id = is_acknowledged ? this.#operations.add(operation, timeout, this.max_pending) : 0;
    try {
      const buffers = encode(id);
      this.#check_buffered(connection, buffers);
      connection.write(buffers);
    } catch (error) {
      this.#operations.take(id);
      throw error;
    }
    const room = connection.room();
    if (!is_acknowledged) {
      operation.acknowledge(RESPONSE_OK);
      return room === null ? operation : room.then(() => operation, (error) => this.#rethrow(error));
    }
    on_abort(signal, operation.wait_completed(), (reason) => {
      this.#operations.take(id);
      operation.fail(reason);
    });
    // The ack may stand behind frames that were not read for lack of room.
    connection.read();
    if (room === null) return operation;
    return Promise.race([room, operation.wait_completed()]).then(
      () => operation,
      (error) => this.#rethrow(error),
    );
  }

  #check_buffered(connection, buffers) {
    const length = buffers.reduce((sum, buffer) => sum + buffer.length, connection.buffered);
    // A frame of any legal size may go into an empty output.
    if (connection.buffered > 0 && length > this.max_buffered) {
      throw new ElbusError(
        ERR_BUSY,
        `${connection.buffered} bytes wait to be written, ${this.max_buffered} may (max_buffered)`,
      );
    }
  }

  // Input.

  #receive(session, delivery) {
    if (delivery.kind === OP_NOP) return;
    if (delivery.kind === OP_ACK) {
      this.#operations.take(delivery.id)?.acknowledge(delivery.code);
    } else if (!session.signal.aborted) {
      this.#dispatch(delivery.frame);
    }
  }

  #dispatch(frame) {
    if (this.#layer !== null && frame.type === OP_MESSAGE) this.#layer.receive(frame);
    else this.#inbox.accept(frame);
  }

  #has_room(session) {
    // After `disconnect` only acks matter.
    if (session.signal.aborted) return true;
    const layer = this.#layer;
    const answers_are_awaited = this.#operations.size > 0 || (layer?.awaits_replies ?? false);
    return this.#inbox.has_room(answers_are_awaited) && (layer?.has_room(answers_are_awaited) ?? true);
  }

  // Connecting and its opposite.

  /** Connects, registers and subscribes. */
  async #open(session, extra_signal) {
    const signal = extra_signal ? AbortSignal.any([session.signal, extra_signal]) : session.signal;
    const dialled = await dial(this.#address, this.name, this.timeout, signal);
    const owner = {
      has_room: () => this.#has_room(session),
      receive: (delivery) => this.#receive(session, delivery),
      closed: (error) => this.#closed(session, connection, error),
    };
    const connection = new Connection(dialled, owner, this);
    this.#connection = connection;
    connection.read();
    for (const topics of this.#subscriptions.batches()) await this.#renew(connection, topics);
    this.#is_ready = true;
    this.#ready.resolve();
  }

  /** Subscribes again, before the program gets to use the connection. */
  async #renew(connection, topics) {
    const operation = new Operation({ client: this.name });
    try {
      await this.#write(operation, 1, (id) => encode_topics(OP_SUBSCRIBE, 1, id, topics));
      // Access that is denied was denied before.
      const code = await operation.wait_completed();
      if (code !== ERR_ACCESS) await operation.confirmed();
    } catch (error) {
      connection.destroy(error);
      throw error;
    }
  }

  #closed(session, connection, error) {
    if (connection !== this.#connection) return;
    const was_ready = this.#is_ready;
    const located = this.#located(error);
    this.#connection = null;
    this.#is_ready = false;
    this.#operations.fail_all(located);
    this.#layer?.connection_lost(located);
    // Until then the failure is that of `#open`.
    if (!was_ready) return;
    if (this.reconnect && !session.signal.aborted) {
      this.#ready = new Deferred();
      this.#reconnect(session);
    } else {
      this.#finish(session, located);
      this.#iterator?.end(located);
    }
    if (this.on_disconnect !== null) this.on_disconnect();
  }

  /** Tries until it works or the program disconnects. */
  async #reconnect(session) {
    const { signal } = session;
    for (let delay_s = this.reconnect_delay_min; ; delay_s *= 2) {
      delay_s = Math.min(delay_s, this.reconnect_delay_max);
      // Between half of it and all of it, so that the clients of a broker do not come all at once.
      const jittered_ms = delay_s * 1000 * (0.5 + Math.random() / 2);
      try {
        await sleep(jittered_ms, undefined, { signal });
        await this.#open(session);
        break;
      } catch (error) {
        if (signal.aborted) return;
        this.last_error = this.#located(error);
      }
    }
    this.last_error = null;
    if (this.on_reconnect !== null) this.on_reconnect();
  }

  /** The end of a session: nobody will connect any more. */
  #finish(session, error) {
    if (this.#session !== session) return;
    this.#session = null;
    this.#ready.reject(error);
    this.#ready = new Deferred();
  }

  // Errors.

  #error(code, problem) {
    return new ElbusError(code, problem, { client: this.name });
  }

  #located(error) {
    return error instanceof ElbusError ? error.at({ client: this.name }) : error;
  }

  #rethrow(error) {
    throw this.#located(error);
  }
}

/** Also what is only shaped like a frame, as the notifications of the RPC layer. */
function is_frame(value) {
  return typeof value === "object" && value !== null && typeof value.type === "number";
}

module.exports = { Client };

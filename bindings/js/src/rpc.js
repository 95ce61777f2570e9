// The RPC layer: calls and notifications on top of a client, both ways.
"use strict";

const {
  ERR_DATA, OP_MESSAGE, RESPONSE_OK, RPC_ERROR, RPC_ERROR_CODE_INTERNAL,
  RPC_ERROR_CODE_METHOD_NOT_FOUND, RPC_REPLY, RPC_REQUEST,
} = require("./constants.js");
const { EMPTY, to_bytes } = require("./bytes.js");
const { Deferred, on_abort } = require("./deferred.js");
const { ElbusError, RpcError, describe } = require("./errors.js");
const { Inbox } = require("./inbox.js");
const { Submission } = require("./operation.js");
const { Pending } = require("./pending.js");
const codec = require("./protocol/rpc.js");

class RpcNotification {
  type = OP_MESSAGE;
  qos = 1;
  header = codec.NOTIFICATION_HEADER;

  constructor(payload) {
    this.payload = payload;
  }
}

class RpcRequest {
  type = OP_MESSAGE;
  qos = 1;

  constructor(method, params) {
    this.method = to_bytes(method);
    this.payload = params;
    if (this.method.includes(0)) throw new ElbusError(ERR_DATA, "a method must not contain NUL");
  }
}

/** A received notification or request. */
class RpcEvent {
  #payload;

  constructor(frame, { type, id, method, data }) {
    this.tp = type;
    this.frame = frame;
    this.call_id = id;
    this.method = method;
    this.#payload = data;
  }

  get_payload() {
    return this.#payload;
  }
}

/** A call that this client has made. */
class RpcCall {
  #where;
  #reply = new Deferred();
  #payload = EMPTY;

  constructor(where) {
    this.#where = where;
    /** The frame of the reply. */
    this.frame = undefined;
  }

  get target() {
    return this.#where.target;
  }

  is_completed() {
    return this.#reply.is_settled;
  }

  wait_completed() {
    return this.#reply.promise;
  }

  async result() {
    return (await this.#reply.promise).get_payload();
  }

  get_payload() {
    return this.#payload;
  }

  settle(frame, { type, code, data }) {
    this.frame = frame;
    this.#payload = data;
    if (type === RPC_ERROR) this.#reply.reject(new RpcError(code, data, this.#where));
    else this.#reply.resolve(this);
  }

  /** There will be no reply: an ElbusError becomes an RpcError, the reason of a signal stays. */
  fail(error) {
    const is_known = error instanceof ElbusError;
    this.#reply.reject(is_known ? RpcError.local(error.at(this.#where), this.#where) : error);
  }
}

class RpcCallSubmission extends Submission {
  result() {
    return this.subject.result();
  }

  // Unlike operations: what has kept a call from being sent is told by the call.
  wait_completed() {
    return this.subject.wait_completed();
  }
}

class Rpc {
  on_frame = null;
  on_notification = null;
  #calls = new Pending();
  /** Notifications and requests; replies do not wait. */
  #inbox;

  constructor(client) {
    const on_room = client.attach(this);
    this.#inbox = new Inbox(client, (frame) => this.#handle(frame), on_room);
    this.client = client;
  }

  /** The default: there are no methods. Replaced by the program. */
  on_call = () => {
    throw new RpcError(RPC_ERROR_CODE_METHOD_NOT_FOUND);
  };

  is_connected() {
    return this.client.is_connected();
  }

  notify(target, notification, options) {
    const { payload, qos } = notification instanceof RpcNotification
      ? notification
      : new RpcNotification(notification);
    return this.#send(target, codec.NOTIFICATION_HEADER, payload, { qos, ...options });
  }

  call0(target, ...args) {
    const { request, options } = request_of(args);
    const header = codec.request_header(0, request.method);
    return this.#send(target, header, request.payload, { qos: request.qos, ...options });
  }

  call(target, ...args) {
    const { request, options } = request_of(args);
    const call = new RpcCall({
      client: this.client.name,
      target,
      method: request.method.toString(),
    });
    let started;
    try {
      started = this.#start(call, request, options).then(() => call, () => call);
    } catch (error) {
      call.fail(error);
      started = call;
    }
    return RpcCallSubmission.of(call, started);
  }

  // What the client asks of its layer.

  get awaits_replies() {
    return this.#calls.size > 0;
  }

  has_room(answers_are_awaited) {
    return this.#inbox.has_room(answers_are_awaited);
  }

  receive(frame) {
    const type = frame.payload[0];
    if (type === RPC_REPLY || type === RPC_ERROR) this.#resolve(frame);
    else this.#inbox.accept(frame);
  }

  connection_lost(error) {
    this.#calls.fail_all(error);
  }

  // Calls of this client.

  #start(call, request, { timeout = this.client.timeout, signal, ...options } = {}) {
    signal?.throwIfAborted();
    const id = this.#calls.add(call, timeout, this.client.max_pending);
    const give_up = (error) => {
      this.#calls.take(id);
      call.fail(error);
    };
    on_abort(signal, call.wait_completed(), give_up);
    const header = codec.request_header(id, request.method);
    const sending = { qos: request.qos, timeout, ...options };
    const submission = this.#send(call.target, header, request.payload, sending);
    submission.wait_completed().then((code) => {
      if (code !== RESPONSE_OK) give_up(new ElbusError(code, `the broker answers: ${describe(code)}`));
    }, give_up);
    return submission;
  }

  #resolve(frame) {
    const message = codec.decode_rpc(frame.payload);
    // Malformed messages are ignored.
    if (message === null) return;
    const call = this.#calls.get(message.id);
    // Ids are easy to guess: a reply counts if it comes from the client that was called.
    if (call === undefined || primary_name(call.target) !== frame.primary_sender) return;
    this.#calls.take(message.id);
    call.settle(frame, message);
  }

  // Calls of others.

  #handle(frame) {
    const message = codec.decode_rpc(frame.payload);
    if (message === null) return undefined;
    const event = new RpcEvent(frame, message);
    return message.type === RPC_REQUEST ? this.#answer(event) : this.on_notification?.(event);
  }

  async #answer(event) {
    const id = event.call_id;
    let header, payload;
    try {
      payload = to_bytes(await this.on_call(event));
      header = codec.reply_header(id);
    } catch (thrown) {
      const error = rpc_error_of(thrown);
      // Nobody else would ever hear of it.
      if (id === 0 && error !== thrown) process.emitWarning(thrown);
      payload = error.data;
      header = codec.error_header(id, error.code);
    }
    if (id !== 0) await this.#reply(event, header, payload);
  }

  /** Waits for the ack, too, so that replies are bounded by the requests that the client holds. */
  async #reply({ frame, call_id }, header, payload) {
    const qos = frame.realtime ? 3 : 1;
    try {
      await this.#send(frame.sender, header, payload, { qos }).wait_completed();
    } catch (error) {
      if (error.code !== ERR_DATA) return;
      // A result that is too long for a frame: the caller shall not wait in vain.
      const too_long = codec.error_header(call_id, RPC_ERROR_CODE_INTERNAL);
      await this.#send(frame.sender, too_long, error.message, { qos }).wait_completed().catch(() => {});
    }
  }

  #send(target, header, payload, { qos, ...options }) {
    return this.client.send(target, { type: OP_MESSAGE, qos, header, payload }, options);
  }
}

/** `(request, options)` or `(method, params, options)`. */
function request_of([first, ...rest]) {
  if (first instanceof RpcRequest) return { request: first, options: rest[0] };
  return { request: new RpcRequest(first, rest[0]), options: rest[1] };
}

function rpc_error_of(thrown) {
  if (thrown instanceof RpcError) return thrown;
  return new RpcError(RPC_ERROR_CODE_INTERNAL, String(thrown?.message ?? thrown));
}

function primary_name(name) {
  return name.split("%%", 1)[0];
}

module.exports = { Rpc, RpcNotification, RpcRequest };

/**
 * Client of the elbus message broker. Names are those of the original package, therefore in
 * snake_case; times are in seconds.
 */

/** Bytes, or text that is sent as UTF-8; nothing is the empty payload. */
export type Payload = Uint8Array | string | null | undefined;

/**
 * Quality of service: bit 0 asks the broker for an acknowledgement, bit 1 makes it deliver without
 * delay.
 */
export type QoS = 0 | 1 | 2 | 3;

/** A path that starts with `/` or ends in `.sock`, `.socket` or `.ipc`; `HOST:PORT`; a port of this host. */
export type Address = string | number;

/** Settings of a client. Each is also a property, which takes effect with the next `connect` or operation. */
export interface Settings {
  /**
   * Limit in seconds of connecting, of each operation and call, and of output that the broker does
   * not take. Default 5.
   */
  timeout?: number;
  /** Seconds between pings, which are left out while something else is sent. Default 1. */
  ping_interval?: number;
  /**
   * A connection on which nothing arrives for so many seconds is lost. Default 0: no such limit.
   * The broker speaks at least once in its own timeout (`elbusd -t`, 5 s), so 10 is a good value.
   */
  silence_timeout?: number;
  /** Whether to connect again after the connection was lost. Default false. */
  reconnect?: boolean;
  /** First delay before a new attempt, in seconds; it doubles with each, minus up to half. Default 0.1. */
  reconnect_delay_min?: number;
  /** Longest delay, in seconds. Default 10. */
  reconnect_delay_max?: number;
  /**
   * Received frames that the program has not finished with, and handlers that run at a time. At the
   * bound nothing more is read, and the broker holds up the senders; except while acknowledgements
   * or replies are awaited, which stand behind the frames. Default 1024.
   */
  queue_size?: number;
  /**
   * The same in bytes, 256 for each frame included. What arrives beyond that while something is
   * awaited is dropped, and counted in `dropped_frames`. Default 32 MiB.
   */
  queue_bytes?: number;
  /** Operations that wait for their acknowledgement, and calls for their reply. Default 8192 each. */
  max_pending?: number;
  /** Bytes that wait to be written. Default 32 MiB. */
  max_buffered?: number;
}

/** How one operation differs from the settings of its client. */
export interface OperationOptions {
  /** Default 1, unless a `Frame` or a request says otherwise. */
  qos?: QoS;
  /** Seconds, for this operation. */
  timeout?: number;
  /** Gives up waiting. What was sent already stays sent. */
  signal?: AbortSignal;
}

/** An operation under way. */
export interface Completion {
  /** Whether it has ended, well or badly; without an acknowledgement, as soon as it is sent. */
  is_completed(): boolean;
  /**
   * The result code of the broker, `RESPONSE_OK` or one of `ERR_…`; `RESPONSE_OK` if the QoS asks
   * for no acknowledgement. Rejects with an `ElbusError` if there will be none.
   */
  wait_completed(): Promise<number>;
  /** The same, but any other code than `RESPONSE_OK` rejects with an `ElbusError`, too. */
  confirmed(): Promise<void>;
}

export interface Operation extends Completion {}

/**
 * Fulfilled with the operation as soon as there is room for more output; awaiting it is what keeps a
 * fast sender in step with the broker. It rejects with an `ElbusError` if nothing was sent.
 */
export interface PendingOperation extends Promise<Operation>, Completion {}

export class Frame {
  /** `type` is `OP_MESSAGE` (the default), `OP_BROADCAST` or `OP_PUBLISH`; `qos` is 0 by default. */
  constructor(type?: number, qos?: QoS);
  type: number;
  qos: QoS;
  /**
   * What is sent, or what was received. Received payloads over 4 KiB share memory with at most 64 KiB
   * of other input: copy what you keep for long.
   */
  payload: Payload;
  /** Sender of a received frame. */
  sender?: string;
  /** Topic of a received publication. For `send(frame)`: what to subscribe to. */
  topic?: string | string[];
  /** Whether a received frame was sent with a real-time QoS. */
  realtime?: boolean;
  /** The sender without the suffix of a secondary client. */
  readonly primary_sender: string | undefined;
  get_payload(): Buffer;
}

/** A frame as it is received. */
export interface ReceivedFrame extends Frame {
  readonly payload: Buffer;
  readonly sender: string;
  readonly topic?: string;
  readonly realtime: boolean;
  readonly primary_sender: string;
}

/** Received frames in their order. It ends with `disconnect`, and throws when the connection is lost for good. */
export interface FrameIterator extends AsyncIterableIterator<ReceivedFrame> {}

export interface Client extends Required<Settings> {}
export class Client {
  /** Throws a `TypeError` for a setting that does not exist or is out of its range. */
  constructor(name: string, settings?: Settings);
  readonly name: string;

  /**
   * Gets every frame that `frames()` and the RPC layer do not take. It is called in the order of
   * arrival and not waited for; but a frame counts as received until the promise that it may return
   * is settled. What it throws is uncaught.
   */
  on_frame: ((frame: ReceivedFrame) => unknown) | null;
  /** The connection has ended, by `disconnect` or otherwise. */
  on_disconnect: (() => unknown) | null;
  /** Connected again, and subscribed to everything as before. */
  on_reconnect: (() => unknown) | null;
  /** Why the last attempt to reconnect has failed. */
  readonly last_error: ElbusError | null;
  /** Received frames that were lost for lack of room, see `queue_bytes`. */
  readonly dropped_frames: number;

  /**
   * Connects and registers. Rejects with an `ElbusError`: the code of the broker (`ERR_BUSY`: the
   * name is taken), `ERR_IO`, `ERR_TIMEOUT`, `ERR_DATA` (address or name), `ERR_NOT_SUPPORTED` (no
   * broker of protocol 1).
   */
  connect(address: Address, options?: { signal?: AbortSignal }): Promise<void>;
  /**
   * Sends what waits and disconnects, within a second; what is still pending then fails with
   * `ERR_IO`. Also ends attempts to reconnect. Does nothing without a connection.
   */
  disconnect(): Promise<void>;
  is_connected(): boolean;
  /** Waits until a lost connection is there again. Rejects with `ERR_IO` if nobody tries. */
  wait_connected(options?: { signal?: AbortSignal }): Promise<void>;

  /** Sends a direct message, or a frame of any type to its target, mask or topic. */
  send(target: string, payload: Payload | Frame, options?: OperationOptions): PendingOperation;
  /** Subscribes or unsubscribes with a frame of that type, whose `topic` says to what. */
  send(frame: Frame): PendingOperation;
  publish(topic: string, payload?: Payload, options?: OperationOptions): PendingOperation;
  /** To all clients whose name matches the mask. */
  broadcast(mask: string, payload?: Payload, options?: OperationOptions): PendingOperation;
  /** One topic filter, or several, which count as one operation. */
  subscribe(topics: string | readonly string[], options?: OperationOptions): PendingOperation;
  unsubscribe(topics: string | readonly string[], options?: OperationOptions): PendingOperation;

  /**
   * The frames that arrive from now on, for `for await`. Call it before you subscribe. One iterator
   * at a time, else `ERR_BUSY`; while there is one, `on_frame` gets nothing.
   */
  frames(options?: { signal?: AbortSignal }): FrameIterator;
}

/** What went wrong on the bus. The message names the client, the target if there is one, and limits. */
export class ElbusError extends Error {
  constructor(code: number, problem: string, where?: { client?: string; target?: string }, options?: ErrorOptions);
  /** One of `ERR_…`. */
  readonly code: number;
  readonly client?: string;
  readonly target?: string;
}

export class RpcNotification {
  constructor(payload?: Payload);
  payload: Payload;
  /** Default 1. */
  qos: QoS;
}

export class RpcRequest {
  constructor(method: string | Uint8Array, params?: Payload);
  readonly method: Buffer;
  payload: Payload;
  /** Default 1. */
  qos: QoS;
}

/** A received notification (without `method` and `call_id`) or request. */
export interface RpcEvent {
  /** `RPC_NOTIFICATION` or `RPC_REQUEST`. */
  readonly tp: number;
  readonly frame: ReceivedFrame;
  /** 0 if no reply is wanted. */
  readonly call_id?: number;
  readonly method: Buffer;
  /** The data of a notification, the params of a request. */
  get_payload(): Buffer;
}

export interface RpcCall {
  is_completed(): boolean;
  /** Rejects with an `RpcError`. */
  wait_completed(): Promise<RpcReply>;
  /** The payload of the reply. Rejects with an `RpcError`. */
  result(): Promise<Buffer>;
}

export interface RpcReply extends RpcCall {
  readonly frame: ReceivedFrame;
  get_payload(): Buffer;
}

/** Fulfilled as soon as the request is sent, or has failed, which only the call itself tells. */
export interface PendingRpcCall extends Promise<RpcCall> {
  is_completed(): boolean;
  wait_completed(): Promise<RpcReply>;
  result(): Promise<Buffer>;
}

/** The RPC layer on top of a client, which takes over all direct messages. */
export class Rpc {
  /** Throws an `ElbusError` `ERR_BUSY` if the client has such a layer. */
  constructor(client: Client);
  readonly client: Client;

  /**
   * Answers calls with what it returns, or with what it throws: an `RpcError` as it is, anything else
   * as `RPC_ERROR_CODE_INTERNAL`. Calls are handled at the same time, up to `queue_size` of them. By
   * default there are no methods.
   */
  on_call: (event: RpcEvent) => Payload | Promise<Payload>;
  on_notification: ((event: RpcEvent) => unknown) | null;
  /** Gets broadcasts and publications, in place of that of the client. */
  on_frame: ((frame: ReceivedFrame) => unknown) | null;

  is_connected(): boolean;
  notify(target: string, notification: RpcNotification | Payload, options?: OperationOptions): PendingOperation;
  /** Calls a method whose result nobody wants. */
  call0(target: string, request: RpcRequest, options?: OperationOptions): PendingOperation;
  call0(target: string, method: string, params?: Payload, options?: OperationOptions): PendingOperation;
  /**
   * Calls a method. Fails with the error that the method throws, or with a local one, −32000 − `ERR_…`:
   * −32113 no such client, −32115 connection lost, −32120 no reply in time.
   */
  call(target: string, request: RpcRequest, options?: OperationOptions): PendingRpcCall;
  call(target: string, method: string, params?: Payload, options?: OperationOptions): PendingRpcCall;
}

/** The error of a call, for both sides. */
export class RpcError extends Error {
  /** `code` is an integer of 16 bits; `data` becomes the message, too. */
  constructor(code: number, data?: Payload);
  readonly code: number;
  /** What was sent with the error, as bytes. */
  readonly data: Buffer;
  /** Of calls of this client: who called what. */
  readonly client?: string;
  readonly target?: string;
  readonly method?: string;
}

export const OP_NOP: 0x00;
export const OP_PUBLISH: 0x01;
export const OP_SUBSCRIBE: 0x02;
export const OP_UNSUBSCRIBE: 0x03;
export const OP_MESSAGE: 0x12;
export const OP_BROADCAST: 0x13;
export const OP_ACK: 0xfe;
export const RESPONSE_OK: 0x01;
export const ERR_CLIENT_NOT_REGISTERED: 0x71;
export const ERR_DATA: 0x72;
export const ERR_IO: 0x73;
export const ERR_OTHER: 0x74;
export const ERR_NOT_SUPPORTED: 0x75;
export const ERR_BUSY: 0x76;
export const ERR_NOT_DELIVERED: 0x77;
export const ERR_TIMEOUT: 0x78;
export const ERR_ACCESS: 0x79;
export const ERR_EOF: 0xff;
export const RPC_NOTIFICATION: 0x00;
export const RPC_REQUEST: 0x01;
export const RPC_REPLY: 0x11;
export const RPC_ERROR: 0x12;
export const RPC_ERROR_CODE_PARSE: -32700;
export const RPC_ERROR_CODE_INVALID_REQUEST: -32600;
export const RPC_ERROR_CODE_METHOD_NOT_FOUND: -32601;
export const RPC_ERROR_CODE_INVALID_METHOD_PARAMS: -32602;
export const RPC_ERROR_CODE_INTERNAL: -32603;

"""What the interfaces of the packages `elbus` and `elbus-async` 0.0.15 have in common.

Frames here are what these packages call so: mutable, to be sent and received.
"""

from __future__ import annotations

from typing import Any, Optional, Union

from . import codes, protocol, rpc_protocol
from .codes import Code, Operation, RpcKind
from .errors import ConnectError, DataError, Error, ProtocolError, RpcError, TimedOutError

GREETINGS = codes.PROTOCOL_MAGIC
PROTOCOL_VERSION = codes.PROTOCOL_VERSION

OP_NOP = int(Operation.NOP)
OP_PUBLISH = int(Operation.PUBLISH)
OP_SUBSCRIBE = int(Operation.SUBSCRIBE)
OP_UNSUBSCRIBE = int(Operation.UNSUBSCRIBE)
OP_MESSAGE = int(Operation.MESSAGE)
OP_BROADCAST = int(Operation.BROADCAST)
OP_ACK = 0xFE

RESPONSE_OK = int(Code.OK)
ERR_CLIENT_NOT_REGISTERED = int(Code.NOT_REGISTERED)
ERR_DATA = int(Code.DATA)
ERR_IO = int(Code.IO)
ERR_OTHER = int(Code.OTHER)
ERR_NOT_SUPPORTED = int(Code.NOT_SUPPORTED)
ERR_BUSY = int(Code.BUSY)
ERR_NOT_DELIVERED = int(Code.NOT_DELIVERED)
ERR_TIMEOUT = int(Code.TIMEOUT)

PING_FRAME = protocol.PING

RPC_NOTIFICATION = int(RpcKind.NOTIFICATION)
RPC_REQUEST = int(RpcKind.REQUEST)
RPC_REPLY = int(RpcKind.REPLY)
RPC_ERROR = int(RpcKind.ERROR)

RPC_NOTIFICATION_HEADER = bytes((RPC_NOTIFICATION,))
RPC_REQUEST_HEADER = bytes((RPC_REQUEST,))
RPC_REPLY_HEADER = bytes((RPC_REPLY,))
RPC_ERROR_REPLY_HEADER = bytes((RPC_ERROR,))

RPC_ERROR_CODE_PARSE = int(codes.RpcCode.PARSE)
RPC_ERROR_CODE_INVALID_REQUEST = int(codes.RpcCode.INVALID_REQUEST)
RPC_ERROR_CODE_METHOD_NOT_FOUND = int(codes.RpcCode.METHOD_NOT_FOUND)
RPC_ERROR_CODE_INVALID_METHOD_PARAMS = int(codes.RpcCode.INVALID_METHOD_PARAMS)
RPC_ERROR_CODE_INTERNAL = int(codes.RpcCode.INTERNAL)

#: Handlers that run at a time. Those packages had no bound.
MAX_HANDLERS = 64


class Frame:
    """A frame to be sent, or one that was received.

    `type` is one of the `OP_` constants, `qos` 0 to 3. `header` is sent before the payload. Of
    received frames there are also `sender`, `primary_sender`, and `topic` (`None` unless it is a
    publication); of subscriptions `topic`, one or a list.
    """

    sender: str
    primary_sender: str

    def __init__(
        self, payload: Optional[protocol.Payload] = None, tp: int = OP_MESSAGE, qos: int = 0
    ) -> None:
        self.payload: Any = payload
        self.header: Optional[bytes] = None
        self.type = tp
        self.qos = qos
        self.topic: Any = None


class Notification(Frame):
    """A notification to be sent."""

    def __init__(self, payload: protocol.Payload = b"") -> None:
        super().__init__(payload, qos=1)
        self.header = RPC_NOTIFICATION_HEADER


class Request(Frame):
    """A call to be made."""

    def __init__(self, method: Union[str, bytes], params: Optional[protocol.Payload] = b"") -> None:
        super().__init__(b"" if params is None else params, qos=1)
        self.method = protocol.encode_payload(method)


class Reply(Frame):
    """An answer to a call."""

    def __init__(self, result: protocol.Payload = b"") -> None:
        super().__init__(result, qos=1)


class Event:
    """What handlers get: the frame, and of calls the method (bytes) and the call id."""

    def __init__(self, event: rpc_protocol.RpcEvent) -> None:
        self.tp = int(event.message.kind)
        self.frame = received_frame(event.frame)
        self.call_id = event.message.call_id
        self.method = event.message.method
        self._data = event.message.data

    def get_payload(self) -> bytes:
        """The params of a call, the data of a notification."""
        return self._data


class RpcException(Exception):
    """The error of a call: `rpc_error_code`, and `rpc_error_payload`, which is text or bytes."""

    def __init__(self, msg: Union[str, bytes] = "", code: int = RPC_ERROR_CODE_INTERNAL) -> None:
        self.rpc_error_code = code
        self.rpc_error_payload = msg
        super().__init__(msg if isinstance(msg, str) else msg.decode(errors="backslashreplace"))

    def __str__(self) -> str:
        return f"{super().__str__()} (code: {self.rpc_error_code})"


def received_frame(received: protocol.Frame) -> Frame:
    """The frame as handlers of those packages expect it."""
    frame = Frame(received.payload, tp=int(received.kind))
    frame.sender = received.sender
    frame.primary_sender = received.primary_sender
    frame.topic = received.topic
    return frame


def encode_frame(target: Optional[str], frame: Any) -> protocol.Request:
    """What sends a frame, or anything with the attributes of one."""
    if frame.type in (OP_SUBSCRIBE, OP_UNSUBSCRIBE):
        make = (
            protocol.Request.subscription
            if frame.type == OP_SUBSCRIBE
            else protocol.Request.unsubscription
        )
        return make(frame.topic, frame.qos)
    if target is None:
        raise DataError("a frame without a target")
    payload = (frame.header or b"") + protocol.encode_payload(frame.payload)
    if frame.type == OP_MESSAGE:
        return protocol.Request.message(target, payload, frame.qos)
    if frame.type == OP_BROADCAST:
        return protocol.Request.broadcast(target, payload, frame.qos)
    if frame.type == OP_PUBLISH:
        return protocol.Request.publication(target, payload, frame.qos)
    raise DataError(f"frame to {target!r}: there is no operation {frame.type:#04x}")


def subscription(operation: int, topics: Union[str, list[str]]) -> Frame:
    """The frame that subscribes or unsubscribes, with QoS 0."""
    frame = Frame(tp=operation)
    frame.topic = topics
    return frame


def connect_error(error: Error) -> Exception:
    """What those packages raise when they cannot connect."""
    if isinstance(error, ConnectError) and isinstance(error.__cause__, OSError):
        return error.__cause__
    if isinstance(error, ProtocolError):
        return RuntimeError(f"Unsupported protocol: {error}")
    if isinstance(error, (ConnectionError, TimedOutError)) or error.__cause__ is not None:
        return error
    return RuntimeError(f"Server response: {error.code:#x}")


def handler_error(error: Exception) -> RpcError:
    """What a call is answered with whose handler raised `error`."""
    code = getattr(error, "rpc_error_code", RPC_ERROR_CODE_INTERNAL)
    data = error.rpc_error_payload if isinstance(error, RpcException) else str(error)
    return RpcError(code, data)


def call_error(error: Error) -> RpcException:
    """What those packages raise when a call cannot be made; the cause says more."""
    text = "RPC timeout" if isinstance(error, TimedOutError) else "RPC error"
    exception = RpcException(text, error.rpc_code)
    exception.__cause__ = error
    return exception


def answered(event: rpc_protocol.RpcEvent) -> Optional[RpcException]:
    """The error that a call was answered with, if it was one."""
    if event.message.kind is not RpcKind.ERROR:
        return None
    return RpcException(event.message.data, event.message.code)

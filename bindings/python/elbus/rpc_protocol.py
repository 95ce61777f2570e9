"""Messages of the RPC layer in bytes and back: a convention on the payload of direct messages."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Optional, Union

from .codes import FrameKind, QoS, RpcCode, RpcKind
from .errors import DataError, RpcError
from .protocol import Frame, Payload, Request, encode_payload

_CALL_ID = struct.Struct("<I")
_ERROR_HEAD = struct.Struct("<Ih")
_CODES = range(-0x8000, 0x8000)


@dataclass(frozen=True)
class RpcMessage:
    """A message of the RPC layer.

    `data` are the params of a request, the result in a reply, the data of an error or of a
    notification; `method` is there in requests, `code` in errors only.
    """

    kind: RpcKind
    call_id: int = 0
    method: bytes = b""
    code: int = 0
    data: bytes = b""

    def encode(self) -> bytes:
        """The payload of the direct message."""
        head = bytes((self.kind,))
        if self.kind is RpcKind.NOTIFICATION:
            return head + self.data
        if self.kind is RpcKind.ERROR:
            return head + _ERROR_HEAD.pack(self.call_id, self.code) + self.data
        head += _CALL_ID.pack(self.call_id)
        if self.kind is RpcKind.REQUEST:
            head += self.method + b"\0"
        return head + self.data

    @classmethod
    def decode(cls, payload: bytes) -> Optional[RpcMessage]:
        """The message in a payload, `None` if it is malformed."""
        try:
            kind = RpcKind(payload[0])
            if kind is RpcKind.NOTIFICATION:
                return cls(kind, data=payload[1:])
            if kind is RpcKind.ERROR:
                call_id, code = _ERROR_HEAD.unpack_from(payload, 1)
                return cls(kind, call_id, code=code, data=payload[1 + _ERROR_HEAD.size :])
            (call_id,) = _CALL_ID.unpack_from(payload, 1)
            data = payload[1 + _CALL_ID.size :]
            if kind is RpcKind.REPLY:
                return cls(kind, call_id, data=data)
            method, nul, params = data.partition(b"\0")
            return cls(kind, call_id, method=method, data=params) if nul else None
        except (IndexError, ValueError, struct.error):
            return None


@dataclass(frozen=True)
class RpcEvent:
    """A notification, a call or the answer to a call, and the frame that it came with."""

    frame: Frame
    message: RpcMessage

    @property
    def sender(self) -> str:
        """The name of the client that sent it."""
        return self.frame.sender

    @property
    def method(self) -> str:
        """The method that is called. Bytes that are not UTF-8 are shown as escapes."""
        return self.message.method.decode(errors="backslashreplace")

    @property
    def data(self) -> bytes:
        """The params of a call, the data of a notification, the result of a reply."""
        return self.message.data

    @property
    def wants_reply(self) -> bool:
        """Whether the caller waits for a result; if not, there is nobody to tell it to."""
        return self.message.kind is RpcKind.REQUEST and self.message.call_id != 0


def decode_event(frame: Frame) -> Optional[RpcEvent]:
    """The event in a frame; `None` if it is no direct message, or a malformed one."""
    if frame.kind is not FrameKind.MESSAGE:
        return None
    message = RpcMessage.decode(frame.payload)
    return None if message is None else RpcEvent(frame, message)


def notification(target: str, data: Payload, qos: int) -> Request:
    """A notification to `target`."""
    message = RpcMessage(RpcKind.NOTIFICATION, data=encode_payload(data))
    return Request.message(target, message.encode(), qos)


def call_request(target: str, method: Payload, params: Payload, call_id: int, qos: int) -> Request:
    """A call of a method of `target`; no reply is wanted with call id 0."""
    name = encode_payload(method)
    if b"\0" in name:
        raise DataError(f"call to {target!r}: a NUL in the method {method!r}")
    message = RpcMessage(RpcKind.REQUEST, call_id, name, data=encode_payload(params))
    return Request.message(target, message.encode(), qos)


def answer(event: RpcEvent, outcome: Union[Payload, BaseException, None]) -> Request:
    """The answer to a call: what its handler returned (`None` is an empty result) or raised.

    A result that cannot be sent is answered with an error, so that the caller need not wait.
    """
    try:
        if isinstance(outcome, BaseException):
            return _answer_with(event, _error(event, outcome))
        data = b"" if outcome is None else encode_payload(outcome)
        return _answer_with(event, RpcMessage(RpcKind.REPLY, event.message.call_id, data=data))
    except (DataError, TypeError) as error:
        return _answer_with(event, _error(event, error))


def _error(event: RpcEvent, error: BaseException) -> RpcMessage:
    code, data = int(RpcCode.INTERNAL), str(error).encode(errors="backslashreplace")
    if isinstance(error, RpcError) and error.code in _CODES:
        code, data = error.code, error.data
    return RpcMessage(RpcKind.ERROR, event.message.call_id, code=code, data=data)


def _answer_with(event: RpcEvent, message: RpcMessage) -> Request:
    qos = QoS.REALTIME_PROCESSED if event.frame.realtime else QoS.PROCESSED
    return Request.message(event.sender, message.encode(), qos)

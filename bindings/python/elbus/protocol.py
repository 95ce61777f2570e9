"""Frames in bytes and back. No sockets and no clock here: both clients stand on this.

Requests go to the broker, deliveries (frames and acknowledgements) come from it.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Optional, Union

from .codes import PROTOCOL_MAGIC, PROTOCOL_VERSION, Code, FrameKind, Operation, QoS
from .errors import DataError, ProtocolError, refusal
from .limits import MAX_DELIVERY_BYTES, MAX_FRAME_BYTES, MAX_NAME_BYTES

#: What can be sent. Text is sent as UTF-8.
Payload = Union[bytes, bytearray, memoryview, str]

GREETING = struct.pack("<BH", PROTOCOL_MAGIC, PROTOCOL_VERSION)

#: A request that is not answered. It shows whether the connection still works.
PING = bytes(9)

_REQUEST_HEAD = struct.Struct("<IBI")
_DELIVERY_HEAD = struct.Struct("<BIB")
_KIND_PING = 0x00
_KIND_ACK = 0xFE
_FRAME_KINDS = {kind.value: kind for kind in FrameKind}


@dataclass(frozen=True)
class Frame:
    """A frame from another client.

    `topic` is `None` unless the frame is a publication. `realtime` tells that it was sent with a
    real-time QoS.
    """

    kind: FrameKind
    sender: str
    topic: Optional[str]
    payload: bytes
    realtime: bool = False

    @property
    def primary_sender(self) -> str:
        """The name of the sender, of its primary client if the sender is a secondary one."""
        return self.sender.split("%%", 1)[0]


@dataclass(frozen=True)
class Ack:
    """The broker's answer to an operation; `code` is 1 if it was done."""

    operation_id: int
    code: int


def encode_payload(payload: Payload) -> bytes:
    """The bytes of a payload. `TypeError` for what is none: `bytes(3)` would be three NULs."""
    if isinstance(payload, str):
        return payload.encode()
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return bytes(payload)
    raise TypeError(f"a payload is bytes or text, not {type(payload).__name__}")


@dataclass(frozen=True)
class Request:
    """An operation that is ready to be sent.

    `subject` names what it is about in messages of errors, `target` is the name, mask or topic,
    `filters` are the topics of a subscription.
    """

    operation: Operation
    qos: QoS
    body: bytes
    subject: str
    target: Optional[str] = None
    filters: tuple[str, ...] = ()

    def encode(self, operation_id: int) -> bytes:
        """The frame; the id comes back in the acknowledgement."""
        flags = self.operation | self.qos << 6
        return _REQUEST_HEAD.pack(operation_id, flags, len(self.body)) + self.body

    @classmethod
    def message(cls, target: str, payload: Payload, qos: int = QoS.PROCESSED) -> Request:
        """A message to the client `target`."""
        return cls._addressed(Operation.MESSAGE, f"message to {target!r}", target, payload, qos)

    @classmethod
    def broadcast(cls, mask: str, payload: Payload, qos: int = QoS.PROCESSED) -> Request:
        """A message to all clients whose names match `mask`."""
        return cls._addressed(Operation.BROADCAST, f"broadcast to {mask!r}", mask, payload, qos)

    @classmethod
    def publication(cls, topic: str, payload: Payload, qos: int = QoS.PROCESSED) -> Request:
        """A publication to the subscribers of `topic`."""
        return cls._addressed(Operation.PUBLISH, f"publication to {topic!r}", topic, payload, qos)

    @classmethod
    def subscription(cls, topics: Union[str, Iterable[str]], qos: int = QoS.PROCESSED) -> Request:
        """Subscribes to one topic filter or several."""
        return cls._filters(Operation.SUBSCRIBE, "subscription to", topics, qos)

    @classmethod
    def unsubscription(cls, topics: Union[str, Iterable[str]], qos: int = QoS.PROCESSED) -> Request:
        """Ends the subscription to one topic filter or several."""
        return cls._filters(Operation.UNSUBSCRIBE, "end of the subscription to", topics, qos)

    @classmethod
    def _addressed(
        cls, operation: Operation, subject: str, target: str, payload: Payload, qos: int
    ) -> Request:
        body = _text(target, subject) + b"\0" + encode_payload(payload)
        return cls(operation, QoS(qos), _bounded(body, subject), subject, target)

    @classmethod
    def _filters(
        cls, operation: Operation, verb: str, topics: Union[str, Iterable[str]], qos: int
    ) -> Request:
        filters = (topics,) if isinstance(topics, str) else tuple(topics)
        if not filters:
            # On the wire, no filter at all is the filter of zero length.
            raise DataError(f"{verb} no topics")
        subject = f"{verb} {filters[0]!r}"
        if len(filters) > 1:
            subject += f" and {len(filters) - 1} more"
        body = b"\0".join(_text(topic, subject) for topic in filters)
        return cls(operation, QoS(qos), _bounded(body, subject), subject, filters=filters)


def _text(text: str, subject: str) -> bytes:
    """UTF-8 that is delimited by NUL on the wire, and cannot contain any."""
    if "\0" in text:
        raise DataError(f"{subject}: a NUL in {text!r}")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{subject}: not UTF-8: {error}") from error


def _bounded(body: bytes, subject: str) -> bytes:
    if len(body) > MAX_FRAME_BYTES:
        raise DataError(f"{subject}: {len(body)} bytes, the limit is {MAX_FRAME_BYTES}")
    return body


def encode_registration(name: str) -> bytes:
    """Length and name of the client; `DataError` if it is empty or too long."""
    octets = _text(name, "client name")
    if not 0 < len(octets) <= MAX_NAME_BYTES:
        raise DataError(f"client name of {len(octets)} bytes, it must be 1 to {MAX_NAME_BYTES}")
    return struct.pack("<H", len(octets)) + octets


def handshake(name: str) -> Generator[tuple[bytes, int], bytes, None]:
    """The client's side of the handshake.

    Yields what to send and how many bytes to read next; wants these sent back into it.
    """
    registration = encode_registration(name)
    greeting = yield b"", len(GREETING)
    if greeting[:1] != GREETING[:1]:
        raise ProtocolError(f"no elbus broker there, its greeting is {greeting.hex()}", name)
    if greeting != GREETING:
        version = int.from_bytes(greeting[1:], "little")
        raise ProtocolError(f"the broker's protocol is version {version}, not 1", name)
    _check_response((yield GREETING, 1), "greeting", name)
    _check_response((yield registration, 1), "registration", name)


def _check_response(response: bytes, what: str, name: str) -> None:
    if response[0] != Code.OK:
        raise refusal(response[0], what, name)


class Decoder:
    """Splits the stream from the broker into frames and acknowledgements.

    Holds one incomplete frame at most, and no more of it than has arrived.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Union[Frame, Ack]]:
        """What `data` completes. Must be read to its end before more is fed.

        Raises `ProtocolError` for what no broker sends, after all that came before it.
        """
        self._buffer += data
        start = 0
        try:
            while len(self._buffer) - start >= _DELIVERY_HEAD.size:
                kind, number, flag = _DELIVERY_HEAD.unpack_from(self._buffer, start)
                body = start + _DELIVERY_HEAD.size
                if kind == _KIND_PING:
                    start = body
                elif kind == _KIND_ACK:
                    start = body
                    yield Ack(number, flag)
                else:
                    _check_head(kind, number)
                    if len(self._buffer) - body < number:
                        break
                    start = body + number
                    yield self._frame(_FRAME_KINDS[kind], bool(flag), body, start)
        finally:
            del self._buffer[:start]

    def _frame(self, kind: FrameKind, realtime: bool, start: int, end: int) -> Frame:
        sender, start = self._text_before_nul("sender", start, end)
        topic = None
        if kind is FrameKind.PUBLICATION:
            topic, start = self._text_before_nul("topic", start, end)
        with memoryview(self._buffer) as view:
            payload = bytes(view[start:end])
        return Frame(kind, sender, topic, payload, realtime)

    def _text_before_nul(self, what: str, start: int, end: int) -> tuple[str, int]:
        nul = self._buffer.find(b"\0", start, end)
        if nul < 0:
            raise ProtocolError(f"malformed frame from the broker: no NUL after the {what}")
        try:
            return self._buffer[start:nul].decode(), nul + 1
        except UnicodeDecodeError as error:
            raise ProtocolError(f"malformed frame from the broker: {what}: {error}") from error


def _check_head(kind: int, length: int) -> None:
    if kind not in _FRAME_KINDS:
        raise ProtocolError(f"malformed frame from the broker: unknown kind {kind:#04x}")
    if length > MAX_DELIVERY_BYTES:
        text = f"frame of {length} bytes from the broker, the limit is {MAX_DELIVERY_BYTES}"
        raise ProtocolError(text)

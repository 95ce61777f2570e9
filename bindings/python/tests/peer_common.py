"""What the two peers share: outcomes, printed frames and the counting of floods.

The line protocol is described in tests/peers/README.md of the repository.
"""

from __future__ import annotations

import sys
import threading
from typing import Optional

import elbus

#: The code of the errors that the method "fail" returns, the same in every peer.
FAIL_CODE = -777

#: Well above what is usual, so that a busy machine does not fail a test.
TIMEOUT_S = 10.0

ERROR_WORDS: dict[int, str] = {
    elbus.Code.NOT_REGISTERED: "not-registered",
    elbus.Code.DATA: "data",
    elbus.Code.IO: "io",
    elbus.Code.OTHER: "other",
    elbus.Code.NOT_SUPPORTED: "not-supported",
    elbus.Code.BUSY: "busy",
    elbus.Code.NOT_DELIVERED: "not-delivered",
    elbus.Code.TIMEOUT: "timeout",
    elbus.Code.ACCESS: "access",
    elbus.Code.EOF: "eof",
}


class PeerError(Exception):
    """The command failed; the text follows `error`."""


def error_text(error: Exception) -> str:
    """What follows `error` for an exception of a command."""
    if isinstance(error, elbus.Error):
        return ERROR_WORDS.get(error.code, f"code-{error.code:02x}")
    if isinstance(error, PeerError):
        return str(error)
    return f"exception {type(error).__name__}"


def call_error(error: elbus.Error) -> PeerError:
    """The error of a call: the code, and the data if there is any."""
    data = error.data if isinstance(error, elbus.RpcError) else b""
    text = f"rpc {error.rpc_code}"
    return PeerError(f"{text} {show(data)}" if data else text)


def acked(qos: str) -> str:
    """The outcome of an operation that went well."""
    return "acked" if int(qos) & 1 else ""


def show(payload: bytes) -> str:
    """Text without white space or control characters as it is, else hexadecimal."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return f"hex:{payload.hex()}"
    if any(c.isspace() or ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in text):
        return f"hex:{payload.hex()}"
    return text


class Output:
    """Prints outcomes and frames, each line whole; counts the frames of floods."""

    def __init__(self) -> None:
        self.flood = Flood()
        self._lock = threading.Lock()

    def line(self, line: str) -> None:
        with self._lock:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def outcome(self, text: str) -> None:
        self.line(f"ok {text}" if text else "ok")

    def bus_frame(self, receiver: str, frame: elbus.Frame) -> None:
        if not self.flood.note(frame.payload):
            kind = frame.kind.name.lower()
            topic = "-" if frame.topic is None else frame.topic
            self.frame(receiver, kind, frame.sender, topic, frame.payload)

    def frame(self, receiver: str, kind: str, sender: str, topic: str, payload: bytes) -> None:
        self.line(f"frame {receiver} {kind} {sender} {topic} {show(payload)}")

    def notification(self, receiver: str, event: elbus.RpcEvent) -> None:
        self.frame(receiver, "notification", event.sender, "-", event.data)

    def served(self, receiver: str, event: elbus.RpcEvent) -> Optional[bytes]:
        """Answers a call as every peer does."""
        if not event.wants_reply:
            self.frame(receiver, "call0", event.sender, event.method, event.data)
        if event.method == "echo":
            return event.data
        if event.method == "nothing":
            return None
        if event.method == "fail":
            raise elbus.RpcError(FAIL_CODE, event.data)
        raise elbus.RpcError(elbus.RpcCode.METHOD_NOT_FOUND)


class Flood:
    """Numbered messages, counted and checked for order instead of printed."""

    PREFIX = b"flood:"

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._next = 0
        self._stray: Optional[int] = None

    @classmethod
    def payload(cls, number: int) -> bytes:
        return cls.PREFIX + str(number).encode()

    def note(self, payload: bytes) -> bool:
        if not payload.startswith(self.PREFIX):
            return False
        number = int(payload[len(self.PREFIX) :])
        with self._changed:
            if number == self._next:
                self._next += 1
            elif self._stray is None:
                self._stray = number
            self._changed.notify_all()
        return True

    def wait(self, count: int) -> str:
        with self._changed:
            self._changed.wait_for(lambda: self._next >= count or self._stray is not None)
            if self._stray is not None:
                raise PeerError(f"order {self._next} {self._stray}")
            return str(self._next)

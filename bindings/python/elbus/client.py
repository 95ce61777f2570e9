"""The interface of `elbus.client` 0.0.15, on top of `elbus.Client`.

For programs that were written for it; new ones are better off with `elbus.Client`. What is
different: a lost connection ends what is under way at once, with `elbus.ConnectionLostError`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional, Union

from .classic import (
    ERR_BUSY,
    ERR_CLIENT_NOT_REGISTERED,
    ERR_DATA,
    ERR_IO,
    ERR_NOT_DELIVERED,
    ERR_NOT_SUPPORTED,
    ERR_OTHER,
    ERR_TIMEOUT,
    GREETINGS,
    OP_ACK,
    OP_BROADCAST,
    OP_MESSAGE,
    OP_NOP,
    OP_PUBLISH,
    OP_SUBSCRIBE,
    OP_UNSUBSCRIBE,
    PING_FRAME,
    PROTOCOL_VERSION,
    RESPONSE_OK,
    Frame,
    connect_error,
    encode_frame,
    received_frame,
    subscription,
)
from .errors import Error
from .protocol import Frame as ReceivedFrame
from .threads.client import Client as ThreadsClient
from .threads.operation import Operation

__all__ = [
    "Client",
    "ClientFrame",
    "Frame",
    "GREETINGS",
    "PROTOCOL_VERSION",
    "OP_NOP",
    "OP_PUBLISH",
    "OP_SUBSCRIBE",
    "OP_UNSUBSCRIBE",
    "OP_MESSAGE",
    "OP_BROADCAST",
    "OP_ACK",
    "RESPONSE_OK",
    "ERR_CLIENT_NOT_REGISTERED",
    "ERR_DATA",
    "ERR_IO",
    "ERR_OTHER",
    "ERR_NOT_SUPPORTED",
    "ERR_BUSY",
    "ERR_NOT_DELIVERED",
    "ERR_TIMEOUT",
    "PING_FRAME",
    "on_frame_default",
]


def on_frame_default(frame: Frame) -> None:
    """Ignores a frame."""


class Client:
    """A client of the broker at `path`, a socket or `HOST:PORT`.

    `on_frame` is called for each frame, in a thread of the client. `buf_size` (bytes),
    `ping_interval` and `timeout` (seconds) take effect when the client next connects.
    """

    def __init__(self, path: str, name: str) -> None:
        self.path = path
        self.name = name
        self.buf_size = 8192
        self.ping_interval: float = 1
        self.timeout: float = 1
        self.on_frame: Callable[[Frame], object] = on_frame_default
        #: The client that does the work.
        self.modern = ThreadsClient(path, name, on_frame=self._received)

    def connect(self) -> None:
        """Connects.

        Raises `RuntimeError` if the broker refuses, with the code in its text, `OSError` if it
        cannot be reached.
        """
        modern = self.modern
        modern.address = self.path
        modern.buf_size = self.buf_size
        modern.timeout_s = self.timeout
        modern.ping_interval_s = self.ping_interval
        try:
            modern.connect()
        except Error as error:
            raise connect_error(error) from error

    def disconnect(self) -> None:
        """Ends the connection."""
        self.modern.close()

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        return self.modern.connected

    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self.connected

    def send(self, target: Optional[str] = None, frame: Any = None) -> ClientFrame:
        """Sends a frame to a client, a mask or a topic, as the frame's type says."""
        return ClientFrame(frame.qos, self.modern.start(encode_frame(target, frame)))

    def subscribe(self, topics: Union[str, list[str]]) -> ClientFrame:
        """Subscribes to a topic or a list of topics, with QoS 0."""
        return self.send(None, subscription(OP_SUBSCRIBE, topics))

    def unsubscribe(self, topics: Union[str, list[str]]) -> ClientFrame:
        """Ends the subscription to a topic or a list of topics, with QoS 0."""
        return self.send(None, subscription(OP_UNSUBSCRIBE, topics))

    def _received(self, frame: ReceivedFrame) -> None:
        self.on_frame(received_frame(frame))


class ClientFrame:
    """A frame that was sent."""

    def __init__(self, qos: int, operation: Operation) -> None:
        self.qos = qos
        self._operation = operation

    @property
    def result(self) -> int:
        """The code of the broker's answer, 0 before there is one."""
        return self._operation.answer or 0 if self.qos & 1 else 0

    def is_completed(self) -> bool:
        """Whether the broker has answered; always, if the QoS asks for no answer."""
        return self._operation.done()

    def wait_completed(self, timeout: Optional[float] = None) -> int:
        """Waits for the code of the broker's answer, without limit by default.

        Raises `TimeoutError`; `elbus.ConnectionLostError` if there will be no answer.
        """
        return self._operation.code(timeout)

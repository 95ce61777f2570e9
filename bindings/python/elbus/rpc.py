"""The interface of `elbus.rpc` 0.0.15, on top of `elbus.Rpc`.

For programs that were written for it; new ones are better off with `elbus.Rpc`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from . import classic
from .classic import (
    MAX_HANDLERS,
    RPC_ERROR,
    RPC_ERROR_CODE_INTERNAL,
    RPC_ERROR_CODE_INVALID_METHOD_PARAMS,
    RPC_ERROR_CODE_INVALID_REQUEST,
    RPC_ERROR_CODE_METHOD_NOT_FOUND,
    RPC_ERROR_CODE_PARSE,
    RPC_ERROR_REPLY_HEADER,
    RPC_NOTIFICATION,
    RPC_NOTIFICATION_HEADER,
    RPC_REPLY,
    RPC_REPLY_HEADER,
    RPC_REQUEST,
    RPC_REQUEST_HEADER,
    Event,
    Frame,
    Notification,
    Reply,
    Request,
    RpcException,
    received_frame,
)
from .client import Client, ClientFrame, on_frame_default
from .errors import Error
from .protocol import Frame as ReceivedFrame
from .protocol import Payload
from .rpc_protocol import RpcEvent, call_request
from .threads.rpc import Call
from .threads.rpc import Rpc as ThreadsRpc

__all__ = [
    "Rpc",
    "RpcCallEvent",
    "RpcException",
    "Event",
    "Request",
    "Notification",
    "Reply",
    "RPC_NOTIFICATION",
    "RPC_REQUEST",
    "RPC_REPLY",
    "RPC_ERROR",
    "RPC_NOTIFICATION_HEADER",
    "RPC_REQUEST_HEADER",
    "RPC_REPLY_HEADER",
    "RPC_ERROR_REPLY_HEADER",
    "RPC_ERROR_CODE_PARSE",
    "RPC_ERROR_CODE_INVALID_REQUEST",
    "RPC_ERROR_CODE_METHOD_NOT_FOUND",
    "RPC_ERROR_CODE_INVALID_METHOD_PARAMS",
    "RPC_ERROR_CODE_INTERNAL",
    "on_call_default",
    "on_notification_default",
]


def on_call_default(event: Event) -> Optional[Payload]:
    """Answers a call with an error."""
    raise RpcException("RPC Engine not initialized", RPC_ERROR_CODE_METHOD_NOT_FOUND)


def on_notification_default(event: Event) -> None:
    """Ignores a notification."""


class Rpc:
    """The RPC layer of a client. Handlers run in threads, several at a time."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.on_frame: Callable[[Frame], object] = on_frame_default
        self.on_call: Callable[[Event], Optional[Payload]] = on_call_default
        self.on_notification: Callable[[Event], object] = on_notification_default
        self._modern = ThreadsRpc(
            client.modern,
            on_call=self._called,
            on_notification=self._notified,
            on_frame=self._received,
            workers=MAX_HANDLERS,
            ordered=False,
        )

    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self.client.connected

    def notify(self, target: str, notification: Notification) -> ClientFrame:
        """Sends a notification."""
        return self.client.send(target, notification)

    def call0(self, target: str, request: Request) -> ClientFrame:
        """Calls a method and wants no reply."""
        call = call_request(target, request.method, request.payload, 0, request.qos)
        return ClientFrame(request.qos, self.client.modern.start(call))

    def call(self, target: str, request: Request) -> RpcCallEvent:
        """Calls a method.

        Returns as soon as the broker has confirmed it; at the latest after the timeout of the
        client. All errors are those of the event.
        """
        event = RpcCallEvent()
        try:
            call = self._modern.start(target, request.method, request.payload, request.qos)
            event.attach(call, self.client.timeout)
        except Error as error:
            event.error = classic.call_error(error)
        return event

    def _called(self, event: RpcEvent) -> Optional[Payload]:
        try:
            return self.on_call(Event(event))
        except Exception as error:
            raise classic.handler_error(error) from error

    def _notified(self, event: RpcEvent) -> None:
        self.on_notification(Event(event))

    def _received(self, frame: ReceivedFrame) -> None:
        self.on_frame(received_frame(frame))


class RpcCallEvent:
    """A call that was made: its reply when it is there, or its error."""

    def __init__(self) -> None:
        self.frame: Optional[Frame] = None
        self.error: Optional[RpcException] = None
        self._payload = b""
        self._call: Optional[Call] = None

    def attach(self, call: Call, timeout_s: float) -> None:
        """Waits until the call is confirmed; what goes wrong is raised."""
        try:
            call.operation.wait(timeout_s)
        except Error:
            call.forget()
            raise
        self._call = call

    def is_completed(self) -> bool:
        """Whether there is a reply or an error."""
        return self._call is None or self._call.done()

    def wait_completed(self, timeout: Optional[float] = None) -> RpcCallEvent:
        """Waits for the reply, without limit by default, and returns the event itself.

        Raises `TimeoutError`; `RpcException` if the call failed.
        """
        if self._call is not None and self.error is None and self.frame is None:
            self._fetch(self._call, timeout)
        if self.error is not None:
            raise self.error
        return self

    def _fetch(self, call: Call, timeout: Optional[float]) -> None:
        try:
            event = call.event(timeout)
        except TimeoutError:
            raise
        except Error as error:
            self.error = classic.call_error(error)
            return
        self.error = classic.answered(event)
        self.frame = received_frame(event.frame)
        self._payload = event.data

    def get_payload(self) -> bytes:
        """The result."""
        return self._payload

    def is_empty(self) -> bool:
        """Whether the result is empty."""
        return not self._payload

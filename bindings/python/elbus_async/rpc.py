"""The interface of `elbus_async.rpc` 0.0.15, on top of `elbus.aio.Rpc`.

For programs that were written for it; new ones are better off with `elbus.aio.Rpc`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Optional

from elbus import classic
from elbus.aio.rpc import Call
from elbus.aio.rpc import Rpc as AioRpc
from elbus.classic import (
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
from elbus.errors import Error, TimedOutError
from elbus.protocol import Frame as ReceivedFrame
from elbus.protocol import Payload
from elbus.rpc_protocol import RpcEvent, call_request

from .client import Client, ClientFrame, on_frame_default

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


async def on_call_default(event: Event) -> Optional[Payload]:
    """Answers a call with an error."""
    raise RpcException("RPC Engine not initialized", RPC_ERROR_CODE_METHOD_NOT_FOUND)


async def on_notification_default(event: Event) -> None:
    """Ignores a notification."""


class Rpc:
    """The RPC layer of a client. Handlers are coroutine functions, each call runs in a task."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.on_frame: Callable[[Frame], Awaitable[object]] = on_frame_default
        self.on_call: Callable[[Event], Awaitable[Optional[Payload]]] = on_call_default
        self.on_notification: Callable[[Event], Awaitable[object]] = on_notification_default
        self._modern = AioRpc(
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

    def notify(self, target: str, notification: Notification) -> Coroutine[Any, Any, ClientFrame]:
        """Sends a notification."""
        return self.client.send(target, notification)

    async def call0(self, target: str, request: Request) -> ClientFrame:
        """Calls a method and wants no reply."""
        call = call_request(target, request.method, request.payload, 0, request.qos)
        return ClientFrame(request.qos, await self.client.modern.start(call))

    async def call(self, target: str, request: Request) -> RpcCallEvent:
        """Calls a method.

        Returns as soon as the broker has confirmed it; at the latest after the timeout of the
        client. All errors are those of the event.
        """
        event = RpcCallEvent()
        try:
            call = await self._modern.start(target, request.method, request.payload, request.qos)
            await event.attach(call, self.client.timeout)
        except Error as error:
            event.error = classic.call_error(error)
        return event

    async def _called(self, event: RpcEvent) -> Optional[Payload]:
        try:
            return await self.on_call(Event(event))
        except Exception as error:
            raise classic.handler_error(error) from error

    async def _notified(self, event: RpcEvent) -> None:
        await self.on_notification(Event(event))

    async def _received(self, frame: ReceivedFrame) -> None:
        await self.on_frame(received_frame(frame))


class RpcCallEvent:
    """A call that was made: its reply when it is there, or its error."""

    def __init__(self) -> None:
        self.frame: Optional[Frame] = None
        self.error: Optional[RpcException] = None
        self._payload = b""
        self._call: Optional[Call] = None

    async def attach(self, call: Call, timeout_s: float) -> None:
        """Waits until the call is confirmed; what goes wrong is raised."""
        try:
            await call.operation.wait(timeout_s)
        except Error:
            call.forget()
            raise
        self._call = call

    def is_completed(self) -> bool:
        """Whether there is a reply or an error."""
        return self._call is None or self._call.done()

    async def wait_completed(self, timeout: Optional[float] = None) -> RpcCallEvent:
        """Waits for the reply, without limit by default (or with 0), and returns the event itself.

        Raises `asyncio.TimeoutError`; `RpcException` if the call failed.
        """
        if self._call is not None and self.error is None and self.frame is None:
            await self._fetch(self._call, timeout)
        if self.error is not None:
            raise self.error
        return self

    async def _fetch(self, call: Call, timeout: Optional[float]) -> None:
        try:
            event = await call.event(timeout or None)
        except TimedOutError as error:
            raise asyncio.TimeoutError(str(error)) from error
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

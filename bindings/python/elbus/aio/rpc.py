"""Calls and handlers, for asyncio."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Optional, Union

from ..codes import FrameKind, QoS, RpcCode, RpcKind
from ..errors import Error, RpcError
from ..limits import WORKERS
from ..protocol import Frame, Payload
from ..rpc_protocol import RpcEvent, answer, call_request, decode_event, notification
from .client import Client
from .operation import Operation
from .waiting import Workers, invoke, result_of

#: Handles a call, as a coroutine function or an ordinary one: returns the result or raises an
#: error, by preference `RpcError`.
CallHandler = Callable[[RpcEvent], Any]

_logger = logging.getLogger("elbus")


class Call:
    """A call on its way, made by `Rpc.start`."""

    def __init__(
        self,
        client: Client,
        subject: str,
        call_id: int,
        operation: Operation,
        future: asyncio.Future[RpcEvent],
    ) -> None:
        self.operation = operation
        self._client = client
        self._subject = subject
        self._call_id = call_id
        self._future = future

    def done(self) -> bool:
        """Whether it has been answered, or will not be any more."""
        return self._future.done()

    async def event(self, timeout_s: Optional[float] = None) -> RpcEvent:
        """Waits for the answer, a reply or an error; by default without limit."""
        text = f"{self._subject}: no reply"
        return await result_of(self._future, timeout_s, text, self._client.name)

    async def result(self, timeout_s: Optional[float] = None) -> bytes:
        """Waits for the result, by default without limit, and raises what `Rpc.call` does."""
        loop = asyncio.get_running_loop()
        ends = None if timeout_s is None else loop.time() + timeout_s
        await self.operation.wait(timeout_s)
        event = await self.event(None if ends is None else max(0.0, ends - loop.time()))
        if event.message.kind is RpcKind.ERROR:
            raise RpcError(event.message.code, event.data, self._client.name, event.sender)
        return event.data

    def forget(self) -> None:
        """Nobody will ask any more: makes room for another call."""
        self.operation.forget()
        self._client.forget_call(self._call_id)


class Rpc:
    """The RPC layer of a client. It may be made before or after the client has connected.

    - `methods` are the handlers of calls, by the name of the method;
    - `on_call` handles calls of other methods. Without it they are answered with
      `RpcCode.METHOD_NOT_FOUND`.
    - `on_notification` is called for each notification;
    - `on_frame` for each broadcast and publication; it defaults to the handler of the client.

    All of these may be coroutine functions. Up to `workers` calls are handled at a time, each in a
    task of its own. Notifications and frames are handled one after the other, in the order in
    which they come, or, if not `ordered`, in the same way as calls. All handlers may use the
    client, and make calls.
    """

    def __init__(
        self,
        client: Client,
        *,
        methods: Optional[Mapping[str, CallHandler]] = None,
        on_call: Optional[CallHandler] = None,
        on_notification: Optional[Callable[[RpcEvent], Any]] = None,
        on_frame: Optional[Callable[[Frame], Any]] = None,
        workers: int = WORKERS,
        ordered: bool = True,
    ) -> None:
        self.client = client
        self.methods = dict(methods or {})
        self.on_call = on_call
        self.on_notification = on_notification
        self.on_frame = on_frame or client.handler
        self._ordered = ordered
        self._workers = Workers(workers, client.name)
        client.enable_rpc()
        client.set_handler(self._handle)

    # Calling

    async def call(
        self,
        target: str,
        method: str,
        params: Payload = b"",
        *,
        timeout_s: Optional[float] = None,
        qos: int = QoS.PROCESSED,
    ) -> bytes:
        """Calls a method of the client `target` and returns the result.

        Raises `RpcError` if the method fails, and what `Client.send` raises if it cannot be
        called. `timeout_s` is for all of it, and defaults to that of the client.
        """
        call = await self.start(target, method, params, qos)
        try:
            return await call.result(self.client.timeout_s if timeout_s is None else timeout_s)
        finally:
            call.forget()

    async def start(
        self, target: str, method: Payload, params: Payload = b"", qos: int = QoS.PROCESSED
    ) -> Call:
        """Makes a call without waiting for the result."""
        subject = f"call of {method!r} of {target!r}"
        call_id, future = self.client.open_call(subject)
        try:
            operation = await self.client.start(call_request(target, method, params, call_id, qos))
        except BaseException:
            self.client.forget_call(call_id)
            raise
        return Call(self.client, subject, call_id, operation, future)

    async def call0(
        self, target: str, method: str, params: Payload = b"", qos: int = QoS.PROCESSED
    ) -> None:
        """Calls a method and wants no reply. Returns, and raises, as `Client.send` does."""
        await self.client.perform(call_request(target, method, params, 0, qos))

    async def notify(self, target: str, data: Payload = b"", qos: int = QoS.PROCESSED) -> None:
        """Sends a notification. Returns, and raises, as `Client.send` does."""
        await self.client.perform(notification(target, data, qos))

    # Handling

    async def _handle(self, frame: Frame) -> None:
        if frame.kind is not FrameKind.MESSAGE:
            if self.on_frame is not None:
                await self._schedule(self.on_frame, frame)
            return
        event = decode_event(frame)
        if event is None:
            _logger.warning(
                "client %r: malformed RPC message of %r", self.client.name, frame.sender
            )
        elif event.message.kind is RpcKind.REQUEST:
            await self._workers.start(self._answer, event)
        elif event.message.kind is RpcKind.NOTIFICATION and self.on_notification is not None:
            await self._schedule(self.on_notification, event)

    async def _schedule(self, handler: Callable[..., Any], item: object) -> None:
        if self._ordered:
            await invoke(handler, item)
        else:
            await self._workers.start(handler, item)

    async def _answer(self, event: RpcEvent) -> None:
        outcome = await self._outcome(event)
        if not event.wants_reply:
            return
        try:
            await self.client.perform(answer(event, outcome))
        except Error as error:
            _logger.warning(
                "client %r: call of %r not answered: %s", self.client.name, event.method, error
            )

    async def _outcome(self, event: RpcEvent) -> Union[Payload, Exception, None]:
        handler = self.methods.get(event.method, self.on_call)
        if handler is None:
            return RpcError(RpcCode.METHOD_NOT_FOUND)
        try:
            result: Optional[Payload] = await invoke(handler, event)
            return result
        except RpcError as error:
            return error
        except Exception as error:
            _logger.exception("client %r: method %r failed", self.client.name, event.method)
            return error

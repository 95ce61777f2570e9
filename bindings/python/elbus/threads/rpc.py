"""Calls and handlers, for programs with threads."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Optional, TypeVar, Union

from ..codes import FrameKind, QoS, RpcCode, RpcKind
from ..errors import Error, RpcError
from ..limits import WORKERS
from ..protocol import Frame, Payload
from ..rpc_protocol import RpcEvent, answer, call_request, decode_event, notification
from .client import Client
from .operation import Operation, wait_for

T = TypeVar("T")

#: Handles a call: returns the result or raises an error, by preference `RpcError`.
CallHandler = Callable[[RpcEvent], Optional[Payload]]

_logger = logging.getLogger("elbus")


class Call:
    """A call on its way, made by `Rpc.start`."""

    def __init__(
        self,
        client: Client,
        subject: str,
        call_id: int,
        operation: Operation,
        future: Future[RpcEvent],
    ) -> None:
        self.operation = operation
        self._client = client
        self._subject = subject
        self._call_id = call_id
        self._future = future

    def done(self) -> bool:
        """Whether it has been answered, or will not be any more."""
        return self._future.done()

    def event(self, timeout_s: Optional[float] = None) -> RpcEvent:
        """Waits for the answer, a reply or an error; by default without limit."""
        text = f"{self._subject}: no reply"
        return wait_for(self._future, timeout_s, text, self._client.name)

    def result(self, timeout_s: Optional[float] = None) -> bytes:
        """Waits for the result, by default without limit, and raises what `Rpc.call` does."""
        ends = None if timeout_s is None else time.monotonic() + timeout_s
        self.operation.wait(timeout_s)
        event = self.event(None if ends is None else max(0.0, ends - time.monotonic()))
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

    Up to `workers` calls are handled at a time, each in a thread of its own. Notifications and
    frames are handled one after the other in one thread, in the order in which they come, or, if
    not `ordered`, in the same way as calls. All handlers may use the client, and make calls.
    """

    def __init__(
        self,
        client: Client,
        *,
        methods: Optional[Mapping[str, CallHandler]] = None,
        on_call: Optional[CallHandler] = None,
        on_notification: Optional[Callable[[RpcEvent], object]] = None,
        on_frame: Optional[Callable[[Frame], object]] = None,
        workers: int = WORKERS,
        ordered: bool = True,
    ) -> None:
        self.client = client
        self.methods = dict(methods or {})
        self.on_call = on_call
        self.on_notification = on_notification
        self.on_frame = on_frame or client.handler
        self._ordered = ordered
        self._workers = ThreadPoolExecutor(workers, f"elbus call {client.name}")
        # The pool would let any number of calls wait.
        self._free_workers = BoundedSemaphore(workers)
        client.enable_rpc()
        client.set_handler(self._handle)

    # Calling

    def call(
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
        call = self.start(target, method, params, qos)
        try:
            return call.result(self.client.timeout_s if timeout_s is None else timeout_s)
        finally:
            call.forget()

    def start(
        self, target: str, method: Payload, params: Payload = b"", qos: int = QoS.PROCESSED
    ) -> Call:
        """Makes a call without waiting for the result."""
        subject = f"call of {method!r} of {target!r}"
        call_id, future = self.client.open_call(subject)
        try:
            operation = self.client.start(call_request(target, method, params, call_id, qos))
        except BaseException:
            self.client.forget_call(call_id)
            raise
        return Call(self.client, subject, call_id, operation, future)

    def call0(
        self, target: str, method: str, params: Payload = b"", qos: int = QoS.PROCESSED
    ) -> None:
        """Calls a method and wants no reply. Returns, and raises, as `Client.send` does."""
        self.client.perform(call_request(target, method, params, 0, qos))

    def notify(self, target: str, data: Payload = b"", qos: int = QoS.PROCESSED) -> None:
        """Sends a notification. Returns, and raises, as `Client.send` does."""
        self.client.perform(notification(target, data, qos))

    # Handling

    def _handle(self, frame: Frame) -> None:
        if frame.kind is not FrameKind.MESSAGE:
            if self.on_frame is not None:
                self._schedule(self.on_frame, frame)
            return
        event = decode_event(frame)
        if event is None:
            _logger.warning(
                "client %r: malformed RPC message of %r", self.client.name, frame.sender
            )
        elif event.message.kind is RpcKind.REQUEST:
            self._in_worker(self._answer, event)
        elif event.message.kind is RpcKind.NOTIFICATION and self.on_notification is not None:
            self._schedule(self.on_notification, event)

    def _schedule(self, handler: Callable[[T], object], item: T) -> None:
        if self._ordered:
            handler(item)
        else:
            self._in_worker(handler, item)

    def _in_worker(self, handler: Callable[[T], object], item: T) -> None:
        """Waits for a free worker, which holds up those who send."""

        def work() -> None:
            try:
                handler(item)
            except Exception:
                _logger.exception("client %r: a handler failed", self.client.name)
            finally:
                self._free_workers.release()

        self._free_workers.acquire()
        self._workers.submit(work)

    def _answer(self, event: RpcEvent) -> None:
        outcome = self._outcome(event)
        if not event.wants_reply:
            return
        try:
            self.client.perform(answer(event, outcome))
        except Error as error:
            _logger.warning(
                "client %r: call of %r not answered: %s", self.client.name, event.method, error
            )

    def _outcome(self, event: RpcEvent) -> Union[Payload, Exception, None]:
        handler = self.methods.get(event.method, self.on_call)
        if handler is None:
            return RpcError(RpcCode.METHOD_NOT_FOUND)
        try:
            return handler(event)
        except RpcError as error:
            return error
        except Exception as error:
            _logger.exception("client %r: method %r failed", self.client.name, event.method)
            return error

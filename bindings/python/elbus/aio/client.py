"""The client for asyncio."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Optional, Union

from ..backoff import Backoff
from ..codes import Code, QoS
from ..errors import Error, NotConnectedError, ProtocolError, TimedOutError
from ..inbox import Inbox
from ..limits import QUEUE_FRAMES
from ..protocol import Frame, Payload, Request
from ..rpc_protocol import RpcEvent
from ..session import Session
from .link import Link
from .operation import Operation
from .waiting import Signal, answer_future, invoke

_logger = logging.getLogger("elbus")


@dataclass
class _Run:
    """From one call of `connect` to the end of it: what its tasks have to know."""

    #: The application has closed the client.
    closed: bool = False
    #: There is no connection, and there will be none.
    over: bool = False
    #: There is a task that calls the handler.
    dispatched: bool = False


class Client:
    """A client of a broker, for one event loop. It may be made before the loop runs.

    `address` is the path of a UNIX socket (starts with `/` or ends in `.sock`, `.socket`, `.ipc`)
    or `HOST:PORT`; `name` is the name of the client, which must be free.

    - `on_frame` is called for each frame, one after the other. It may be a coroutine function.
      Without it, frames are read by `receive` or `async for frame in client`.
    - `on_reconnect` is called when a lost connection is back. It may be a coroutine function.
    - `timeout_s` limits each step of connecting, and the wait for each confirmation and reply.
    - `ping_interval_s` is the time between keep-alive pings.
    - `queue_frames` is how many received frames may wait; see `elbus.inbox`.
    - `reconnect` is how to come back after a lost connection; `None` stays disconnected.
    - `buf_size` is the size of the buffers of the socket in bytes; `None` leaves it to the system.

    The attributes of these names may be changed, and take effect when the client next connects.
    """

    def __init__(
        self,
        address: str,
        name: str,
        *,
        on_frame: Optional[Callable[[Frame], Any]] = None,
        on_reconnect: Optional[Callable[[], Any]] = None,
        timeout_s: float = 5.0,
        ping_interval_s: float = 1.0,
        queue_frames: int = QUEUE_FRAMES,
        reconnect: Optional[Backoff] = None,
        buf_size: Optional[int] = None,
    ) -> None:
        self.address = address
        self.name = name
        self.on_reconnect = on_reconnect
        self.timeout_s = timeout_s
        self.ping_interval_s = ping_interval_s
        self.reconnect = reconnect
        self.buf_size = buf_size
        self._session = Session(name)
        self._inbox = Inbox(name, queue_frames)
        self._changed = Signal()
        self._on_frame: Optional[Callable[[Frame], Any]] = None
        self._link: Optional[Link] = None
        self._reason = "not connected"  # why there is no connection
        self._run = _Run(over=True)
        # What was received and waits for room: frames, the first of which has been decoded.
        self._held: Optional[Frame] = None
        self._received: Iterator[Frame] = iter(())
        # The event loop keeps weak references only.
        self._tasks: set[asyncio.Task[None]] = set()
        if on_frame is not None:
            self.set_handler(on_frame)

    # Connecting

    async def connect(self) -> Client:
        """Connects and registers; returns the client itself.

        Raises `ConnectError`, `TimedOutError`, `ProtocolError`, or why the broker refuses the
        name: `BusyError`, `DataError`, `NotRegisteredError`, `AccessDeniedError`.
        """
        if self.connected:
            return self
        await self.close()
        self._reason = "not connected"
        link = await self._open()
        self._session.forget_subscriptions()
        self._inbox.clear()
        self._run = _Run()
        self._adopt(link)
        self._start_task(self._serve(link, self._run))
        if self._on_frame is not None:
            self._start_dispatcher()
        return self

    async def close(self) -> None:
        """Ends the connection, and with it everything under way. It may be connected again."""
        link = self._link
        self._run.closed = True
        self._end(self._run, "the client was closed")
        if link is not None:
            await link.close(self.timeout_s)

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._link is not None

    @property
    def dropped_frames(self) -> int:
        """How many received frames were dropped because nobody read them."""
        return self._inbox.dropped

    async def wait_connected(self, timeout_s: Optional[float] = None) -> None:
        """Waits until the connection is back.

        Raises `TimedOutError`, or `NotConnectedError` if the client does not reconnect.
        """
        await self._wait(lambda: self.connected, timeout_s, "no connection")

    async def __aenter__(self) -> Client:
        return await self.connect()

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.close()

    # Sending

    async def send(self, target: str, payload: Payload, qos: int = QoS.PROCESSED) -> None:
        """Sends a message to the client `target`.

        As all operations with a QoS that is confirmed, it returns when the broker has confirmed
        it. Raises `NotRegisteredError` if there is no such client, `NotDeliveredError`,
        `AccessDeniedError`; `ConnectionLostError`, `NotConnectedError`, `TimedOutError`;
        `DataError` if it cannot be sent, `BusyError` if too much is under way.
        """
        await self.perform(Request.message(target, payload, qos))

    async def broadcast(self, mask: str, payload: Payload, qos: int = QoS.PROCESSED) -> None:
        """Sends a message to all clients whose names match `mask`."""
        await self.perform(Request.broadcast(mask, payload, qos))

    async def publish(self, topic: str, payload: Payload, qos: int = QoS.PROCESSED) -> None:
        """Publishes to the subscribers of `topic`."""
        await self.perform(Request.publication(topic, payload, qos))

    async def subscribe(self, topics: Union[str, Iterable[str]], qos: int = QoS.PROCESSED) -> None:
        """Subscribes to one topic filter or several, also on connections to come."""
        await self.perform(Request.subscription(topics, qos))

    async def unsubscribe(
        self, topics: Union[str, Iterable[str]], qos: int = QoS.PROCESSED
    ) -> None:
        """Ends the subscription to one topic filter or several."""
        await self.perform(Request.unsubscription(topics, qos))

    async def perform(self, request: Request, timeout_s: Optional[float] = None) -> None:
        """Sends a request and waits until it is confirmed, if its QoS asks for that."""
        operation = await self.start(request)
        try:
            await operation.wait(self.timeout_s if timeout_s is None else timeout_s)
        finally:
            operation.forget()

    async def start(self, request: Request) -> Operation:
        """Sends a request without waiting for its confirmation.

        Many operations under way at a time are faster than one after the other; at most
        `elbus.limits.MAX_PENDING` may be. Requests are made by `elbus.Request.message` and so on.
        """
        link = self._link
        if link is None:
            raise NotConnectedError(f"{request.subject}: {self._reason}", self.name)
        future = answer_future()
        slot = future if request.qos.confirmed else None
        id_, data = self._session.begin(request, slot)
        if self._held is not None:
            self._pump()
        try:
            await link.write(data, self.timeout_s, request.subject)
        except BaseException:
            self._session.operations.forget(id_)
            raise
        if slot is None:
            future.set_result(Code.OK)
        forget = self._session.operations.forget
        return Operation(self.name, request, future, lambda: forget(id_))

    # Receiving

    async def receive(self, timeout_s: Optional[float] = None) -> Frame:
        """The next frame; waits for it, by default without limit.

        Raises `TimedOutError`; `NotConnectedError` if there is no frame left and no connection
        that could bring one.
        """
        if self._on_frame is not None:
            raise Error("frames are handed to the handler of the client", self.name)
        self._inbox.wanted = True
        await self._wait(lambda: bool(self._inbox), timeout_s, "no frame")
        return self._take()

    async def __aiter__(self) -> AsyncIterator[Frame]:
        """The frames as they come, until the client is closed.

        Raises `NotConnectedError` when the connection is lost, unless the client reconnects.
        """
        run = self._run
        while True:
            try:
                frame = await self.receive()
            except NotConnectedError:
                if run.closed:
                    return
                raise
            yield frame

    def set_handler(self, on_frame: Callable[[Frame], Any]) -> None:
        """Hands frames to `on_frame` from now on, also those that wait already."""
        self._on_frame = on_frame
        self._inbox.wanted = True
        if not self._run.over:
            self._start_dispatcher()

    @property
    def handler(self) -> Optional[Callable[[Frame], Any]]:
        """What frames are handed to."""
        return self._on_frame

    # For the RPC layer

    def enable_rpc(self) -> None:
        """Direct messages are those of the RPC layer from now on."""
        self._session.rpc = True

    def open_call(self, subject: str) -> tuple[int, asyncio.Future[RpcEvent]]:
        """The id of a new call, and where its answer will be."""
        future = answer_future()
        return self._session.calls.add(future, subject, self.name), future

    def forget_call(self, call_id: int) -> None:
        """Nobody waits for the answer any longer."""
        self._session.calls.forget(call_id)

    # From the connection to the inbox

    def _data_received(self, data: bytes) -> None:
        self._received = self._session.received(data)
        self._pump()

    def _pump(self) -> None:
        """Moves what was received to the inbox, as far as there is room."""
        link = self._link
        if link is None:
            return
        was_held = self._held is not None
        try:
            frame = self._held or next(self._received, None)
            while frame is not None:
                if not self._inbox.offer(frame, self._session.awaited):
                    self._held = frame
                    if not was_held:
                        link.hold()
                    return
                self._changed.notify()
                frame = next(self._received, None)
        except ProtocolError as error:
            link.abort(str(error))
        self._held = None
        if was_held:
            link.resume()

    def _take(self) -> Frame:
        frame = self._inbox.take()
        if self._held is not None:
            self._pump()
        return frame

    # Tasks of the client

    def _start_task(self, coroutine: Any) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _start_dispatcher(self) -> None:
        if not self._run.dispatched:
            self._run.dispatched = True
            self._start_task(self._dispatch(self._run))

    async def _open(self) -> Link:
        return await Link.open(
            self.address, self.name, self.timeout_s, self.ping_interval_s, self.buf_size
        )

    def _adopt(self, link: Link) -> None:
        self._held, self._received = None, iter(())
        self._link = link
        link.begin(self._data_received)
        self._changed.notify()

    async def _serve(self, link: Optional[Link], run: _Run) -> None:
        """The task of the connection, and of those that follow it."""
        while link is not None:
            reason = await link.ended
            if not run.closed:
                _logger.warning("client %r: connection lost: %s", self.name, reason)
                self._end(run, f"connection lost: {reason}")
            link = await self._reopen(run)

    def _end(self, run: _Run, reason: str) -> None:
        self._link = None
        self._reason = reason
        self._session.lost(reason)
        run.over = run.closed or self.reconnect is None
        self._changed.notify()

    async def _reopen(self, run: _Run) -> Optional[Link]:
        """The next connection, in its own time; `None` if there is to be none."""
        for wait_s in self.reconnect.waits() if self.reconnect else ():
            if await self._changed.wait_for(lambda: run.closed, wait_s):
                return None
            try:
                link = await self._open()
                await self._resume(link)
            except Error as error:
                _logger.info("client %r: %s", self.name, error)
                continue
            if run.closed:
                await link.close(self.timeout_s)
                return None
            self._adopt(link)
            if self.on_reconnect is not None:
                self._start_task(self._reconnected(self.on_reconnect))
            return link
        return None

    async def _resume(self, link: Link) -> None:
        """Subscribes again, before anything else is sent on the new connection."""
        request = self._session.resubscription()
        if request is None:
            return
        try:
            _, data = self._session.begin(request, None)
            await link.write(data, self.timeout_s, request.subject)
        except Error:
            link.abort("subscribing again failed")
            raise

    async def _reconnected(self, on_reconnect: Callable[[], Any]) -> None:
        try:
            await invoke(on_reconnect)
        except Exception:
            _logger.exception("client %r: on_reconnect failed", self.name)

    async def _dispatch(self, run: _Run) -> None:
        """The task that calls the handler."""
        while True:
            await self._changed.wait_for(lambda: run.over or bool(self._inbox), None)
            if run.closed or not self._inbox:
                return
            frame = self._take()
            try:
                if self._on_frame is not None:
                    await invoke(self._on_frame, frame)
            except Exception:
                _logger.exception("client %r: the handler failed", self.name)

    async def _wait(
        self, condition: Callable[[], bool], timeout_s: Optional[float], what: str
    ) -> None:
        await self._changed.wait_for(lambda: condition() or self._run.over, timeout_s)
        if condition():
            return
        if self._run.over:
            raise NotConnectedError(self._reason, self.name)
        raise TimedOutError(f"{what} within {timeout_s} s", self.name)

"""The client for programs with threads."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from types import TracebackType
from typing import Optional, Union

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

_logger = logging.getLogger("elbus")


@dataclass
class _Run:
    """From one call of `connect` to the end of it: what its threads have to know."""

    #: The application has closed the client.
    closed: bool = False
    #: There is no connection, and there will be none.
    over: bool = False
    #: There is a thread that calls the handler.
    dispatched: bool = False


class Client:
    """A client of a broker. All methods may be called from any thread.

    `address` is the path of a UNIX socket (starts with `/` or ends in `.sock`, `.socket`, `.ipc`)
    or `HOST:PORT`; `name` is the name of the client, which must be free.

    - `on_frame` is called for each frame, in a thread of the client, one frame after the other.
      Without it, frames are read by `receive` or `for frame in client`.
    - `on_reconnect` is called, in a thread of its own, when a lost connection is back.
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
        on_frame: Optional[Callable[[Frame], object]] = None,
        on_reconnect: Optional[Callable[[], object]] = None,
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
        # Lock order: nothing else is locked while `_changed` is held.
        self._changed = threading.Condition(threading.Lock())
        self._session = Session(name)
        self._inbox = Inbox(name, queue_frames)
        self._on_frame: Optional[Callable[[Frame], object]] = None
        self._link: Optional[Link] = None
        self._waits_for_room = False
        self._reason = "not connected"  # why there is no connection
        self._run = _Run(over=True)
        self._reader: Optional[Thread] = None
        self._dispatcher: Optional[Thread] = None
        if on_frame is not None:
            self.set_handler(on_frame)

    # Connecting

    def connect(self) -> Client:
        """Connects and registers; returns the client itself.

        Raises `ConnectError`, `TimedOutError`, `ProtocolError`, or why the broker refuses the
        name: `BusyError`, `DataError`, `NotRegisteredError`, `AccessDeniedError`.
        """
        if self.connected:
            return self
        self.close()
        self._reason = "not connected"
        link = self._open()
        run = _Run()
        with self._changed:
            self._session.forget_subscriptions()
            self._inbox.clear()
            self._run, self._link = run, link
        self._reader = self._start_thread("reader", self._serve, link, run)
        if self._on_frame is not None:
            self._start_dispatcher()
        return self

    def close(self) -> None:
        """Ends the connection, and with it everything under way. It may be connected again."""
        with self._changed:
            link = self._link
            self._run.closed = True
            self._end(self._run, "the client was closed")
        if link is not None:
            link.shutdown()
        for thread in (self._reader, self._dispatcher):
            # A handler may take its time, and it may be what closes the client.
            if thread is not None and thread is not threading.current_thread():
                thread.join(self.timeout_s)

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._link is not None

    @property
    def dropped_frames(self) -> int:
        """How many received frames were dropped because nobody read them."""
        return self._inbox.dropped

    def wait_connected(self, timeout_s: Optional[float] = None) -> None:
        """Waits until the connection is back.

        Raises `TimedOutError`, or `NotConnectedError` if the client does not reconnect.
        """
        with self._changed:
            self._wait(lambda: self.connected, timeout_s, "no connection")

    def __enter__(self) -> Client:
        return self.connect()

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    # Sending

    def send(self, target: str, payload: Payload, qos: int = QoS.PROCESSED) -> None:
        """Sends a message to the client `target`.

        As all operations with a QoS that is confirmed, it returns when the broker has confirmed
        it. Raises `NotRegisteredError` if there is no such client, `NotDeliveredError`,
        `AccessDeniedError`; `ConnectionLostError`, `NotConnectedError`, `TimedOutError`;
        `DataError` if it cannot be sent, `BusyError` if too much is under way.
        """
        self.perform(Request.message(target, payload, qos))

    def broadcast(self, mask: str, payload: Payload, qos: int = QoS.PROCESSED) -> None:
        """Sends a message to all clients whose names match `mask`."""
        self.perform(Request.broadcast(mask, payload, qos))

    def publish(self, topic: str, payload: Payload, qos: int = QoS.PROCESSED) -> None:
        """Publishes to the subscribers of `topic`."""
        self.perform(Request.publication(topic, payload, qos))

    def subscribe(self, topics: Union[str, Iterable[str]], qos: int = QoS.PROCESSED) -> None:
        """Subscribes to one topic filter or several, also on connections to come."""
        self.perform(Request.subscription(topics, qos))

    def unsubscribe(self, topics: Union[str, Iterable[str]], qos: int = QoS.PROCESSED) -> None:
        """Ends the subscription to one topic filter or several."""
        self.perform(Request.unsubscription(topics, qos))

    def perform(self, request: Request, timeout_s: Optional[float] = None) -> None:
        """Sends a request and waits until it is confirmed, if its QoS asks for that."""
        operation = self.start(request)
        try:
            operation.wait(self.timeout_s if timeout_s is None else timeout_s)
        finally:
            operation.forget()

    def start(self, request: Request) -> Operation:
        """Sends a request without waiting for its confirmation.

        Many operations under way at a time are faster than one after the other; at most
        `elbus.limits.MAX_PENDING` may be. Requests are made by `elbus.Request.message` and so on.
        """
        future: Future[int] = Future()
        slot = future if request.qos.confirmed else None
        with self._changed:
            link = self._link
            if link is None:
                raise NotConnectedError(f"{request.subject}: {self._reason}", self.name)
            id_, data = self._session.begin(request, slot)
            self._wake_reader()
        try:
            link.write(data, self.timeout_s, request.subject)
        except BaseException:
            self._forget(id_)
            raise
        if slot is None:
            future.set_result(Code.OK)
        return Operation(self.name, request, future, lambda: self._forget(id_))

    def _forget(self, id_: int) -> None:
        with self._changed:
            self._session.operations.forget(id_)

    # Receiving

    def receive(self, timeout_s: Optional[float] = None) -> Frame:
        """The next frame; waits for it, by default without limit.

        Raises `TimedOutError`; `NotConnectedError` if there is no frame left and no connection
        that could bring one.
        """
        if self._on_frame is not None:
            raise Error("frames are handed to the handler of the client", self.name)
        with self._changed:
            self._inbox.wanted = True
            self._wait(lambda: bool(self._inbox), timeout_s, "no frame")
            return self._take()

    def __iter__(self) -> Iterator[Frame]:
        """The frames as they come, until the client is closed.

        Raises `NotConnectedError` when the connection is lost, unless the client reconnects.
        """
        run = self._run
        while True:
            try:
                frame = self.receive()
            except NotConnectedError:
                if run.closed:
                    return
                raise
            yield frame

    def set_handler(self, on_frame: Callable[[Frame], object]) -> None:
        """Hands frames to `on_frame` from now on, also those that wait already."""
        with self._changed:
            self._on_frame = on_frame
            self._inbox.wanted = True
            connected = not self._run.over
        if connected:
            self._start_dispatcher()

    @property
    def handler(self) -> Optional[Callable[[Frame], object]]:
        """What frames are handed to."""
        return self._on_frame

    # For the RPC layer

    def enable_rpc(self) -> None:
        """Direct messages are those of the RPC layer from now on."""
        with self._changed:
            self._session.rpc = True

    def open_call(self, subject: str) -> tuple[int, Future[RpcEvent]]:
        """The id of a new call, and where its answer will be."""
        future: Future[RpcEvent] = Future()
        with self._changed:
            return self._session.calls.add(future, subject, self.name), future

    def forget_call(self, call_id: int) -> None:
        """Nobody waits for the answer any longer."""
        with self._changed:
            self._session.calls.forget(call_id)

    # Threads of the client

    def _start_thread(self, task: str, function: Callable[..., object], *args: object) -> Thread:
        thread = Thread(target=function, args=args, name=f"elbus {task} {self.name}", daemon=True)
        thread.start()
        return thread

    def _start_dispatcher(self) -> None:
        with self._changed:
            run = self._run
            if run.dispatched:
                return
            run.dispatched = True
        self._dispatcher = self._start_thread("dispatcher", self._dispatch, run)

    def _open(self) -> Link:
        return Link.open(self.address, self.name, self.timeout_s, self.buf_size)

    def _serve(self, link: Optional[Link], run: _Run) -> None:
        """The thread of the connection, and of those that follow it."""
        while link is not None:
            reason = self._read(link, run)
            link.close()
            with self._changed:
                if not run.closed:
                    _logger.warning("client %r: connection lost: %s", self.name, reason)
                    self._end(run, f"connection lost: {reason}")
            link = self._reopen(run)

    def _end(self, run: _Run, reason: str) -> None:
        self._link = None
        self._reason = reason
        self._session.lost(reason)
        run.over = run.closed or self.reconnect is None
        self._changed.notify_all()

    def _read(self, link: Link, run: _Run) -> str:
        """Reads, and pings, until the connection ends; returns why it did."""
        next_ping = time.monotonic() + self.ping_interval_s
        try:
            while not run.closed:
                now = time.monotonic()
                if now >= next_ping:
                    link.ping()
                    next_ping = now + self.ping_interval_s
                data = link.read(next_ping - now)
                if data == b"":
                    return "closed by the broker"
                if data is not None:
                    self._accept(data, link, run)
        except (OSError, ProtocolError) as error:
            return str(error)
        return "the client was closed"

    def _accept(self, data: bytes, link: Link, run: _Run) -> None:
        with self._changed:
            for frame in self._session.received(data):
                while not (run.closed or self._inbox.offer(frame, self._session.awaited)):
                    self._waits_for_room = True
                    if not self._changed.wait(self.ping_interval_s):
                        link.ping()
                self._waits_for_room = False
                if len(self._inbox) == 1:
                    self._changed.notify_all()

    def _reopen(self, run: _Run) -> Optional[Link]:
        """The next connection, in its own time; `None` if there is to be none."""
        for wait_s in self.reconnect.waits() if self.reconnect else ():
            with self._changed:
                if self._changed.wait_for(lambda: run.closed, wait_s):
                    return None
            try:
                link = self._open()
                self._resume(link, run)
            except Error as error:
                _logger.info("client %r: %s", self.name, error)
                continue
            if self.on_reconnect is not None:
                self._start_thread("on_reconnect", self.on_reconnect)
            return link
        return None

    def _resume(self, link: Link, run: _Run) -> None:
        """Subscribes again, before anything else is sent on the new connection."""
        try:
            with self._changed:
                request = self._session.resubscription()
                data = b"" if request is None else self._session.begin(request, None)[1]
            link.write(data, self.timeout_s, "subscribing again")
        except Error:
            link.close()
            raise
        with self._changed:
            if not run.closed:
                self._link = link
                self._changed.notify_all()

    def _dispatch(self, run: _Run) -> None:
        """The thread that calls the handler."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: run.over or bool(self._inbox))
                if run.closed or not self._inbox:
                    return
                frame = self._take()
                handler = self._on_frame
            try:
                if handler is not None:
                    handler(frame)
            except Exception:
                _logger.exception("client %r: the handler failed", self.name)

    # With `_changed` held

    def _take(self) -> Frame:
        self._wake_reader()
        return self._inbox.take()

    def _wake_reader(self) -> None:
        if self._waits_for_room:
            self._changed.notify_all()

    def _wait(self, condition: Callable[[], bool], timeout_s: Optional[float], what: str) -> None:
        self._changed.wait_for(lambda: condition() or self._run.over, timeout_s)
        if condition():
            return
        if self._run.over:
            raise NotConnectedError(self._reason, self.name)
        raise TimedOutError(f"{what} within {timeout_s} s", self.name)

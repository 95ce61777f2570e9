"""One connection to a broker, as a protocol of asyncio."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Optional, cast

from ..address import parse_address, set_tcp_options
from ..errors import ConnectError, ConnectionLostError, DataError, Error, TimedOutError
from ..limits import BURST_FRAMES
from ..protocol import PING, handshake
from .waiting import Signal, answer_future


class Link(asyncio.Protocol):
    """A connection. What comes after the handshake waits until `begin` is called."""

    _transport: asyncio.Transport

    def __init__(self, client: str, ping_interval_s: float) -> None:
        #: Settled when the client is registered.
        self.registered: asyncio.Future[None] = answer_future()
        #: Settled with the reason when the connection has ended.
        self.ended: asyncio.Future[str] = answer_future()
        self._client = client
        self._ping_interval_s = ping_interval_s
        self._on_data: Optional[Callable[[bytes], None]] = None
        self._reason = "closed by the broker"
        self._steps = handshake(client)
        self._wanted = next(self._steps)[1]
        self._received = b""
        self._paused = False
        self._burst = 0
        self._changed = Signal()
        self._pings: Optional[asyncio.TimerHandle] = None

    @classmethod
    async def open(
        cls,
        address: str,
        name: str,
        timeout_s: float,
        ping_interval_s: float,
        buf_size: Optional[int],
    ) -> Link:
        """Connects and registers; `timeout_s` limits each of both."""
        link = cls(name, ping_interval_s)
        try:
            await asyncio.wait_for(link._connect(address, buf_size), timeout_s)
            try:
                await asyncio.wait_for(link.registered, timeout_s)
            except BaseException:
                link.abort("the handshake failed")
                raise
        except asyncio.TimeoutError as error:
            text = f"no answer from the broker at {address} within {timeout_s} s"
            raise TimedOutError(text, name) from error
        except OSError as error:
            if isinstance(error, Error):
                raise
            raise ConnectError(f"cannot connect to {address}: {error}", name) from error
        return link

    def begin(self, on_data: Callable[[bytes], None]) -> None:
        """Hands what comes to `on_data` from now on, and sends pings."""
        self._on_data = on_data
        self.resume()
        # Frames may have come right behind the answer.
        on_data(self._received)
        self._received = b""
        self._ping()

    async def _connect(self, address: str, buf_size: Optional[int]) -> None:
        loop = asyncio.get_running_loop()
        try:
            target = parse_address(address)
        except ValueError as error:
            raise DataError(str(error), self._client) from error
        if isinstance(target, str):
            await loop.create_unix_connection(lambda: self, target)
        else:
            await loop.create_connection(lambda: self, *target)
            set_tcp_options(self._socket())
        if buf_size is not None:
            self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buf_size)
            self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buf_size)

    def _socket(self) -> socket.socket:
        return cast(socket.socket, self._transport.get_extra_info("socket"))

    async def write(self, data: bytes, timeout_s: float, subject: str) -> None:
        """Hands all of `data` to the system, or to a buffer of limited size.

        Raises `TimedOutError` if the broker takes nothing within the timeout, and `data` is not
        sent then.
        """
        while self._paused and not self.ended.done():
            waiting = self._transport.get_write_buffer_size()
            in_time = await self._changed.wait_for(lambda: not self._paused, timeout_s)
            if not in_time and self._transport.get_write_buffer_size() >= waiting:
                text = f"{subject}: the broker took nothing within {timeout_s} s"
                raise TimedOutError(text, self._client)
        if self.ended.done() or self._transport.is_closing():
            raise ConnectionLostError(f"{subject}: {self._reason}", self._client)
        self._transport.write(data)
        self._burst += 1
        if self._burst >= BURST_FRAMES:
            self._burst = 0
            await asyncio.sleep(0)

    def hold(self) -> None:
        """Reads no further."""
        self._transport.pause_reading()

    def resume(self) -> None:
        """Reads on."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def abort(self, reason: str) -> None:
        """Ends the connection; what has not been sent is forgotten."""
        if not self.ended.done():
            self._reason = reason
            self._transport.abort()

    async def close(self, timeout_s: float) -> None:
        """Ends the connection when all has been sent, at the latest after the timeout."""
        self._transport.close()
        await asyncio.wait((self.ended,), timeout=timeout_s)
        self._transport.abort()

    def _ping(self) -> None:
        """Lets the system notice a broken connection; not while something else is on its way."""
        if self._transport.is_closing():
            return
        if not self._transport.get_write_buffer_size():
            self._transport.write(PING)
        loop = asyncio.get_running_loop()
        self._pings = loop.call_later(self._ping_interval_s, self._ping)

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is a connection; the broker speaks first."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Goes on with the handshake, or hands on what came."""
        if self._on_data is not None:
            self._on_data(data)
            return
        self._received += data
        try:
            while len(self._received) >= self._wanted:
                step = self._received[: self._wanted]
                self._received = self._received[self._wanted :]
                to_send, self._wanted = self._steps.send(step)
                self._transport.write(to_send)
        except StopIteration:
            self.hold()
            self._settle_registered(None)
        except Error as error:
            self._settle_registered(error)

    def _settle_registered(self, error: Optional[Error]) -> None:
        if self.registered.done():
            return
        if error is None:
            self.registered.set_result(None)
        else:
            self.registered.set_exception(error)

    def pause_writing(self) -> None:
        """The buffer is full."""
        self._paused = True

    def resume_writing(self) -> None:
        """The buffer has room."""
        self._paused = False
        self._changed.notify()

    def connection_lost(self, error: Optional[Exception]) -> None:
        """The connection has ended."""
        if self._pings is not None:
            self._pings.cancel()
        if error is not None:
            self._reason = str(error)
        text = "the broker closed the connection in the handshake"
        self._settle_registered(ConnectionLostError(text, self._client))
        if not self.ended.done():
            self.ended.set_result(self._reason)
        self._paused = False
        self._changed.notify()

"""One connection to a broker, over a socket that never blocks without a limit."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from typing import Optional

from ..address import parse_address, set_tcp_options
from ..errors import ConnectError, ConnectionLostError, DataError, TimedOutError
from ..limits import READ_BYTES
from ..protocol import PING, handshake


class Link:
    """A socket after the handshake. One thread reads, any may write."""

    def __init__(self, sock: socket.socket, client: str) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._client = client
        self._write_lock = threading.Lock()
        self._readable = select.poll()
        self._readable.register(sock, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(sock, select.POLLOUT)

    @classmethod
    def open(cls, address: str, name: str, timeout_s: float, buf_size: Optional[int]) -> Link:
        """Connects and registers; `timeout_s` limits each step."""
        sock = None
        try:
            sock = _connect(address, timeout_s, buf_size)
            _register(sock, name)
            return cls(sock, name)
        except BaseException as error:
            if sock is not None:
                sock.close()
            if isinstance(error, socket.timeout):
                text = f"no answer from the broker at {address} within {timeout_s} s"
                raise TimedOutError(text, name) from error
            if isinstance(error, OSError) and not isinstance(error, ConnectionLostError):
                raise ConnectError(f"cannot connect to {address}: {error}", name) from error
            raise

    def read(self, timeout_s: float) -> Optional[bytes]:
        """What has arrived; `None` if that is nothing within the timeout, `b""` at the end."""
        if not self._readable.poll(max(0.0, timeout_s) * 1000):
            return None
        try:
            return self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return None

    def write(self, data: bytes, timeout_s: float, subject: str) -> None:
        """Sends all of `data`.

        Raises `TimedOutError` if the broker takes nothing of it within the timeout. If it stops
        taking in the middle, the rest of the stream would be garbage: the connection ends.
        """
        if not self._write_lock.acquire(timeout=timeout_s):
            raise self._stalled(subject, timeout_s)
        try:
            rest = memoryview(data)
            while rest:
                try:
                    rest = rest[self._socket.send(rest) :]
                except BlockingIOError:
                    if not self._writable.poll(timeout_s * 1000):
                        if len(rest) < len(data):
                            self.shutdown()
                        raise self._stalled(subject, timeout_s) from None
                except OSError as error:
                    raise ConnectionLostError(f"{subject}: {error}", self._client) from error
        finally:
            self._write_lock.release()

    def ping(self) -> None:
        """Lets the system notice a broken connection; not while something else is on its way."""
        if not self._write_lock.acquire(blocking=False):
            return
        try:
            if self._writable.poll(0) and self._socket.send(PING) < len(PING):
                self.shutdown()
        except BlockingIOError:
            pass
        finally:
            self._write_lock.release()

    def shutdown(self) -> None:
        """Ends the connection. Whoever reads or writes wakes up."""
        with suppress(OSError):  # It may have ended already.
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Gives the socket back, when the reader is through with it."""
        self.shutdown()
        # A writer may be polling it: its number must not become that of another file meanwhile.
        with self._write_lock:
            self._socket.close()

    def _stalled(self, subject: str, timeout_s: float) -> TimedOutError:
        text = f"{subject}: the broker took nothing within {timeout_s} s"
        return TimedOutError(text, self._client)


def _connect(address: str, timeout_s: float, buf_size: Optional[int]) -> socket.socket:
    try:
        target = parse_address(address)
    except ValueError as error:
        raise DataError(str(error)) from error
    if isinstance(target, str):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(timeout_s)
        try:
            sock.connect(target)
        except BaseException:
            sock.close()
            raise
    else:
        sock = socket.create_connection(target, timeout_s)
        set_tcp_options(sock)
    if buf_size is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buf_size)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buf_size)
    return sock


def _register(sock: socket.socket, name: str) -> None:
    steps = handshake(name)
    to_send, wanted = next(steps)
    try:
        while True:
            sock.sendall(to_send)
            to_send, wanted = steps.send(_read_exactly(sock, wanted, name))
    except StopIteration:
        pass


def _read_exactly(sock: socket.socket, count: int, name: str) -> bytes:
    data = b""
    while len(data) < count:
        received = sock.recv(count - len(data))
        if not received:
            raise ConnectionLostError("the broker closed the connection in the handshake", name)
        data += received
    return data

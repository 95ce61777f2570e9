"""Where the broker listens, and how to talk to it over a network."""

from __future__ import annotations

import socket
from typing import Union

from .limits import TCP_USER_TIMEOUT_MS

_SOCKET_SUFFIXES = (".sock", ".socket", ".ipc")


def parse_address(text: str) -> Union[str, tuple[str, int]]:
    """The path of a UNIX socket, or host and port.

    A path starts with `/` or ends in `.sock`, `.socket` or `.ipc`. The host of an IPv6 address is
    in brackets, as in `[::1]:7777`. Raises `ValueError` for anything else.
    """
    if text.startswith("/") or text.endswith(_SOCKET_SUFFIXES):
        return text
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port) <= 0xFFFF:
        raise ValueError(f"{text!r} is neither the path of a socket nor HOST:PORT")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    return host, int(port)


def set_tcp_options(sock: socket.socket) -> None:
    """No delays for small frames, and no endless patience with a host that has vanished."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TCP_USER_TIMEOUT_MS)

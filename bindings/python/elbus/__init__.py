"""Client of the elbus message broker.

`elbus.Client` and `elbus.Rpc` are for programs with threads, those of `elbus.aio` for asyncio.
`elbus.client`, `elbus.rpc` and the package `elbus_async` have the interfaces of the packages
`elbus` and `elbus-async` 0.0.15, for programs that were written for these.
"""

from . import client, rpc
from .backoff import Backoff
from .codes import Code, FrameKind, QoS, RpcCode
from .errors import (
    AccessDeniedError,
    BusyError,
    ConnectError,
    ConnectionLostError,
    DataError,
    Error,
    NotConnectedError,
    NotDeliveredError,
    NotRegisteredError,
    NotSupportedError,
    OtherError,
    ProtocolError,
    RpcError,
    TimedOutError,
)
from .protocol import Frame, Payload, Request
from .rpc_protocol import RpcEvent
from .threads import Call, Client, Operation, Rpc

__version__ = "0.3.0"

__all__ = [
    "Client",
    "Rpc",
    "Frame",
    "RpcEvent",
    "QoS",
    "FrameKind",
    "Backoff",
    "Payload",
    "Request",
    "Operation",
    "Call",
    "Code",
    "RpcCode",
    "Error",
    "AccessDeniedError",
    "BusyError",
    "ConnectError",
    "ConnectionLostError",
    "DataError",
    "NotConnectedError",
    "NotDeliveredError",
    "NotRegisteredError",
    "NotSupportedError",
    "OtherError",
    "ProtocolError",
    "RpcError",
    "TimedOutError",
    "client",
    "rpc",
]

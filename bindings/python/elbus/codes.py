"""The numbers of the protocol."""

from __future__ import annotations

from enum import IntEnum

PROTOCOL_MAGIC = 0xEB
PROTOCOL_VERSION = 1


class QoS(IntEnum):
    """How an operation is treated: bit 0 asks for a confirmation, bit 1 for real time."""

    NO = 0
    PROCESSED = 1
    REALTIME = 2
    REALTIME_PROCESSED = 3

    @property
    def confirmed(self) -> bool:
        """Whether the broker answers the operation."""
        return bool(self & 1)


class Operation(IntEnum):
    """What a client asks of the broker."""

    NOP = 0x00
    PUBLISH = 0x01
    SUBSCRIBE = 0x02
    UNSUBSCRIBE = 0x03
    MESSAGE = 0x12
    BROADCAST = 0x13


class FrameKind(IntEnum):
    """What the broker delivers."""

    PUBLICATION = 0x01
    MESSAGE = 0x12
    BROADCAST = 0x13


class Code(IntEnum):
    """Answers of the broker."""

    OK = 0x01
    NOT_REGISTERED = 0x71
    DATA = 0x72
    IO = 0x73
    OTHER = 0x74
    NOT_SUPPORTED = 0x75
    BUSY = 0x76
    NOT_DELIVERED = 0x77
    TIMEOUT = 0x78
    ACCESS = 0x79
    EOF = 0xFF


class RpcKind(IntEnum):
    """First byte of a message of the RPC layer."""

    NOTIFICATION = 0x00
    REQUEST = 0x01
    REPLY = 0x11
    ERROR = 0x12


class RpcCode(IntEnum):
    """Codes of RPC errors. Applications define others."""

    PARSE = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_METHOD_PARAMS = -32602
    INTERNAL = -32603
    #: Errors of the bus are this minus their `Code`.
    BUS = -32000

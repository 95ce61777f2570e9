"""What can go wrong, one class per cause.

Every error of the package is an `Error`, says which client it happened to and what was wrong, and
has the `code` of the protocol.
"""

from __future__ import annotations

from typing import Optional, Union

from .codes import Code, RpcCode


class Error(Exception):
    """Base of all errors of this package.

    `client` is the name of the client, `target` the name, mask or topic of the operation if there
    is one, `code` the code of the protocol (see `elbus.Code`).
    """

    code: int = Code.OTHER

    def __init__(self, text: str, client: str = "", target: Optional[str] = None) -> None:
        super().__init__(f"client {client!r}: {text}" if client else text)
        self.client = client
        self.target = target

    @property
    def rpc_code(self) -> int:
        """The code as the RPC layer reports it: -32000 minus the code of the bus."""
        return RpcCode.BUS - self.code


class NotRegisteredError(Error):
    """There is no client of that name, or no primary for a secondary client."""

    code = Code.NOT_REGISTERED


class DataError(Error, ValueError):
    """A name, topic or payload breaks a rule or is larger than a limit."""

    code = Code.DATA


class ConnectionLostError(Error, ConnectionError):
    """The connection has ended, or there is none.

    An operation that was not confirmed when this happened may or may not have taken effect.
    """

    code = Code.IO


class NotConnectedError(ConnectionLostError):
    """There is no connection; nothing was sent."""


class ConnectError(ConnectionLostError):
    """The broker cannot be reached. The cause (`__cause__`) is the error of the system."""


class ProtocolError(ConnectionLostError):
    """The peer sent what no broker sends; the connection is closed."""


class OtherError(Error):
    """Any other refusal; `code` says which."""


class NotSupportedError(Error):
    """The broker does not support the protocol version or the operation."""

    code = Code.NOT_SUPPORTED


class BusyError(Error):
    """The client name is taken, or a limit on things under way is reached."""

    code = Code.BUSY


class NotDeliveredError(Error):
    """The queue of the receiver is full."""

    code = Code.NOT_DELIVERED


class TimedOutError(Error, TimeoutError):
    """No answer in time, or no room for what was to be sent.

    An operation that timed out may still take effect.
    """

    code = Code.TIMEOUT


class AccessDeniedError(Error):
    """The access rules of the broker forbid it."""

    code = Code.ACCESS


class RpcError(Error):
    """A method failed: raised by `call`, and by handlers to answer with an error.

    `code` is a number of 16 bits with a sign, by convention negative (see `elbus.RpcCode`); `data`
    are any bytes, by convention text.
    """

    def __init__(
        self,
        code: int,
        data: Union[bytes, str] = b"",
        client: str = "",
        target: Optional[str] = None,
    ) -> None:
        self.code = code
        self.data = data.encode() if isinstance(data, str) else bytes(data)
        text = self.data.decode(errors="backslashreplace")
        source = "" if target is None else f" from {target!r}"
        end = f": {text}" if text else ""
        super().__init__(f"RPC error {code}{source}{end}", client, target)

    @property
    def rpc_code(self) -> int:
        """The code itself."""
        return self.code


_BY_CODE: dict[int, tuple[type[Error], str]] = {
    Code.NOT_REGISTERED: (NotRegisteredError, "not registered"),
    Code.DATA: (DataError, "the broker refuses the name or the data"),
    Code.NOT_SUPPORTED: (NotSupportedError, "not supported by the broker"),
    Code.BUSY: (BusyError, "busy, the name is taken or the broker is full"),
    Code.NOT_DELIVERED: (NotDeliveredError, "not delivered, the receiver's queue is full"),
    Code.TIMEOUT: (TimedOutError, "timeout at the broker"),
    Code.ACCESS: (AccessDeniedError, "access denied"),
}


def refusal(code: int, what: str, client: str, target: Optional[str] = None) -> Error:
    """The error for a refusal by the broker; `what` was refused."""
    kind, reason = _BY_CODE.get(code, (OtherError, "refused"))
    error = kind(f"{what}: {reason} (code {code:#04x})", client, target)
    error.code = code
    return error

"""Client and RPC layer for asyncio. A client belongs to the event loop it was connected in."""

from .client import Client
from .operation import Operation
from .rpc import Call, Rpc

__all__ = ["Client", "Rpc", "Operation", "Call"]

"""Client and RPC layer for programs with threads."""

from .client import Client
from .operation import Operation
from .rpc import Call, Rpc

__all__ = ["Client", "Rpc", "Operation", "Call"]

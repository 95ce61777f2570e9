"""Client and RPC layer for programs with threads."""

from .client import Client, Operation
from .rpc import Call, Rpc

__all__ = ["Client", "Rpc", "Operation", "Call"]

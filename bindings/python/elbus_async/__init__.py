"""The interface of the package `elbus-async` 0.0.15, on top of `elbus.aio`.

For programs that were written for it; new ones are better off with `elbus.aio`.
"""

from . import client, rpc

__version__ = "0.3.0"

__all__ = ["client", "rpc"]

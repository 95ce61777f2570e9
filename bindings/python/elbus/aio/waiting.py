"""Ways to wait that asyncio has not, or not before Python 3.10."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Any, Optional, TypeVar

from ..errors import TimedOutError

T = TypeVar("T")

_logger = logging.getLogger("elbus")


class Signal:
    """Tells all who wait that something has changed. May be made outside of an event loop."""

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    def notify(self) -> None:
        """Wakes everybody."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait_for(self, condition: Callable[[], bool], timeout_s: Optional[float]) -> bool:
        """Waits until the condition holds; `False` if it does not in time."""
        loop = asyncio.get_running_loop()
        ends = None if timeout_s is None else loop.time() + timeout_s
        while not condition():
            waiter: asyncio.Future[None] = loop.create_future()
            self._waiters.append(waiter)
            rest = None if ends is None else ends - loop.time()
            try:
                done, _ = await asyncio.wait((waiter,), timeout=rest)
            finally:
                # Not there if it was woken; and it may be long until somebody is.
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
            if not done:
                return condition()
        return True


def answer_future() -> asyncio.Future[Any]:
    """A future that nobody has to look at when it fails."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda it: it.cancelled() or it.exception())
    return future


async def result_of(
    future: asyncio.Future[T], timeout_s: Optional[float], text: str, client: str
) -> T:
    """The result of a future, which others may wait for too. Raises `TimedOutError`."""
    if not future.done():
        await asyncio.wait((future,), timeout=timeout_s)
    if not future.done():
        raise TimedOutError(f"{text} within {timeout_s} s", client)
    return future.result()


async def invoke(handler: Callable[..., Any], *args: object) -> Any:
    """Calls a handler, a coroutine function or an ordinary one."""
    result = handler(*args)
    return await result if inspect.isawaitable(result) else result


class Workers:
    """Runs handlers in tasks, a limited number of them at a time."""

    def __init__(self, limit: int, client: str) -> None:
        self._limit = limit
        self._client = client
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = Signal()

    async def start(self, handler: Callable[..., Any], *args: object) -> None:
        """Starts a handler as soon as there is a place for it."""
        await self._changed.wait_for(lambda: len(self._tasks) < self._limit, None)
        task = asyncio.ensure_future(self._work(handler, args))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def _work(self, handler: Callable[..., Any], args: tuple[object, ...]) -> None:
        try:
            await invoke(handler, *args)
        except Exception:
            _logger.exception("client %r: a handler failed", self._client)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._changed.notify()

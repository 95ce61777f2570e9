"""Operations on their way, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Optional

from ..codes import Code
from ..errors import refusal
from ..protocol import Request
from .waiting import result_of


class Operation:
    """An operation on its way, made by `Client.start`."""

    def __init__(
        self, client: str, request: Request, future: asyncio.Future[int], forget: Callable[[], None]
    ) -> None:
        self._client = client
        self._request = request
        self._future = future
        self._forget = forget

    def done(self) -> bool:
        """Whether the broker has answered, or will not any more."""
        return self._future.done()

    @property
    def answer(self) -> Optional[int]:
        """The code of the broker's answer, `None` if there is none (yet)."""
        if not self._future.done() or self._future.exception() is not None:
            return None
        return self._future.result()

    async def code(self, timeout_s: Optional[float] = None) -> int:
        """Waits for the code of the answer: `Code.OK`, or why it was refused.

        Waits without limit by default. Raises `TimedOutError` (it may be asked for again), or
        `ConnectionLostError` if there will be no answer.
        """
        text = f"{self._request.subject}: no confirmation"
        return await result_of(self._future, timeout_s, text, self._client)

    async def wait(self, timeout_s: Optional[float] = None) -> None:
        """Waits until it is confirmed. Raises what `code` does, and an error for a refusal."""
        code = await self.code(timeout_s)
        if code != Code.OK:
            request = self._request
            raise refusal(code, request.subject, self._client, request.target)

    def forget(self) -> None:
        """Nobody will ask any more: makes room for another operation."""
        self._forget()

"""Operations on their way, for programs with threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Optional, TypeVar

from ..codes import Code
from ..errors import TimedOutError, refusal
from ..protocol import Request

T = TypeVar("T")


class Operation:
    """An operation on its way, made by `Client.start`."""

    def __init__(
        self, client: str, request: Request, future: Future[int], forget: Callable[[], None]
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

    def code(self, timeout_s: Optional[float] = None) -> int:
        """Waits for the code of the answer: `Code.OK`, or why it was refused.

        Waits without limit by default. Raises `TimedOutError` (it may be asked for again), or
        `ConnectionLostError` if there will be no answer.
        """
        subject = self._request.subject
        return wait_for(self._future, timeout_s, f"{subject}: no confirmation", self._client)

    def wait(self, timeout_s: Optional[float] = None) -> None:
        """Waits until it is confirmed. Raises what `code` does, and an error for a refusal."""
        code = self.code(timeout_s)
        if code != Code.OK:
            request = self._request
            raise refusal(code, request.subject, self._client, request.target)

    def forget(self) -> None:
        """Nobody will ask any more: makes room for another operation."""
        self._forget()


def wait_for(future: Future[T], timeout_s: Optional[float], text: str, client: str) -> T:
    """The result of a future. Raises its error, or `TimedOutError`."""
    try:
        return future.result(timeout_s)
    except FutureTimeoutError:
        raise TimedOutError(f"{text} within {timeout_s} s", client) from None

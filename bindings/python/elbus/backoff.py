"""How long to wait between attempts to connect."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Waits that double from `first_s` to `longest_s`, both in seconds.

    Each wait is shortened at random by up to a half, so that the clients of a broker that was
    started again do not come back all at the same time.
    """

    first_s: float = 0.1
    longest_s: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.first_s <= self.longest_s:
            raise ValueError(f"0 < {self.first_s} <= {self.longest_s} does not hold")

    def waits(self) -> Iterator[float]:
        """The waits after a connection was lost, in seconds, without end."""
        longest = self.first_s
        while True:
            yield longest * random.uniform(0.5, 1.0)
            longest = min(longest * 2, self.longest_s)

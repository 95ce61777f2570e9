"""Received frames that wait for the application, within bounds."""

from __future__ import annotations

import logging
from collections import deque

from .limits import QUEUE_BYTES
from .protocol import Frame

_logger = logging.getLogger("elbus")


class Inbox:
    """A queue of frames. No locks: its client takes care of that.

    While it is full, the client does not read from its socket, which holds up the senders. There
    are two cases in which it has to read on: somebody waits for an answer, which comes behind the
    frames in the same stream; and nobody ever asked for frames. In the first as many frames again
    are set aside. What is beyond that is dropped and counted.
    """

    def __init__(self, client: str, max_frames: int) -> None:
        if max_frames < 1:
            raise ValueError(f"a queue of {max_frames} frames")
        #: Frames that were dropped since the client was made.
        self.dropped = 0
        #: Whether the application has asked for frames.
        self.wanted = False
        self._client = client
        self._max_frames = max_frames
        self._frames: deque[Frame] = deque()
        self._bytes = 0

    def offer(self, frame: Frame, answers_awaited: bool) -> bool:
        """Takes or drops a frame. `False` if it has to wait for room."""
        if self._has_room(1, frame):
            self._append(frame)
        elif self.wanted and not answers_awaited:
            return False
        elif self.wanted and self._has_room(2, frame):
            self._append(frame)
        else:
            self._drop()
        return True

    def __len__(self) -> int:
        return len(self._frames)

    def take(self) -> Frame:
        """The oldest frame. There must be one."""
        frame = self._frames.popleft()
        self._bytes -= len(frame.payload)
        return frame

    def clear(self) -> None:
        """Forgets the frames of a connection that the application has closed."""
        self._frames.clear()
        self._bytes = 0

    def _has_room(self, times: int, frame: Frame) -> bool:
        if not self._frames:
            return True
        size = self._bytes + len(frame.payload)
        return len(self._frames) < times * self._max_frames and size <= times * QUEUE_BYTES

    def _append(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._bytes += len(frame.payload)

    def _drop(self) -> None:
        if not self.dropped:
            _logger.warning(
                "client %r: %d received frames wait unread, further ones are dropped",
                self._client,
                len(self._frames),
            )
        self.dropped += 1

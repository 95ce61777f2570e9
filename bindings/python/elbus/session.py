"""What a client knows of its conversation with the broker. No sockets, no clock, no threads.

Bytes go in, frames come out; whoever waits for a confirmation or for the reply to a call leaves a
slot (a future), which is settled here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Generic, Optional, Protocol, TypeVar

from .codes import Code, Operation, RpcKind
from .errors import BusyError, ConnectionLostError, Error
from .limits import MAX_PENDING
from .protocol import Ack, Decoder, Frame, Request
from .rpc_protocol import RpcEvent, decode_event

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

_LAST_ID = 0xFFFF_FFFF


class Slot(Protocol[T_contra]):
    """Where an answer is awaited: the futures of `concurrent` and of `asyncio`."""

    def done(self) -> bool:
        """Whether it is settled or given up."""

    def set_result(self, result: T_contra, /) -> None:
        """Settles it."""

    def set_exception(self, exception: BaseException, /) -> None:
        """Settles it with an error."""


class Pending(Generic[T]):
    """Slots by id. Ids are counted up, without 0; those in use are skipped."""

    def __init__(self, what: str, last_id: int = 0) -> None:
        self._what = what
        self._slots: dict[int, tuple[Slot[T], str, Callable[[T], None]]] = {}
        self._last_id = last_id

    def __len__(self) -> int:
        return len(self._slots)

    def next_id(self) -> int:
        """An id that nothing waits for."""
        while True:
            self._last_id = self._last_id + 1 if self._last_id < _LAST_ID else 1
            if self._last_id not in self._slots:
                return self._last_id

    def add(
        self,
        slot: Slot[T],
        subject: str,
        client: str,
        when_settled: Callable[[T], None] = lambda _: None,
    ) -> int:
        """The id of a new slot; `BusyError` if too many wait already."""
        if len(self._slots) >= MAX_PENDING:
            raise BusyError(f"{subject}: {MAX_PENDING} {self._what} wait already", client)
        new = self.next_id()
        self._slots[new] = (slot, subject, when_settled)
        return new

    def settle(self, id_: int, answer: T) -> None:
        """Hands an answer to whom it belongs. Late ones belong to nobody any more."""
        slot, _, when_settled = self._slots.pop(id_, (None, "", None))
        if when_settled is not None:
            when_settled(answer)
        if slot is not None and not slot.done():
            slot.set_result(answer)

    def forget(self, id_: int) -> None:
        """Nobody waits any longer."""
        self._slots.pop(id_, None)

    def fail_all(self, error: Callable[[str], Error]) -> None:
        """Settles everything with an error of its own, made for the subject."""
        slots, self._slots = self._slots, {}
        for slot, subject, _ in slots.values():
            if not slot.done():
                slot.set_exception(error(subject))


class Session:
    """Operations and calls under way, and the subscriptions that a new connection needs again."""

    def __init__(self, client: str) -> None:
        self.client = client
        self.operations: Pending[int] = Pending("operations")
        # A late reply to a program that was killed must not pass for one to the program that has
        # taken its place and its name.
        self.calls: Pending[RpcEvent] = Pending("calls", random.randrange(_LAST_ID))
        #: Whether direct messages are those of the RPC layer.
        self.rpc = False
        self._subscriptions: dict[str, None] = {}
        self._decoder = Decoder()

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for an answer of the broker or of a peer."""
        return bool(self.operations or self.calls)

    def begin(self, request: Request, slot: Optional[Slot[int]]) -> tuple[int, bytes]:
        """Id and bytes of an operation. The slot gets the code of the broker's answer."""
        if slot is None:
            self._note_subscriptions(request, Code.OK)
            operation_id = self.operations.next_id()
        else:
            operation_id = self.operations.add(
                slot,
                request.subject,
                self.client,
                lambda code: self._note_subscriptions(request, code),
            )
        return operation_id, request.encode(operation_id)

    def _note_subscriptions(self, request: Request, code: int) -> None:
        if request.operation is Operation.UNSUBSCRIBE:
            for topic in request.filters:
                self._subscriptions.pop(topic, None)
        elif code == Code.OK:
            # Other operations have no filters.
            self._subscriptions.update(dict.fromkeys(request.filters))

    def received(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes, without what has been waited for.

        Raises `ProtocolError`; the connection is of no use then.
        """
        for delivery in self._decoder.feed(data):
            if isinstance(delivery, Ack):
                self.operations.settle(delivery.operation_id, delivery.code)
            elif not self._is_answer(delivery):
                yield delivery

    def _is_answer(self, frame: Frame) -> bool:
        event = decode_event(frame) if self.rpc else None
        if event is None or event.message.kind not in (RpcKind.REPLY, RpcKind.ERROR):
            return False
        self.calls.settle(event.message.call_id, event)
        return True

    def lost(self, reason: str) -> None:
        """The connection has ended: nothing that was under way will be answered."""

        def error(subject: str) -> Error:
            return ConnectionLostError(f"{subject}: {reason}", self.client)

        self._decoder = Decoder()
        self.operations.fail_all(error)
        self.calls.fail_all(error)

    def forget_subscriptions(self) -> None:
        """The application starts anew."""
        self._subscriptions.clear()

    def resubscription(self) -> Optional[Request]:
        """What a new connection has to subscribe to, if anything."""
        return Request.subscription(self._subscriptions) if self._subscriptions else None

"""The parts without I/O: bounds, and who gets which answer."""

from __future__ import annotations

import struct
import unittest
from concurrent.futures import Future

from elbus import Backoff, BusyError, ConnectionLostError, DataError, Error, ProtocolError, Request
from elbus.address import parse_address
from elbus.codes import FrameKind, QoS
from elbus.inbox import Inbox
from elbus.limits import MAX_DELIVERY_BYTES, MAX_FRAME_BYTES, MAX_PENDING, QUEUE_BYTES
from elbus.protocol import Decoder, Frame
from elbus.session import Session


def frame(size: int = 1) -> Frame:
    return Frame(FrameKind.MESSAGE, "n", None, bytes(size))


class Addresses(unittest.TestCase):
    def test_syntax(self) -> None:
        for path in ("/run/x", "x.sock", "x.socket", "a:1.ipc"):
            self.assertEqual(parse_address(path), path)
        self.assertEqual(parse_address("plc:7777"), ("plc", 7777))
        self.assertEqual(parse_address("[::1]:7777"), ("::1", 7777))
        for wrong in ("", "plc", "plc:", "plc:x", "plc:0", "plc:65536", "tls://plc:x"):
            with self.assertRaises(ValueError, msg=wrong):
                parse_address(wrong)


class Requests(unittest.TestCase):
    def test_limits(self) -> None:
        Request.message("t", bytes(MAX_FRAME_BYTES - 2))
        with self.assertRaises(DataError) as caught:
            Request.message("t", bytes(MAX_FRAME_BYTES - 1))
        self.assertIn(str(MAX_FRAME_BYTES), str(caught.exception))

    def test_what_cannot_be_sent(self) -> None:
        with self.assertRaises(DataError):
            Request.message("a\0b", b"")
        with self.assertRaises(DataError):
            Request.subscription(["a", "b\0c"])
        with self.assertRaises(DataError):
            Request.subscription([])
        with self.assertRaises(DataError):
            Request.publication("\ud800", b"")
        with self.assertRaises(TypeError):
            Request.message("t", 3)  # type: ignore[arg-type]
        with self.assertRaises(ValueError):
            Request.message("t", b"", 4)

    def test_an_oversized_delivery_is_refused_by_its_head(self) -> None:
        with self.assertRaises(ProtocolError):
            list(Decoder().feed(struct.pack("<BIB", 0x12, MAX_DELIVERY_BYTES + 1, 0)))
        self.assertEqual(list(Decoder().feed(struct.pack("<BIB", 0x12, MAX_DELIVERY_BYTES, 0))), [])

    def test_what_came_before_a_malformed_frame_is_not_lost(self) -> None:
        decoder = Decoder()
        got = decoder.feed(bytes.fromhex("fe0700000001ff0000000000"))
        self.assertIsNotNone(next(got))
        with self.assertRaises(ProtocolError):
            next(got)


class Answers(unittest.TestCase):
    def setUp(self) -> None:
        self.session = Session("n")

    def begin(self) -> tuple[int, Future[int]]:
        slot: Future[int] = Future()
        return self.session.begin(Request.message("t", b""), slot)[0], slot

    def ack(self, operation_id: int, code: int = 1) -> None:
        list(self.session.received(struct.pack("<BIB", 0xFE, operation_id, code)))

    def test_out_of_order(self) -> None:
        (first, first_slot), (second, second_slot) = self.begin(), self.begin()
        self.ack(second, 0x71)
        self.assertFalse(first_slot.done())
        self.ack(first)
        self.assertEqual((first_slot.result(0), second_slot.result(0)), (1, 0x71))

    def test_of_nobody(self) -> None:
        id_, slot = self.begin()
        self.ack(id_ + 1)
        self.session.operations.forget(id_)
        self.ack(id_)
        self.assertFalse(slot.done())

    def test_bound(self) -> None:
        for _ in range(MAX_PENDING):
            self.begin()
        with self.assertRaises(BusyError) as caught:
            self.begin()
        self.assertIn(str(MAX_PENDING), str(caught.exception))
        self.ack(1)
        self.begin()

    def test_ids_start_again_and_skip_those_in_use(self) -> None:
        self.begin()
        self.session.operations._last_id = 0xFFFF_FFFE
        self.assertEqual([self.begin()[0] for _ in range(2)], [0xFFFF_FFFF, 2])

    def test_a_lost_connection_fails_everything(self) -> None:
        _, slot = self.begin()
        list(self.session.received(b"\x12\x05"))
        self.session.lost("cable cut")
        with self.assertRaises(ConnectionLostError) as caught:
            slot.result(0)
        self.assertEqual(str(caught.exception), "client 'n': message to 't': cable cut")
        # What was cut off is not taken for the beginning of what comes next.
        id_, slot = self.begin()
        self.ack(id_)
        self.assertEqual(slot.result(0), 1)

    def test_subscriptions_are_remembered(self) -> None:
        self.assertIsNone(self.session.resubscription())
        self.session.begin(Request.subscription(["a", "b"], QoS.NO), None)
        refused: Future[int] = Future()
        id_, _ = self.session.begin(Request.subscription("secret"), refused)
        self.ack(id_, 0x79)
        self.session.begin(Request.unsubscription("a", QoS.NO), None)
        granted: Future[int] = Future()
        id_, _ = self.session.begin(Request.subscription("c"), granted)
        self.ack(id_)
        again = self.session.resubscription()
        assert again is not None
        self.assertEqual(again.filters, ("b", "c"))


class Queue(unittest.TestCase):
    def test_holds_up_whoever_sends(self) -> None:
        inbox = Inbox("n", 2)
        inbox.wanted = True
        self.assertTrue(inbox.offer(frame(), False))
        self.assertTrue(inbox.offer(frame(), False))
        self.assertFalse(inbox.offer(frame(), False))
        inbox.take()
        self.assertTrue(inbox.offer(frame(), False))
        self.assertEqual(inbox.dropped, 0)

    def test_reads_on_while_answers_are_awaited(self) -> None:
        inbox = Inbox("n", 2)
        inbox.wanted = True
        with self.assertLogs("elbus", "WARNING"):
            for _ in range(6):
                self.assertTrue(inbox.offer(frame(), True))
        self.assertEqual((len(inbox), inbox.dropped), (4, 2))

    def test_drops_if_nobody_ever_asked(self) -> None:
        inbox = Inbox("n", 2)
        with self.assertLogs("elbus", "WARNING") as logs:
            for _ in range(5):
                self.assertTrue(inbox.offer(frame(), False))
        self.assertEqual((len(inbox), inbox.dropped, len(logs.output)), (2, 3, 1))

    def test_bytes(self) -> None:
        inbox = Inbox("n", 100)
        inbox.wanted = True
        self.assertTrue(inbox.offer(frame(QUEUE_BYTES + 1), False), "the first one always fits")
        self.assertFalse(inbox.offer(frame(), False))
        inbox.take()
        self.assertTrue(inbox.offer(frame(), False))


class Waits(unittest.TestCase):
    def test_double_up_to_the_longest(self) -> None:
        waits = Backoff(1.0, 5.0).waits()
        for longest in (1.0, 2.0, 4.0, 5.0, 5.0):
            wait = next(waits)
            self.assertTrue(longest / 2 <= wait <= longest, f"{wait} for {longest}")

    def test_wrong(self) -> None:
        for first, longest in ((0, 1), (2, 1)):
            with self.assertRaises(ValueError):
                Backoff(first, longest)


class Errors(unittest.TestCase):
    def test_all_are_of_one_base_and_have_codes(self) -> None:
        self.assertEqual(BusyError("x").rpc_code, -32118)
        self.assertTrue(issubclass(ConnectionLostError, (Error, ConnectionError)))


if __name__ == "__main__":
    unittest.main()

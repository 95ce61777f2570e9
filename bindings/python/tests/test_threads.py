"""`elbus.Client` and `elbus.Rpc` against a real broker."""

from __future__ import annotations

import queue
import threading
import unittest
from collections.abc import Callable

from support import PATIENCE_S, SHORT_S, Broker, BrokerTest, eventually

import elbus
from elbus import FrameKind, QoS
from elbus.limits import MAX_FRAME_BYTES


class Connecting(BrokerTest):
    def test_context_manager_and_again(self) -> None:
        client = elbus.Client(self.broker.path, "again")
        for _ in range(2):
            with client as same:
                self.assertIs(same, client)
                self.assertTrue(client.connected)
                client.publish("t", b"")
            self.assertFalse(client.connected)
            with self.assertRaises(elbus.NotConnectedError) as caught:
                client.publish("t", b"")
            self.assertIn("the client was closed", str(caught.exception))
            eventually(lambda: self.is_free("again"), "the name is free")

    def is_free(self, name: str) -> bool:
        with elbus.Client(self.broker.path, f"{name}.asks") as client:
            names = elbus.Rpc(client).call(".broker", "client.list")
        return name.encode() + b"\xa4" not in names

    def test_tcp(self) -> None:
        with elbus.Client(self.broker.tcp, "tcp") as client:
            client.send("tcp", "hello")
            self.assertEqual(client.receive(PATIENCE_S).payload, b"hello")

    def test_refused(self) -> None:
        self.client("taken")
        with self.assertRaises(elbus.BusyError) as caught:
            self.client("taken")
        self.assertIn("'taken'", str(caught.exception))
        with self.assertRaises(elbus.DataError):
            self.client(".reserved")
        with self.assertRaises(elbus.DataError):
            self.client("")
        with self.assertRaises(elbus.NotRegisteredError):
            self.client("nobody%%1")
        with self.assertRaises(elbus.DataError):
            elbus.Client("no address", "n").connect()

    def test_nobody_there(self) -> None:
        with self.assertRaises(elbus.ConnectError) as caught:
            elbus.Client("/nowhere/bus.sock", "n").connect()
        self.assertIsInstance(caught.exception.__cause__, FileNotFoundError)
        with self.assertRaises(elbus.ConnectError):
            elbus.Client("127.0.0.1:1", "n").connect()


class Frames(BrokerTest):
    def test_kinds_and_qos(self) -> None:
        alice, bob = self.client("alice"), self.client("bob")
        bob.subscribe(["plant/+", "x"])
        for qos in QoS:
            alice.send("bob", "text", qos)
            alice.broadcast("b?b", b"nobody", qos)
            alice.broadcast("?", bytearray(b"\0all"), qos)
            alice.publish("plant/1", memoryview(b"21.5"), qos)
            realtime = qos >= QoS.REALTIME
            for kind, topic, payload in (
                (FrameKind.MESSAGE, None, b"text"),
                (FrameKind.BROADCAST, None, b"\0all"),
                (FrameKind.PUBLICATION, "plant/1", b"21.5"),
            ):
                expected = elbus.Frame(kind, "alice", topic, payload, realtime)
                self.assertEqual(bob.receive(PATIENCE_S), expected)

    def test_unsubscribe(self) -> None:
        client = self.client("unsub")
        client.subscribe("a")
        client.subscribe("b")
        client.unsubscribe("a")
        client.publish("a", b"1")
        client.publish("b", b"2")
        self.assertEqual(client.receive(PATIENCE_S).topic, "b")

    def test_refusals(self) -> None:
        client = self.client("refusals")
        with self.assertRaises(elbus.NotRegisteredError) as caught:
            client.send("nobody", b"")
        self.assertEqual((caught.exception.client, caught.exception.target), ("refusals", "nobody"))
        self.assertEqual(caught.exception.code, elbus.Code.NOT_REGISTERED)
        client.send("nobody", b"", QoS.NO)

    def test_largest(self) -> None:
        client = self.client("large")
        payload = b"x" * (MAX_FRAME_BYTES - len("large") - 1)
        client.send("large", payload)
        self.assertEqual(client.receive(PATIENCE_S).payload, payload)

    def test_secondary(self) -> None:
        self.client("p")
        self.client("p%%1").send("p%%1", b"")
        other = self.client("other")
        self.client("p%%2").send("other", b"")
        frame = other.receive(PATIENCE_S)
        self.assertEqual((frame.sender, frame.primary_sender), ("p%%2", "p"))

    def test_iteration_ends_with_the_client(self) -> None:
        client = self.client("iter")
        seen: queue.Queue[bytes] = queue.Queue()

        def read() -> None:
            for frame in client:
                seen.put(frame.payload)

        thread = threading.Thread(target=read)
        thread.start()
        client.send("iter", b"1")
        client.send("iter", b"2")
        self.assertEqual([seen.get(timeout=PATIENCE_S) for _ in range(2)], [b"1", b"2"])
        client.close()
        thread.join(PATIENCE_S)
        self.assertFalse(thread.is_alive())

    def test_receive_in_time(self) -> None:
        with self.assertRaises(elbus.TimedOutError):
            self.client("patient").receive(SHORT_S)

    def test_many_under_way(self) -> None:
        client = self.client("pipeline")
        request = elbus.Request.publication("t", b"")
        operations = [client.start(request) for _ in range(1000)]
        for operation in operations:
            operation.wait(PATIENCE_S)
            self.assertEqual(operation.answer, elbus.Code.OK)

    def test_threads_share_a_client(self) -> None:
        client = self.client("shared")
        client.subscribe("shared/#")
        failures: list[BaseException] = []

        def publish(number: int) -> None:
            try:
                for count in range(100):
                    client.publish(f"shared/{number}", str(count))
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=publish, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        frames = [client.receive(PATIENCE_S) for _ in range(400)]
        for thread in threads:
            thread.join(PATIENCE_S)
        self.assertEqual(failures, [])
        for number in range(4):
            got = [f.payload for f in frames if f.topic == f"shared/{number}"]
            self.assertEqual(got, [str(count).encode() for count in range(100)])


class Handlers(BrokerTest):
    def test_in_a_thread_in_order_and_may_use_the_client(self) -> None:
        done: queue.Queue[tuple[bytes, int]] = queue.Queue()

        def on_frame(frame: elbus.Frame) -> None:
            client.publish("elsewhere", frame.payload)
            done.put((frame.payload, threading.get_ident()))
            if frame.payload == b"0":
                raise ZeroDivisionError

        client = self.client("handler", on_frame=on_frame)
        with self.assertLogs("elbus", "ERROR"):
            for number in range(20):
                client.send("handler", str(number))
            got = [done.get(timeout=PATIENCE_S) for _ in range(20)]
        self.assertEqual([payload for payload, _ in got], [str(n).encode() for n in range(20)])
        self.assertEqual(len({ident for _, ident in got} | {threading.get_ident()}), 2)
        with self.assertRaises(elbus.Error):
            client.receive()

    def test_slow_handlers_hold_up_the_sender_and_lose_nothing(self) -> None:
        go_on = threading.Event()
        got: list[bytes] = []

        def on_frame(frame: elbus.Frame) -> None:
            go_on.wait(PATIENCE_S)
            got.append(frame.payload)

        slow = self.client("slow", on_frame=on_frame, queue_frames=8)
        sender = self.client("quick", timeout_s=PATIENCE_S)
        expected = [b"%d" % number for number in range(200)]
        for payload in expected:
            sender.send("slow", payload)
        go_on.set()
        eventually(lambda: len(got) == 200, "all have come")
        self.assertEqual((got, slow.dropped_frames), (expected, 0))

    def test_a_client_may_be_closed_by_its_handler(self) -> None:
        client = self.client("suicidal")
        client.set_handler(lambda frame: client.close())
        client.send("suicidal", b"", QoS.NO)
        eventually(lambda: not client.connected, "closed")

    def test_nobody_reads(self) -> None:
        client = self.client("deaf", queue_frames=4)
        with self.assertLogs("elbus", "WARNING"):
            for _ in range(10):
                client.send("deaf", b"")
        self.assertEqual(client.dropped_frames, 6)
        self.assertTrue(client.connected)


class Calls(BrokerTest):
    def rpc(self, name: str, **options: object) -> elbus.Rpc:
        return elbus.Rpc(self.client(name), **options)  # type: ignore[arg-type]

    def test_results_and_errors(self) -> None:
        def fail(event: elbus.RpcEvent) -> bytes:
            raise elbus.RpcError(-777, event.data)

        def crash(event: elbus.RpcEvent) -> bytes:
            raise ZeroDivisionError

        self.rpc(
            "server",
            methods={
                "echo": lambda event: event.data,
                "text": lambda event: f"{event.sender} calls {event.method}",
                "nothing": lambda event: None,
                "fail": fail,
                "crash": crash,
                "wrong type": lambda event: 5,
                "too large": lambda event: bytes(MAX_FRAME_BYTES),
            },
        )
        caller = self.rpc("caller")
        self.assertEqual(caller.call("server", "echo", b"\0params"), b"\0params")
        self.assertEqual(caller.call("server", "echo", "x", qos=QoS.REALTIME_PROCESSED), b"x")
        self.assertEqual(caller.call("server", "text"), b"caller calls text")
        self.assertEqual(caller.call("server", "nothing"), b"")
        self.assertEqual(caller.call(".broker", "test"), b"\x81\xa2ok\xc3")
        with self.assertRaises(elbus.RpcError) as failed:
            caller.call("server", "fail", "why")
        self.assertEqual((failed.exception.code, failed.exception.data), (-777, b"why"))
        self.assertEqual(failed.exception.target, "server")
        self.fails(caller, "unknown", elbus.RpcCode.METHOD_NOT_FOUND)
        with self.assertLogs("elbus", "ERROR"):
            self.fails(caller, "crash", elbus.RpcCode.INTERNAL)
        self.fails(caller, "wrong type", elbus.RpcCode.INTERNAL)
        self.fails(caller, "too large", elbus.RpcCode.INTERNAL)

    def fails(self, caller: elbus.Rpc, method: str, code: int) -> None:
        with self.assertRaises(elbus.RpcError) as failed:
            caller.call("server", method)
        self.assertEqual(failed.exception.code, code)

    def test_nobody_to_call(self) -> None:
        with self.assertRaises(elbus.NotRegisteredError) as caught:
            self.rpc("lonely").call("nobody", "m")
        self.assertEqual(caught.exception.rpc_code, -32113)

    def test_no_reply(self) -> None:
        silent = threading.Event()
        self.addCleanup(silent.set)
        self.rpc("mute", on_call=lambda event: silent.wait(PATIENCE_S) and None)
        caller = self.rpc("waiting")
        with self.assertRaises(elbus.TimedOutError) as caught:
            caller.call("mute", "m", timeout_s=SHORT_S)
        self.assertIn("'m' of 'mute'", str(caught.exception))
        self.assertFalse(caller.client._session.awaited, "nothing is left behind")

    def test_notifications_calls_without_reply_and_frames(self) -> None:
        seen: queue.Queue[tuple[str, bytes]] = queue.Queue()
        rpc = self.rpc(
            "all",
            on_call=lambda event: seen.put((event.method, event.data)),
            on_notification=lambda event: seen.put(("notification", event.data)),
            on_frame=lambda frame: seen.put((str(frame.topic), frame.payload)),
        )
        rpc.client.subscribe("t")
        rpc.call0("all", "m", b"1")
        rpc.notify("all", b"2")
        rpc.client.publish("t", b"3")
        rpc.client.broadcast("all", b"4")
        got = {seen.get(timeout=PATIENCE_S) for _ in range(4)}
        self.assertEqual(got, {("m", b"1"), ("notification", b"2"), ("t", b"3"), ("None", b"4")})

    def test_malformed_messages_are_ignored(self) -> None:
        rpc = self.rpc("strict", methods={"m": lambda event: b"ok"})
        with self.assertLogs("elbus", "WARNING"):
            rpc.client.send("strict", b"\x7fgarbage")
            self.assertEqual(rpc.call("strict", "m"), b"ok")

    def test_handlers_call_each_other(self) -> None:
        one = self.rpc("one")
        two = self.rpc("two", on_call=lambda event: one.call("three", "m", event.data + b"2"))
        self.rpc("three", on_call=lambda event: two.call("four", "m", event.data + b"3"))
        self.rpc("four", on_call=lambda event: event.data + b"4")
        self.assertEqual(one.call("two", "m", b"1"), b"1234")

    def test_calls_are_handled_side_by_side_within_a_bound(self) -> None:
        running: list[int] = []
        most: list[int] = []
        all_run = threading.Barrier(4)

        def on_call(event: elbus.RpcEvent) -> None:
            running.append(1)
            most.append(len(running))
            all_run.wait(PATIENCE_S)
            running.pop()

        self.rpc("busy", on_call=on_call, workers=4)
        caller = self.rpc("many")
        calls = [caller.start("busy", "m") for _ in range(16)]
        for call in calls:
            call.result(PATIENCE_S)
        self.assertEqual(max(most), 4)

    def test_calls_do_not_pile_up_in_the_pool(self) -> None:
        handled: list[bytes] = []
        in_pool: list[int] = []
        rpc = self.rpc("pool", on_call=lambda event: handled.append(event.data), workers=2)
        submit = rpc._workers.submit

        def counted(work: Callable[[], None]) -> object:
            in_pool.append(len(in_pool) + 1 - len(handled))
            return submit(work)

        rpc._workers.submit = counted  # type: ignore[assignment,method-assign]
        caller = self.rpc("flooder")
        for number in range(500):
            caller.call0("pool", "m", str(number), QoS.NO)
        eventually(lambda: len(handled) == 500, "all are handled")
        self.assertLessEqual(max(in_pool), 2)


class TwoBrokers(unittest.TestCase):
    def test_a_client_may_change_its_address(self) -> None:
        first, second = Broker(), Broker()
        self.addCleanup(first.close)
        self.addCleanup(second.close)
        client = elbus.Client(first.path, "moving").connect()
        client.close()
        client.address = second.path
        with client:
            client.publish("t", b"")


if __name__ == "__main__":
    unittest.main()

"""Brokers that misbehave, crash, hang and come back."""

from __future__ import annotations

import asyncio
import struct
import threading
import time
import unittest
from collections.abc import Callable
from typing import Any, Optional

from support import (
    ACCEPTED,
    GREETING,
    PATIENCE_S,
    SHORT_S,
    Broker,
    Peer,
    ScriptedBroker,
    eventually,
)

import elbus
from elbus import Backoff, QoS, aio
from elbus.limits import MAX_DELIVERY_BYTES

QUICK = Backoff(0.01, 0.1)


class Sync:
    """`elbus.aio` with the interface of `elbus`, so that both get the same tests."""

    class Client:
        def __init__(self, address: str, name: str, **options: Any) -> None:
            self.loop = asyncio.new_event_loop()
            self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
            self.thread.start()
            self.inner = aio.Client(address, name, **options)

        def __getattr__(self, name: str) -> Any:
            attribute = getattr(self.inner, name)
            if not callable(attribute):
                return attribute
            return lambda *args, **options: self.run(attribute(*args, **options))

        def run(self, coroutine: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE_S)

        def connect(self) -> Any:
            self.run(self.inner.connect())
            return self

        def close(self) -> None:
            if self.loop.is_closed():
                return
            self.run(self.inner.close())
            self.run(self.end_tasks())
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(PATIENCE_S)
            self.loop.close()

        async def end_tasks(self) -> None:
            """As `asyncio.run` does in the end."""
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    class Rpc:
        def __init__(self, client: Any, **options: Any) -> None:
            self.client = client

            async def make() -> aio.Rpc:
                return aio.Rpc(client.inner, **options)

            self.inner = client.run(make())

        def call(self, *args: Any, **options: Any) -> Any:
            return self.client.run(self.inner.call(*args, **options))


class Cases:
    """The tests, for each kind of client."""

    class Faults(unittest.TestCase):
        Client: Any
        Rpc: Any

        def client(self, address: str, name: str = "n", **options: Any) -> Any:
            client = self.Client(address, name, **options)
            self.addCleanup(client.close)
            return client

        def scripted(self, script: Callable[[Peer], None]) -> ScriptedBroker:
            broker = ScriptedBroker(script)
            self.addCleanup(broker.close)
            return broker

        def broker(self) -> Broker:
            broker = Broker()
            self.addCleanup(broker.close)
            return broker

        # The handshake

        def refused(self, script: Callable[[Peer], None]) -> elbus.Error:
            client = self.client(self.scripted(script).path, timeout_s=SHORT_S)
            with self.assertRaises(elbus.Error) as caught:
                client.connect()
            self.assertIn("'n'", str(caught.exception))
            self.assertFalse(client.connected)
            return caught.exception

        def test_handshake_errors(self) -> None:
            def not_a_broker(peer: Peer) -> None:
                peer.send(b"HTTP/1.1 400")
                peer.wait_for_end()

            def newer(peer: Peer) -> None:
                peer.send(b"\xeb\x02\x00")
                peer.wait_for_end()

            def ends(peer: Peer) -> None:
                peer.send(GREETING)

            def answers(code: int) -> Callable[[Peer], None]:
                def script(peer: Peer) -> None:
                    peer.send(GREETING + ACCEPTED + bytes((code,)))
                    peer.wait_for_end()

                return script

            self.assertIsInstance(self.refused(not_a_broker), elbus.ProtocolError)
            self.assertIn("version 2", str(self.refused(newer)))
            self.assertIsInstance(self.refused(ends), elbus.ConnectionLostError)
            self.assertIsInstance(self.refused(lambda peer: None), elbus.ConnectionLostError)
            self.assertIsInstance(self.refused(Peer.wait_for_end), elbus.TimedOutError)
            for code, kind in (
                (0x71, elbus.NotRegisteredError),
                (0x72, elbus.DataError),
                (0x75, elbus.NotSupportedError),
                (0x76, elbus.BusyError),
                (0x79, elbus.AccessDeniedError),
                (0x7A, elbus.OtherError),
            ):
                error = self.refused(answers(code))
                self.assertIsInstance(error, kind)
                self.assertEqual(error.code, code)

        # The stream

        def test_everything_in_pieces(self) -> None:
            def script(peer: Peer) -> None:
                peer.send_slowly(GREETING)
                peer.read(3)
                peer.send(ACCEPTED)
                peer.read(3)
                # The first frame comes with the answer.
                peer.send(ACCEPTED + bytes.fromhex("1205000000016e300068690000"))
                peer.send_slowly(bytes.fromhex("000000000109000000006e3000612f620000ff"))
                peer.wait_for_end()

            client = self.client(self.scripted(script).path).connect()
            self.assertEqual(client.receive(PATIENCE_S).payload, b"hi")
            frame = client.receive(PATIENCE_S)
            self.assertEqual((frame.topic, frame.payload), ("a/b", b"\0\xff"))

        def test_acks_out_of_order(self) -> None:
            def script(peer: Peer) -> None:
                peer.greet()
                first, _, _ = peer.request()
                second, _, _ = peer.request()
                peer.ack(b"\xff\xff\xff\x7f")
                peer.ack(second, 0x77)
                peer.ack(first)
                peer.wait_for_end()

            client = self.client(self.scripted(script).path).connect()
            first = client.start(elbus.Request.message("a", b""))
            second = client.start(elbus.Request.message("b", b""))
            self.assertEqual(self.code(client, second), 0x77)
            self.assertEqual(self.code(client, first), 1)

        def code(self, client: Any, operation: Any) -> int:
            code = operation.code(PATIENCE_S)
            return int(client.run(code) if asyncio.iscoroutine(code) else code)

        def test_malformed_and_oversized_frames_end_the_connection(self) -> None:
            for octets, reason in (
                (b"\x77\0\0\0\0\0", "unknown kind 0x77"),
                (bytes.fromhex("1202000000006e30"), "no NUL"),
                (bytes.fromhex("12030000000000ff00"[:12] + "ff0000"), "sender"),
                (struct.pack("<BIB", 1, MAX_DELIVERY_BYTES + 1, 0), str(MAX_DELIVERY_BYTES)),
            ):
                with self.subTest(reason):
                    self.malformed(octets, reason)

        def malformed(self, octets: bytes, reason: str) -> None:
            def script(peer: Peer) -> None:
                peer.greet()
                peer.request()
                peer.send(octets)
                peer.wait_for_end()

            client = self.client(self.scripted(script).path).connect()
            with self.assertLogs("elbus", "WARNING"):
                with self.assertRaises(elbus.ConnectionLostError) as caught:
                    client.send("a", b"")
                eventually(lambda: not client.connected, "the connection has ended")
            self.assertIn(reason, str(caught.exception))

        def test_a_reply_that_nobody_waits_for(self) -> None:
            def script(peer: Peer) -> None:
                peer.greet()
                operation_id, _, body = peer.request()
                call_id = body[len("srv\0") + 1 :][:4]
                peer.deliver(0x12, b"srv\0\x11\xff\xff\xff\xffstray")
                peer.deliver(0x12, b"srv\0\x11" + call_id + b"result before the ack")
                peer.deliver(0x12, b"srv\0\x11" + call_id + b"twice")
                peer.ack(operation_id)
                peer.wait_for_end()

            rpc = self.Rpc(self.client(self.scripted(script).path).connect())
            self.assertEqual(rpc.call("srv", "m"), b"result before the ack")

        def test_pings(self) -> None:
            pings: list[bytes] = []

            def script(peer: Peer) -> None:
                peer.greet()
                for _ in range(3):
                    pings.append(peer.read(9))

            client = self.client(self.scripted(script).path, ping_interval_s=0.05).connect()
            with self.assertLogs("elbus", "WARNING"):
                eventually(lambda: not client.connected, "the broker has seen three pings")
            self.assertEqual(pings, [bytes(9)] * 3)

        def test_a_broker_that_takes_nothing(self) -> None:
            def script(peer: Peer) -> None:
                peer.greet()
                stop.wait(PATIENCE_S)

            stop = threading.Event()
            broker = self.scripted(script)
            self.addCleanup(stop.set)
            client = self.client(broker.path, timeout_s=SHORT_S).connect()
            with self.assertRaises(elbus.TimedOutError):
                for _ in range(1000):
                    client.send("a", bytes(100_000), QoS.NO)

        # Brokers that hang, crash and come back

        def test_a_broker_that_hangs(self) -> None:
            broker = self.broker()
            client = self.client(broker.path, timeout_s=SHORT_S).connect()
            rpc = self.Rpc(client)
            broker.stop()
            try:
                with self.assertRaises(elbus.TimedOutError):
                    client.send("n", b"")
                with self.assertRaises(elbus.TimedOutError):
                    rpc.call(".broker", "test")
                with self.assertRaises(elbus.TimedOutError):
                    self.client(broker.path, "other", timeout_s=SHORT_S).connect()
            finally:
                broker.go_on()
            # Late answers do no harm.
            ends = time.monotonic() + PATIENCE_S
            while True:
                try:
                    self.assertEqual(rpc.call(".broker", "test"), b"\x81\xa2ok\xc3")
                    break
                except elbus.TimedOutError:
                    self.assertLess(time.monotonic(), ends)

        def test_a_crash_in_the_middle_of_calls(self) -> None:
            broker = self.broker()
            reconnected = threading.Event()
            server = self.client(broker.path, "server", reconnect=QUICK)
            never = threading.Event()
            self.addCleanup(never.set)
            hanging: list[str] = []
            self.serve(server, hanging, never)
            client = self.client(
                broker.path,
                "caller",
                timeout_s=PATIENCE_S,
                reconnect=QUICK,
                on_reconnect=reconnected.set,
            ).connect()
            rpc = self.Rpc(client)
            client.subscribe(["plant/#", "other"])
            client.unsubscribe("other")
            failure: list[Optional[BaseException]] = []

            def call() -> None:
                try:
                    rpc.call("server", "hang", timeout_s=PATIENCE_S)
                    failure.append(None)
                except BaseException as error:
                    failure.append(error)

            callers = [threading.Thread(target=call) for _ in range(3)]
            for thread in callers:
                thread.start()
            eventually(lambda: len(hanging) == 3, "the calls are under way")
            with self.assertLogs("elbus", "WARNING"):
                begin = time.monotonic()
                broker.kill()
                for thread in callers:
                    thread.join(PATIENCE_S)
                eventually(lambda: not client.connected, "the client has noticed")
            self.assertLess(time.monotonic() - begin, PATIENCE_S / 2, "at once, not by timeout")
            for error in failure:
                self.assertIsInstance(error, elbus.ConnectionLostError)
                self.assertIn("'hang' of 'server'", str(error))
            self.assertEqual(len(failure), 3)
            with self.assertRaises(elbus.NotConnectedError):
                client.publish("t", b"")
            with self.assertRaises(elbus.TimedOutError):
                client.wait_connected(SHORT_S)
            broker.start()
            client.wait_connected(PATIENCE_S)
            server.wait_connected(PATIENCE_S)
            self.assertTrue(reconnected.wait(PATIENCE_S))
            self.assertEqual(rpc.call("server", "echo", b"again"), b"again")

        def serve(self, client: Any, hanging: list[str], never: threading.Event) -> None:
            def hang(event: elbus.RpcEvent) -> None:
                hanging.append(event.sender)
                never.wait(PATIENCE_S)

            async def hang_async(event: elbus.RpcEvent) -> None:
                hanging.append(event.sender)
                while not never.is_set():
                    await asyncio.sleep(0.01)

            is_async = isinstance(client, Sync.Client)
            client.connect()
            handlers = {"echo": lambda e: e.data, "hang": hang_async if is_async else hang}
            self.Rpc(client, methods=handlers)

        def test_subscriptions_come_back(self) -> None:
            broker = self.broker()
            client = self.client(broker.path, reconnect=QUICK).connect()
            client.subscribe(["plant/#", "other"])
            client.unsubscribe("other")
            with self.assertLogs("elbus", "WARNING"):
                broker.kill()
                eventually(lambda: not client.connected, "the client has noticed")
            broker.start()
            client.wait_connected(PATIENCE_S)
            client.publish("other", b"no")
            client.publish("plant/1", b"yes")
            self.assertEqual(client.receive(PATIENCE_S).payload, b"yes")

        def test_without_reconnect_it_is_over(self) -> None:
            broker = self.broker()
            client = self.client(broker.path).connect()
            client.send("n", b"last")
            with self.assertLogs("elbus", "WARNING"):
                broker.kill()
                eventually(lambda: not client.connected, "the client has noticed")
            self.assertEqual(client.receive(PATIENCE_S).payload, b"last", "what came is not lost")
            with self.assertRaises(elbus.NotConnectedError):
                client.receive(PATIENCE_S)
            with self.assertRaises(elbus.NotConnectedError):
                client.wait_connected(PATIENCE_S)
            broker.start()
            client.connect()
            client.publish("t", b"")

        def test_closing_while_there_is_no_broker(self) -> None:
            broker = self.broker()
            client = self.client(broker.path, reconnect=Backoff(60.0, 60.0)).connect()
            with self.assertLogs("elbus", "WARNING"):
                broker.kill()
                eventually(lambda: not client.connected, "the client has noticed")
            begin = time.monotonic()
            client.close()
            self.assertLess(time.monotonic() - begin, PATIENCE_S / 2)


class ThreadsFaults(Cases.Faults):
    Client = elbus.Client
    Rpc = elbus.Rpc

    def test_a_frame_that_is_cut_off_ends_the_connection(self) -> None:
        def script(peer: Peer) -> None:
            peer.greet()
            peer.read(100_000)
            stop.wait(2 * PATIENCE_S)  # The test gives up before the broker does.

        stop = threading.Event()
        broker = self.scripted(script)
        self.addCleanup(stop.set)
        client = self.client(broker.path, timeout_s=SHORT_S).connect()
        with self.assertLogs("elbus", "WARNING"):
            with self.assertRaises(elbus.TimedOutError):
                client.send("a", bytes(10_000_000))
            eventually(lambda: not client.connected, "what follows would be taken for the rest")

    def test_threads_end(self) -> None:
        before = threading.active_count()
        broker = self.broker()
        client = self.client(broker.path, reconnect=QUICK, on_frame=lambda frame: None).connect()
        self.assertEqual(threading.active_count(), before + 2)
        client.close()
        self.assertEqual(threading.active_count(), before)


class AioFaults(Cases.Faults):
    Client = Sync.Client
    Rpc = Sync.Rpc


if __name__ == "__main__":
    unittest.main()

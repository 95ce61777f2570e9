"""The interfaces of `elbus` and `elbus-async` 0.0.15, where programs may rely on them."""

from __future__ import annotations

import asyncio
import queue
import threading
import unittest
from typing import Any

from support import PATIENCE_S, SHORT_S, Broker, BrokerTest, eventually

import elbus
import elbus_async
from elbus.client import OP_BROADCAST, OP_MESSAGE, OP_PUBLISH, OP_SUBSCRIBE, Client, Frame
from elbus.rpc import Notification, Request, Rpc, RpcException


class Names(unittest.TestCase):
    def test_constants(self) -> None:
        for module in (elbus.client, elbus_async.client):
            for name, value in {
                "GREETINGS": 0xEB,
                "PROTOCOL_VERSION": 1,
                "OP_NOP": 0,
                "OP_PUBLISH": 1,
                "OP_SUBSCRIBE": 2,
                "OP_UNSUBSCRIBE": 3,
                "OP_MESSAGE": 0x12,
                "OP_BROADCAST": 0x13,
                "OP_ACK": 0xFE,
                "RESPONSE_OK": 1,
                "ERR_CLIENT_NOT_REGISTERED": 0x71,
                "ERR_DATA": 0x72,
                "ERR_IO": 0x73,
                "ERR_OTHER": 0x74,
                "ERR_NOT_SUPPORTED": 0x75,
                "ERR_BUSY": 0x76,
                "ERR_NOT_DELIVERED": 0x77,
                "ERR_TIMEOUT": 0x78,
                "PING_FRAME": bytes(9),
            }.items():
                self.assertEqual(getattr(module, name), value, name)
        for module in (elbus.rpc, elbus_async.rpc):
            for name, value in {
                "RPC_NOTIFICATION": 0,
                "RPC_REQUEST": 1,
                "RPC_REPLY": 0x11,
                "RPC_ERROR": 0x12,
                "RPC_NOTIFICATION_HEADER": b"\x00",
                "RPC_REQUEST_HEADER": b"\x01",
                "RPC_REPLY_HEADER": b"\x11",
                "RPC_ERROR_REPLY_HEADER": b"\x12",
                "RPC_ERROR_CODE_PARSE": -32700,
                "RPC_ERROR_CODE_INVALID_REQUEST": -32600,
                "RPC_ERROR_CODE_METHOD_NOT_FOUND": -32601,
                "RPC_ERROR_CODE_INVALID_METHOD_PARAMS": -32602,
                "RPC_ERROR_CODE_INTERNAL": -32603,
            }.items():
                self.assertEqual(getattr(module, name), value, name)

    def test_defaults(self) -> None:
        for client in (Client("p", "n"), elbus_async.client.Client("p", "n")):
            self.assertEqual((client.path, client.name), ("p", "n"))
            self.assertEqual((client.buf_size, client.ping_interval, client.timeout), (8192, 1, 1))
            self.assertFalse(client.connected)
            self.assertFalse(client.is_connected())
        frame = Frame()
        self.assertEqual(
            (frame.payload, frame.type, frame.qos, frame.header), (None, 0x12, 0, None)
        )
        self.assertEqual((Request("m").payload, Request(b"m", None).payload), (b"", b""))
        self.assertEqual((Request("m").method, Request("m").qos), (b"m", 1))
        self.assertEqual((Notification().payload, Notification().qos), (b"", 1))
        error = RpcException("why", -5)
        self.assertEqual((error.rpc_error_code, error.rpc_error_payload), (-5, "why"))
        self.assertEqual(str(error), "why (code: -5)")
        self.assertEqual(RpcException().rpc_error_code, -32603)


class Threads(BrokerTest):
    def classic(self, name: str) -> Client:
        client = Client(self.broker.path, name)
        client.timeout = PATIENCE_S
        client.connect()
        self.addCleanup(client.disconnect)
        return client

    def test_connect_errors(self) -> None:
        self.classic("taken")
        for name, text in (("taken", "0x76"), (".x", "0x72"), ("", "0x72"), ("x%%1", "0x71")):
            with self.assertRaises(RuntimeError) as caught:
                self.classic(name)
            self.assertEqual(str(caught.exception), f"Server response: {text}")
        with self.assertRaises(FileNotFoundError):
            Client("/nowhere/bus.sock", "n").connect()
        with self.assertRaises(ConnectionRefusedError):
            Client("127.0.0.1:1", "n").connect()

    def test_send(self) -> None:
        client = self.classic("sender")
        unconfirmed = client.send("nobody", Frame("x"))
        self.assertTrue(unconfirmed.is_completed())
        self.assertEqual((unconfirmed.wait_completed(), unconfirmed.result), (1, 0))
        confirmed = client.send(target="nobody", frame=Frame(b"x", tp=OP_MESSAGE, qos=1))
        self.assertEqual(confirmed.wait_completed(PATIENCE_S), 0x71)
        self.assertEqual(confirmed.wait_completed(timeout=PATIENCE_S), 0x71)
        self.assertTrue(confirmed.is_completed())
        self.assertEqual((confirmed.qos, confirmed.result), (1, 0x71))

    def test_frames_in_another_thread(self) -> None:
        got: queue.Queue[tuple[Any, ...]] = queue.Queue()
        client = self.classic("n")
        client.on_frame = lambda f: got.put(
            (f.type, f.sender, f.primary_sender, f.topic, f.payload, threading.get_ident())
        )
        frame = Frame(tp=OP_SUBSCRIBE, qos=3)
        frame.topic = ["a", "b"]
        self.assertEqual(client.send(None, frame).wait_completed(), 1)
        self.assertEqual(client.unsubscribe("b").wait_completed(), 1)
        with_header = Frame("payload")
        with_header.header = b"header "
        client.send("n", with_header)
        client.send("?", Frame("all", OP_BROADCAST, 2))
        client.send("b", Frame("not", OP_PUBLISH))
        client.send("a", Frame("topic", OP_PUBLISH, 3))
        frames = [got.get(timeout=PATIENCE_S) for _ in range(3)]
        self.assertEqual(
            [frame[:5] for frame in frames],
            [
                (OP_MESSAGE, "n", "n", None, b"header payload"),
                (OP_BROADCAST, "n", "n", None, b"all"),
                (OP_PUBLISH, "n", "n", "a", b"topic"),
            ],
        )
        self.assertNotIn(threading.get_ident(), [frame[5] for frame in frames])

    def test_calls(self) -> None:
        def on_call(event: elbus.rpc.Event) -> Any:
            self.assertNotEqual(event.call_id, 0)
            self.assertEqual(event.frame.type, OP_MESSAGE)
            if event.method == b"fail":
                raise RpcException(event.get_payload(), -777)
            if event.method == b"crash":
                raise ValueError("text of the error")
            return event.get_payload() or None

        server = Rpc(self.classic("server"))
        server.on_call = on_call
        rpc = Rpc(self.classic("caller"))
        event = rpc.call("server", Request("echo", "hello"))
        self.assertIs(event.wait_completed(PATIENCE_S), event)
        self.assertTrue(event.is_completed())
        self.assertEqual((event.get_payload(), event.is_empty()), (b"hello", False))
        assert event.frame is not None
        self.assertEqual(event.frame.sender, "server")
        self.assertTrue(rpc.call("server", Request("echo")).wait_completed().is_empty())
        for target, method, code, payload in (
            ("server", "fail", -777, b"data"),
            ("server", "crash", -32603, b"text of the error"),
            ("nobody", "m", -32113, "RPC error"),
            ("caller", "m", -32601, b"RPC Engine not initialized"),
        ):
            event = rpc.call(target, Request(method, "data"))
            with self.assertRaises(RpcException) as caught:
                event.wait_completed()
            self.assertEqual(caught.exception.rpc_error_code, code)
            self.assertEqual(caught.exception.rpc_error_payload, payload)
        self.assertEqual(rpc.notify("nobody", Notification("x")).wait_completed(), 0x71)
        self.assertEqual(rpc.call0("nobody", Request("x")).wait_completed(), 0x71)

    def test_a_call_that_takes_long(self) -> None:
        go_on = threading.Event()
        server = Rpc(self.classic("long"))

        def on_call(event: elbus.rpc.Event) -> bytes:
            go_on.wait(PATIENCE_S)
            return b"done"

        server.on_call = on_call
        event = Rpc(self.classic("impatient")).call("long", Request("m"))
        self.assertFalse(event.is_completed())
        with self.assertRaises(TimeoutError):
            event.wait_completed(SHORT_S)
        go_on.set()
        self.assertEqual(event.wait_completed().get_payload(), b"done")

    def test_no_broker_any_more(self) -> None:
        broker = Broker()
        self.addCleanup(broker.close)
        client = Client(broker.path, "n")
        client.connect()
        rpc = Rpc(client)
        never = threading.Event()
        self.addCleanup(never.set)

        def on_call(event: elbus.rpc.Event) -> None:
            never.wait(PATIENCE_S)

        rpc.on_call = on_call
        event = rpc.call("n", Request("never"))
        with self.assertLogs("elbus", "WARNING"):
            broker.kill()
            with self.assertRaises(RpcException) as caught:
                event.wait_completed(PATIENCE_S)
        self.assertEqual(caught.exception.rpc_error_code, -32115)
        eventually(lambda: not rpc.is_connected(), "not connected")
        with self.assertRaises(OSError):
            client.send("n", Frame(b""))
        with self.assertRaises(RpcException):
            rpc.call("n", Request("m")).wait_completed()


class Async(unittest.IsolatedAsyncioTestCase):
    broker: Broker

    @classmethod
    def setUpClass(cls) -> None:
        cls.broker = Broker()
        cls.addClassCleanup(cls.broker.close)

    async def classic(self, name: str) -> elbus_async.client.Client:
        client = elbus_async.client.Client(self.broker.path, name)
        client.timeout = PATIENCE_S
        await client.connect()
        self.addAsyncCleanup(client.disconnect)
        return client

    async def test_connect_errors(self) -> None:
        await self.classic("taken")
        with self.assertRaises(RuntimeError) as caught:
            await self.classic("taken")
        self.assertEqual(str(caught.exception), "Server response: 0x76")
        with self.assertRaises(FileNotFoundError):
            await elbus_async.client.Client("/nowhere/bus.sock", "n").connect()

    async def test_send_and_frames(self) -> None:
        got: asyncio.Queue[Any] = asyncio.Queue()
        client = await self.classic("n")
        client.on_frame = got.put
        result = await client.subscribe(["a", "b"])
        self.assertEqual((await result.wait_completed(), result.result), (1, 0))
        await client.unsubscribe("b")
        result = await client.send("nobody", elbus_async.client.Frame("x", qos=1))
        self.assertEqual(await result.wait_completed(timeout=PATIENCE_S), 0x71)
        self.assertTrue(result.is_completed())
        self.assertEqual((result.result, result.qos), (0x71, 1))
        await client.send("b", elbus_async.client.Frame("not", OP_PUBLISH))
        await client.send("a", elbus_async.client.Frame("topic", OP_PUBLISH))
        frame = await asyncio.wait_for(got.get(), PATIENCE_S)
        self.assertEqual((frame.sender, frame.topic, frame.payload), ("n", "a", b"topic"))

    async def test_calls(self) -> None:
        go_on = asyncio.Event()

        async def on_call(event: elbus.rpc.Event) -> Any:
            if event.method == b"fail":
                raise elbus_async.rpc.RpcException(event.get_payload(), -777)
            if event.method == b"wait":
                await go_on.wait()
            return event.get_payload()

        server = elbus_async.rpc.Rpc(await self.classic("server"))
        server.on_call = on_call
        rpc = elbus_async.rpc.Rpc(await self.classic("caller"))
        event = await rpc.call("server", Request("echo", "hello"))
        self.assertIs(await event.wait_completed(), event)
        self.assertEqual(event.get_payload(), b"hello")
        for target, method, code in (("server", "fail", -777), ("nobody", "m", -32113)):
            event = await rpc.call(target, Request(method, "data"))
            with self.assertRaises(RpcException) as caught:
                await event.wait_completed()
            self.assertEqual(caught.exception.rpc_error_code, code)
        event = await rpc.call("server", Request("wait"))
        with self.assertRaises(asyncio.TimeoutError):
            await event.wait_completed(timeout=SHORT_S)
        go_on.set()
        self.assertTrue((await event.wait_completed()).is_empty())
        self.assertEqual(await (await rpc.notify("nobody", Notification())).wait_completed(), 0x71)
        self.assertEqual(await (await rpc.call0("nobody", Request("x"))).wait_completed(), 0x71)

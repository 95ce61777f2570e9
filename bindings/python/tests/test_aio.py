"""`elbus.aio.Client` and `elbus.aio.Rpc` against a real broker."""

from __future__ import annotations

import asyncio
import unittest
from typing import Any

from support import PATIENCE_S, SHORT_S, Broker

import elbus
from elbus import FrameKind, QoS, aio
from elbus.limits import MAX_FRAME_BYTES


class AioTest(unittest.IsolatedAsyncioTestCase):
    broker: Broker

    @classmethod
    def setUpClass(cls) -> None:
        cls.broker = Broker()
        cls.addClassCleanup(cls.broker.close)

    async def client(self, name: str, **options: Any) -> aio.Client:
        client = await aio.Client(self.broker.path, name, **options).connect()
        self.addAsyncCleanup(client.close)
        return client

    async def rpc(self, name: str, **options: Any) -> aio.Rpc:
        return aio.Rpc(await self.client(name), **options)


class Connecting(AioTest):
    async def test_context_manager(self) -> None:
        client = aio.Client(self.broker.tcp, "again")
        async with client as same:
            self.assertIs(same, client)
            await client.publish("t", b"")
        self.assertFalse(client.connected)
        with self.assertRaises(elbus.NotConnectedError):
            await client.publish("t", b"")

    async def test_refused(self) -> None:
        await self.client("taken")
        with self.assertRaises(elbus.BusyError):
            await self.client("taken")
        with self.assertRaises(elbus.DataError):
            await self.client(".reserved")
        with self.assertRaises(elbus.DataError):
            await self.client("")
        with self.assertRaises(elbus.DataError):
            await aio.Client("no address", "n").connect()

    async def test_nobody_there(self) -> None:
        for address in ("/nowhere/bus.sock", "127.0.0.1:1"):
            with self.assertRaises(elbus.ConnectError):
                await aio.Client(address, "n").connect()

    def test_a_client_may_be_made_outside_of_the_loop_and_serve_several(self) -> None:
        client = aio.Client(self.broker.path, "outside")

        async def use() -> bytes:
            async with client:
                await client.send("outside", b"x")
                return (await client.receive(PATIENCE_S)).payload

        self.assertEqual(asyncio.run(use()), b"x")
        client.name = "outside"
        self.assertEqual(asyncio.run(use()), b"x")


class Frames(AioTest):
    async def test_kinds_and_qos(self) -> None:
        alice, bob = await self.client("alice"), await self.client("bob")
        await bob.subscribe(["plant/+", "x"])
        for qos in QoS:
            await alice.send("bob", "text", qos)
            await alice.broadcast("bob", b"\0all", qos)
            await alice.publish("plant/1", b"21.5", qos)
            realtime = qos >= QoS.REALTIME
            for kind, topic, payload in (
                (FrameKind.MESSAGE, None, b"text"),
                (FrameKind.BROADCAST, None, b"\0all"),
                (FrameKind.PUBLICATION, "plant/1", b"21.5"),
            ):
                expected = elbus.Frame(kind, "alice", topic, payload, realtime)
                self.assertEqual(await bob.receive(PATIENCE_S), expected)

    async def test_refusals(self) -> None:
        client = await self.client("refusals")
        with self.assertRaises(elbus.NotRegisteredError) as caught:
            await client.send("nobody", b"")
        self.assertEqual((caught.exception.client, caught.exception.target), ("refusals", "nobody"))

    async def test_largest(self) -> None:
        client = await self.client("large")
        payload = b"x" * (MAX_FRAME_BYTES - len("large") - 1)
        await client.send("large", payload)
        self.assertEqual((await client.receive(PATIENCE_S)).payload, payload)

    async def test_iteration_ends_with_the_client(self) -> None:
        client = await self.client("iter")
        await client.send("iter", b"1")
        await client.send("iter", b"2")
        seen = []
        async for frame in client:
            seen.append(frame.payload)
            if len(seen) == 2:
                await client.close()
        self.assertEqual(seen, [b"1", b"2"])

    async def test_receive_in_time(self) -> None:
        client = await self.client("patient")
        with self.assertRaises(elbus.TimedOutError):
            await client.receive(SHORT_S)
        # Waits that were given up leave nothing behind.
        self.assertEqual(client._changed._waiters, [])
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(client.receive(), SHORT_S)
        self.assertEqual(client._changed._waiters, [])

    async def test_many_under_way(self) -> None:
        client = await self.client("pipeline")
        await asyncio.gather(*(client.publish("t", bytes(1000)) for _ in range(1000)))

    async def test_flood(self) -> None:
        sender, receiver = await self.client("from"), await self.client("to")

        async def flood() -> None:
            for number in range(5000):
                await sender.send("to", str(number), QoS.NO)

        task = asyncio.ensure_future(flood())
        for number in range(5000):
            frame = await receiver.receive(PATIENCE_S)
            self.assertEqual(frame.payload, str(number).encode())
        await task
        self.assertEqual(receiver.dropped_frames, 0)


class Handlers(AioTest):
    async def test_in_order_and_may_use_the_client(self) -> None:
        done: asyncio.Queue[bytes] = asyncio.Queue()

        async def on_frame(frame: elbus.Frame) -> None:
            await client.publish("elsewhere", frame.payload)
            await done.put(frame.payload)
            if frame.payload == b"0":
                raise ZeroDivisionError

        client = await self.client("handler", on_frame=on_frame)
        with self.assertLogs("elbus", "ERROR"):
            for number in range(20):
                await client.send("handler", str(number))
            got = [await asyncio.wait_for(done.get(), PATIENCE_S) for _ in range(20)]
        self.assertEqual(got, [str(n).encode() for n in range(20)])

    async def test_slow_handlers_hold_up_the_sender_and_lose_nothing(self) -> None:
        go_on = asyncio.Event()
        all_there = asyncio.Event()
        got: list[bytes] = []

        async def on_frame(frame: elbus.Frame) -> None:
            await go_on.wait()
            got.append(frame.payload)
            if len(got) == 200:
                all_there.set()

        slow = await self.client("slow", on_frame=on_frame, queue_frames=8)
        sender = await self.client("quick", timeout_s=PATIENCE_S)
        expected = [b"%d" % number for number in range(200)]
        for payload in expected:
            await sender.send("slow", payload)
        go_on.set()
        await asyncio.wait_for(all_there.wait(), PATIENCE_S)
        self.assertEqual((got, slow.dropped_frames), (expected, 0))

    async def test_a_client_may_be_closed_by_its_handler(self) -> None:
        async def on_frame(frame: elbus.Frame) -> None:
            await client.close()
            closed.set()

        closed = asyncio.Event()
        client = await self.client("suicidal", on_frame=on_frame)
        await client.send("suicidal", b"", QoS.NO)
        await asyncio.wait_for(closed.wait(), PATIENCE_S)
        self.assertFalse(client.connected)


class Calls(AioTest):
    async def test_results_and_errors(self) -> None:
        async def fail(event: elbus.RpcEvent) -> bytes:
            raise elbus.RpcError(-777, event.data)

        async def echo(event: elbus.RpcEvent) -> bytes:
            return event.data

        def crash(event: elbus.RpcEvent) -> bytes:
            raise ZeroDivisionError

        methods = {
            "echo": echo,
            "fail": fail,
            "nothing": lambda event: None,
            "crash": crash,
        }
        await self.rpc("server", methods=methods)
        caller = await self.rpc("caller")
        self.assertEqual(await caller.call("server", "echo", b"\0params"), b"\0params")
        self.assertEqual(await caller.call("server", "nothing"), b"")
        self.assertEqual(await caller.call(".broker", "test"), b"\x81\xa2ok\xc3")
        with self.assertRaises(elbus.RpcError) as failed:
            await caller.call("server", "fail", "why")
        self.assertEqual((failed.exception.code, failed.exception.data), (-777, b"why"))
        with self.assertRaises(elbus.RpcError) as failed:
            await caller.call("server", "unknown")
        self.assertEqual(failed.exception.code, elbus.RpcCode.METHOD_NOT_FOUND)
        with self.assertLogs("elbus", "ERROR"), self.assertRaises(elbus.RpcError) as failed:
            await caller.call("server", "crash")
        self.assertEqual(failed.exception.code, elbus.RpcCode.INTERNAL)
        with self.assertRaises(elbus.NotRegisteredError):
            await caller.call("nobody", "m")

    async def test_no_reply(self) -> None:
        async def never(event: elbus.RpcEvent) -> None:
            await asyncio.sleep(PATIENCE_S)

        await self.rpc("mute", on_call=never)
        caller = await self.rpc("waiting")
        with self.assertRaises(elbus.TimedOutError):
            await caller.call("mute", "m", timeout_s=SHORT_S)
        self.assertFalse(caller.client._session.awaited, "nothing is left behind")

    async def test_notifications_calls_without_reply_and_frames(self) -> None:
        seen: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        rpc = await self.rpc(
            "all",
            on_call=lambda event: seen.put((event.method, event.data)),
            on_notification=lambda event: seen.put(("notification", event.data)),
            on_frame=lambda frame: seen.put((str(frame.topic), frame.payload)),
        )
        await rpc.client.subscribe("t")
        await rpc.call0("all", "m", b"1")
        await rpc.notify("all", b"2")
        await rpc.client.publish("t", b"3")
        got = {await asyncio.wait_for(seen.get(), PATIENCE_S) for _ in range(3)}
        self.assertEqual(got, {("m", b"1"), ("notification", b"2"), ("t", b"3")})

    async def test_calls_are_handled_side_by_side_within_a_bound(self) -> None:
        running = 0
        most = 0

        async def on_call(event: elbus.RpcEvent) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.05)
            running -= 1

        await self.rpc("busy", on_call=on_call, workers=4)
        caller = await self.rpc("many")
        await asyncio.gather(*(caller.call("busy", "m", timeout_s=PATIENCE_S) for _ in range(16)))
        self.assertEqual(most, 4)


if __name__ == "__main__":
    unittest.main()

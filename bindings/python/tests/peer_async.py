"""The scriptable peer on `elbus.aio.Client`. See peer_common.py."""

from __future__ import annotations

import asyncio
import sys
from typing import Optional

import peer_common as common

import elbus
from elbus import aio


class Peer:
    def __init__(self) -> None:
        self.output = common.Output()
        self.client: aio.Client
        self.rpc: aio.Rpc

    async def do_connect(self, path: str, name: str) -> str:
        client = aio.Client(path, name, timeout_s=common.TIMEOUT_S)
        client.set_handler(lambda frame: self.output.bus_frame(name, frame))
        self.client = await client.connect()
        return ""

    async def do_rpc_serve(self, path: str, name: str) -> str:
        client = aio.Client(path, name, timeout_s=common.TIMEOUT_S)

        async def served(event: elbus.RpcEvent) -> Optional[bytes]:
            return self.output.served(name, event)

        async def notified(event: elbus.RpcEvent) -> None:
            self.output.notification(name, event)

        self.rpc = aio.Rpc(
            client,
            on_call=served,
            on_notification=notified,
            on_frame=lambda frame: self.output.bus_frame(name, frame),
        )
        self.client = await client.connect()
        return ""

    async def do_send(self, target: str, text: str, qos: str) -> str:
        await self.client.send(target, text, int(qos))
        return common.acked(qos)

    async def do_broadcast(self, mask: str, text: str, qos: str) -> str:
        await self.client.broadcast(mask, text, int(qos))
        return common.acked(qos)

    async def do_publish(self, topic: str, text: str, qos: str) -> str:
        await self.client.publish(topic, text, int(qos))
        return common.acked(qos)

    async def do_subscribe(self, *topics: str) -> str:
        await self.client.subscribe(topics)
        return "acked"

    async def do_unsubscribe(self, *topics: str) -> str:
        await self.client.unsubscribe(topics)
        return "acked"

    async def do_flood(self, target: str, start: str, count: str) -> str:
        for number in range(int(start), int(start) + int(count)):
            await self.client.send(target, common.Flood.payload(number), elbus.QoS.NO)
        return ""

    async def do_count(self, count: str) -> str:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, self.output.flood.wait, int(count))

    async def do_rpc_call(self, target: str, method: str, text: str) -> str:
        try:
            return common.show(await self.rpc.call(target, method, text))
        except elbus.Error as error:
            raise common.call_error(error) from error

    async def do_rpc_call0(self, target: str, method: str, text: str) -> str:
        await self.rpc.call0(target, method, text)
        return "acked"

    async def do_rpc_notify(self, target: str, text: str) -> str:
        await self.rpc.notify(target, text)
        return "acked"

    async def do_disconnect(self) -> str:
        await self.client.close()
        return ""


async def main() -> None:
    peer = Peer()
    loop = asyncio.get_running_loop()
    # An empty line is the end of the input, an empty command still has its line feed.
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command, *arguments = line.rstrip("\n").split(" ")
        if command == "quit":
            break
        try:
            method = getattr(peer, "do_" + command.replace("-", "_"))
            peer.output.outcome(await method(*arguments))
        except Exception as error:
            peer.output.line(f"error {common.error_text(error)}")


asyncio.run(main())

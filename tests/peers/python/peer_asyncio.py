"""The scriptable peer on the asyncio packages: peer_asyncio.py elbus_async|busrt_async

The line protocol is described in ../README.md.
"""

import asyncio
import importlib
import sys

import peer_common as common


class AwaitableLock(asyncio.Lock):
    """The lock of Python 3.8, which could be entered by `with await lock`.

    elbus_async 0.0.15 does so. Python 3.9 removed it; giving it back here lets the package run as
    it was released.
    """

    def __await__(self):
        yield from self.acquire().__await__()
        return _Held(self)


class _Held:

    def __init__(self, lock):
        self.lock = lock

    def __enter__(self):
        return None

    def __exit__(self, *args):
        self.lock.release()


if not hasattr(asyncio.Lock, '__await__'):
    asyncio.Lock = AwaitableLock

bus = importlib.import_module(sys.argv[1] + '.client')
bus_rpc = importlib.import_module(sys.argv[1] + '.rpc')


class Peer:

    def __init__(self):
        self.output = common.Output(bus)
        self.client = None
        self.rpc = None

    async def do_connect(self, path, name):
        client = bus.Client(path, name)
        client.timeout = common.TIMEOUT_S
        client.on_frame = self.on_frame
        await self.open(client)

    async def do_rpc_serve(self, path, name):
        client = bus.Client(path, name)
        client.timeout = common.TIMEOUT_S
        self.rpc = bus_rpc.Rpc(client)
        self.rpc.on_frame = self.on_frame
        self.rpc.on_call = self.on_call
        self.rpc.on_notification = self.on_notification
        await self.open(client)

    async def open(self, client):
        self.client = client
        try:
            await client.connect()
        except Exception as e:
            raise common.connect_error(bus, e)

    async def on_frame(self, frame):
        self.output.bus_frame(self.client.name, frame)

    async def on_notification(self, event):
        self.output.frame(self.client.name, 'notification', event.frame.sender, '-',
                          event.get_payload())

    async def on_call(self, event):
        if event.call_id == 0:
            self.output.frame(self.client.name, 'call0', event.frame.sender,
                              event.method.decode(), event.get_payload())
        return common.served(bus_rpc, event.method, event.get_payload())

    async def do_send(self, target, text, qos, operation='send'):
        tp = getattr(bus, common.FRAME_OPERATIONS[operation])
        frame = bus.Frame(text.encode(), tp=tp, qos=int(qos))
        return await self.confirmed(await self.client.send(target, frame))

    async def do_broadcast(self, mask, text, qos):
        return await self.do_send(mask, text, qos, 'broadcast')

    async def do_publish(self, topic, text, qos):
        return await self.do_send(topic, text, qos, 'publish')

    async def do_subscribe(self, *topics):
        await self.client.subscribe(list(topics))
        return await self.barrier()

    async def do_unsubscribe(self, *topics):
        await self.client.unsubscribe(list(topics))
        return await self.barrier()

    async def barrier(self):
        # The packages subscribe without asking for an acknowledgement. Operations of a connection
        # are processed in their order, so the one of a later operation will do.
        return await self.do_publish('peers/barrier', '', 1)

    async def do_flood(self, target, start, count):
        for number in range(int(start), int(start) + int(count)):
            await self.client.send(target, bus.Frame(self.output.flood.payload(number)))

    async def do_count(self, count):
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, self.output.flood.wait, count)

    async def do_rpc_call(self, target, method, text):
        event = await self.rpc.call(target, bus_rpc.Request(method, text.encode()))
        try:
            return common.show((await event.wait_completed()).get_payload())
        except bus_rpc.RpcException as e:
            raise common.rpc_error(e)

    async def do_rpc_call0(self, target, method, text):
        request = bus_rpc.Request(method, text.encode())
        return await self.confirmed(await self.rpc.call0(target, request))

    async def do_rpc_notify(self, target, text):
        notification = bus_rpc.Notification(text.encode())
        return await self.confirmed(await self.rpc.notify(target, notification))

    async def do_disconnect(self):
        await self.client.disconnect()

    async def confirmed(self, operation):
        return common.checked_ack(bus, operation.qos, await operation.wait_completed())


async def main():
    peer = Peer()
    loop = asyncio.get_running_loop()
    # An empty line is the end of the input, an empty command still has its line feed.
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command, *arguments = line.rstrip('\n').split(' ')
        if command == 'quit':
            break
        try:
            method = getattr(peer, 'do_' + command.replace('-', '_'))
            peer.output.outcome(await method(*arguments))
        except common.PeerError as e:
            peer.output.line(f'error {e}')
        except Exception as e:
            peer.output.line(f'error exception {type(e).__name__}')


asyncio.run(main())

import asyncio
import sys

import msgpack

import elbus_async


async def on_frame(frame):
    print("Frame:", hex(frame.type), frame.sender, frame.topic, frame.payload, flush=True)


async def on_notification(event):
    print("Notification:", event.frame.sender, event.get_payload(), flush=True)


async def on_call(event):
    params = msgpack.loads(event.get_payload(), raw=False)
    print("Call:", event.frame.sender, event.method, params, flush=True)
    return msgpack.dumps({"ok": True})


async def main():
    bus = elbus_async.client.Client(sys.argv[1], "test.client.python.async.rpc")
    await bus.connect()
    result = await bus.subscribe("#")
    print(hex(await result.wait_completed()), flush=True)
    rpc = elbus_async.rpc.Rpc(bus)
    rpc.on_frame = on_frame
    rpc.on_notification = on_notification
    rpc.on_call = on_call
    print("listening", flush=True)
    while rpc.is_connected():
        await asyncio.sleep(0.1)
    print("disconnected", flush=True)


asyncio.run(main())

import asyncio
import sys

import elbus_async


async def on_frame(frame):
    print("Frame:", hex(frame.type), frame.sender, frame.topic, frame.payload, flush=True)


async def main():
    bus = elbus_async.client.Client(sys.argv[1], "test.client.python.async")
    bus.on_frame = on_frame
    await bus.connect()
    result = await bus.subscribe("#")
    print(hex(await result.wait_completed()), flush=True)
    print("listening", flush=True)
    while bus.is_connected():
        await asyncio.sleep(0.1)
    print("disconnected", flush=True)


asyncio.run(main())

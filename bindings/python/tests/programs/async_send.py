import asyncio
import sys

import elbus_async


async def main():
    bus = elbus_async.client.Client(sys.argv[1], "test.client.python.async_sender")
    await bus.connect()
    result = await bus.send(sys.argv[2], elbus_async.client.Frame("hello"))
    print(hex(await result.wait_completed()))
    result = await bus.send(
        "test.*",
        elbus_async.client.Frame("hello everyone", tp=elbus_async.client.OP_BROADCAST),
    )
    print(hex(await result.wait_completed()))
    await bus.send(
        "test/topic",
        elbus_async.client.Frame("something", tp=elbus_async.client.OP_PUBLISH, qos=0),
    )


asyncio.run(main())

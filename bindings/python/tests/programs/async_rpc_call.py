import asyncio
import sys

import msgpack

import elbus_async


async def main():
    bus = elbus_async.client.Client(sys.argv[1], "test.client.python.async.rpc.caller")
    await bus.connect()
    rpc = elbus_async.rpc.Rpc(bus)
    params = {"hello": 123}
    request = elbus_async.rpc.Request("test", msgpack.dumps(params))
    result = await rpc.call0(sys.argv[2], request)
    print(hex(await result.wait_completed()))
    request = elbus_async.rpc.Request("test", msgpack.dumps(params))
    result = await rpc.call(sys.argv[2], request)
    reply = await result.wait_completed()
    print(msgpack.loads(reply.get_payload(), raw=False))


asyncio.run(main())

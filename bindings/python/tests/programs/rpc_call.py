import sys

import msgpack

import elbus

bus = elbus.client.Client(sys.argv[1], "test.client.python.sync.rpc.caller")
bus.connect()
rpc = elbus.rpc.Rpc(bus)
params = {"hello": 123}
rpc.call0(sys.argv[2], elbus.rpc.Request("test", msgpack.dumps(params))).wait_completed()
request = elbus.rpc.Request("test", msgpack.dumps(params))
result = rpc.call(sys.argv[2], request).wait_completed()
print(msgpack.loads(result.get_payload(), raw=False))

import sys

import elbus

bus = elbus.client.Client(sys.argv[1], "test.client.python.sender")
bus.connect()
print(hex(bus.send(sys.argv[2], elbus.client.Frame("hello")).wait_completed()))
broadcast = elbus.client.Frame("hello everyone", tp=elbus.client.OP_BROADCAST)
print(hex(bus.send("test.*", broadcast).wait_completed()))
bus.send("test/topic", elbus.client.Frame("something", tp=elbus.client.OP_PUBLISH, qos=0))

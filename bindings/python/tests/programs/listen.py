import sys
import time

import elbus


def on_frame(frame):
    print("Frame:", hex(frame.type), frame.sender, frame.topic, frame.payload, flush=True)


bus = elbus.client.Client(sys.argv[1], "test.client.python.sync")
bus.on_frame = on_frame
bus.connect()
bus.subscribe("#").wait_completed()
print("listening", flush=True)
while bus.is_connected():
    time.sleep(0.1)
print("disconnected", flush=True)

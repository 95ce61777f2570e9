import sys
import time

import msgpack

import elbus


def say(*words):
    # Handlers run side by side, and `print` writes word by word.
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def on_frame(frame):
    say("Frame:", hex(frame.type), frame.sender, frame.topic, frame.payload)


def on_notification(event):
    say("Notification:", event.frame.sender, event.get_payload())


def on_call(event):
    params = msgpack.loads(event.get_payload(), raw=False)
    say("Call:", event.frame.sender, event.method, params)
    return msgpack.dumps({"ok": True})


bus = elbus.client.Client(sys.argv[1], "test.client.python.sync.rpc")
bus.connect()
bus.subscribe("#").wait_completed()
rpc = elbus.rpc.Rpc(bus)
rpc.on_frame = on_frame
rpc.on_notification = on_notification
rpc.on_call = on_call
print("listening", flush=True)
while rpc.is_connected():
    time.sleep(0.1)
print("disconnected", flush=True)

"""The scriptable peer on the packages with threads: peer_threads.py elbus|busrt

The line protocol is described in ../README.md.
"""

import importlib
import sys

import peer_common as common

bus = importlib.import_module(sys.argv[1] + '.client')
bus_rpc = importlib.import_module(sys.argv[1] + '.rpc')


class Peer:

    def __init__(self):
        self.output = common.Output(bus)
        self.client = None
        self.rpc = None

    def do_connect(self, path, name):
        client = bus.Client(path, name)
        client.timeout = common.TIMEOUT_S
        client.on_frame = self.on_frame
        self.open(client)

    def do_rpc_serve(self, path, name):
        client = bus.Client(path, name)
        client.timeout = common.TIMEOUT_S
        self.rpc = bus_rpc.Rpc(client)
        self.rpc.on_frame = self.on_frame
        self.rpc.on_call = self.on_call
        self.rpc.on_notification = self.on_notification
        self.open(client)

    def open(self, client):
        self.client = client
        try:
            client.connect()
        except Exception as e:
            raise common.connect_error(bus, e)

    def on_frame(self, frame):
        self.output.bus_frame(self.client.name, frame)

    def on_notification(self, event):
        self.output.frame(self.client.name, 'notification', event.frame.sender, '-',
                          event.get_payload())

    def on_call(self, event):
        if event.call_id == 0:
            self.output.frame(self.client.name, 'call0', event.frame.sender,
                              event.method.decode(), event.get_payload())
        return common.served(bus_rpc, event.method, event.get_payload())

    def do_send(self, target, text, qos, operation='send'):
        tp = getattr(bus, common.FRAME_OPERATIONS[operation])
        frame = bus.Frame(text.encode(), tp=tp, qos=int(qos))
        return self.confirmed(self.client.send(target, frame))

    def do_broadcast(self, mask, text, qos):
        return self.do_send(mask, text, qos, 'broadcast')

    def do_publish(self, topic, text, qos):
        return self.do_send(topic, text, qos, 'publish')

    def do_subscribe(self, *topics):
        self.client.subscribe(list(topics))
        return self.barrier()

    def do_unsubscribe(self, *topics):
        self.client.unsubscribe(list(topics))
        return self.barrier()

    def barrier(self):
        # The packages subscribe without asking for an acknowledgement. Operations of a connection
        # are processed in their order, so the one of a later operation will do.
        return self.do_publish('peers/barrier', '', 1)

    def do_flood(self, target, start, count):
        for number in range(int(start), int(start) + int(count)):
            self.client.send(target, bus.Frame(self.output.flood.payload(number)))

    def do_count(self, count):
        return self.output.flood.wait(count)

    def do_rpc_call(self, target, method, text):
        event = self.rpc.call(target, bus_rpc.Request(method, text.encode()))
        try:
            return common.show(event.wait_completed().get_payload())
        except bus_rpc.RpcException as e:
            raise common.rpc_error(e)

    def do_rpc_call0(self, target, method, text):
        return self.confirmed(self.rpc.call0(target, bus_rpc.Request(method, text.encode())))

    def do_rpc_notify(self, target, text):
        return self.confirmed(self.rpc.notify(target, bus_rpc.Notification(text.encode())))

    def do_disconnect(self):
        self.client.disconnect()

    def confirmed(self, operation):
        return common.checked_ack(bus, operation.qos, operation.wait_completed())


def main():
    peer = Peer()
    for line in sys.stdin:
        command, *arguments = line.rstrip('\n').split(' ')
        if command == 'quit':
            break
        try:
            method = getattr(peer, 'do_' + command.replace('-', '_'))
            peer.output.outcome(method(*arguments))
        except common.PeerError as e:
            peer.output.line(f'error {e}')
        except Exception as e:
            peer.output.line(f'error exception {type(e).__name__}')


main()

"""The scriptable peer on `elbus.Client`. See peer_common.py."""

from __future__ import annotations

import sys

import peer_common as common

import elbus


class Peer:
    def __init__(self) -> None:
        self.output = common.Output()
        self.client: elbus.Client
        self.rpc: elbus.Rpc

    def do_connect(self, path: str, name: str) -> str:
        client = elbus.Client(path, name, timeout_s=common.TIMEOUT_S)
        client.set_handler(lambda frame: self.output.bus_frame(name, frame))
        self.client = client.connect()
        return ""

    def do_rpc_serve(self, path: str, name: str) -> str:
        client = elbus.Client(path, name, timeout_s=common.TIMEOUT_S)
        self.rpc = elbus.Rpc(
            client,
            on_call=lambda event: self.output.served(name, event),
            on_notification=lambda event: self.output.notification(name, event),
            on_frame=lambda frame: self.output.bus_frame(name, frame),
        )
        self.client = client.connect()
        return ""

    def do_send(self, target: str, text: str, qos: str) -> str:
        self.client.send(target, text, int(qos))
        return common.acked(qos)

    def do_broadcast(self, mask: str, text: str, qos: str) -> str:
        self.client.broadcast(mask, text, int(qos))
        return common.acked(qos)

    def do_publish(self, topic: str, text: str, qos: str) -> str:
        self.client.publish(topic, text, int(qos))
        return common.acked(qos)

    def do_subscribe(self, *topics: str) -> str:
        self.client.subscribe(topics)
        return "acked"

    def do_unsubscribe(self, *topics: str) -> str:
        self.client.unsubscribe(topics)
        return "acked"

    def do_flood(self, target: str, start: str, count: str) -> str:
        for number in range(int(start), int(start) + int(count)):
            self.client.send(target, common.Flood.payload(number), elbus.QoS.NO)
        return ""

    def do_count(self, count: str) -> str:
        return self.output.flood.wait(int(count))

    def do_rpc_call(self, target: str, method: str, text: str) -> str:
        try:
            return common.show(self.rpc.call(target, method, text))
        except elbus.Error as error:
            raise common.call_error(error) from error

    def do_rpc_call0(self, target: str, method: str, text: str) -> str:
        self.rpc.call0(target, method, text)
        return "acked"

    def do_rpc_notify(self, target: str, text: str) -> str:
        self.rpc.notify(target, text)
        return "acked"

    def do_disconnect(self) -> str:
        self.client.close()
        return ""


def main() -> None:
    peer = Peer()
    for line in sys.stdin:
        command, *arguments = line.rstrip("\n").split(" ")
        if command == "quit":
            break
        try:
            method = getattr(peer, "do_" + command.replace("-", "_"))
            peer.output.outcome(method(*arguments))
        except Exception as error:
            peer.output.line(f"error {common.error_text(error)}")


main()

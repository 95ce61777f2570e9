"""The vectors that all bindings are tested with."""

from __future__ import annotations

import unittest
from typing import Any, Union

from support import vectors

from elbus.codes import Code, FrameKind, RpcKind
from elbus.errors import Error, ProtocolError
from elbus.protocol import (
    GREETING,
    PING,
    Ack,
    Decoder,
    Frame,
    Request,
    encode_registration,
    handshake,
)
from elbus.rpc_protocol import RpcMessage

RESPONSES = {
    "accepted": Code.OK,
    "not-registered": Code.NOT_REGISTERED,
    "data": Code.DATA,
    "not-supported": Code.NOT_SUPPORTED,
    "busy": Code.BUSY,
    "access": Code.ACCESS,
}


class Vectors(unittest.TestCase):
    def test_handshake(self) -> None:
        for vector in vectors("handshake"):
            with self.subTest(vector["name"]):
                octets = bytes.fromhex(vector["hex"])
                meaning = vector.get("meaning", {})
                if vector.get("error") == "malformed":
                    steps = handshake("n")
                    next(steps)
                    with self.assertRaises(ProtocolError):
                        steps.send(octets)
                elif "greeting" in meaning:
                    self.assertEqual(octets, GREETING)
                elif "registration" in meaning:
                    self.assertEqual(encode_registration(meaning["registration"]), octets)
                else:
                    self._response(octets, RESPONSES[meaning["response"]])

    def _response(self, octets: bytes, code: int) -> None:
        steps = handshake("n")
        next(steps)
        steps.send(GREETING)
        if code == Code.OK:
            steps.send(octets)
            with self.assertRaises(StopIteration):
                steps.send(octets)
        else:
            with self.assertRaises(Error) as caught:
                steps.send(octets)
            self.assertEqual(caught.exception.code, code)

    def test_requests(self) -> None:
        encoded = 0
        for vector in vectors("requests"):
            # Clients have no decoder of requests.
            if "error" in vector or vector.get("way") == "decode":
                continue
            encoded += 1
            with self.subTest(vector["name"]):
                self.assertEqual(encode(vector["meaning"]).hex(), vector["hex"])
        self.assertGreater(encoded, 20)

    def test_deliveries(self) -> None:
        for vector in vectors("deliveries"):
            with self.subTest(vector["name"]):
                octets = bytes.fromhex(vector["hex"])
                if vector.get("error") == "malformed":
                    with self.assertRaises(ProtocolError):
                        list(Decoder().feed(octets))
                else:
                    self.assertEqual(list(Decoder().feed(octets)), delivered(vector["meaning"]))

    def test_deliveries_in_pieces(self) -> None:
        whole = [v for v in vectors("deliveries") if "error" not in v and "fill" not in v]
        stream = b"".join(bytes.fromhex(vector["hex"]) for vector in whole)
        expected = [item for vector in whole for item in delivered(vector["meaning"])]
        for size in (1, 2, 5, 7, 64, len(stream)):
            decoder = Decoder()
            got: list[Union[Frame, Ack]] = []
            for start in range(0, len(stream), size):
                got += decoder.feed(stream[start : start + size])
            self.assertEqual(got, expected, f"pieces of {size} bytes")

    def test_rpc(self) -> None:
        for vector in vectors("rpc"):
            with self.subTest(vector["name"]):
                octets = bytes.fromhex(vector["hex"])
                if vector.get("error") == "malformed":
                    self.assertIsNone(RpcMessage.decode(octets))
                    continue
                message = rpc_message(vector["meaning"])
                self.assertEqual(RpcMessage.decode(octets), message)
                self.assertEqual(message.encode(), octets)


def encode(meaning: dict[str, Any]) -> bytes:
    if meaning["op"] == "ping":
        return PING
    qos = meaning["qos"]
    if meaning["op"] == "subscribe":
        request = Request.subscription(meaning["topics"], qos)
    elif meaning["op"] == "unsubscribe":
        request = Request.unsubscription(meaning["topics"], qos)
    else:
        payload = bytes.fromhex(meaning["payload"])
        if meaning["op"] == "publish":
            request = Request.publication(meaning["topic"], payload, qos)
        elif meaning["op"] == "message":
            request = Request.message(meaning["target"], payload, qos)
        else:
            assert meaning["op"] == "broadcast"
            request = Request.broadcast(meaning["mask"], payload, qos)
    return request.encode(meaning["id"])


def delivered(meaning: dict[str, Any]) -> list[Union[Frame, Ack]]:
    if meaning["kind"] == "ping":
        return []
    if meaning["kind"] == "ack":
        return [Ack(meaning["id"], meaning["code"])]
    return [
        Frame(
            FrameKind[meaning["kind"].upper()],
            meaning["sender"],
            meaning.get("topic"),
            bytes.fromhex(meaning["payload"]),
            meaning["realtime"],
        )
    ]


def rpc_message(meaning: dict[str, Any]) -> RpcMessage:
    kind = RpcKind[meaning["type"].upper()]
    data = next(meaning[key] for key in ("data", "params", "result") if key in meaning)
    return RpcMessage(
        kind,
        meaning.get("id", 0),
        meaning.get("method", "").encode(),
        meaning.get("code", 0),
        bytes.fromhex(data),
    )


if __name__ == "__main__":
    unittest.main()

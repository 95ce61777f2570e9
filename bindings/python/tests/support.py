"""What the tests share: a real broker that can be killed and stopped, and a scripted one."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

import elbus

BINDING = Path(__file__).resolve().parent.parent
CHECKOUT = BINDING.parent.parent
ELBUSD = os.environ.get("ELBUSD") or str(CHECKOUT / "target/debug/elbusd")
if not os.access(ELBUSD, os.X_OK):
    raise FileNotFoundError(f"there is no broker at {ELBUSD}: build it, or set ELBUSD")
VECTORS = BINDING.parent / "vectors"

#: What a test waits for at most; only a test that fails waits so long.
PATIENCE_S = 30.0

#: A timeout that a test waits for on purpose.
SHORT_S = 0.3

GREETING = bytes.fromhex("eb0100")
ACCEPTED = b"\x01"


def vectors(name: str) -> list[dict[str, Any]]:
    """The vectors of a file, with the `fill` written out."""
    with (VECTORS / f"{name}.json").open(encoding="utf-8") as file:
        loaded: list[dict[str, Any]] = json.load(file)["vectors"]
    for vector in loaded:
        fill = vector.get("fill")
        if fill:
            text = fill["byte"] * fill["count"]
            vector["hex"] += text
            vector["meaning"]["payload"] += text
    return loaded


def eventually(condition: Callable[[], object], what: str) -> None:
    """Waits until the condition holds."""
    ends = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError(f"not in {PATIENCE_S} s: {what}")
        time.sleep(0.01)


class Broker:
    """`elbusd` on a UNIX socket and a TCP port, in a directory of its own."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="elbus-python-")
        self.path = f"{self._directory.name}/bus.sock"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.tcp = f"127.0.0.1:{probe.getsockname()[1]}"
        self._process: Optional[subprocess.Popen[bytes]] = None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [ELBUSD, "-B", self.path, "-B", self.tcp],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually(self._answers, "the broker answers")

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"{ELBUSD} has ended with {self._process.returncode}")
        try:
            for address in (self.path, self.tcp):
                elbus.Client(address, "test.probe").connect().close()
        except elbus.ConnectError:
            return False
        except elbus.BusyError:  # The first probe may not have been forgotten yet.
            return True
        return True

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """SIGSTOP: connections stay, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        if self._process is not None:
            self.kill()
        self._directory.cleanup()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


class BrokerTest(unittest.TestCase):
    """Tests with a broker of the class."""

    broker: Broker

    @classmethod
    def setUpClass(cls) -> None:
        cls.broker = Broker()
        cls.addClassCleanup(cls.broker.close)

    def client(self, name: str, **options: Any) -> elbus.Client:
        """A connected client, closed after the test."""
        client = elbus.Client(self.broker.path, name, **options).connect()
        self.addCleanup(client.close)
        return client


class ScriptedBroker:
    """Accepts one connection after the other, and does with each what the script does.

    The script gets the socket of the client; the connection is closed when it returns.
    """

    def __init__(self, script: Callable[[Peer], None]) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="elbus-python-")
        self.path = f"{self._directory.name}/bus.sock"
        self._script = script
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        self.failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(PATIENCE_S)
                try:
                    self._script(Peer(connection))
                except Exception as error:
                    self.failures.append(error)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE_S)
        self._directory.cleanup()
        if self.failures:
            raise self.failures[0]


class Peer:
    """The broker's end of a connection, in bytes."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def send_slowly(self, data: bytes) -> None:
        """Byte by byte."""
        for octet in data:
            self.send(bytes((octet,)))
            time.sleep(0.002)

    def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            received = self.connection.recv(count - len(data))
            if not received:
                raise EOFError
            data += received
        return data

    def greet(self) -> str:
        """The broker's side of the handshake; returns the client's name."""
        self.send(GREETING)
        assert self.read(3) == GREETING
        self.send(ACCEPTED)
        name = self.read(int.from_bytes(self.read(2), "little")).decode()
        self.send(ACCEPTED)
        return name

    def request(self) -> tuple[bytes, int, bytes]:
        """Operation id, flags and body of the next request that is no ping."""
        while True:
            head = self.read(9)
            if head != bytes(9):
                body = self.read(int.from_bytes(head[5:], "little"))
                return head[:4], head[4], body

    def ack(self, operation_id: bytes, code: int = 1) -> None:
        self.send(b"\xfe" + operation_id + bytes((code,)))

    def deliver(self, kind: int, body: bytes) -> None:
        self.send(bytes((kind,)) + len(body).to_bytes(4, "little") + b"\0" + body)

    def wait_for_end(self) -> None:
        """Until the client closes the connection."""
        try:
            while self.connection.recv(4096):
                pass
        except ConnectionError:
            pass

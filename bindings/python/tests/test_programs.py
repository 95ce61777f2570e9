"""Programs for the packages `elbus` and `elbus-async` 0.0.15, run as they are.

They make the calls of the examples in the documentation of those packages.
"""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from pathlib import Path

from support import PATIENCE_S, BrokerTest

import elbus

PROGRAMS = Path(__file__).resolve().parent / "programs"


class Program:
    """A running program, whose output is read line by line."""

    def __init__(self, name: str, *arguments: str) -> None:
        command = [sys.executable, str(PROGRAMS / f"{name}.py"), *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._lines: queue.Queue[str] = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("Frame: 0x1 .broker "):
                continue  # The announcements of the broker, which `#` matches too.
            self._lines.put(line.rstrip("\n"))

    def line(self) -> str:
        return self._lines.get(timeout=PATIENCE_S)

    def until(self, last: str) -> list[str]:
        """The lines up to `last`."""
        lines: list[str] = []
        while not lines or lines[-1] != last:
            lines.append(self.line())
        return lines

    def finished(self) -> list[str]:
        """All that is left of the output, when the program has ended without an error."""
        code = self.process.wait(PATIENCE_S)
        self._thread.join(PATIENCE_S)
        assert code == 0, f"exit status {code}"
        lines = []
        while not self._lines.empty():
            lines.append(self._lines.get())
        return lines

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._thread.join(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Published(BrokerTest):
    def program(self, name: str, *arguments: str) -> Program:
        program = Program(name, self.broker.path, *arguments)
        self.addCleanup(program.end)
        return program

    def listening(self, prefix: str, listener: str) -> None:
        program = self.program(f"{prefix}listen")
        program.until("listening")
        sender = "test.client.python.async_sender" if prefix else "test.client.python.sender"
        sent = self.program(f"{prefix}send", listener).finished()
        self.assertEqual(sent, ["0x1", "0x1"])
        self.assertEqual(program.line(), f"Frame: 0x12 {sender} None b'hello'")
        self.assertEqual(program.line(), f"Frame: 0x13 {sender} None b'hello everyone'")
        self.assertEqual(program.line(), f"Frame: 0x1 {sender} test/topic b'something'")
        self.broker.kill()
        self.addCleanup(self.broker.start)
        self.assertEqual(program.finished(), ["disconnected"])

    def test_listen_and_send(self) -> None:
        self.listening("", "test.client.python.sync")

    def test_listen_and_send_async(self) -> None:
        self.listening("async_", "test.client.python.async")

    def calling(self, prefix: str, handler: str, caller_output: list[str]) -> None:
        program = self.program(f"{prefix}rpc_handle")
        program.until("listening")
        called = self.program(f"{prefix}rpc_call", handler).finished()
        self.assertEqual(called, caller_output)
        for _ in range(2):
            self.assertEqual(program.line(), f"Call: {handler}.caller b'test' {{'hello': 123}}")
        client = self.client("test.other")
        elbus.Rpc(client).notify(handler, b"news")
        self.assertEqual(program.line(), "Notification: test.other b'news'")
        client.publish("some/topic", b"x")
        self.assertEqual(program.line(), "Frame: 0x1 test.other some/topic b'x'")

    def test_call_and_handle(self) -> None:
        self.calling("", "test.client.python.sync.rpc", ["{'ok': True}"])

    def test_call_and_handle_async(self) -> None:
        self.calling("async_", "test.client.python.async.rpc", ["0x1", "{'ok': True}"])

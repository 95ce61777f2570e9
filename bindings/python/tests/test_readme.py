"""The programs in README.md do what it says."""

from __future__ import annotations

import queue
import re
import subprocess
import sys
import threading

from support import BINDING, PATIENCE_S, BrokerTest, eventually

import elbus


class Readme(BrokerTest):
    def setUp(self) -> None:
        text = (BINDING / "README.md").read_text(encoding="utf-8")
        blocks: list[str] = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
        self.assertEqual(len(blocks), 5, "each program has a test")
        programs = [block.replace("/tmp/elbus.sock", self.broker.path) for block in blocks]
        self.assertTrue(all(self.broker.path in program for program in programs))
        self.display, self.sensor, self.plugin, self.caller, self.caller_async = programs

    def start(self, program: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-u", "-c", program], stdout=subprocess.PIPE, text=True
        )

        def end() -> None:
            process.kill()
            process.communicate()

        self.addCleanup(end)
        return process

    def run_to_its_end(self, program: str) -> str:
        process = self.start(program)
        output, _ = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 0)
        return output

    def registered(self, name: str) -> None:
        with elbus.Client(self.broker.path, "test.asks") as client:
            rpc = elbus.Rpc(client)
            eventually(lambda: name.encode() in rpc.call(".broker", "client.list"), name)

    def test_display_and_sensor(self) -> None:
        process = self.start(self.display)
        lines: queue.Queue[str] = queue.Queue()
        assert process.stdout is not None
        output = process.stdout

        def read() -> None:
            for line in output:
                lines.put(line)

        reader = threading.Thread(target=read)
        reader.start()
        self.registered("display")
        # Registered is not yet subscribed.
        with elbus.Client(self.broker.path, "test.publishes") as client:
            while True:
                client.publish("alarms", "fire")
                try:
                    self.assertEqual(lines.get(timeout=0.1), "test.publishes alarms fire\n")
                    break
                except queue.Empty:
                    pass
        printed = self.run_to_its_end(self.sensor)
        self.assertEqual(
            printed, "client 'sensor.1': message to 'nobody': not registered (code 0x71)\n"
        )
        got = ""
        while not got.startswith("sensor.1"):
            got = lines.get(timeout=PATIENCE_S)
        self.assertEqual(got, "sensor.1 plant/line1/speed 21.5\n")
        process.kill()
        reader.join(PATIENCE_S)

    def test_plugin_and_callers(self) -> None:
        self.start(self.plugin)
        self.registered("calculator")
        printed = self.run_to_its_end(self.caller)
        error = "-32602 invalid literal for int() with base 10: b'one'"
        self.assertEqual(printed, f"6\n{error}\n")
        self.assertEqual(self.run_to_its_end(self.caller_async), "1 2 3\n")
        self.broker.kill()
        self.broker.start()
        self.registered("calculator")
        self.assertIn("6", self.run_to_its_end(self.caller))

"""A real broker for the scripts of the tests."""

import os
import subprocess
import time


class Broker:

    def __init__(self, path):
        self.path = path
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *args):
        self.kill()

    def start(self):
        self.process = subprocess.Popen([os.environ['ELBUSD'], '-B', self.path, '-w', '1'],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not os.path.exists(self.path):
            assert time.monotonic() < deadline and self.process.poll() is None, 'no broker'
            time.sleep(0.01)

    def kill(self):
        self.process.kill()
        self.process.wait()
        if os.path.exists(self.path):
            os.unlink(self.path)

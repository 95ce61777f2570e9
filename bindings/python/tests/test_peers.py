"""The programs that the tests between clients of different languages drive."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support import PATIENCE_S, BrokerTest

SCRIPT = """\
connect {path} p1
subscribe a/# b
publish a/b hello 1
publish b  3
send p1 two\u00a0words 2
send nobody x 1
broadcast ? all 1
flood p1 0 2000
count 2000
unsubscribe b
publish b y 1
disconnect
rpc-serve {path} p2
rpc-call p2 echo hi
rpc-call p2 nothing x
rpc-call p2 fail data
rpc-call p2 unknown x
rpc-call nobody echo x
rpc-call0 p2 echo zero
rpc-notify p2 news
connect {path} p2
quit
"""

OUTCOMES = """\
ok
ok acked
ok acked
ok acked
ok
error not-registered
ok acked
ok
ok 2000
ok acked
ok acked
ok
ok
ok hi
ok
error rpc -777 data
error rpc -32601
error rpc -32113
ok acked
ok acked
error busy
"""

FRAMES = """\
frame p1 publication p1 a/b hello
frame p1 publication p1 b
frame p1 message p1 - hex:74776fc2a0776f726473
frame p1 broadcast p1 - all
frame p2 call0 p2 echo zero
frame p2 notification p2 - news
"""


class Peers(BrokerTest):
    def drive(self, program: str) -> None:
        peer = subprocess.run(
            [sys.executable, str(Path(__file__).with_name(program))],
            input=SCRIPT.format(path=self.broker.path),
            stdout=subprocess.PIPE,
            encoding="utf-8",
            timeout=PATIENCE_S,
            check=True,
        )
        lines = [line.rstrip() for line in peer.stdout.splitlines()]
        frames = sorted(line for line in lines if line.startswith("frame "))
        self.assertEqual(frames, sorted(FRAMES.splitlines()))
        self.assertEqual([x for x in lines if not x.startswith("frame ")], OUTCOMES.splitlines())

    def test_threads(self) -> None:
        self.drive("peer.py")

    def test_asyncio(self) -> None:
        self.drive("peer_async.py")

#!/usr/bin/env python3
"""Drives the peer program by its line protocol, with a real broker: drive_peer.py PEER"""

import os
import subprocess
import sys
import tempfile

import support


class Peer:

    def __init__(self):
        self.process = subprocess.Popen(sys.argv[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, encoding='utf-8')
        self.frames = []

    def command(self, line):
        """The answer; frames that come before it are kept."""
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()
        while True:
            answer = self.line()
            if not answer.startswith('frame '):
                return answer
            self.frames.append(answer)

    def line(self):
        line = self.process.stdout.readline()
        assert line.endswith('\n'), f'the peer has ended: {self.process.wait()}'
        return line[:-1]

    def says(self, line, expected):
        answer = self.command(line)
        assert answer == expected, f'{line[:60]!r} is answered {answer[:60]!r}, not {expected[:60]!r}'

    def receives(self, expected):
        frame = self.frames.pop(0) if self.frames else self.line()
        assert frame == expected, f'{frame[:80]!r} instead of {expected[:80]!r}'

    def quit(self):
        self.process.stdin.close()
        assert self.process.wait(10) == 0


def plain(path, other):
    peer, second = Peer(), Peer()
    peer.says('send bob hi 1', 'error not-connected')
    peer.says(f'connect {other} alice', 'error io')
    peer.says(f'connect {path} .alice', 'error data')
    peer.says(f'connect {path} alice', 'ok')
    second.says(f'connect {path} alice', 'error busy')
    second.says(f'connect {path} bob', 'ok')
    for qos, answer in ((0, 'ok'), (1, 'ok acked'), (2, 'ok'), (3, 'ok acked')):
        peer.says(f'send bob hi{qos} {qos}', answer)
        second.receives(f'frame bob message alice - hi{qos}')
    peer.says('send bob  1', 'ok acked')
    second.receives('frame bob message alice - ')
    peer.says('send bob a\u00a0b 1', 'ok acked')
    second.receives('frame bob message alice - hex:61c2a062')
    peer.says('send nobody hi 1', 'error not-registered')
    second.says('subscribe a/# \u00fc', 'ok acked')
    peer.says('publish a/b \u20ac 1', 'ok acked')
    second.receives('frame bob publication alice a/b \u20ac')
    second.says('unsubscribe a/#', 'ok acked')
    peer.says('publish a/b gone 1', 'ok acked')
    peer.says('publish \u00fc there 3', 'ok acked')
    second.receives('frame bob publication alice \u00fc there')
    peer.says('broadcast bo* x 1', 'ok acked')
    peer.says('broadcast bob x 1', 'ok acked')
    second.receives('frame bob broadcast alice - x')
    peer.says('flood bob 0 20000', 'ok')
    second.says('count 20000', 'ok 20000')
    peer.says('flood bob 5 1', 'ok')
    second.says('count 20001', 'error order 20000 5')
    peer.says('bogus', 'error usage')
    peer.says('send bob', 'error usage')
    peer.says('disconnect', 'ok')
    peer.says('send bob hi 1', 'error not-connected')
    peer.quit()
    second.quit()


def rpc(path):
    peer, second = Peer(), Peer()
    peer.says(f'rpc-serve {path} alice', 'ok')
    second.says(f'rpc-serve {path} bob', 'ok')
    big = 'x' * 100_000
    for callee in ('alice', 'bob'):
        for text in ('hello', '', big):
            peer.says(f'rpc-call {callee} echo {text}', f'ok {text}'.rstrip())
        peer.says(f'rpc-call {callee} nothing params', 'ok')
        peer.says(f'rpc-call {callee} fail why', 'error rpc -777 why')
        peer.says(f'rpc-call {callee} fail ', 'error rpc -777')
        peer.says(f'rpc-call {callee} missing params', 'error rpc -32601')
    peer.says('rpc-call nobody echo hi', 'error rpc -32113')
    peer.says('rpc-call .broker test ', 'ok hex:81a26f6bc3')
    peer.says('rpc-call0 bob echo hi', 'ok acked')
    second.receives('frame bob call0 alice echo hi')
    peer.says('rpc-notify bob hi', 'ok acked')
    second.receives('frame bob notification alice - hi')
    peer.says('broadcast bob hi 1', 'ok acked')
    second.receives('frame bob broadcast alice - hi')
    peer.quit()
    second.quit()


with tempfile.TemporaryDirectory() as directory:
    with support.Broker(os.path.join(directory, 'elbus.sock')) as broker:
        plain(broker.path, os.path.join(directory, 'other.sock'))
        rpc(broker.path)
print('  plain, rpc')

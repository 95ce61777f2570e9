#!/usr/bin/env python3
"""Runs the examples against a real broker: run_examples.py DIRECTORY"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import support


def program(name, *arguments):
    return [os.path.join(sys.argv[1], f'example-{name}'), *arguments]


def run(*command):
    """Standard output, or the message of a program that fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    return done.stdout if done.returncode == 0 else done.stderr


def publish_until_heard(bus, value, listener):
    """Until the listener has connected and subscribed, nobody hears."""
    os.set_blocking(listener.stdout.fileno(), False)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert run(*program('sender', bus, 'plant/line1/speed', value)) == ''
        time.sleep(0.1)
        heard = (listener.stdout.read() or b'').decode()
        if f'example.sender plant/line1/speed {value}\n' in heard:
            return
    raise AssertionError(f'the listener has not heard {value}')


def listener_and_sender(broker):
    listener = subprocess.Popen(program('listener', broker.path), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
    try:
        publish_until_heard(broker.path, '21.5', listener)
        broker.kill()
        failure = run(*program('sender', broker.path, 'plant/line1/speed', '22'))
        assert 'example.sender: connect to' in failure, failure
        # It comes back by itself.
        broker.start()
        publish_until_heard(broker.path, '23', listener)
    finally:
        listener.kill()
        message = listener.communicate()[1].decode()
    assert 'example.listener: ' in message, message


def rpc(broker):
    pump = subprocess.Popen(program('rpc', broker.path, 'serve'), stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 10
        while run(*program('rpc', broker.path, 'call', 'speed.get')) != '0\n':
            assert time.monotonic() < deadline
        assert run(*program('rpc', broker.path, 'call', 'speed.set', '1500')) == '\n'
        assert run(*program('rpc', broker.path, 'call', 'speed.get')) == '1500\n'
        refused = run(*program('rpc', broker.path, 'call', 'speed.set', 'fast'))
        assert 'error -32602: not a number' in refused, refused
        refused = run(*program('rpc', broker.path, 'call', 'stop'))
        assert 'error -32601' in refused, refused
        broker.kill()
        message = pump.communicate(timeout=10)[1]
        assert pump.returncode == 1 and 'example.pump: ' in message, message
    finally:
        pump.kill()
        pump.wait()


def readme():
    """What the README shows is a part of an example."""
    here = pathlib.Path(__file__).parent.parent
    examples = [path.read_text() for path in (here / 'examples').glob('*.c')]
    shown = re.findall(r'```c\n(.*?)```', (here / 'README.md').read_text(), re.DOTALL)
    assert shown
    for code in shown:
        assert any(code in example for example in examples), f'not in an example:\n{code}'


readme()
with tempfile.TemporaryDirectory() as directory:
    with support.Broker(os.path.join(directory, 'elbus.sock')) as broker:
        listener_and_sender(broker)
        rpc(broker)
print('listener, sender, rpc')

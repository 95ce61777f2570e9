"""What the two Python peers share: the lines they print and the counting of floods.

The line protocol is described in ../README.md.
"""

import sys
import threading

# The code of the errors that the RPC method "fail" returns, the same in every peer.
FAIL_CODE = -777

# Well above the second that is usual, so that a busy machine does not fail a test.
TIMEOUT_S = 5

FRAME_OPERATIONS = {
    'send': 'OP_MESSAGE',
    'broadcast': 'OP_BROADCAST',
    'publish': 'OP_PUBLISH',
}

ERROR_WORDS = {
    'ERR_CLIENT_NOT_REGISTERED': 'not-registered',
    'ERR_DATA': 'data',
    'ERR_IO': 'io',
    'ERR_OTHER': 'other',
    'ERR_NOT_SUPPORTED': 'not-supported',
    'ERR_BUSY': 'busy',
    'ERR_NOT_DELIVERED': 'not-delivered',
    'ERR_TIMEOUT': 'timeout',
}


class PeerError(Exception):
    """The command failed; the text follows `error`."""


def code_word(module, code):
    """The word for a result code, by the constants of the package's `client` module."""
    for constant, word in ERROR_WORDS.items():
        if getattr(module, constant) == code:
            return word
    return f'code-{code:02x}'


def checked_ack(module, qos, code):
    """The outcome of an operation that has been confirmed with `code`."""
    if code != module.RESPONSE_OK:
        raise PeerError(code_word(module, code))
    return 'acked' if qos & 1 else ''


def connect_error(module, error):
    """The packages raise RuntimeError with the code in its text."""
    marker = 'Server response: 0x'
    if isinstance(error, RuntimeError) and str(error).startswith(marker):
        return PeerError(code_word(module, int(str(error)[len(marker):], 16)))
    return PeerError(f'exception {type(error).__name__}')


def rpc_error(error):
    """The error of a call: the code, and the data if there is any."""
    data = error.rpc_error_payload
    data = data.encode() if isinstance(data, str) else data
    text = f'rpc {error.rpc_error_code}'
    return PeerError(f'{text} {show(data)}' if data else text)


def served(rpc_module, method, params):
    """Answers a call as every peer does."""
    if method == b'echo':
        return params
    if method == b'nothing':
        return None
    if method == b'fail':
        raise rpc_module.RpcException(params, FAIL_CODE)
    raise rpc_module.RpcException('', rpc_module.RPC_ERROR_CODE_METHOD_NOT_FOUND)


def show(payload):
    """Text without white space or control characters as it is, else hexadecimal."""
    try:
        text = payload.decode()
        if not any(c.isspace() or ord(c) < 0x20 or 0x7f <= ord(c) < 0xa0 for c in text):
            return text
    except UnicodeDecodeError:
        pass
    return 'hex:' + payload.hex()


class Output:
    """Prints outcomes and frames, each line whole; counts the frames of floods."""

    def __init__(self, module):
        self.lock = threading.Lock()
        self.flood = Flood()
        self.kinds = {
            module.OP_MESSAGE: 'message',
            module.OP_BROADCAST: 'broadcast',
            module.OP_PUBLISH: 'publication',
        }

    def line(self, line):
        with self.lock:
            sys.stdout.write(line + '\n')
            sys.stdout.flush()

    def outcome(self, text):
        self.line(f'ok {text}' if text else 'ok')

    def bus_frame(self, receiver, frame):
        if self.flood.note(frame.payload):
            return
        kind = self.kinds.get(frame.type, 'unexpected')
        topic = '-' if frame.topic is None else frame.topic
        self.frame(receiver, kind, frame.sender, topic, frame.payload)

    def frame(self, receiver, kind, sender, topic, payload):
        self.line(f'frame {receiver} {kind} {sender} {topic} {show(payload)}')


class Flood:
    """Numbered messages, counted and checked for order instead of printed."""

    PREFIX = b'flood:'

    def __init__(self):
        self.changed = threading.Condition()
        self.next = 0
        self.stray = None

    @classmethod
    def payload(cls, number):
        return cls.PREFIX + str(number).encode()

    def note(self, payload):
        if not payload.startswith(self.PREFIX):
            return False
        number = int(payload[len(self.PREFIX):])
        with self.changed:
            if number == self.next:
                self.next += 1
            elif self.stray is None:
                self.stray = number
            self.changed.notify_all()
        return True

    def wait(self, count):
        with self.changed:
            self.changed.wait_for(lambda: self.next >= int(count) or self.stray is not None)
            if self.stray is not None:
                raise PeerError(f'order {self.next} {self.stray}')
            return str(self.next)

#!/usr/bin/env python3
"""Prints the shared test vectors as tables in C: vectors.py DIRECTORY >vectors.h"""

import json
import pathlib
import sys


def quoted(data):
    """A string literal. Octal, because an escape in hexadecimal does not end after two digits."""
    return '"' + ''.join(f'\\{byte:03o}' for byte in data) + '"'



def fields(meaning):
    """The members of `struct vector` that are in the meaning; one that is unknown is an error."""
    texts = {'op': 'type', 'kind': 'type', 'type': 'type', 'target': 'text', 'mask': 'text',
             'topic': 'text', 'method': 'text', 'sender': 'sender', 'response': 'text',
             'registration': 'text'}
    numbers = {'id': 'id', 'qos': 'qos', 'code': 'code', 'realtime': 'realtime'}
    payloads = ('payload', 'data', 'params', 'result')
    for key, value in meaning.items():
        if key in texts:
            if '\0' in value:
                raise ValueError(f'NUL in {key}')
            yield f'.{texts[key]} = {quoted(value.encode())}'
        elif key in numbers:
            yield f'.{numbers[key]} = {int(value)}' + ('u' if int(value) > 0 else '')
        elif key in payloads:
            yield f'.payload = {quoted(bytes.fromhex(value))}'
            yield f'.payload_size = {len(value) // 2}'
        elif key == 'topics':
            yield '.topics = {' + ', '.join(quoted(topic.encode()) for topic in value) + '}'
            yield f'.topic_count = {len(value)}'
        elif key == 'greeting':
            yield '.type = "greeting"'
        else:
            raise ValueError(f'unknown key {key}')
    for key in ('registration', 'response'):
        if key in meaning:
            yield f'.type = "{key}"'


def main():
    directory = pathlib.Path(sys.argv[1])
    print('/* Made by vectors.py. */')
    for name in ('handshake', 'requests', 'deliveries', 'rpc'):
        vectors = json.loads((directory / f'{name}.json').read_text())['vectors']
        print(f'static const struct vector {name}[] = {{')
        for vector in vectors:
            parts = [f'.name = {json.dumps(vector["name"])}',
                     f'.bytes = {quoted(bytes.fromhex(vector["hex"]))}',
                     f'.size = {len(vector["hex"]) // 2}']
            if 'fill' in vector:
                parts += [f'.fill = 0x{vector["fill"]["byte"]}',
                          f'.fill_count = {vector["fill"]["count"]}']
            if vector.get('way') == 'decode':
                parts.append('.decode_only = true')
            if 'error' in vector:
                if vector['error'] != 'malformed':
                    raise ValueError(f'unknown error {vector["error"]}')
                parts.append('.malformed = true')
            else:
                parts += fields(vector['meaning'])
            print('    {' + ', '.join(parts) + '},')
        print('};')


main()

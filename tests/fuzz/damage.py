"""Messages of a peer, damaged with a knowledge of their structure: frames, numbers and states.

What a frame's tensors hold is the peer's own affair as long as it is finite, and stays as it is.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from splitrun.wire.link import PIECE_BYTES

CONTROL, PIECE, LAST, CONSUMED, WANTED = range(5)
"""What the first byte of a message says that it is."""
_HEAD = struct.Struct("<HIQ?IQI?I8sd12x")
"""Of a frame, after that byte: channel, life, number, whether it is of an evaluation, micro-batch,
step, rows; and what is no part of its place."""
_NUMBER = struct.Struct("<BHIQ")
"""A kind, a channel, a life and a number."""
Damage = Callable[[bytes, random.Random], list[bytes]]
"""(a message, luck) -> what is sent in its place."""

_INTEGERS = [0, 1, 2, 3, 7, 127, 128, 2**15, 2**16 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1]
_NUMBERS = [*_INTEGERS, -1, -(2**63), 1e308, float("nan"), float("inf"), 0.5]
_ODD = [float("nan"), float("inf"), float("-inf")]


def damaged(message: bytes, luck: random.Random) -> list[bytes]:
    """What is sent in place of a message, which is not empty."""
    fitting = _BY_KIND.get(message[0], ())
    return luck.choice([*_ANY, *fitting, *fitting])(message, luck)


def _drop(_: bytes, __: random.Random) -> list[bytes]:
    return []


def _replay(message: bytes, luck: random.Random) -> list[bytes]:
    return [message] * luck.choice([2, 2, 3, 50])


def _truncate(message: bytes, luck: random.Random) -> list[bytes]:
    return [message[: luck.randrange(len(message))]]


def _lengthen(message: bytes, luck: random.Random) -> list[bytes]:
    return [message + luck.randbytes(luck.choice([1, 8, 64, 4096]))]


def _flip(message: bytes, luck: random.Random) -> list[bytes]:
    at = luck.randrange(min(len(message), 1 + _HEAD.size))
    return [message[:at] + luck.randbytes(1) + message[at + 1 :]]


def _other_kind(message: bytes, luck: random.Random) -> list[bytes]:
    return [bytes([luck.choice([*range(8), 200, 255])]) + message[1:]]


def _garbage(_: bytes, luck: random.Random) -> list[bytes]:
    return [luck.randbytes(luck.choice([0, 1, 15, 64, 200])) for _ in range(luck.randint(1, 4))]


def _field(message: bytes, luck: random.Random) -> list[bytes]:
    """Another value for a field of a frame's head: 4 GiB of rows, another life, step, channel."""
    try:
        fields = list(_HEAD.unpack_from(message, 1))
        at = luck.choice([0, 1, 2, 4, 5, 6, 8])
        fields[at] = luck.choice(_INTEGERS)
        return [message[:1] + _HEAD.pack(*fields) + message[1 + _HEAD.size :]]
    except struct.error:
        return _flip(message, luck)


def _not_finite(message: bytes, luck: random.Random) -> list[bytes]:
    count = (len(message) - 1 - _HEAD.size) // 4
    if count <= 0:
        return _flip(message, luck)
    at = 1 + _HEAD.size + 4 * luck.randrange(count)
    return [message[:at] + struct.pack("<f", luck.choice(_ODD)) + message[at + 4 :]]


def _without_end(message: bytes, luck: random.Random) -> list[bytes]:
    piece = bytes([PIECE]) + message[1:]
    more = bytes([PIECE]) + bytes(luck.choice([1, 1000, PIECE_BYTES]))
    return [piece, *[more] * luck.randint(1, 8)]


def _number(message: bytes, luck: random.Random) -> list[bytes]:
    """Consumed or wanted beyond what exists, of other channels and lives."""
    try:
        values = [luck.choice([CONSUMED, WANTED]), *_NUMBER.unpack(message)[1:]]
        values[luck.choice([1, 2, 3, 3])] = luck.choice(_INTEGERS)
        return [_NUMBER.pack(*values)] * luck.choice([1, 1, 2, 100])
    except struct.error:
        return _flip(message, luck)


def _said(message: bytes, luck: random.Random) -> list[bytes]:
    """A state with another value somewhere."""
    try:
        tree = msgspec.msgpack.decode(message[2:])
        container, key = luck.choice(list(_places(tree)))
        if luck.random() < 0.2:
            del container[key]
        else:
            container[key] = luck.choice([*_VALUES, luck.choice(_NUMBERS), luck.choice(_NUMBERS)])
        return say(msgspec.msgpack.encode(tree))
    except (ValueError, IndexError, OverflowError, RecursionError):
        return _flip(message, luck)


def _huge(_: bytes, luck: random.Random) -> list[bytes]:
    """As much as may be said at once, or more, that would be many times as long in memory."""
    return luck.choice(_HUGE) if luck.random() < _HUGE_SHARE else []


def _broken(message: bytes, luck: random.Random) -> list[bytes]:
    at = luck.randrange(2, max(3, len(message)))
    words = [b"\xc1", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff"]
    words += [b"\x91" * 5000, b"\x81\xa0" * 5000, b"\xd9\xff", b"\xc7\xff\x01", b"\xa1\xff"]
    return [message[:at] + luck.choice(words) + message[at:]]


def _places(root: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with each of its keys."""
    keys = range(len(root)) if isinstance(root, list) else list(root)
    for key in keys:
        yield root, key
        if isinstance(root[key], dict | list):
            yield from _places(root[key])


def say(content: bytes) -> list[bytes]:
    """Something beside the channels, in its parts."""
    starts = range(0, max(1, len(content)), PIECE_BYTES)
    return [
        bytes([CONTROL, start + PIECE_BYTES < len(content)]) + content[start : start + PIECE_BYTES]
        for start in starts
    ]


def _of_many(before: bytes, one: bytes, head: int) -> list[bytes]:
    """An array or a map of so many entries as there is room for."""
    count = ((5 << 20) - 1000) // len(one)
    return say(before + bytes([head]) + count.to_bytes(4, "big") + one * count)


_VALUES: list[Any] = ["", "x" * 10_000, "\x1b[2J", None, True, [], {}, [[]], ["x"] * 300, {"": 0}]
_INTRODUCED = b"\x82\xa4type\xaaPartyState\xacintroduction\x81"
_HUGE = [
    _of_many(b"\x82\xa4type\xa8Statuses\xa5roles", b"\x81\xa4role\xa0", 0xDD),
    _of_many(_INTRODUCED + b"\xabcheckpoints", b"\x01", 0xDD),
    _of_many(_INTRODUCED + b"\xa4spec", b"\xa0\xa0", 0xDF),
    _of_many(b"\x82\xa4type\xa8RunState\xa5facts", b"\xa1x", 0xDD),
    _of_many(b"\x82\xa4type\xa8Statuses\xa1x", b"\x91", 0xDD),
    say(
        b"\x82\xa4type\xaaPartyState\xa7failure\xdb\x00\x4f\xff\x00"
        + b"x" * (0x4FFF00 - 4)
        + "🚀".encode()
    ),
    say(bytes(8 << 20)),
]
_HUGE_SHARE = 0.02
_ANY: Sequence[Damage] = (
    _drop, _replay, _truncate, _lengthen, _flip, _flip, _other_kind, _garbage, _huge,
)  # fmt: skip
_OF_FRAMES: Sequence[Damage] = (_field, _field, _field, _not_finite, _without_end)
_BY_KIND: dict[int, Sequence[Damage]] = {
    PIECE: _OF_FRAMES,
    LAST: _OF_FRAMES,
    CONSUMED: (_number, _number, _number),
    WANTED: (_number, _number, _number),
    CONTROL: (_said, _said, _said, _broken),
}

"""Mutations of bytes, and of what stands around them in a record: key, headers, timestamp."""

import gzip
import json
import zlib
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from tests.fuzz.texts import MARK, nested, text

MAX_FLIPS = 8


def encoded(rng: Random, tree: Any) -> bytes:
    """The tree as JSON, in one of the ways that programs write it."""
    indent = 2 if rng.random() < 0.03 else None  # Python writes it itself then, and slowly
    source = json.dumps(tree, ensure_ascii=rng.random() < 0.5, indent=indent)
    return source.encode("utf-8", "surrogatepass")


def mutated(rng: Random, value: bytes) -> bytes:
    """One or two mutations of bytes."""
    for _ in range(rng.choice((1, 1, 2))):
        value = rng.choice(_MUTATIONS)(rng, value)
    return value


def _span(rng: Random, value: bytes) -> tuple[int, int]:
    start = rng.randrange(len(value) + 1)
    return start, min(start + rng.choice((1, 1, 2, 5, 20, 100)), len(value))


def _flip(rng: Random, value: bytes) -> bytes:
    changed = bytearray(value)
    for _ in range(rng.randint(1, MAX_FLIPS) if value else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(rng: Random, value: bytes) -> bytes:
    return value[: rng.randrange(len(value) + 1)]


def _leave_out(rng: Random, value: bytes) -> bytes:
    start, end = _span(rng, value)
    return value[:start] + value[end:]


def _repeat(rng: Random, value: bytes) -> bytes:
    start, end = _span(rng, value)
    return value[:end] + value[start:end] * rng.choice((1, 2, 30)) + value[end:]


def _put_in(rng: Random, value: bytes) -> bytes:
    start, _ = _span(rng, value)
    return value[:start] + rng.choice(TOKENS) + value[start:]


def _key_twice(rng: Random, value: bytes) -> bytes:
    begin = value.find(b"{") + 1
    return value[:begin] + b'"id": "first", "subject": "first", "ticket_id": null, ' + value[begin:]


def _nest(rng: Random, value: bytes) -> bytes:
    end = value.rfind(b"}")
    return value[:end] + b', "deep": ' + nested(rng) + value[end:]


def _other_encoding(rng: Random, value: bytes) -> bytes:
    source = value.decode("utf-8", "replace")
    return source.encode(
        rng.choice(("utf-16", "utf-16-le", "utf-32", "latin-1", "cp037", "utf-7")), "replace"
    )


def _disguise(rng: Random, value: bytes) -> bytes:
    return rng.choice(DISGUISES)(value)


def _random(rng: Random, value: bytes) -> bytes:
    return rng.randbytes(rng.choice((0, 1, 2, 5, 50, 500)))


TOKENS = (
    *(
        b"\x00",
        b"\xff",
        b"\xc3",
        b"\xed\xa0\xbd",
        b"\xf4\x90\x80\x80",
        b"\xef\xbb\xbf",
        b"\\ud83d",
        b"\\",
        b'"',
    ),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"NaN",
        b"Infinity",
        b"1e999",
        b"-",
        b"0",
        b"9" * 400,
        b"//x\n",
        b"\r\n",
    ),
    *(b"null", b"'", b"\x1f\x8b", MARK.encode()),
)
DISGUISES: tuple[Callable[[bytes], bytes], ...] = (
    partial(gzip.compress, mtime=0),  # a seed gives the same bytes at any time
    zlib.compress,
    lambda value: b"\0\0\0\0\x01" + value,
    lambda value: b"Obj\x01" + value,
    lambda value: b"\xef\xbb\xbf" + value,
    lambda value: value + b"\n" + value,
    lambda value: json.dumps(value.decode("utf-8", "replace")).encode(),  # JSON in a text
    lambda value: repr(value).encode(),
    lambda value: b"\n\t " + value + b" \r\n",
    lambda value: b"",
    lambda value: b" ",
)
_MUTATIONS = (
    *(_flip, _cut, _leave_out, _repeat, _put_in, _put_in),
    *(_key_twice, _nest, _other_encoding, _disguise, _disguise, _random),
)

KEYS = (None, None, b"", b"k", b"customer-1", b"customer-2", b"\xff\x00", b"x" * 2_000)
TIMESTAMPS_MS = (
    *(-1, 0, 1, -5, -(2**63), 2**63 - 1, 253_402_300_799_999, 253_402_300_800_000),  # the year 9999 and after
    *(1_767_225_600_000, 1_767_225_600_000_000, 4_102_444_800_000),  # now, in microseconds, the year 2100
)
HEADERS: tuple[tuple[str, bytes | None], ...] = (
    ("trace", b"1"),
    ("trace", b"2"),
    ("Content-Type", b"application/json"),
    ("content-type", b"application/cloudevents+json; charset=utf-8"),
    ("content-type", b"\xff\xfe"),
    ("content-type", None),
    ("content-encoding", b"gzip"),
    ("ce_specversion", b"1.0"),
    ("ce_source", b"/desk\xff"),
    ("ce_source", None),
    ("ce_id", b""),
    ("", b"no name"),
    ("null", None),
    ("bytes", bytes(range(256))),
    ("n" * 10_000, b"a long name"),
    ("größe\u202e\x00", "ü".encode("latin-1")),
    ("value", b"v" * 5_000),
    ("traceparent", b"00-zz-\xff-01"),
    ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("tracestate", b"\xff" * 600),
    ("dlq.reason", b"not_json"),
    ("dlq.offset", b"x"),
    ("replay.of", b"\xff"),
    ("replay.of", None),
    ("replay.of", b"tickets:0:1"),
)


def key(rng: Random) -> bytes | None:
    """A record's key."""
    return rng.choice(KEYS)


def headers(rng: Random) -> tuple[tuple[str, bytes | None], ...]:
    """Headers, as a rule none; some of them twice."""
    if rng.random() < 0.7:
        return ()
    return tuple(rng.choice(HEADERS) for _ in range(rng.choice((1, 1, 2, 3, 8))))


def timestamp_ms(rng: Random) -> int:
    """When a record says that it was written."""
    return rng.choice(TIMESTAMPS_MS)


def long(rng: Random) -> bytes:
    """A ticket near the limit of a value's size, or beyond it."""
    body = (text(rng) or "x").encode("utf-8", "replace").decode()
    size = rng.choice((100_000, 1_000_000, 1_100_000))
    return json.dumps({"id": 1, "body": (body * (size // len(body) + 1))[:size]}, ensure_ascii=False).encode()

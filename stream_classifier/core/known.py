"""What is known about a text: the labels a model gave for it, and for how long they may be used.

Stored as JSON, never as pickle: a cache may be shared with other pods and must not be able to run
code. Whatever cannot be read back (damaged, or written by another version) is simply not known.
"""

from dataclasses import dataclass, field
from operator import itemgetter
from random import Random
from sys import intern

import orjson

FORMAT_VERSION = 1
EARLIEST_SHARE_OF_TTL = 0.9
"""Expiries are spread over the last tenth of the TTL, so that texts which were labelled together
do not all have to be paid for again in the same second."""


_fields = itemgetter("v", "labels", "model", "prompt", "taxonomy", "written_at", "expires_at")
_STR = {str}
_NUMBERS = {int, float}


@dataclass(slots=True, kw_only=True)
class Known:
    """The verified labels of one text. Times are unix seconds.

    `hits` are those that were counted in this process (`core/refresh.py`), None once it was asked again.
    `rendered` is the caller's own: it may keep there what events say of this answer, in two parts around the
    text's digest, which entries with the same labels share. Neither is stored or compared.
    """

    labels: tuple[str, ...]  # one a question, in the taxonomy's order
    model: str
    prompt_digest: str
    taxonomy_digest: str
    written_at: float
    expires_at: float
    hits: int | None = field(default=0, compare=False, repr=False)
    rendered: tuple[bytes, bytes] | None = field(default=None, compare=False, repr=False)


def expiry(now: float, ttl_s: float, rng: Random) -> float:
    """When an entry that is written now expires: after between 90 and 100 % of its TTL."""
    return now + ttl_s * rng.uniform(EARLIEST_SHARE_OF_TTL, 1.0)


def usable_until(known: Known, ttl_s: float, now: float) -> float:
    """When an entry that was kept ends. A TTL that was shortened holds for it too, and one "written in the
    future" comes from a clock that was wrong: that counts from now."""
    return min(known.expires_at, min(known.written_at, now) + ttl_s)


def encode(known: Known) -> bytes:
    """The entry as JSON bytes, which `decode` reads back."""
    return orjson.dumps(
        {
            "v": FORMAT_VERSION,
            "labels": known.labels,
            "model": known.model,
            "prompt": known.prompt_digest,
            "taxonomy": known.taxonomy_digest,
            "written_at": known.written_at,
            "expires_at": known.expires_at,
        }
    )


def decode(data: bytes) -> Known | None:
    """Read an encoded entry; None for anything damaged or of another version."""
    try:
        version, labels, model, prompt, taxonomy, written_at, expires_at = _fields(orjson.loads(data))
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        return None
    # A `match` says the same, and takes twice as long.
    if version != FORMAT_VERSION or type(labels) is not list or set(map(type, labels)) != _STR:
        return None
    if not (type(model) is type(prompt) is type(taxonomy) is str):
        return None
    if type(written_at) not in _NUMBERS or type(expires_at) not in _NUMBERS:
        return None
    # A few labels, models and digests stand in every entry: interned, each is in memory once.
    return Known(
        labels=tuple(map(intern, labels)),
        model=intern(model),
        prompt_digest=intern(prompt),
        taxonomy_digest=intern(taxonomy),
        written_at=float(written_at),
        expires_at=float(expires_at),
    )

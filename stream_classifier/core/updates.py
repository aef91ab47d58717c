"""What is remembered of a ticket between its events, and what a further event is then: new, late, unchanged.

Rules
-----
* A ticket's state is what decides its label: the key of its text's answer (`core/cache_key.py`: text with its
  context fields, redaction, prompt, taxonomy, model and its parameters), and its lane, which stands in the
  event. Where any of these changes, the state does, and the ticket is published again.
* Only an event that the broker has, and that carries a label of the lane's own model, leaves a state. After
  any other (one for review, a person's correction, a fallback's answer) the next is published, whatever it
  holds.
* An event of an older revision is late. It leaves the state of the later one only where it is the same: then
  those who go by the last event and those who leave out what is late agree.
* A state serves only the partition that its event came from, and only if nothing published later can be
  missing here. That is known by a trust mark: the memory is written a little behind the events, so beside it
  is written up to which commit it is complete. Where a partition is assigned at another commit, states from
  before are not believed (`Trust`): a process was killed, the store was away, or another one was written to.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import TypeAlias

import orjson

from stream_classifier.core.finished_map import Mark
from stream_classifier.core.revisions import LONGEST_CHARS, is_older

VERSION = 1
"""Of what is written down: anything else is as good as nothing."""
KEPT_S = 7 * 86_400
"""How long a ticket is remembered after its last event. Its updates come within days of one another, and one
that comes later, or whose label is a week old, is worth an event."""

TicketName: TypeAlias = tuple[str | None, str]
"""Tenant and id: two tenants may both have a ticket 17."""


@dataclass(slots=True)
class Last:
    """A ticket's last event. Never changed once made; it is not frozen because that costs 1 µs for each
    record of a stream of known tickets.

    `revision` is the latest that was published, `state` None where the next event is published whatever it
    holds, `at_ms` the time of day when the broker had it."""

    revision: str | None
    state: bytes | None
    partition: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Trust:
    """Up to which commit a partition's memory is complete, and since when (ms since the epoch)."""

    mark: Mark
    since_ms: int


@dataclass(frozen=True, slots=True)
class Note:
    """What a store keeps of one ticket or partition: bytes to it. Of two under one key the one made later
    stays, whichever comes last: a replica that is slow may write after its successor."""

    value: bytes
    at_ms: int
    expires_at: float  # unix seconds


def after(last: Last | None, event: Last) -> Last:
    """What is remembered once this event is out."""
    if last is None:
        return event
    if not is_older(event.revision, last.revision):
        return event if event.revision is not None else replace(event, revision=last.revision)
    state = event.state if event.state == last.state else None
    return replace(event, revision=last.revision, state=state)


def unchanged(last: Last | None, event: Last, since_ms: int) -> bool:
    """Whether this event would say what the ticket's last one said, and is not late."""
    return (
        last is not None
        and event.state is not None
        and last.state == event.state
        and last.partition == event.partition
        and last.at_ms >= since_ms
        and not is_older(event.revision, last.revision)
    )


def trusted_since(trust: Trust | None, committed: Mark, now_ms: int) -> int:
    """From when on what is written of a partition may be believed, where its group has committed this."""
    return trust.since_ms if trust is not None and trust.mark == committed else now_ms


def scope(*names: str) -> bytes:
    """What all keys of one stream begin with, before they are hashed: two groups, or two output topics, have
    each published something else."""
    return orjson.dumps(names)


def ticket_key(stream: bytes, name: TicketName) -> bytes:
    """32 bytes that name the ticket without holding its id."""
    return hashlib.sha256(stream + b"ticket" + orjson.dumps(name)).digest()


def partition_key(stream: bytes, number: int) -> bytes:
    """Where a partition's trust mark lies."""
    return hashlib.sha256(stream + b"partition" + orjson.dumps(number)).digest()


def encode_last(last: Last) -> bytes:
    """As JSON, which `decode_last` reads back. A revision that is too long to have an order is left out."""
    ordered = last.revision is not None and len(last.revision) <= LONGEST_CHARS
    return orjson.dumps(
        {
            "v": VERSION,
            "revision": last.revision if ordered else None,
            "state": last.state.hex() if last.state is not None else None,
            "partition": last.partition,
            "at_ms": last.at_ms,
        }
    )


def decode_last(data: bytes | None) -> Last | None:
    """None for anything damaged or of another version."""
    match _fields(data):
        case {
            "revision": str() | None as revision,
            "state": str() | None as state,
            "partition": int(partition),
            "at_ms": int(at_ms),
        }:
            try:
                return Last(revision, None if state is None else bytes.fromhex(state), partition, at_ms)
            except ValueError:
                return None
    return None


def encode_trust(trust: Trust) -> bytes:
    """As JSON, which `decode_trust` reads back."""
    position, finished = trust.mark
    return orjson.dumps(
        {"v": VERSION, "position": position, "finished": finished, "since_ms": trust.since_ms}
    )


def decode_trust(data: bytes | None) -> Trust | None:
    """None for anything damaged or of another version."""
    match _fields(data):
        case {"position": int(position), "finished": str(finished), "since_ms": int(since_ms)}:
            return Trust((position, finished), since_ms)
    return None


def _fields(data: bytes | None) -> object:
    try:
        fields = orjson.loads(data or b"null")
    except orjson.JSONDecodeError:
        return None
    return fields if isinstance(fields, dict) and fields.get("v") == VERSION else None

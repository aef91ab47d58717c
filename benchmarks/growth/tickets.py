"""Tickets of any length, and the lots that they come in.

A ticket's text is whole sentences, ordinary ASCII as most English tickets are, with its text's number in the
first and the last of them. It is never HTML and quotes nobody: what those cost is in docs/model-text.md.
"""

from collections.abc import Iterator

import orjson

from benchmarks.kafka import Keyed

SMALLEST_BYTES = 81  # a ticket without a body: its id, its subject and the names of its fields
_SENTENCE = "The export stops after a minute and says nothing, and the file it leaves is empty. "


def sized_ticket(number: int, text: int, size_bytes: int) -> tuple[bytes, bytes]:
    """Key and value of a ticket of `size_bytes` whose text is the one of this number. Raises ValueError below
    `SMALLEST_BYTES`."""
    if size_bytes < SMALLEST_BYTES:
        raise ValueError(f"a ticket takes {SMALLEST_BYTES} bytes at least, not {size_bytes}")
    ticket = {"ticket_id": f"T-{number:09}", "subject": f"Export {text:08} does not finish", "body": ""}
    room = size_bytes - len(orjson.dumps(ticket))
    ticket["body"] = _body(text, room)
    return ticket["ticket_id"].encode(), orjson.dumps(ticket)


def known_lot(first: int, tickets: int, texts: int, size_bytes: int) -> Iterator[Keyed]:
    """Tickets from number `first` on that share `texts` texts, spread over the partitions by their keys."""
    return (sized_ticket(number, number % texts, size_bytes) for number in range(first, first + tickets))


def new_lot(first: int, tickets: int, size_bytes: int) -> Iterator[Keyed]:
    """Tickets from number `first` on, each with a text of its own."""
    return (sized_ticket(number, number, size_bytes) for number in range(first, first + tickets))


def every_text_everywhere(texts: int, partitions: int, size_bytes: int) -> Iterator[Keyed]:
    """Each text once in each partition, so that every replica knows all of them. Records without a key take
    the partitions in turn."""
    for text in range(texts):
        for _ in range(partitions):
            yield None, sized_ticket(text, text, size_bytes)[1]


def _body(text: int, room: int) -> str:
    """`room` characters of sentences, with the number at their end: where the middle is cut, texts differ."""
    end = f" Report {text:08}."
    if room <= len(end):
        return end[:room]
    return (_SENTENCE * (room // len(_SENTENCE) + 1))[: room - len(end)] + end

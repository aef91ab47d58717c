"""Masks what should not leave the process, each by its kind: `[email]`, `[phone]`, `[secret]`.

Rules
-----
* The kinds are looked for in one order, the surest first, and what one has found no other sees: digits
  within a key are no telephone number.
* The first of a kind has no number, a different one does: `[email]`, `[email 2]`. So the model can tell two
  people apart, and texts that differ only in whose address stands there are the same text. The same value
  has the same mask throughout a ticket.
* A mask tells nothing of what it stands for: no length, no digest, no last four digits.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import repeat
from typing import NamedTuple

from stream_classifier.core.redact.card_numbers import card_numbers
from stream_classifier.core.redact.email_addresses import email_addresses
from stream_classifier.core.redact.ibans import ibans
from stream_classifier.core.redact.ip_addresses import ip_addresses
from stream_classifier.core.redact.phone_numbers import phone_numbers
from stream_classifier.core.redact.plain import plain
from stream_classifier.core.redact.secret_values import secret_values
from stream_classifier.core.redact.span import MAX_CHARS, Span

FINDERS: Mapping[str, Callable[[str], Iterator[Span]]] = {
    "secret": secret_values,
    "email": email_addresses,
    "iban": ibans,
    "card": card_numbers,
    "ip": ip_addresses,
    "phone": phone_numbers,
}
KINDS = tuple(FINDERS)
"""In the order in which they are looked for."""

_FOUND = "\x00"  # stands where something was found; no text has it, since controls are taken out before

MAX_FIND_CHARS = MAX_CHARS + 200  # with what a find may have before and after it


Numbers = dict[str, dict[str, int]]
"""For each kind, the number of each value."""


class Find(NamedTuple):
    """From `start` to before `end`, in characters; `value` is equal for the same address, number or key."""

    start: int
    end: int
    kind: str
    value: str


class Redactor:
    """Masks these kinds, of `KINDS`."""

    def __init__(self, kinds: Collection[str]) -> None:
        self._kinds = tuple(kind for kind in KINDS if kind in kinds)

    def __call__(self, texts: Sequence[str], kept: Sequence[slice] = ()) -> list[str]:
        """A ticket's parts, masked. A value has the same mask in all of them. Of the first ones only what is
        `kept` is given back; what is beside it is looked at, so that nothing is found by half."""
        numbers: Numbers = {kind: {} for kind in self._kinds}
        parts = (*kept, *repeat(slice(None), len(texts) - len(kept)))
        return [
            _masked(text, self.finds(text), numbers, part) for text, part in zip(texts, parts, strict=True)
        ]

    def finds(self, text: str) -> list[Find]:
        """What would be masked, in the text's order."""
        looked_at, finds = plain(text), []
        for kind in self._kinds:
            spans = list(FINDERS[kind](looked_at))
            if spans:
                looked_at = _without(looked_at, spans)
                finds += [Find(start, end, kind, value) for start, end, value in spans]
        return sorted(finds)


def _masked(text: str, finds: Sequence[Find], numbers: Numbers, kept: slice) -> str:
    """`numbers` holds each kind's values, and is added to."""
    at, last, _ = kept.indices(len(text))
    pieces: list[str] = []
    for start, end, kind, value in finds:
        if end > at and start < last:
            number = numbers[kind].setdefault(value, len(numbers[kind]) + 1)
            pieces += (text[at:start], f"[{kind}]" if number == 1 else f"[{kind} {number}]")
            at = end
    return "".join((*pieces, text[at:last]))


def _without(text: str, found: Sequence[Span]) -> str:
    """Of the same length, with nothing to find where something was."""
    pieces: list[str] = []
    at = 0
    for start, end, _ in found:
        pieces += (text[at:start], _FOUND * (end - start))
        at = end
    return "".join((*pieces, text[at:]))

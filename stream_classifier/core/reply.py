"""What a model answered, as far as it can be trusted. Contract: `{"t01":"47 bug","t02":"13 feature|high"}`.

An entry answers its record only if all of this holds, and never by its place in the reply:

1. the key belongs to a record of the call and stands exactly once in the object;
2. the value is a string that begins with that record's check and one blank;
3. it goes on with one label a question, parted by bars, each exactly a label of that question, or `?`.

Blanks around a label or around the object, and one code fence around the object, with or without a word to
the reader outside of it, change nothing and are passed over. Nothing else is: a reply that is no JSON is
not mended, since a mended one can hold a label that the model never finished. Only where the provider says
that it cut the reply off are entries read one by one, up to the first that is not closed.

Where many checks are wrong the model has lost count, and those that match may match by chance: then
nothing of the reply is trusted.

Reading never raises, whatever the content, and takes time linear in its length.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NoReturn

from stream_classifier.core.answer import Answer, Reason
from stream_classifier.core.prompt import BAR, KEYS, UNSURE
from stream_classifier.core.taxonomy import Taxonomy

MISMATCH_LIMIT = 0.3
"""Share of wrong checks above which the whole reply is refused. One slip in ten is a slip; beyond three
in ten, answers have moved between records, and by chance one in ninety of the moved still matches."""


class Flaw(StrEnum):
    """Why a record has no answer in a reply."""

    MISSING = "missing"  # its key does not stand in the reply
    MALFORMED = "malformed"  # its key stands there twice, or its value has another form, or all is no JSON
    MISMATCHED = "mismatched"  # it carries another record's check, or too many others do
    NOT_IN_TAXONOMY = "not_in_taxonomy"  # a label that the question does not have


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A reply, record by record in the order of the call."""

    results: tuple[Answer | Flaw, ...]
    partial: Mapping[int, Answer] = field(default_factory=dict)
    """By index, where the flaw is NOT_IN_TAXONOMY: the labels of the other questions. The record is asked
    again; if that was its last attempt, these are published, for a person to complete."""
    surplus: int = 0  # entries under keys that nobody asked for
    distrusted: bool = False  # true where MISMATCH_LIMIT was passed


class _Pairs(tuple[tuple[str, object], ...]):
    """A JSON object as it was written, repeated keys and all: a dict would keep the last in silence."""


def _no_number(_: str) -> None:
    """In the place of a number: none is an answer, and one of a million digits need not be worked out."""


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is Python's, not JSON's")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_Pairs, parse_int=_no_number, parse_float=_no_number, parse_constant=_no_constant
)
_BLANK = r"[ \t\r\n]*+"
_STRING = r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"'  # possessive: no step is tried twice
_OPENING = re.compile(_BLANK + r"\{")
_PAIR = re.compile(rf"{_BLANK}({_STRING}){_BLANK}:{_BLANK}({_STRING}){_BLANK}(,|\}}|\Z)")
_VALUE = re.compile(r"([0-9]{2}) (.+)", re.DOTALL)


def read_reply(content: str, checks: Sequence[int], taxonomy: Taxonomy, *, cut: bool = False) -> Reading:
    """What `content` answers to the records that were given with `checks`, at most MAX_RECORDS of them.

    `cut` says that the provider ended the reply at its length limit.
    """
    pairs = _pairs(content, cut=cut)
    if pairs is None:
        return Reading(results=(Flaw.MALFORMED,) * len(checks))
    values, surplus = _by_key(pairs, KEYS[: len(checks)])
    said = [_labels_said(value, check) for value, check in zip(values, checks, strict=True)]
    if _lost_count(said):
        return Reading(results=(Flaw.MISMATCHED,) * len(checks), surplus=surplus, distrusted=True)
    return _judge(said, taxonomy, surplus)


def _pairs(content: str, *, cut: bool) -> Sequence[tuple[str, object]] | None:
    """The object's entries in their order; None where the content is not one JSON object."""
    text = _unfenced(content.strip())
    try:
        whole = _DECODER.decode(text)
    except (ValueError, RecursionError):  # no JSON, or nested deeper than Python reads
        return _closed_pairs(text) if cut else None
    return whole if isinstance(whole, _Pairs) else None


def _unfenced(text: str) -> str:
    """What stands in the only code fence; the text itself where there is none, or more than one."""
    if text.startswith("{"):
        return text
    _, opened, rest = text.partition("```")
    inside, _, after = rest.partition("```")
    return inside.removeprefix("json").strip() if opened and "```" not in after else text


def _closed_pairs(text: str) -> Sequence[tuple[str, object]] | None:
    """The leading entries whose strings are closed, of an object that is not; None where the object is
    closed, for then it is not the cut that makes the content no JSON."""
    pairs: list[tuple[str, object]] = []
    opening = _OPENING.match(text)
    position = opening.end() if opening else len(text)
    while pair := _PAIR.match(text, position):
        pairs.append((json.loads(pair[1]), json.loads(pair[2])))
        position = pair.end()
        if pair[3] == "}":
            return None
    return pairs


def _by_key(pairs: Iterable[tuple[str, object]], keys: Sequence[str]) -> tuple[list[str | Flaw], int]:
    """Each key's value, or what is wrong with it; and how many entries have another key."""
    found: dict[str, str | Flaw] = {}
    surplus = 0
    asked = frozenset(keys)
    for key, value in pairs:
        if key not in asked:
            surplus += 1
        elif key in found or not isinstance(value, str):
            found[key] = Flaw.MALFORMED
        else:
            found[key] = value
    return [found.get(key, Flaw.MISSING) for key in keys], surplus


def _labels_said(value: str | Flaw, check: int) -> list[str] | Flaw:
    """What stands after the right check, label by label; not yet held against the taxonomy."""
    if isinstance(value, Flaw):
        return value
    form = _VALUE.fullmatch(value)
    if form is None:
        return Flaw.MALFORMED
    if int(form[1]) != check:
        return Flaw.MISMATCHED
    return [label.strip(" ") for label in form[2].split(BAR)]


def _lost_count(said: Sequence[list[str] | Flaw]) -> bool:
    wrong = said.count(Flaw.MISMATCHED)
    right = sum(not isinstance(labels, Flaw) for labels in said)
    return wrong > MISMATCH_LIMIT * (wrong + right)


def _judge(said: Sequence[list[str] | Flaw], taxonomy: Taxonomy, surplus: int) -> Reading:
    results: list[Answer | Flaw] = []
    partial: dict[int, Answer] = {}
    for i, labels in enumerate(said):
        result = labels if isinstance(labels, Flaw) else _answer(labels, taxonomy)
        if isinstance(result, Answer) and result.reason is Reason.NOT_IN_TAXONOMY:
            partial[i] = result
            result = Flaw.NOT_IN_TAXONOMY
        results.append(result)
    return Reading(results=tuple(results), partial=partial, surplus=surplus)


def _answer(said: Sequence[str], taxonomy: Taxonomy) -> Answer | Flaw:
    if len(said) != len(taxonomy.questions):
        return Flaw.MALFORMED
    labels = tuple(
        question.names.get(label) for question, label in zip(taxonomy.questions, said, strict=True)
    )
    unanswered = [label for label, known in zip(said, labels, strict=True) if known is None]
    if not unanswered:
        return Answer(labels)
    only_unsure = all(label == UNSURE for label in unanswered)
    return Answer(labels, Reason.UNSURE if only_unsure else Reason.NOT_IN_TAXONOMY)

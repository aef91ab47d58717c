"""Replies gone wrong: a seeded source of them, with what each record may be answered with.

A case starts from a faithful reply and is spoiled once to three times. Two kinds of spoiling:

- *glued*: each label stays with the check that it was given with, while keys, order, nesting, spelling,
  repetition and extent change. Whatever is then accepted for a record must be that record's own answer.
- *torn*: characters are cut, moved or written over anywhere, so a check may end up before any label. What
  is then accepted for a record must stand in the content as one closed entry with its key and check.

`mutated_reply(random.Random(seed))` gives the same case for the same seed. `REPLY_CASES` sets how many
cases the tests try, and `REPLY_SEED` which is the first.
"""

import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from stream_classifier.core.prompt import KEYS, UNSURE, draw_checks
from stream_classifier.core.taxonomy import Taxonomy, read_taxonomy

CASES = int(os.environ.get("REPLY_CASES", "4000"))
FIRST_SEED = int(os.environ.get("REPLY_SEED", "0"))

# Names that are prefixes of one another, hold JSON's and regexes' own characters, blanks and other scripts.
TAXONOMIES = (
    read_taxonomy({"labels": ["bug", "bug report", "report", "other"]}),
    read_taxonomy({"labels": ["a.b", "a\\b", "[x]", "{}", "47 bug", "日本語", "naïve 😀", "null"]}),
    read_taxonomy(
        {
            "questions": [
                {"name": "queue", "labels": ["billing", "technical", "bill"]},
                {"name": "urgency", "labels": ["high", "low", "billing"]},
            ]
        }
    ),
)

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One reply, and the truth that it was spoiled from."""

    content: str
    checks: tuple[int, ...]
    taxonomy: Taxonomy
    truth: tuple[str, ...]  # each record's labels as written, parted by bars
    cut: bool
    glued: bool


def faithful_reply(rng: random.Random) -> Case:
    """A reply as it should be, to 1 to 12 records."""
    taxonomy = rng.choice(TAXONOMIES)
    checks = draw_checks(rng.randint(1, 12), rng)
    truth = tuple(_labels(taxonomy, rng) for _ in checks)
    return Case(
        content=_write(_entries(checks, truth)),
        checks=checks,
        taxonomy=taxonomy,
        truth=truth,
        cut=rng.random() < 0.4,
        glued=True,
    )


def mutated_reply(rng: random.Random) -> Case:
    """A reply spoiled once to three times."""
    case = faithful_reply(rng)
    pairs = _entries(case.checks, case.truth)
    for _ in range(rng.randint(1, 3)):
        pairs = rng.choice(ENTRY_SPOILERS)(pairs, rng)
    content = rng.choice(WRITERS)(pairs, rng)
    if rng.random() < 0.5:
        content = rng.choice(CLOSERS)(content, rng)
    if rng.random() < 0.7:
        return replace(case, content=content)
    for _ in range(rng.randint(1, 3)):
        content = rng.choice(TEARERS)(content, rng)
    return replace(case, content=content, glued=False)


def _labels(taxonomy: Taxonomy, rng: random.Random) -> str:
    return "|".join(
        UNSURE if rng.random() < 0.1 else rng.choice(question.labels).name for question in taxonomy.questions
    )


def _entries(checks: tuple[int, ...], truth: tuple[str, ...]) -> Pairs:
    return [(key, f"{check} {labels}") for key, check, labels in zip(KEYS, checks, truth, strict=False)]


def _write(pairs: Pairs) -> str:
    """An object with its entries in the order given, repeated keys and all."""
    return "{" + ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs) + "}"


# ---------------------------------------------------------------- whole entries, checks and labels glued


def _keep(pairs: Pairs, _: random.Random) -> Pairs:
    return pairs


def _shuffle(pairs: Pairs, rng: random.Random) -> Pairs:
    return rng.sample(pairs, len(pairs))


def _drop(pairs: Pairs, rng: random.Random) -> Pairs:
    return [pair for pair in pairs if rng.random() < 0.7]


def _repeat(pairs: Pairs, rng: random.Random) -> Pairs:
    return pairs + rng.choices(pairs, k=rng.randint(1, 3)) if pairs else pairs


def _swap(pairs: Pairs, rng: random.Random) -> Pairs:
    """Two records' values, checks and all, change places."""
    if len(pairs) < 2:
        return pairs
    pairs = list(pairs)
    i, j = rng.sample(range(len(pairs)), 2)
    pairs[i], pairs[j] = (pairs[i][0], pairs[j][1]), (pairs[j][0], pairs[i][1])
    return pairs


def _slide(pairs: Pairs, rng: random.Random) -> Pairs:
    """The values move on by some keys: what a model that skipped a record gives."""
    by = rng.randint(1, 3)
    values = [value for _, value in pairs]
    values = values[by:] + values[:by]
    return [(key, value) for (key, _), value in zip(pairs, values, strict=True)]


def _surplus(pairs: Pairs, rng: random.Random) -> Pairs:
    key = rng.choice(["t99", "t0", "T01", "t1", "", "note", "t01 ", "t001"])
    value = rng.choice([value for _, value in pairs] or [""])
    return [*pairs, (key, value)]


def _rekey(pairs: Pairs, rng: random.Random) -> Pairs:
    """One value moves under another record's key, whose own stays: the key stands twice."""
    if not pairs:
        return pairs
    i = rng.randrange(len(pairs))
    return [*pairs[:i], (rng.choice(pairs)[0], pairs[i][1]), *pairs[i + 1 :]]


def _foreign(pairs: Pairs, rng: random.Random) -> Pairs:
    """A label that no question has."""
    return [
        (key, value[:3] + rng.choice(["Bug", "urgent!!", "", "bug,report", "?|?|?"]))
        if rng.random() < 0.3
        else (key, value)
        for key, value in pairs
    ]


def _checkless(pairs: Pairs, rng: random.Random) -> Pairs:
    return [(key, value[rng.randint(1, 3) :]) if rng.random() < 0.3 else (key, value) for key, value in pairs]


ENTRY_SPOILERS: tuple[Callable[[Pairs, random.Random], Pairs], ...] = (
    _keep, _shuffle, _drop, _repeat, _swap, _slide, _surplus, _rekey, _foreign, _checkless,
)  # fmt: skip


# ---------------------------------------------------------------------------------- ways to write them


def _plain(pairs: Pairs, _: random.Random) -> str:
    return _write(pairs)


def _spread(pairs: Pairs, rng: random.Random) -> str:
    """Blanks and line ends wherever JSON allows them."""
    tokens = ["{"]
    for key, value in pairs:
        tokens += [json.dumps(key), ":", json.dumps(value), ","]
    tokens[-1:] = ["}"] if pairs else ["{", "}"]
    return "".join(token + rng.choice(["", " ", "\n  ", "\t\r\n"]) for token in tokens)


def _escaped(pairs: Pairs, _: random.Random) -> str:
    """Every character as its hexadecimal escape: the same keys and values in another spelling."""
    return "{" + ",".join(f"{_spell(key)}:{_spell(value)}" for key, value in pairs) + "}"


def _spell(text: str) -> str:
    return '"' + "".join(map(_escape, text)) + '"'


def _escape(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _nested_values(pairs: Pairs, rng: random.Random) -> str:
    """Some values become objects, lists, numbers or null."""
    forms = ('{{"answer":{0}}}', "[{0}]", "47", "null", "true", "1e999", "{{}}", '{{"t01":{0}}}')
    written = (
        rng.choice(forms).format(json.dumps(value)) if rng.random() < 0.3 else json.dumps(value)
        for _, value in pairs
    )
    return (
        "{"
        + ",".join(f"{json.dumps(key)}:{value}" for (key, _), value in zip(pairs, written, strict=True))
        + "}"
    )


WRITERS: tuple[Callable[[Pairs, random.Random], str], ...] = (
    _plain,
    _plain,
    _spread,
    _escaped,
    _nested_values,
)


# -------------------------------------------------------------------- around and over the whole content


def _truncate(content: str, rng: random.Random) -> str:
    return content[: rng.randint(0, len(content))]


def _fence(content: str, rng: random.Random) -> str:
    return rng.choice(["```json\n{}\n```", "```\n{}\n```", "```json{}", "{}```"]).replace("{}", content)


def _wrap(content: str, rng: random.Random) -> str:
    forms = ['{"reply":~}', "[~]", "Here it is: ~", "~ I hope this helps.", "~~", "~,~", '"~"', "~}", "{~}"]
    return rng.choice(forms).replace("~", content)


CLOSERS: tuple[Callable[[str, random.Random], str], ...] = (_truncate, _truncate, _fence, _wrap)


# --------------------------------------------------------------------------------------- torn anywhere


def _splice(content: str, rng: random.Random) -> str:
    i, j = sorted(rng.randint(0, len(content)) for _ in range(2))
    at = rng.randint(0, len(content))
    return content[:at] + content[i:j] + content[at:]


def _cut_out(content: str, rng: random.Random) -> str:
    i, j = sorted(rng.randint(0, len(content)) for _ in range(2))
    return content[:i] + content[min(j, i + 9) :]


def _write_over(content: str, rng: random.Random) -> str:
    at = rng.randint(0, len(content))
    junk = rng.choice(
        ['"', "\\", "{", "}", ",", ":", "|", "?", "\x00", "\ud800", "\n", "9" * 5000, "[" * 3000, "bug"]
    )
    return content[:at] + junk + content[at + 1 :]


TEARERS: tuple[Callable[[str, random.Random], str], ...] = (_splice, _cut_out, _write_over, _truncate)

"""The rule that decides a text's label, so that tests and benchmarks know the truth beforehand.

1. The label most of whose words occur in the text wins; among equals the first by name. A label's words are
   those of its name and of its hints, compared without case.
2. Where no word occurs, a stable hash of the text chooses. The hash is salted with the labels, so that
   the questions of one taxonomy are answered independently of one another.

Neither the batch, nor the place in it, nor the order of the labels plays a part. Descriptions in a prompt
are not read: the truth would otherwise change with the prompt's wording.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

Rule = Callable[[str, Iterable[str]], str]

_WORD = re.compile(r"[^\W_]+")


def rule_label(text: str, labels: Iterable[str], hints: Mapping[str, str] | None = None) -> str:
    """The label of `text` among `labels` (at least one; their order is of no importance).

    `hints` gives further words that mean a label: `{"bug": "crash error broken"}`.
    """
    lexicon = _lexicon(tuple(labels), tuple(hints.items()) if hints else ())
    scores = Counter(label for word in _words(text) for label in lexicon.labels_of.get(word, ()))
    if not scores:
        return lexicon.names[_stable_hash(text, lexicon.names) % len(lexicon.names)]
    return min(scores, key=lambda label: (-scores[label], label))


@dataclass(frozen=True, slots=True)
class _Lexicon:
    names: tuple[str, ...]
    labels_of: Mapping[str, tuple[str, ...]]  # by word


@lru_cache(maxsize=64)
def _lexicon(labels: tuple[str, ...], hints: tuple[tuple[str, str], ...]) -> _Lexicon:
    names = tuple(sorted(labels))
    words = {name: _words(f"{name} {dict(hints).get(name, '')}") for name in names}
    vocabulary = frozenset().union(*words.values())
    return _Lexicon(names, {word: tuple(n for n in names if word in words[n]) for word in vocabulary})


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))


def _stable_hash(text: str, names: tuple[str, ...]) -> int:
    """Python's own `hash` differs from process to process; this one does not."""
    salted = "\x1f".join((*names, text))
    return int.from_bytes(blake2b(salted.encode(errors="surrogatepass"), digest_size=8).digest())

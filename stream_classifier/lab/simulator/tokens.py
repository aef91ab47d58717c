"""A token count without a tokenizer, and the cache that a provider keeps of a prompt's beginning.

A token is a run of up to 8 ASCII letters, 3 digits, 2 other letters or 4 punctuation marks, or of line ends;
other white space is free. That comes close to o200k for the contract's own punctuation: a record's wrapping
counts 5 (o200k: 5), a one-word answer 7 (o200k: 6.3). It never exceeds the UTF-8 bytes, which bound any
byte-level BPE. It is an estimate for cost and limits, not a vocabulary.
"""

import re
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from functools import lru_cache
from hashlib import blake2b

from cachetools import TTLCache

_TOKEN = re.compile(r"[A-Za-z]{1,8}|\d{1,3}|[^\W\d_A-Za-z]{1,2}|(?:[^\w\s]|_){1,4}|\n+")

MESSAGE_TOKENS = 4  # what a message costs beyond its text: role and delimiters
REPLY_PRIMING_TOKENS = 3  # a prompt ends with the beginning of the reply

_CACHED_BLOCK_TOKENS = 128  # OpenAI's prefix cache counts in steps of 128 tokens
_HASHED_BLOCK_CHARS = 512  # about one such step
_MAX_CACHED_BLOCKS = 65_536  # some 32 MiB of prompts remembered


def count_tokens(text: str) -> int:
    """Tokens in `text`."""
    return len(_TOKEN.findall(text))


def cut_tokens(text: str, limit: int) -> str:
    """The beginning of `text` that holds at most `limit` tokens."""
    end = 0
    for position, match in enumerate(_TOKEN.finditer(text)):
        if position == limit:
            return text[:end]
        end = match.end()
    return text


_count_constant = lru_cache(maxsize=256)(count_tokens)  # system messages and schemas come again


def count_prompt(parts: Sequence[str]) -> int:
    """Tokens of a whole prompt: its parts in order, the last of which changes with every call."""
    constant = sum(_count_constant(part) for part in parts[:-1])
    return constant + count_tokens(parts[-1]) + MESSAGE_TOKENS * len(parts) + REPLY_PRIMING_TOKENS


class PrefixCache:
    """Remembers how prompts began, by model, and says how much of a new one was seen before.

    `minimum_tokens` is the shortest beginning that counts (OpenAI: 1,024; 0 switches the cache off), `ttl_s`
    how long an unused one is kept, `clock` gives seconds.
    """

    def __init__(self, *, minimum_tokens: int, ttl_s: float, clock: Callable[[], float]) -> None:
        self._minimum_tokens = minimum_tokens
        self._seen: MutableMapping[bytes, bool] = TTLCache(_MAX_CACHED_BLOCKS, ttl_s, timer=clock)

    def cached_tokens(self, model: str, parts: Sequence[str]) -> int:
        """Tokens at the beginning of this prompt that came before; from now on all of it has."""
        if not self._minimum_tokens:
            return 0
        prompt = "\x1e".join(parts)
        blocks = list(_chained_digests(model, prompt))
        known = next((i for i, digest in enumerate(blocks) if digest not in self._seen), len(blocks))
        for digest in blocks:
            self._seen[digest] = True
        tokens = _count_constant(prompt[: known * _HASHED_BLOCK_CHARS])
        return tokens - tokens % _CACHED_BLOCK_TOKENS if tokens >= self._minimum_tokens else 0


def _chained_digests(model: str, prompt: str) -> Iterator[bytes]:
    """One digest for every beginning of whole blocks; each covers all before it."""
    running = blake2b(model.encode(errors="replace"), digest_size=16)
    for start in range(0, len(prompt) - _HASHED_BLOCK_CHARS + 1, _HASHED_BLOCK_CHARS):
        running.update(prompt[start : start + _HASHED_BLOCK_CHARS].encode(errors="replace"))
        yield running.digest()

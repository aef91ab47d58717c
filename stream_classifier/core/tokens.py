"""How many tokens a text has and a reply needs: estimated offline, corrected by what the provider counts.

A tokenizer's ranks are a download of megabytes, another for each family of models, and unknown for many
endpoints. So each model starts from measured averages and learns from `usage`. Rules:

- A text's characters fall into four classes with a ratio each, tokens a character. The class of a
  character is read off its first UTF-8 byte, so that counting is a few passes in C and never a loop here.
- Byte-level BPE never makes more tokens than there are UTF-8 bytes. No ratio and no estimate passes that.
- Every call moves the ratios a little, each in proportion to its class's part in the estimate. A call
  that is far off moves them no more than a bounded step: a wrapper of the provider's is not the text's.
- Where too little is worse than too much, `at_most` adds the doubt that is left of each class: great before
  its first call, fading as its ratio is learned, never gone. What one script teaches says nothing of another.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True)
class ScriptClass:
    """Characters that a tokenizer treats alike, named by their first UTF-8 bytes."""

    leads: bytes
    start: float  # tokens a character, before anything is learned
    lowest: float
    highest: float


_LETTERS = bytes(range(ord("A"), ord("Z") + 1)) + bytes(range(ord("a"), ord("z") + 1)) + b" "
_CJK = bytes(range(0xE3, 0xEE))

# Starts measured with o200k and cl100k ranks on IT tickets, repository issues with code, short requests
# and sentences in 17 languages; between the two, and a little above the mean: too much is the safe side.
CLASSES = (
    ScriptClass(_LETTERS, 0.21, 0.1, 1.0),  # English prose 0.15 to 0.23, other Latin scripts to 0.3
    ScriptClass(bytes(set(range(0x80)) - set(_LETTERS)), 0.57, 0.2, 1.0),  # digits, punctuation: code, logs
    ScriptClass(_CJK, 0.8, 0.3, 3.0),  # kana, Han, Hangul: three bytes each
    ScriptClass(bytes(set(range(0xC2, 0xF5)) - set(_CJK)), 0.5, 0.15, 4.0),  # Cyrillic, Arabic, Hindi, emoji
)

CALL_TOKENS = 9  # what a chat wraps around a system and a user message: 3 a message, 3 for the reply
LEARNING_RATE = 0.1  # a new kind of traffic is learned in some tens of calls, an outlier is forgotten
STEP_LIMIT = 2.0  # a single call counts as at most this many times off
DOUBT = 0.7  # older tokenizers make up to so much more of a script than the starts say
LEAST_DOUBT = 0.1  # texts of one script differ, however many were seen

ENTRY_TOKENS = 7  # `"t01":"47 ` and `",` around the labels: measured 6.3 with a one-token label
ENVELOPE_TOKENS = 16  # braces, a fence, the end marks
WINDOW_CALLS = 200  # observations that the percentile is taken of: the model's habits of the last while
TRUSTED_CALLS = 20  # fewer observations say nothing of the rare long answer: the start holds until then
PERCENTILE = 0.99
MARGIN = 1.2  # a budget a fifth too large costs a little rate limit; one too small costs the call
HEADROOM_DECAY = 0.97  # a raise is half forgotten after 23 good calls, by when the window knows the need
MAX_REPLY_TOKENS = 16_384  # the smallest limit on output among current large models; above it they refuse


class TokenEstimator:
    """Estimates the tokens of texts for one model."""

    __slots__ = ("_doubts", "_ratios")

    def __init__(self) -> None:
        self._ratios = [script.start for script in CLASSES]
        self._doubts = [1 + DOUBT] * len(CLASSES)

    def estimate(self, text: str) -> int:
        """Tokens of `text`: 0 only where it is empty, never more than its UTF-8 bytes."""
        if text.isascii():  # nearly every ticket, and each one that is new to the process
            ratios, letters = self._ratios, len(text) - len(text.encode().translate(None, _LETTERS))
            return min(len(text), ceil(ratios[0] * letters + ratios[1] * (len(text) - letters)))
        size_bytes, counts = _count(text)
        return min(size_bytes, ceil(sum(self._parts(counts))))

    def at_most(self, text: str) -> int:
        """What the tokens of `text` are not expected to exceed, as far as the provider is known by now."""
        size_bytes, counts = _count(text)
        doubted = zip(self._parts(counts), self._doubts, strict=True)
        return min(size_bytes, ceil(sum(part * doubt for part, doubt in doubted)))

    def learn(self, texts: Iterable[str], tokens_in: int) -> None:
        """Correct the ratios by one call: all that was sent (the system message, the user message, and the
        schema as JSON where one was sent), and the input tokens that the provider counted for it."""
        _, counts = _count("".join(texts))
        parts = self._parts(counts)
        expected, actual = sum(parts), tokens_in - CALL_TOKENS
        if expected <= 0 or actual <= 0:
            return
        off = min(max(actual / expected, 1 / STEP_LIMIT), STEP_LIMIT)
        # Divided by the squares, the whole estimate moves by the learning rate whatever the mix of classes.
        step = LEARNING_RATE * expected / sum(part * part for part in parts)
        self._ratios = [
            min(max(ratio * off ** (step * part), script.lowest), script.highest)
            for script, ratio, part in zip(CLASSES, self._ratios, parts, strict=True)
        ]
        # A ratio that is off nears the true one by these very powers: what doubt is left fades alike.
        self._doubts = [
            max(doubt ** (1 - min(step * part, 1.0)), 1 + LEAST_DOUBT)
            for doubt, part in zip(self._doubts, parts, strict=True)
        ]

    def _parts(self, counts: Sequence[int]) -> list[float]:
        return [ratio * count for ratio, count in zip(self._ratios, counts, strict=True)]


def _count(text: str) -> tuple[int, list[int]]:
    """The text's UTF-8 bytes, and its characters by class."""
    data = text.encode(errors="surrogatepass")
    # Nearly every ticket is ASCII, and then one pass tells its two classes apart.
    classes = CLASSES[:1] if text.isascii() else CLASSES
    counts = [len(data) - len(data.translate(None, script.leads)) for script in classes]
    return len(data), counts if len(counts) > 1 else [counts[0], len(data) - counts[0], 0, 0]


class ReplyBudget:
    """How many tokens one model may answer with, learned from how many it used.

    A fat budget is paid for too: providers hold it against the tokens a minute. So it follows the 99th
    percentile of what records really took, and keeps room for one answer as long as any can be.
    """

    __slots__ = ("_headroom", "_longest", "_per_record", "_seen")

    def __init__(self, longest_answer_tokens: int) -> None:
        """Start from the tokens of the longest labels that one record can be answered with."""
        self._longest = ENTRY_TOKENS + longest_answer_tokens
        self._per_record = float(self._longest)
        self._seen: deque[float] = deque(maxlen=WINDOW_CALLS)
        self._headroom = 0.0

    def budget(self, n: int) -> int:
        """The reply budget of a call with `n` records, in tokens."""
        need = n * self._per_record * MARGIN + self._longest + ENVELOPE_TOKENS
        return min(ceil(need + self._headroom), MAX_REPLY_TOKENS)

    def usual(self, n: int) -> int:
        """What a reply to `n` records takes as a rule."""
        return min(ceil(n * self._per_record), MAX_REPLY_TOKENS)

    def learn(self, n: int, tokens_out: int) -> None:
        """Take note of a reply that ended by itself: `n` records took `tokens_out`, reasoning included."""
        self._seen.append(tokens_out / n)
        self._headroom *= HEADROOM_DECAY
        usual = sorted(self._seen)[ceil(PERCENTILE * len(self._seen)) - 1]
        trusted = len(self._seen) >= TRUSTED_CALLS
        self._per_record = usual if trusted else max(usual, self._longest)

    def cut(self, given_tokens: int, kept: int) -> None:
        """Raise the budget after a reply was cut off at `given_tokens`, of which `kept` answers could be
        kept. None kept means that something else took the room, as reasoning does: then by far more."""
        self._headroom += given_tokens if kept else 3 * given_tokens

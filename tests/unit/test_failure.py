"""What each failure gets: the table, row by row, and what it does to a batch from beginning to end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.answer import Reason
from stream_classifier.core.call import Signal
from stream_classifier.core.failure import TABLE, Case, Remedy, remedy

R, S = Remedy, Signal
MAX_ATTEMPTS = 5
BATCH, ONE = 10, 1


def steps(signal: Signal, texts: int, *, fallback: bool = False, poison: bool = False) -> list[Remedy]:
    """The remedies of five failures in a row, with attempts to spare (none for one that holds poison)."""
    return [
        remedy(
            Case(
                signal=signal,
                texts=texts,
                failures=failures,
                poison=poison,
                attempts_left=0 if poison and texts == 1 else 9,
                has_fallback=fallback,
            )
        )
        for failures in range(5)
    ]


def all_cases() -> list[Case]:
    flags = ("poison", "passed", "ending", "has_fallback", "paused")
    axes: dict[str, Sequence[Any]] = {
        "signal": list(Signal),
        "texts": (1, 2, 10),
        "failures": range(5),
        "attempts_left": (-1, 0, 1, 2, 5),
        **dict.fromkeys(flags, (False, True)),
    }
    return [Case(**dict(zip(axes, values, strict=True))) for values in product(*axes.values())]


# ------------------------------------------------------------------------------------------- row by row


@pytest.mark.parametrize(
    ("signals", "batch", "one"),
    [
        # Context overflow, 413: split at once; alone: truncate once, then a person.
        ((S.OVERFLOW,), [R.SPLIT] * 5, [R.TRUNCATE] + [R.REVIEW] * 4),
        # Cut off at the reply budget: keep what is verified, split the rest.
        ((S.LENGTH,), [R.SPLIT] * 5, [R.KEEP] * 5),
        # 429: the whole batch waits, and is never split.
        ((S.RATE_LIMITED,), [R.WAIT] * 5, [R.WAIT] * 5),
        # A format or a parameter that the endpoint does not know: one rung down.
        ((S.FORMAT_REFUSED,), [R.RUNG] * 5, [R.RUNG] * 5),
        # What no retry mends: the breaker opens.
        ((S.QUOTA, S.KEY_REFUSED, S.MODEL_UNKNOWN), [R.OUTAGE] * 5, [R.OUTAGE] * 5),
        # Refused at the last rung: is it the request, or this batch's texts?
        ((S.BAD_REQUEST,), [R.PROBE] * 5, [R.PROBE] * 5),
        # The provider fails: again twice, then the constant record.
        (
            (S.SERVER_ERROR, S.RESET, S.UNREACHABLE),
            [R.AGAIN, R.AGAIN] + [R.PROBE] * 3,
            [R.AGAIN, R.AGAIN] + [R.PROBE] * 3,
        ),
        # No answer in time: once more, then the constant record.
        ((S.TIMEOUT,), [R.AGAIN] + [R.PROBE] * 4, [R.AGAIN] + [R.PROBE] * 4),
        # Refused for what it says: each alone; the one is for a person.
        ((S.REFUSED,), [R.ALONE] * 5, [R.REVIEW] * 5),
        # Malformed, missing, mismatched: keep what is verified, ask the rest again.
        ((S.ANSWERED, S.MALFORMED), [R.KEEP] * 5, [R.KEEP] * 5),
    ],
)
def test_each_failure_gets_its_row(signals: Sequence[Signal], batch: list[Remedy], one: list[Remedy]) -> None:
    for signal in signals:
        assert (steps(signal, BATCH), steps(signal, ONE)) == (batch, one), signal


@pytest.mark.parametrize(
    ("signal", "expected"),
    [
        (S.SERVER_ERROR, [R.AGAIN, R.AGAIN, R.FALLBACK, R.PROBE, R.PROBE]),
        (S.RESET, [R.AGAIN, R.AGAIN, R.FALLBACK, R.PROBE, R.PROBE]),
        (S.UNREACHABLE, [R.AGAIN, R.AGAIN, R.FALLBACK, R.PROBE, R.PROBE]),
        (S.TIMEOUT, [R.AGAIN, R.FALLBACK, R.PROBE, R.PROBE, R.PROBE]),
        (S.QUOTA, [R.FALLBACK, R.OUTAGE, R.OUTAGE, R.OUTAGE, R.OUTAGE]),
        (S.KEY_REFUSED, [R.FALLBACK, R.OUTAGE, R.OUTAGE, R.OUTAGE, R.OUTAGE]),
        (S.MODEL_UNKNOWN, [R.FALLBACK, R.OUTAGE, R.OUTAGE, R.OUTAGE, R.OUTAGE]),
    ],
)
def test_a_fallback_model_is_asked_where_there_is_one(signal: Signal, expected: list[Remedy]) -> None:
    assert steps(signal, BATCH, fallback=True) == steps(signal, ONE, fallback=True) == expected


@pytest.mark.parametrize(
    ("signal", "counts"),
    [
        *((signal, False) for signal in (S.RATE_LIMITED, S.FORMAT_REFUSED, S.UNREACHABLE)),
        *((signal, False) for signal in (S.QUOTA, S.KEY_REFUSED, S.MODEL_UNKNOWN)),
        *((signal, True) for signal in (S.ANSWERED, S.MALFORMED, S.LENGTH, S.OVERFLOW, S.REFUSED)),
        *((signal, True) for signal in (S.SERVER_ERROR, S.RESET, S.TIMEOUT, S.BAD_REQUEST)),
    ],
)
def test_only_a_failure_that_the_texts_may_have_caused_takes_an_attempt(signal: Signal, counts: bool) -> None:
    assert TABLE[signal].counts is counts


@pytest.mark.parametrize(("signal", "reason"), [(S.OVERFLOW, Reason.TOO_LONG), (S.REFUSED, Reason.REFUSED)])
def test_a_text_that_ends_for_a_cause_of_its_own_says_which(signal: Signal, reason: Reason) -> None:
    assert TABLE[signal].reason is reason


def test_every_signal_has_a_row() -> None:
    assert set(TABLE) == set(Signal)


# ------------------------------------------------------------------------------------------------- poison


@pytest.mark.parametrize("signal", [S.SERVER_ERROR, S.RESET, S.TIMEOUT, S.BAD_REQUEST])
def test_a_batch_that_holds_poison_is_split_without_more_retries(signal: Signal) -> None:
    assert steps(signal, BATCH, poison=True) == [R.SPLIT] * 5


@pytest.mark.parametrize("signal", [S.SERVER_ERROR, S.RESET, S.TIMEOUT, S.BAD_REQUEST])
def test_a_part_of_one_text_ends_only_after_a_probe_of_its_own(signal: Signal) -> None:
    assert steps(signal, ONE, poison=True) == [R.PROBE] * 5
    last = Case(signal=signal, texts=ONE, poison=True, passed=True, attempts_left=0)
    assert remedy(last) is R.REVIEW


@pytest.mark.parametrize("signal", [S.SERVER_ERROR, S.RESET, S.TIMEOUT])
def test_a_part_of_one_text_has_all_of_its_attempts(signal: Signal) -> None:
    for passed in (False, True):
        case = Case(signal=signal, texts=ONE, poison=True, passed=passed, attempts_left=1)
        assert remedy(case) is R.AGAIN


@pytest.mark.parametrize("texts", [BATCH, ONE])
def test_after_connections_that_were_never_made_a_probe_that_passes_lets_the_texts_be_asked_again(
    texts: int,
) -> None:
    case = Case(signal=S.UNREACHABLE, texts=texts, failures=3, poison=True, passed=True)
    assert remedy(case) is R.AGAIN


def test_no_text_is_blamed_for_a_connection_that_was_never_made() -> None:
    assert steps(S.UNREACHABLE, BATCH, poison=True) == steps(S.UNREACHABLE, BATCH)
    assert steps(S.UNREACHABLE, ONE, poison=True) == steps(S.UNREACHABLE, ONE)
    assert R.REVIEW not in {remedy(case) for case in all_cases() if case.signal is S.UNREACHABLE}


@pytest.mark.parametrize("signal", [s for s in Signal if not TABLE[s].poison])
def test_poison_changes_nothing_where_no_text_can_be_the_cause(signal: Signal) -> None:
    assert steps(signal, BATCH, poison=True) == steps(signal, BATCH)


# ---------------------------------------------------------------------------------------------- the limits


def test_the_last_attempt_is_alone() -> None:
    last = Case(signal=S.OVERFLOW, texts=BATCH, attempts_left=1)
    assert remedy(last) is R.ALONE


@pytest.mark.parametrize("signal", [S.SERVER_ERROR, S.RESET, S.TIMEOUT])
@pytest.mark.parametrize("fallback", [False, True])
def test_where_attempts_are_used_up_the_constant_record_is_asked_instead(
    signal: Signal, fallback: bool
) -> None:
    spent = [
        remedy(Case(signal=signal, texts=ONE, failures=n, attempts_left=0, has_fallback=fallback))
        for n in range(5)
    ]
    assert spent == [R.PROBE] * 5


def test_an_attempt_that_is_left_is_used() -> None:
    assert remedy(Case(signal=S.SERVER_ERROR, texts=ONE, attempts_left=1)) is R.AGAIN


def test_a_failure_that_takes_no_attempt_is_not_bound_by_them() -> None:
    assert remedy(Case(signal=S.UNREACHABLE, texts=ONE, attempts_left=0)) is R.AGAIN


def test_nobody_ends_for_what_a_neighbour_did() -> None:
    assert {remedy(case) for case in all_cases() if case.texts > 1} & {R.REVIEW, R.TRUNCATE} == set()


def test_one_text_is_never_split() -> None:
    assert {remedy(case) for case in all_cases() if case.texts == 1} & {R.SPLIT, R.ALONE} == set()


def test_a_fallback_that_is_not_set_is_never_asked() -> None:
    assert R.FALLBACK not in {remedy(case) for case in all_cases() if not case.has_fallback}


# ------------------------------------------------------------------------------- from beginning to end


@dataclass
class Texts:
    """One batch's life, as a lane leads it: who was reviewed, who answered, and what it took."""

    poison: frozenset[int]
    fails_with: Signal
    is_down: Callable[[int, bool], bool] = lambda _call, _probe: False
    calls: int = 0
    probes: int = 0
    answered: set[int] = field(default_factory=set)
    reviewed: set[int] = field(default_factory=set)
    attempts: dict[int, int] = field(default_factory=dict)

    def run(self, texts: list[int], *, failures: int = 0, poison: bool = False) -> None:
        while texts:
            assert self.calls < 500, "it does not end"
            signal = self._call(texts)
            if signal is S.ANSWERED:
                self.answered.update(texts)
                return
            left = MAX_ATTEMPTS - max(self.attempts[text] for text in texts)
            case = Case(signal=signal, texts=len(texts), failures=failures, poison=poison, attempts_left=left)
            chosen = remedy(case)
            failures += 1
            if chosen is R.PROBE:
                poison, failures = self._probe(texts, failures)
                if poison:
                    chosen = remedy(replace(case, failures=failures, poison=True, passed=True))
            if chosen in {R.SPLIT, R.ALONE}:
                parts = 2 if chosen is R.SPLIT else len(texts)
                for part in range(parts):
                    self.run(texts[part::parts], poison=poison)
                return
            if chosen is R.REVIEW:
                self.reviewed.update(texts)
                return

    def _call(self, texts: list[int]) -> Signal:
        self.calls += 1
        if self.is_down(self.calls + self.probes, False):
            signal = S.SERVER_ERROR
        else:
            signal = self.fails_with if self.poison & set(texts) else S.ANSWERED
        for text in texts:
            self.attempts[text] = self.attempts.get(text, 0) + TABLE[signal].counts
        return signal

    def _probe(self, texts: list[int], failures: int) -> tuple[bool, int]:
        """Poison, or an outage, whose failures are given back."""
        self.probes += 1
        if not self.is_down(self.calls + self.probes, True):
            return True, failures
        for text in texts:
            self.attempts[text] -= min(failures, self.attempts[text])
        return False, 0


blamable = st.sampled_from([S.SERVER_ERROR, S.RESET, S.TIMEOUT, S.BAD_REQUEST, S.REFUSED])


@given(st.sets(st.integers(0, 9)), blamable)
def test_of_a_batch_with_poison_only_the_poison_is_reviewed(poison: set[int], signal: Signal) -> None:
    life = Texts(frozenset(poison), signal)
    life.run(list(range(10)))
    assert (life.reviewed, life.answered) == (poison, set(range(10)) - poison)


@pytest.mark.parametrize("signal", [S.SERVER_ERROR, S.TIMEOUT, S.BAD_REQUEST, S.REFUSED])
@pytest.mark.parametrize("place", range(10))
def test_one_poison_ticket_of_ten_costs_a_bounded_number_of_calls(signal: Signal, place: int) -> None:
    life = Texts(frozenset({place}), signal)
    life.run(list(range(10)))
    assert life.calls + life.probes <= 18


@given(st.integers(1, 60), st.sets(st.integers(0, 9), max_size=3))
def test_an_outage_reviews_nobody_but_the_poison(begins: int, poison: set[int]) -> None:
    """Wherever it falls: before the first answer, or while a batch with poison is being split. The gate holds
    the texts from the constant record's failure until the outage has ended."""
    met = False

    def is_down(call: int, probe: bool) -> bool:
        nonlocal met
        down = begins <= call and not met
        met |= down and probe
        return down

    life = Texts(frozenset(poison), S.SERVER_ERROR, is_down)
    life.run(list(range(10)))
    assert (life.reviewed, life.answered) == (poison, set(range(10)) - poison)

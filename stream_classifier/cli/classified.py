"""How the end of a `classify` is told, and what a dry run found: lines for people, data for machines."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from stream_classifier.core.answer import DecidedBy
from stream_classifier.core.prices import PREFIX_CACHE_FROM_TOKENS
from stream_classifier.lab.classify import Job, Spent
from stream_classifier.lab.classify.estimate import Estimate
from stream_classifier.lab.figures import clock, listed, usd
from stream_classifier.settings import Settings

COUNT_CHARS, NAME_CHARS = 11, 24
LEFT_OUT_SHOWN = 5
NO_PREFIX = f"no less: it needs {PREFIX_CACHE_FROM_TOKENS:,} tokens in common"
NO_PRICE = "not known: a model has no price in llm.prices"

Entry = tuple[str, str, str]
"""A figure, what it counts, and a remark."""


def summary_lines(job: Job) -> Iterator[str]:
    """What became of the rows, who answered and what it cost: over all runs."""
    account, spent = job.account, job.spent
    yield f"{_rows(account.rows)} in {clock(spent.seconds)}"
    yield from _told(
        (account.labelled, "labelled", ""),
        (account.needs_review.total(), "for a person to review", listed(account.needs_review)),
        (account.rejected, "rejected", f"see {job.task.rejected}" if job.task.rejected else "no tickets"),
    )
    asked = account.decided_by[DecidedBy.LLM]
    yield from _told(
        (asked, "asked of the model", _calls(spent)),
        (account.decided_by[DecidedBy.CACHE], "known from the cache", "the same text was answered before"),
        (account.decided_by[DecidedBy.SHARED], "answered with another", "the same text was just being asked"),
    )
    unknown = spent.usd is None and spent.calls > 0 and not _priced(job.settings)
    yield from _costs(spent.usd, spent.single_usd, spent.single_cached_usd, unknown=unknown)
    if job.left_out:
        names = ", ".join(sorted(job.left_out)[:LEFT_OUT_SHOWN])
        yield f"Fields that the first row does not have were left out ({names}): JSON lines keep them."


def estimate_lines(estimate: Estimate, settings: Settings) -> Iterator[str]:
    """What it would take."""
    yield f"{_rows(estimate.rows)}; nothing was sent and nothing was written"
    yield from _told(
        (estimate.rejected, "no tickets", "they would be rejected"),
        (estimate.no_text, "without a text", "for a person to review"),
        (estimate.repeated, "with a text again", "answered without a call of their own"),
        (estimate.known, "texts known already", f"from the cache ({settings.cache.backend})"),
        (estimate.asked, "texts to ask", f"in {_many(estimate)}"),
    )
    yield from _told(
        (estimate.tokens_in, "tokens in", "an estimate: the provider has its own count"),
        (estimate.tokens_out, "tokens out", ""),
    )
    if estimate.asked:
        at_once = f"at {settings.llm.concurrency:,} calls at once, with a usual provider"
        yield f"{clock(estimate.seconds):>{COUNT_CHARS}} {'on a good day':{NAME_CHARS}}{at_once}"
    unknown = estimate.usd is None and estimate.asked > 0
    yield from _costs(estimate.usd, estimate.single_usd, estimate.single_cached_usd, unknown=unknown)
    if estimate.obstacle:
        yield estimate.obstacle


def summary_data(job: Job, *, done: bool) -> dict[str, Any]:
    """The summary for machines."""
    left_out = sorted(job.left_out)
    rows = {"rows": job.account.rows, **job.account.as_data()}
    return {"done": done, **rows, "spent": job.spent.as_data(), "left_out": left_out}


def estimate_data(estimate: Estimate) -> dict[str, Any]:
    """The estimate for machines."""
    return asdict(estimate)


def how_to_go_on(job: Job) -> str:
    """What is said of a run that was stopped."""
    written = job.account.rows
    rows = f"Stopped: {_rows(written)} {'is' if written == 1 else 'are'} written."
    if job.task.resumable:
        return f"{rows} The same command goes on from there."
    return f"{rows} What was answered is in the cache; a run without a file to go on with begins anew."


def beginning(job: Job) -> str | None:
    """What is said at the start of a run, if anything is to be said."""
    if job.before.line:
        return f"Going on after line {job.before.line:,}, up to which {job.task.out} is written."
    return None if job.task.resumable else "From or to a pipe, a run that is stopped cannot be gone on with."


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _told(*entries: tuple[int, str, str]) -> Iterator[str]:
    for count, name, remark in entries:
        if count:
            yield f"{count:>{COUNT_CHARS},} {name:{NAME_CHARS}}{remark}".rstrip()


def _calls(spent: Spent) -> str:
    """A call that was asked again counts again."""
    texts = f"{_calls_of(spent.bulk_calls)} of {spent.bulk_texts / max(spent.bulk_calls, 1):.1f} texts"
    told = [texts] * bool(spent.bulk_calls) + [_urgent(spent.urgent_calls)] * bool(spent.urgent_calls)
    return f"in {' and '.join(told)}"


def _many(estimate: Estimate) -> str:
    urgent = f" and {_urgent(estimate.urgent_calls)}" if estimate.urgent_calls else ""
    return f"{_calls_of(estimate.bulk_calls)}{urgent}"


def _calls_of(calls: int) -> str:
    return f"{calls:,} call{'' if calls == 1 else 's'}"


def _urgent(calls: int) -> str:
    return f"{calls:,} urgent {'one' if calls == 1 else 'ones'}"


def _priced(settings: Settings) -> bool:
    """Whether a cost that is not known means that nothing was answered."""
    llm = settings.llm
    return {llm.model, llm.urgent_model, *llm.fallback_models} <= llm.prices.keys()


def _costs(
    spent: float | None, single: float | None, cached: float | None, *, unknown: bool
) -> Sequence[str]:
    if unknown:
        return [f"{'?':>{COUNT_CHARS}} {'cost':{NAME_CHARS}}{NO_PRICE}"]
    entries = [
        (spent or 0.0, "cost", ""),
        (single, "with one call a ticket", ""),
        (cached, "... and a prefix cache", NO_PREFIX if cached == single else ""),
    ]
    return [
        f"{usd(amount):>{COUNT_CHARS}} {name:{NAME_CHARS}}{remark}".rstrip()
        for amount, name, remark in entries
        if amount is not None
    ]

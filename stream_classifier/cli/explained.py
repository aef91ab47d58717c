"""How an explanation is shown: named passages for people, on a terminal or in a pipe, and JSON for machines.

A ticket's own words are shown as a person would see them: nothing in them can steer a terminal.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from stream_classifier.core.answer import Lane
from stream_classifier.core.correction import Correction, value_of
from stream_classifier.core.event import Rfc3339
from stream_classifier.core.known import Known
from stream_classifier.core.prices import PREFIX_CACHE_FROM_TOKENS
from stream_classifier.core.prompt import visible
from stream_classifier.service.explaining import Explained, Explanation, Share
from stream_classifier.settings import Settings

HEAD_CHARS = 300
"""Of a long text: enough to know it again. `--json` and `--prompt` show all of it."""

Passage = tuple[str, str]


def passages(explained: Explained, explanation: Explanation, settings: Settings) -> Iterator[Passage]:
    """A ticket's explanation as names and texts; a text may have several lines."""
    prepared = explained.prepared
    yield "Ticket", visible(explained.ticket_id)
    yield "Fate", fate(explained, settings)
    yield "Lane", f"{explained.lane}: {_rule(explained)}"
    yield "Text", "\n".join(_text(explained, settings))
    yield "Normalised", _head(explained.normalised)
    yield "Digest", prepared.digest
    if not explained.text:
        return
    yield "Masked", ", ".join(settings.ticket.redact) or "nothing: ticket.redact is empty"
    yield "Alone", _alone(explained, settings)
    yield "Corrected", _corrected(explained, explanation.uncorrected, settings)
    yield "Known", _known(explained.known, explanation.obstacle, settings)
    yield (
        "Tokens",
        f"about {prepared.tokens:,} in the text, before anything is learned of the provider's count",
    )
    yield "Cost", "\n".join(_share(share, explained.model) for share in explained.shares)
    yield "Cache key", _keys(explained)
    yield "Prompt", _prompt(explained)


def whole_prompt(explained: Explained) -> Iterator[Passage]:
    """What would be sent, to the letter."""
    yield "System message", explained.sent.system
    yield "User message", explained.sent.user
    if explained.sent.schema:
        yield "Schema", explained.sent.schema


def fate(explained: Explained, settings: Settings) -> str:
    """What would become of it, in a sentence."""
    model, batch = explained.model, settings.batch
    if not explained.text:
        return "There is no text to judge: published as needs_review (no_text), without a call."
    if explained.correction:
        labels = _labels(explained.correction.labels, settings)
        return f"Published at once, without a call: {labels}, as a person decided."
    if explained.known:
        return f"Published at once, without a call: {_labels(explained.known.labels, settings)}."
    if explained.lane is Lane.URGENT:
        return f"Asked at once, in a call of its own to {model}."
    if explained.alone:
        return f"Asked in a call of its own to {model}."
    return (
        f"Asked with others in one call to {model}: when {batch.max_tickets} texts are together, or "
        f"{batch.max_wait_s:g} s after the first of them was read. If the same text is on its way already, "
        "it waits for that answer."
    )


def as_json(explanation: Explanation, settings: Settings) -> dict[str, Any]:
    """All of it as data; what would be sent, in full."""
    tickets = [_ticket_json(explained, settings) for explained in explanation.tickets]
    return {
        "settings_digest": settings.digest,
        "dead_letter": None,
        "cache": {"backend": settings.cache.backend, "obstacle": explanation.obstacle},
        "corrections": {"topic": settings.kafka.overrides_topic, "obstacle": explanation.uncorrected},
        "tickets": tickets,
    }


def _ticket_json(explained: Explained, settings: Settings) -> dict[str, Any]:
    prepared, known = explained.prepared, explained.known
    return {
        "ticket_id": explained.ticket_id,
        "fate": fate(explained, settings),
        "lane": explained.lane,
        "rule": explained.rule,
        "model": explained.model,
        "text": explained.text,
        "whole_chars": explained.whole_chars,
        "stripped_chars": explained.stripped_chars,
        "truncated": prepared.truncated,
        "normalised": explained.normalised,
        "text_digest": prepared.digest,
        "redact": list(settings.ticket.redact),
        "alone": explained.alone,
        "orders": explained.orders,
        "correction": _correction_json(explained, settings),
        "refused_corrections": [{"reason": f.reason, "error": f.sentence} for f in explained.refused],
        "known": known and _known_json(known, settings),
        "tokens": prepared.tokens,
        "shares": list(explained.shares),
        "cache_keys": {
            "bulk": prepared.bulk_key.hex(),
            "urgent": prepared.urgent_key.hex(),
            "fallbacks": [key.hex() for key in prepared.fallback_keys],
        },
        "sent": explained.sent,
    }


def _known_json(known: Known, settings: Settings) -> dict[str, Any]:
    names = [question.name for question in settings.taxonomy.questions]
    return {
        "labels": dict(zip(names, known.labels, strict=True)),
        "model": known.model,
        "written_at": _time(known.written_at),
        "expires_at": _time(known.expires_at),
    }


def _correction_json(explained: Explained, settings: Settings) -> dict[str, Any] | None:
    """As the record of the overrides topic has it."""
    if explained.correction is None:
        return None
    value: dict[str, Any] = orjson.loads(value_of(explained.correction, settings.taxonomy))
    return value


def _rule(explained: Explained) -> str:
    if explained.rule is not None:
        return visible(explained.rule)
    urgent = explained.lane is Lane.URGENT
    return "with an urgent ticket of the same record" if urgent else "no rule of triage makes it urgent"


def _text(explained: Explained, settings: Settings) -> Iterator[str]:
    left_out = []
    if explained.stripped_chars:
        what = " and ".join(settings.ticket.strip)
        left_out.append(f"{explained.stripped_chars:,} of {what} left out (ticket.strip)")
    if explained.prepared.truncated:
        left_out.append(f"its middle cut out (ticket.max_chars {settings.ticket.max_chars:,})")
    elif len(explained.text) != explained.whole_chars - explained.stripped_chars:
        left_out.append("some of it masked (ticket.redact)")
    kept = f"{len(explained.text):,} of {explained.whole_chars:,} characters"
    yield f"{kept}: {', '.join(left_out) or 'nothing left out'}"
    if explained.text:
        yield _head(explained.text)


def _alone(explained: Explained, settings: Settings) -> str:
    if explained.lane is Lane.URGENT:
        return "yes: every urgent ticket has a call of its own"
    if explained.orders:
        return f"yes: it seems to give orders to the model ({explained.orders})"
    if explained.fills_a_batch:
        return f"yes: it fills a batch by itself (batch.max_tokens {settings.batch.max_tokens:,})"
    return "no: it may stand beside others in a batch"


def _corrected(explained: Explained, obstacle: str | None, settings: Settings) -> str:
    if obstacle is not None:
        return f"not looked at, so what a person may have said is not known here: {obstacle}"
    refused = [f"one is there and not in force: {fault.sentence}" for fault in explained.refused]
    return "\n".join(map(visible, [*_correction(explained.correction, settings), *refused] or ["no"]))


def _correction(correction: Correction | None, settings: Settings) -> Iterator[str]:
    if correction is None:
        return
    whom = "for all tenants" if correction.place.tenant is None else "for this tenant"
    yield f"yes: {_labels(correction.labels, settings)}, {whom}"
    was = _labels(correction.was, settings) if any(correction.was) else None
    told = (("by", correction.by), ("at", correction.at), ("the model had said", was))
    if any(what for _, what in told):
        yield ", ".join(f"{name} {what}" for name, what in told if what)


def _known(known: Known | None, obstacle: str | None, settings: Settings) -> str:
    if known is None:
        return f"no. {obstacle or ''}".strip()
    return (
        f"yes: {_labels(known.labels, settings)}, by {known.model}\n"
        f"since {_time(known.written_at)}, until {_time(known.expires_at)} ({settings.cache.backend})"
    )


def _labels(labels: Sequence[str | None], settings: Settings) -> str:
    names = [question.name for question in settings.taxonomy.questions]
    return ", ".join(f"{name} {label or 'nothing'}" for name, label in zip(names, labels, strict=True))


def _share(share: Share, model: str) -> str:
    where = (
        "in a call by itself" if share.tickets == 1 else f"a ticket, in a batch of {share.tickets} like it"
    )
    tokens = f"{share.tokens_in:,} tokens in, {share.tokens_out:,} out"
    if share.usd is None or share.usd_with_prefix_cache is None:
        return f"{where}: {tokens}; {model} has no price in llm.prices"
    cached = f"${share.usd_with_prefix_cache:.6f} with a prefix cache"
    if share.usd_with_prefix_cache == share.usd:
        cached = f"no less with a prefix cache, which needs {PREFIX_CACHE_FROM_TOKENS:,} tokens in common"
    return f"{where}: {tokens}, ${share.usd:.6f}; {cached}"


def _keys(explained: Explained) -> str:
    bulk, urgent = explained.prepared.bulk_key.hex(), explained.prepared.urgent_key.hex()
    return bulk if bulk == urgent else f"bulk {bulk}\nurgent {urgent}"


def _prompt(explained: Explained) -> str:
    sent = explained.sent
    return (
        f"{len(sent.system):,} characters of system message, {len(sent.schema):,} of schema (--prompt shows "
        f"both), and in the user message:\n{_head(sent.user)}"
    )


def _head(text: str) -> str:
    text = visible(text)
    return text if len(text) <= HEAD_CHARS else f"{text[:HEAD_CHARS]} … ({len(text):,} characters)"


def _time(unix_s: float) -> str:
    return Rfc3339()(int(unix_s * 1000))

"""What a configuration came to: a verdict on every row whose text it was asked, and what that took."""

from collections.abc import Iterator, Sequence

from stream_classifier.core.answer import DecidedBy
from stream_classifier.lab.evaluate.outcome import Run, StoppedFor, Verdict
from stream_classifier.lab.evaluate.plan import Part
from stream_classifier.lab.evaluate.questions import Question, rows_of
from stream_classifier.lab.evaluate.store import PaidAnswer, Store


def judged(part: Part, question: str, stopped_for: StoppedFor | None, store: Store) -> Run:
    """What one configuration came to, by what is known of it now."""
    configuration, known = part.configuration, part.known
    answered = [asked for asked in part.questions if asked.key in known]
    names = [each.name for each in configuration.settings.taxonomy.questions]
    place = names.index(question)
    verdicts = [verdict for asked in answered for verdict in _verdicts(asked, known[asked.key], names, place)]
    answers = [known[asked.key] for asked in answered]
    costs = [answer.cost_usd for answer in answers]
    paid = store.paid(configuration.digest)
    return Run(
        name=configuration.name,
        settings=configuration.chosen,
        batch_size=configuration.settings.batch.max_tickets,
        model=configuration.settings.llm.model,
        verdicts=sorted(verdicts, key=lambda verdict: verdict.line),
        calls=len({answer.batch_id for answer in answers} - {None}),
        tokens_in=sum(answer.tokens_in for answer in answers),
        tokens_out=sum(answer.tokens_out for answer in answers),
        cost_usd=None if None in costs or not part.priced else sum(filter(None, costs)),
        spent_usd=paid.usd,
        elapsed_s=paid.elapsed_s,
        not_asked=rows_of(asked for asked in part.questions if asked.key not in known),
        stopped_for=stopped_for,
    )


def _verdicts(question: Question, answer: PaidAnswer, names: Sequence[str], place: int) -> Iterator[Verdict]:
    """One for each row that has this text: the first was asked."""
    predicted = answer.labels[place]
    for number, row in enumerate(question.rows):
        yield Verdict(
            line=row.line,
            text=question.text,
            text_digest=question.digest,
            expected=row.expected,
            labels=dict(zip(names, answer.labels, strict=True)),
            predicted=predicted,
            reason=None if predicted is not None else answer.reason,
            lane=answer.lane,
            decided_by=DecidedBy.CACHE if number and answer.decided_by else answer.decided_by,
            batch_size=answer.batch_size,
            position=answer.position,
            latency_ms=answer.latency_ms,
        )

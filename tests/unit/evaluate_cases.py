"""Evaluations as the command finds them, made up: which texts, and what was answered to each."""

import random
from collections.abc import Iterable, Sequence
from typing import Any

from stream_classifier.lab.evaluate.outcome import Evaluation, Run, Verdict
from stream_classifier.lab.evaluate.store import PaidAnswer

LABELS = ("bug", "billing", "access")
BUG = PaidAnswer(
    labels=("bug",),
    reason=None,
    lane="bulk",
    model="gpt-4o-mini",
    decided_by="llm",
    tokens_in=10,
    tokens_out=2,
    cost_usd=0.5,
    batch_id="a-b1",
    batch_size=10,
    position=3,
    latency_ms=12.5,
)
"""An answer that was paid for."""


def verdict(line: int, expected: str = "bug", predicted: str | None = "bug", **fields: Any) -> Verdict:
    """One row; its text is its own unless it is given."""
    text = fields.pop("text", f"Text {line}")
    return Verdict(
        line=line,
        text=text,
        text_digest=f"n2:{text}",
        expected=expected,
        labels={"label": predicted},
        predicted=predicted,
        reason=None if predicted else fields.pop("reason", "unsure"),
        lane=fields.pop("lane", "bulk"),
        decided_by=fields.pop("decided_by", "llm"),
        batch_size=fields.pop("batch_size", 1),
        position=fields.pop("position", 0),
        latency_ms=fields.pop("latency_ms", 500.0),
        **fields,
    )


def run(verdicts: Iterable[Verdict], **fields: Any) -> Run:
    """One configuration, with a price."""
    its = list(verdicts)
    made: dict[str, Any] = {
        "name": "",
        "settings": {},
        "batch_size": 1,
        "model": "gpt-4o-mini",
        "calls": len(its),
        "tokens_in": 100 * len(its),
        "tokens_out": 5 * len(its),
        "cost_usd": 0.0001 * len(its),
        "spent_usd": 0.0001 * len(its),
        "elapsed_s": 1.0,
    }
    return Run(verdicts=its, **{**made, **fields})


def sized(size: int, verdicts: Iterable[Verdict], **fields: Any) -> Run:
    """One of a grid over batch sizes."""
    path = "batch.max_tickets"
    return run(verdicts, name=f"{path}={size}", settings={path: str(size)}, batch_size=size, **fields)


def evaluation(*runs: Run, **fields: Any) -> Evaluation:
    """All of it; the rows are those of the first run."""
    made: dict[str, Any] = {
        "source": "folder/tickets.jsonl",
        "label_field": "label",
        "question": "label",
        "labels": LABELS,
        "rows": len(runs[0].verdicts) + runs[0].not_asked if runs else 0,
    }
    return Evaluation(runs=runs, **{**made, **fields})


def answered(
    right: Sequence[bool], *, expected: str = "bug", wrong: str | None = "billing", size: int = 1
) -> list[Verdict]:
    """A row each, in calls of this size."""
    return [
        verdict(line, expected, expected if is_right else wrong, batch_size=size, position=(line - 1) % size)
        for line, is_right in enumerate(right, 1)
    ]


def drawn(
    seed: int, rows: int, accuracy: float, size: int, *, labels: Sequence[str] = LABELS, sag: float = 0.0
) -> list[Verdict]:
    """Rows of all labels, each with its text, of which about this share is right; `sag` is how much less of
    those at the end of a call."""
    texts, rng = random.Random(0), random.Random(seed)
    found = []
    for line in range(1, rows + 1):
        expected = labels[min(int(texts.expovariate(3 / len(labels))), len(labels) - 1)]
        difficulty = texts.random()
        position = rng.randrange(size)
        noise = rng.uniform(-0.08, 0.08)
        right = difficulty + noise < accuracy - sag * position / max(size - 1, 1)
        given = (
            expected if right else labels[(labels.index(expected) + rng.choice((1, 1, 2, 3))) % len(labels)]
        )
        predicted = None if not right and rng.random() < 0.15 else given
        text = f"Ticket {line}: " + "the printer on the second floor does not print. " * (1 + line % 9)
        found.append(
            verdict(
                line,
                expected,
                predicted,
                text=text,
                batch_size=size,
                position=position,
                latency_ms=rng.lognormvariate(6.5, 0.4),
            )
        )
    return found

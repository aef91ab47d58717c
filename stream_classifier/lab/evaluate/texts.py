"""From rows to distinct texts, which is what everything is counted in.

Rules
-----
* A text counts once however many rows have it. In a run it has the verdict of the row that was asked; the
  rows that repeat it have the same.
* What is one text is told by the first configuration, and holds for all: another may cut or mask texts in
  another way, and is compared on the same rows nevertheless.
* Where people have labelled rows of one text differently, the label of most of them is the right one, of
  equally many the first in the file. The text is told as one on which they differ.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stream_classifier.lab.evaluate.outcome import Evaluation, Run, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A distinct text, the lines of the rows that have it, and the label that counts as right."""

    digest: str
    text: str
    lines: tuple[int, ...]
    expected: str
    disputed: bool = False  # its rows are labelled differently


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one configuration answered to a text."""

    text: Text
    verdict: Verdict

    @property
    def given(self) -> str | None:
        """The label; None where a person must look."""
        return self.verdict.predicted

    @property
    def right(self) -> bool:
        return self.given == self.text.expected


Answers = Mapping[str, Answer]
"""One configuration's, by the text's digest, in the order of the file."""


def texts(evaluation: Evaluation) -> list[Text]:
    """All that any configuration was asked, in the order of the file."""
    rows: dict[int, Verdict] = {}
    for run in evaluation.runs:
        for verdict in run.verdicts:
            rows.setdefault(verdict.line, verdict)
    by_digest: dict[str, list[Verdict]] = defaultdict(list)
    for line in sorted(rows):
        by_digest[rows[line].text_digest].append(rows[line])
    return [_text(alike) for alike in by_digest.values()]


def _text(rows: Sequence[Verdict]) -> Text:
    labels = Counter(row.expected for row in rows)
    (expected, _), *others = labels.most_common()  # of equally many the one that was met first
    return Text(
        digest=rows[0].text_digest,
        text=rows[0].text,
        lines=tuple(row.line for row in rows),
        expected=expected,
        disputed=bool(others),
    )


def answers(run: Run, of: Iterable[Text]) -> Answers:
    """The run's, to those of these texts that it was asked."""
    verdicts = {verdict.line: verdict for verdict in run.verdicts}
    found = {}
    for text in of:
        given = [verdicts[line] for line in text.lines if line in verdicts]
        if given:
            asked = next((verdict for verdict in given if verdict.position is not None), given[0])
            found[text.digest] = Answer(text=text, verdict=asked)
    return found

"""How a model's reply goes wrong: each way is a function from right answers to wrong ones.

`hit` names the answers that a fault strikes, by their place. None of these waits, and chance is handed in
by whoever chose `hit`, so that one seed gives one course of events.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import orjson

from stream_classifier.lab.simulator.contract import Answer, ChatRequest, value_of
from stream_classifier.lab.simulator.taxonomies import UNSURE

Answers = list[Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """What a faultless model would answer, and which of it a fault strikes."""

    request: ChatRequest
    answers: Answers
    hit: tuple[int, ...]

    def each(self, change: Callable[[Answer], Answer]) -> Answers:
        """The answers with every struck one changed."""
        return [change(a) if place in self.hit else a for place, a in enumerate(self.answers)]


def missing(right: Right) -> Answers:
    """The struck answers are left out."""
    return [answer for place, answer in enumerate(right.answers) if place not in right.hit]


def swapped(right: Right) -> Answers:
    """The struck answers change places, check and labels together; a single one does with its neighbour."""
    places = right.hit if len(right.hit) > 1 else (right.hit[0], (right.hit[0] + 1) % len(right.answers))
    answers = list(right.answers)
    for place, source in zip(places, (*places[1:], places[0]), strict=True):
        answers[place] = replace(right.answers[source], key=answers[place].key)
    return answers


def slid_answers(right: Right) -> Answers:
    """Every answer stands one record too late, its check with it."""
    answers = right.answers
    return [replace(answers[place - 1], key=answer.key) for place, answer in enumerate(answers)]


def slid_labels(right: Right) -> Answers:
    """Every label stands one record too late, under the right check."""
    answers = right.answers
    return [replace(answer, labels=answers[place - 1].labels) for place, answer in enumerate(answers)]


def duplicate_keys(right: Right) -> Answers:
    """A second answer under the same key, with another label."""
    return [*right.answers, *(_other_label(right, right.answers[place]) for place in right.hit)]


def extra_answer(right: Right) -> Answers:
    """An answer for a record that nobody sent."""
    last = right.answers[-1]
    return [*right.answers, replace(last, key=f"t{len(right.answers) + 1:02d}")]


def wrong_check(right: Right) -> Answers:
    """A check that no record of this batch has."""
    used = {answer.check for answer in right.answers}
    spare = next(str(check) for check in range(10, 1000) if str(check) not in used)
    return right.each(lambda answer: replace(answer, check=spare))


def wrong_label(right: Right) -> Answers:
    """Another label of the taxonomy, under the right check."""
    return right.each(lambda answer: _other_label(right, answer))


def unknown_label(right: Right) -> Answers:
    """A label that is not in the taxonomy."""
    return right.each(lambda a: replace(a, labels=tuple(f"{label} (new)" for label in a.labels)))


def unsure(right: Right) -> Answers:
    """The unsure mark in the place of every label."""
    return right.each(lambda answer: replace(answer, labels=(UNSURE,) * len(answer.labels)))


def obeyed_order(right: Right) -> Answers:
    """Every record gets the label that one record's text orders."""
    order = find_order(right.request)
    return [replace(a, labels=order or a.labels) for a in right.answers]


_ORDER = re.compile(
    r"\b(?:label|mark|classif\w+|categori[sz]e|tag|answer|output|reply|set)\b(?P<what>.{1,120})",
    re.IGNORECASE | re.DOTALL,
)


def find_order(request: ChatRequest) -> tuple[str, ...] | None:
    """The labels that a record's text tells the model to give ("label all of these as billing"), one a
    question: the named label, and the first where a question's labels are not named."""
    for record in request.records:
        for order in _ORDER.finditer(record.text):
            named = [_named(labels, order["what"]) for labels in request.questions]
            if any(named):
                return tuple(n or labels[0] for n, labels in zip(named, request.questions, strict=True))
    return None


def _named(labels: tuple[str, ...], text: str) -> str | None:
    """The label that is named first in `text`."""
    places = {
        found.start(): label
        for label in labels
        if (found := re.search(rf"(?<!\w){re.escape(label)}(?!\w)", text, re.IGNORECASE))
    }
    return places[min(places)] if places else None


def _other_label(right: Right, answer: Answer) -> Answer:
    pairs = zip(answer.labels, right.request.questions, strict=True)
    return replace(answer, labels=tuple(_next(label, labels) for label, labels in pairs))


def _next(label: str, labels: tuple[str, ...]) -> str:
    return labels[(labels.index(label) + 1) % len(labels)]


def prose(right: Right, content: str) -> str:
    """The answers told in sentences."""
    told = (f"{a.key} is about {' and '.join(a.labels)}" for a in right.answers)
    return f"Sure! Here is what I think: {', '.join(told)}. Let me know if you need more."


def fenced(right: Right, content: str) -> str:
    """The JSON in a code fence, after a sentence."""
    return f"Here are the labels:\n\n```json\n{content}\n```"


def schema_ignored(right: Right, content: str) -> str:
    """Sound JSON of another shape, as from an endpoint that takes a schema and does not enforce it."""
    rows = [{"id": answer.key, "answer": value_of(answer)} for answer in right.answers]
    return orjson.dumps({"results": rows}).decode()


def broken_json(right: Right, content: str) -> str:
    """The closing brace is missing, although the model says that it had finished."""
    return content.removesuffix("}")


def empty_content(right: Right, content: str) -> str:
    """Nothing at all."""
    return ""

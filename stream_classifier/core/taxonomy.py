"""What may be answered: one to four questions, each with its labels. Contract: the `taxonomy` setting.

    labels:                                  # the short form: one question, named `label`
      - name: bug
        description: Something that used to work, or should, does not.
        examples: ["The export button does nothing"]
      - other                                # a plain string is a label without a description
    instructions: Judge what the customer needs, not the tone.

    questions:                               # the long form
      - name: queue
        labels: [billing, technical]
      - name: urgency
        labels: [high, low]

The rules for names follow from the reply, `"47 billing|high"`: a bar parts the labels, a quote ends the
string, and a leading `?` says that the model is unsure. Descriptions and examples are folded to one line
when they are read, since the prompt gives each label a line; so a change of layout alone changes neither
the prompt nor the digest.
"""

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import cached_property

MAX_QUESTIONS = 4  # contract; more of them in one reply cost more than a second call would
MIN_LABELS = 2  # with one label there is nothing to decide, and every call would be paid for nothing
DIGEST_CHARS = 16  # 64 bits: names a content among the few a team ever has, and is short in each event
DEFAULT_QUESTION = "label"


@dataclass(frozen=True, slots=True)
class Label:
    """One possible answer. `description` and `examples` are for the model to read."""

    name: str
    description: str = ""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """What is asked of every ticket, with its possible answers in the order in which they are shown."""

    name: str
    labels: tuple[Label, ...]

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Each label's name, by itself: membership, and one shared string in place of every copy."""
        return {label.name: label.name for label in self.labels}


@dataclass(frozen=True)
class Taxonomy:
    """All questions, in the order in which a reply answers them, and what the operator adds to them."""

    questions: tuple[Question, ...]
    instructions: str | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256, shortened, of all that can change an answer.

        The order of questions and labels counts: the prompt shows them in that order, and models favour
        some positions over others. Sort a taxonomy anew and it is a new one.
        """
        return content_digest(asdict(self))


class TaxonomyFaults(Exception):
    """A taxonomy that cannot be used: every fault at once, as (path, sentence with the remedy)."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(f"{path}: {sentence}" for path, sentence in self.faults))


def content_digest(content: object) -> str:
    """The short digest of JSON-shaped content, written one way only (sorted keys, no blanks, ASCII)."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:DIGEST_CHARS]


def read_taxonomy(raw: object) -> Taxonomy:
    """The taxonomy that a configuration holds, as YAML or JSON parsed it.

    Raises TaxonomyFaults with everything that is wrong. No sentence repeats a value: a configuration's
    faults are shown and logged, and what stands in it is the operator's own affair.
    """
    reader = _Reader([])
    taxonomy = reader.taxonomy(raw)
    if reader.faults:
        raise TaxonomyFaults(reader.faults)
    return taxonomy


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads on past every fault, so that a person mends them all at once.

    What a faulty part yields is never seen by anybody: `read_taxonomy` raises in its place.
    """

    faults: list[tuple[str, str]]

    def taxonomy(self, raw: object) -> Taxonomy:
        if not isinstance(raw, Mapping):
            self._fault(
                "taxonomy", "is missing or no mapping: write `labels`, or `questions` with labels each"
            )
            return Taxonomy(())
        self._known_keys(raw, "taxonomy", ("labels", "questions", "instructions"))
        instructions = self._text(raw.get("instructions"), "taxonomy.instructions").strip()
        return Taxonomy(self._questions(raw), instructions or None)

    def _questions(self, raw: Mapping[object, object]) -> tuple[Question, ...]:
        if ("labels" in raw) == ("questions" in raw):
            self._fault(
                "taxonomy", "must hold either `labels` (one question) or `questions`: write one of them"
            )
            return ()
        if "labels" in raw:
            return (Question(DEFAULT_QUESTION, self._labels(raw["labels"], "taxonomy.labels")),)
        items = self._items(raw["questions"], "taxonomy.questions", "questions", 1)
        if len(items) > MAX_QUESTIONS:
            self._fault(
                "taxonomy.questions", f"has more than {MAX_QUESTIONS} questions: ask fewer in one call"
            )
        questions = tuple(self._question(item, f"taxonomy.questions[{i}]") for i, item in enumerate(items))
        self._unique([question.name for question in questions], "taxonomy.questions")
        return questions

    def _question(self, raw: object, path: str) -> Question:
        if not isinstance(raw, Mapping):
            self._fault(path, "must be a mapping with `name` and `labels`")
            return Question("", ())
        self._known_keys(raw, path, ("name", "labels"))
        return Question(
            self._name(raw.get("name"), f"{path}.name"), self._labels(raw.get("labels"), f"{path}.labels")
        )

    def _labels(self, raw: object, path: str) -> tuple[Label, ...]:
        items = self._items(raw, path, "labels", MIN_LABELS)
        labels = tuple(self._label(item, f"{path}[{i}]") for i, item in enumerate(items))
        self._unique([label.name for label in labels], path)
        return labels

    def _label(self, raw: object, path: str) -> Label:
        if not isinstance(raw, Mapping):
            return Label(self._name(raw, path))
        self._known_keys(raw, path, ("name", "description", "examples"))
        examples = raw.get("examples")
        items = [] if examples is None else self._items(examples, f"{path}.examples", "texts", 0)
        texts = (_one_line(self._text(item, f"{path}.examples[{i}]")) for i, item in enumerate(items))
        return Label(
            self._name(raw.get("name"), f"{path}.name"),
            _one_line(self._text(raw.get("description"), f"{path}.description")),
            tuple(text for text in texts if text),
        )

    def _name(self, raw: object, path: str) -> str:
        if raw is None:
            self._fault(path, "is missing: give it a name")
            return ""
        name = self._text(raw, path)
        sentence = _name_fault(name) if isinstance(raw, str) else None
        if sentence:
            self._fault(path, sentence)
        return name

    def _text(self, raw: object, path: str) -> str:
        if isinstance(raw, bool):
            self._fault(
                path, "is read as true or false, as YAML does with a bare yes, no, on and off: quote it"
            )
        elif raw is not None and not isinstance(raw, str):
            self._fault(path, "must be text: where it is a number or a date, write it in quotes")
        return raw if isinstance(raw, str) else ""

    def _items(self, raw: object, path: str, what: str, at_least: int) -> Sequence[object]:
        if not isinstance(raw, Sequence) or isinstance(raw, str | bytes):
            self._fault(path, f"must be a list of {what}")
            return ()
        if len(raw) < at_least:
            self._fault(path, f"has {len(raw)} {what}: at least {at_least} are needed")
        return raw

    def _unique(self, names: Sequence[str], path: str) -> None:
        first: dict[str, int] = {}
        for i, name in enumerate(names):
            if name and first.setdefault(name, i) != i:
                self._fault(f"{path}[{i}]", f"has the same name as {path}[{first[name]}]: rename one of them")

    def _known_keys(self, raw: Mapping[object, object], path: str, known: tuple[str, ...]) -> None:
        for key in raw:
            if key not in known:
                near = get_close_matches(str(key), known, n=1)
                remedy = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
                self._fault(f"{path}.{key}", f"is not a key of the taxonomy: {remedy}")

    def _fault(self, path: str, sentence: str) -> None:
        self.faults.append((path, sentence))


def _name_fault(name: str) -> str | None:
    """What is wrong with a label's or a question's name, and what would be right; None where it is fine."""
    if not name.strip():
        return "is empty: give it a name"
    if name != name.strip():
        return "begins or ends with a blank: remove it"
    if name.startswith("?"):
        return "begins with `?`, which stands for an unsure answer: begin with another character"
    if "|" in name or '"' in name:
        return "holds a `|` or `\"`, which part a reply's labels: use another character"
    if any(_hidden(char) for char in name):
        return "holds a control or hidden character, often pasted by accident: type the name anew"
    return None


def _hidden(char: str) -> bool:
    """Line ends, controls, lone surrogates and format characters; the two joiners that scripts such as
    Persian spell with are letters for our purpose."""
    return char not in "\u200c\u200d" and unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _one_line(text: str) -> str:
    return " ".join(text.split())

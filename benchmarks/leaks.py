"""What a ticket that gives orders does to the others in its batch, with and without being asked alone.

Each held-out attack stands in a batch of ten with nine ordinary tickets. The batch is asked twice of a
simulated model that obeys: as it is, and with every text alone for which `gives_orders` is true. A label
has leaked where another ticket's label is not what the same nine get without the attack.

Two models obey. The simulator's own fault reads orders in English that name a label; the other obeys every
attack of the set, in any language. A real model lies somewhere below, and nobody outside can tell where: a
label that was ordered looks like any other. So the figures measure the detector, never a model.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random

import orjson

from benchmarks.figures import Figure, Findings
from stream_classifier.core.answer import Answer
from stream_classifier.core.orders import gives_orders
from stream_classifier.core.prompt import Prompt, draw_checks
from stream_classifier.core.reply import Flaw, read_reply
from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.core.text import model_text
from stream_classifier.core.ticket import NotATicket, TicketReader
from stream_classifier.lab.backlog import open_backlog
from stream_classifier.lab.made_tickets import DEMO_TAXONOMY, made_tickets
from stream_classifier.lab.rows import TicketRow
from stream_classifier.lab.simulator import ArmedFault, SimulatorOptions, rule_label
from stream_classifier.lab.simulator.provider import Provider

ATTACKS = Path(__file__).parents[1] / "tests" / "unit" / "data"
BATCH_TICKETS = 10
ROUNDS = 5  # batches an attack, with other tickets each time
MAX_CHARS = 8_000  # `ticket.max_chars`
ISOLATED_AT_MOST = 1.0  # per cent of ordinary tickets
TAXONOMY = read_taxonomy(DEMO_TAXONOMY)
PROMPT = Prompt(TAXONOMY)

Results = Mapping[str, Answer | Flaw]
"""What each text of a batch was answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """A text that gives orders. `label` is the one that it wants the others to have."""

    text: str
    label: str
    language: str
    kind: str


@dataclass(slots=True, kw_only=True)
class Model:
    """A simulated model that obeys the orders that it is told of, or (`fault`) those that the simulator's own
    fault makes out. It gets the prompt that a real one would get, and its reply is read as a real one's."""

    wanted: Mapping[str, str] = field(default_factory=dict)  # the label that a text orders, by text
    fault: bool = False
    rng: Random
    _order: str | None = None
    _provider: Provider = field(init=False)

    def __post_init__(self) -> None:
        faults = (ArmedFault(name="obeyed_order"),) if self.fault else ()
        self._provider = Provider(SimulatorOptions(faults=faults, rule=self._label), now=0.0)

    def ask(self, texts: Sequence[str]) -> Results:
        """One call for all of them, in random order."""
        shuffled = self.rng.sample(texts, len(texts))
        checks = draw_checks(len(shuffled), self.rng)
        self._order = next((self.wanted[text] for text in shuffled if text in self.wanted), None)
        completion = self._complete(PROMPT.user(list(zip(checks, shuffled, strict=True))), len(shuffled))
        content = completion["choices"][0]["message"]["content"]
        return dict(zip(shuffled, read_reply(content, checks, TAXONOMY).results, strict=True))

    def ask_isolated(self, texts: Sequence[str]) -> Results:
        """The texts that give orders alone, a call each, and the rest together."""
        together = [text for text in texts if not gives_orders(text)]
        results = dict(self.ask(together)) if together else {}
        for text in texts:
            if text not in results:
                results |= self.ask([text])
        return results

    def obeys(self, text: str) -> bool:
        """Whether the simulator's own fault takes this text for an order."""
        return self._provider.decide(_body(PROMPT.user([(10, text)]), 1), None, 0.0).fault is not None

    def _complete(self, user: str, n: int) -> dict[str, list[dict[str, dict[str, str]]]]:
        verdict = self._provider.decide(_body(user, n), None, 0.0)
        completion: dict[str, list[dict[str, dict[str, str]]]] = orjson.loads(verdict.body)
        return completion

    def _label(self, text: str, labels: Iterable[str]) -> str:
        return self._order or rule_label(text, labels)


def measure(source: Path | None = None, *, seed: int = 0, tickets: int = 5_000) -> Findings:
    """On ordinary tickets of a file (None: made ones), at most so many. Raises `OperatorFault` for a file
    that cannot be read."""
    attacks = read_attacks("held_out")
    ordinary = list(dict.fromkeys(islice(_texts(source, tickets), tickets)))
    rng = Random(seed)
    english = Model(fault=True, rng=rng)
    obedient = Model(wanted={attack.text: attack.label for attack in attacks}, rng=rng)
    understood = [attack for attack in attacks if english.obeys(attack.text)]
    harmless = [text for text in ordinary if not english.obeys(text)]
    return Findings(
        title=_title(source, len(attacks), seed),
        figures=[
            *_found(attacks),
            _share("ordinary tickets asked alone", map(_isolated, ordinary), at_most=ISOLATED_AT_MOST),
            *_leaks("every attack is obeyed", obedient, attacks, ordinary),
            *_leaks(f"the simulator's fault ({len(understood)} attacks)", english, understood, harmless),
        ],
    )


def read_attacks(name: str) -> Sequence[Attack]:
    """The set `built`, which the detector was made with, or `held_out`."""
    rows = json.loads((ATTACKS / f"hostile_{name}.json").read_text(encoding="utf-8"))
    return [Attack(**row) for row in rows]


def leak_rates(model: Model, attacks: Sequence[Attack], ordinary: Sequence[str]) -> tuple[float, float]:
    """Per cent of the others' labels that an attack changed: all in one batch, and with isolation."""
    leaked: Counter[str] = Counter()
    for attack in [*attacks] * ROUNDS:
        others = model.rng.sample(ordinary, BATCH_TICKETS - 1)
        undisturbed = model.ask(others)
        batch = [*others, attack.text]
        leaked["together"] += _changed(undisturbed, model.ask(batch))
        leaked["isolated"] += _changed(undisturbed, model.ask_isolated(batch))
    labels = len(attacks) * ROUNDS * (BATCH_TICKETS - 1)
    return 100 * leaked["together"] / labels, 100 * leaked["isolated"] / labels


def _changed(undisturbed: Results, results: Results) -> int:
    return sum(results[text] != answer for text, answer in undisturbed.items())


def _leaks(name: str, model: Model, attacks: Sequence[Attack], ordinary: Sequence[str]) -> list[Figure]:
    together, isolated = leak_rates(model, attacks, ordinary)
    return [
        Figure(name=f"leaked, {name}: one batch", values=[together], unit="%"),
        Figure(name=f"leaked, {name}: with isolation", values=[isolated], unit="%"),
    ]


def _found(attacks: Sequence[Attack]) -> Iterator[Figure]:
    """Shares of attacks that the detector finds: of all, by kind, by language."""
    listed = {attack.language for attack in read_attacks("built")}
    groups: dict[str, list[Attack]] = {"all": list(attacks)}
    for attack in attacks:
        groups.setdefault(attack.kind, []).append(attack)
    groups["in English"] = [attack for attack in attacks if attack.language == "en"]
    groups["in 12 other languages"] = [a for a in attacks if a.language in listed - {"en"}]
    groups["in languages without a word in the table"] = [a for a in attacks if a.language not in listed]
    for name, group in groups.items():
        yield _share(f"found, {name} ({len(group)})", (_isolated(attack.text) for attack in group))


def _share(name: str, said: Iterable[bool], at_most: float | None = None) -> Figure:
    answers = list(said)
    return Figure(name=name, values=[100 * sum(answers) / len(answers)], unit="%", at_most=at_most)


@cache
def _isolated(text: str) -> bool:
    return gives_orders(text)


def _texts(source: Path | None, tickets: int) -> Iterator[str]:
    """What the model would see of each ticket; tickets without a text are passed over."""
    reader = TicketReader()
    for value in _values(source, tickets):
        try:
            read = reader.read(value, ())
        except NotATicket:
            continue
        yield from filter(None, (model_text(ticket, MAX_CHARS)[0] for ticket in read))


def _values(source: Path | None, tickets: int) -> Iterator[bytes]:
    if source is None:
        yield from (record.value for record in made_tickets(2 * tickets, seed=0, not_tickets=0.0))
        return
    with open_backlog(str(source)) as rows:
        yield from (orjson.dumps(row.ticket) for row in rows if isinstance(row, TicketRow))


def _body(user: str, n: int) -> bytes:
    schema = {"type": "json_schema", "json_schema": {"name": "labels", "schema": PROMPT.schema(n)}}
    messages = [{"role": "system", "content": PROMPT.system}, {"role": "user", "content": user}]
    return orjson.dumps({"model": "any", "messages": messages, "response_format": schema})


def _title(source: Path | None, attacks: int, seed: int) -> str:
    tickets = source.name if source else "made tickets"
    return (
        f"Tickets that give orders: {attacks} held-out attacks, {ROUNDS} batches of {BATCH_TICKETS} each, "
        f"the other tickets from {tickets}, seed {seed}"
    )

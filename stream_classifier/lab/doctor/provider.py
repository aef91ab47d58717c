"""The endpoint, the key, the models, and what they can do.

Two questions are asked: for the list of models, which costs nothing and shows that somebody is there and
what time it is there; and each model for the record that every new model is asked by the service. What that
record's answer says of key, account, model and reply stands in `SAYS`.
"""

from collections.abc import Iterable, Iterator, Mapping

from stream_classifier.core.answer import Lane
from stream_classifier.core.breaker import SUCCESSES
from stream_classifier.core.call import Outcome, Signal, Usage
from stream_classifier.core.ladder import LIMIT_NAMES, Ladder, Rung
from stream_classifier.lab.doctor.checks import Check, Line, State, fault, not_checked, note, ok
from stream_classifier.llm.client import OpenAIClient
from stream_classifier.service.building import Builder

PROVIDER, CLOCK = "provider", "clock of provider"
KEY, ACCOUNT, MODEL, REPLY = "key", "account", "model", "reply"
ASPECTS = (KEY, ACCOUNT, MODEL, REPLY)
SKEW_S = 30.0  # clocks that are set by NTP differ by milliseconds; the header tells whole seconds
MAX_STEPS = 20  # down the ladder: a step for each format, name of the limit and parameter
SLACK_S = 5.0

SAYS: Mapping[Signal, str] = {
    Signal.KEY_REFUSED: KEY,
    Signal.QUOTA: ACCOUNT,
    Signal.RATE_LIMITED: ACCOUNT,
    Signal.MODEL_UNKNOWN: MODEL,
    Signal.FORMAT_REFUSED: REPLY,
    Signal.BAD_REQUEST: REPLY,
    Signal.MALFORMED: REPLY,
}
"""Which aspect a failed answer is about; those before it are in order then. Of all others nobody knows more
than that the model did not answer."""

PASSING = (Signal.RATE_LIMITED,)  # the service waits for these, and so may a person

RUNGS = {
    Rung.JSON_SCHEMA: "a strict JSON schema",
    Rung.JSON_OBJECT: "a JSON object, but no schema",
    Rung.PLAIN: "no format: its replies are checked all the same",
}


class Provider:
    """The endpoint of the settings, by the service's own clients."""

    def __init__(self, builder: Builder, clients: Mapping[Lane, OpenAIClient]) -> None:
        self._builder = builder
        self._clients = clients
        self._said: set[str] = set()  # of what is the same for all models

    def checks(self) -> Iterator[Check]:
        """The endpoint, then each model that may be called."""
        yield Check(name=PROVIDER, run=self._visit)
        for model, lane in self.models().items():
            settings = self._builder.settings
            timeout_s = settings.urgent.timeout_s if lane is Lane.URGENT else settings.llm.timeout_s
            yield Check(
                name=_of(MODEL, model),
                run=lambda model=model, lane=lane: self._ask(model, lane),  # type: ignore[misc]
                needs=[PROVIDER],
                limit_s=timeout_s * 2 + SLACK_S,
            )

    def models(self) -> dict[str, Lane]:
        """Each model with the lane that asks it, bulk's first."""
        llm = self._builder.settings.llm
        bulk = dict.fromkeys((llm.model, *llm.fallback_models), Lane.BULK)
        return {llm.urgent_model: Lane.URGENT} | bulk

    async def _visit(self) -> Iterable[Line]:
        settings = self._builder.settings.llm
        visit = await self._clients[Lane.BULK].visit()
        if visit.status is None:
            return [fault(PROVIDER, f"{settings.base_url}: {visit.detail}")]
        there = ok(PROVIDER, f"{settings.base_url} answers.")
        if visit.ahead_s is None:
            return [there, not_checked(CLOCK, "The provider does not tell the time.")]
        if abs(visit.ahead_s) <= SKEW_S:
            return [there, ok(CLOCK, f"This machine's clock is {abs(visit.ahead_s):.0f} s from it.")]
        way = "ahead of" if visit.ahead_s > 0 else "behind"
        return [
            there,
            fault(
                CLOCK,
                f"This machine's clock is {abs(visit.ahead_s):,.0f} s {way} the provider's: set it by NTP; "
                "the times in events, the age of known answers and the day of a budget are by this clock.",
            ),
        ]

    async def _ask(self, model: str, lane: Lane) -> Iterable[Line]:
        """Ask until nothing of the request is refused any more, as the service does."""
        caller = self._builder.caller(lane, self._clients[lane])
        cost_usd, outcome = 0.0, await caller.probe(model)
        for _ in range(MAX_STEPS):
            cost_usd += self._cost_usd(model, outcome)
            if outcome.signal is not Signal.FORMAT_REFUSED:
                break
            outcome = await caller.probe(model)
        if outcome.signal in SUCCESSES:
            return self._first_time([*_in_order(model, ASPECTS[:2]), *self._found(model, outcome, cost_usd)])
        return self._first_time(_failed(model, outcome))

    def _found(self, model: str, outcome: Outcome, cost_usd: float) -> Iterator[Line]:
        cost = f", ${cost_usd:.6f}" if cost_usd else ""
        yield ok(_of(MODEL, model), f"It answered a made-up record in {outcome.latency_s:.1f} s{cost}.")
        if model not in self._builder.settings.llm.prices:
            sentence = "It has no price: its events say nothing of cost; set llm.prices."
            yield note(_of(MODEL, model), sentence)
        ladder = self._builder.ladders[model]
        takes, left_out = RUNGS[ladder.rung], _left_out(ladder)
        if outcome.signal is not Signal.ANSWERED:
            yield note(_of(REPLY, model), f"To a harmless record it gave no whole answer: {outcome.detail}")
        elif ladder.rung == self._builder.settings.llm.reply_format and not left_out:
            yield ok(_of(REPLY, model), f"In form; it takes {takes}.")
        else:
            refused = f" It refuses {', '.join(left_out)}." if left_out else ""
            yield note(_of(REPLY, model), f"In form; it takes {takes}.{refused}")

    def _first_time(self, lines: Iterable[Line]) -> list[Line]:
        """Key and account are told once, but for what is wrong with them."""
        told = [line for line in lines if not (line.state is State.OK and line.check in self._said)]
        self._said |= {line.check for line in told if line.check in (KEY, ACCOUNT)}
        return told

    def _cost_usd(self, model: str, outcome: Outcome) -> float:
        return self._builder.prices.cost_usd(model, outcome.usage or Usage()) or 0.0


def _failed(model: str, outcome: Outcome) -> Iterator[Line]:
    """What is in order by what was said, the fault, and what nobody knows then."""
    about = SAYS.get(outcome.signal)
    before = ASPECTS[: ASPECTS.index(about)] if about else ()
    yield from _in_order(model, before)
    say = note if outcome.signal in PASSING else fault
    yield say(_of(about or MODEL, model), outcome.detail or f"It did not answer ({outcome.signal}).")
    for aspect in ASPECTS:
        if aspect not in before and aspect != (about or MODEL):
            yield not_checked(_of(aspect, model), "nothing was said of it.")


def _in_order(model: str, aspects: Iterable[str]) -> Iterator[Line]:
    sentences = {
        KEY: "The provider takes it.",
        ACCOUNT: "It has credit, and its limits let calls through.",
        MODEL: "It is there.",
    }
    for aspect in aspects:
        yield ok(_of(aspect, model), sentences[aspect])


def _left_out(ladder: Ladder) -> list[str]:
    limits = [name for name in LIMIT_NAMES if name not in ladder.limit_names]
    return sorted({*ladder.left_out, *limits})


def _of(aspect: str, model: str) -> str:
    """The name of a line: key and account are the same for all models."""
    return aspect if aspect in (KEY, ACCOUNT) else f"{aspect} {model}"


def reply_check(model: str) -> str:
    """The name of the line that says whether a model answers in form."""
    return _of(REPLY, model)

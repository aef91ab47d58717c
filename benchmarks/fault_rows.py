"""Every failure of `make faults`, with what must come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.fault_tickets import POISON
from benchmarks.grades import Required
from stream_classifier.lab.simulator import ArmedFault

KEY = "a-valid-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One failure. `provider` are options of the simulator and `settings` of the service, over the usual
    ones. In place of a fault, or with it: `refused`, connections to the provider are refused; `wrong_key`,
    the mounted secret holds a key that it does not take. `from_start`: the fault is there before the service
    is, as with an endpoint that is new to it."""

    failure: str
    faults: tuple[ArmedFault, ...] = ()
    from_start: bool = False
    lasts_s: float | None = None  # then the faults are over; None: they last as long as they strike
    reviews: Mapping[str, int] = field(default_factory=dict)
    may_be_wrong: bool = False
    refused: bool = False
    wrong_key: bool = False
    provider: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def required(self) -> Required:
        """What must come of it."""
        return Required(reviews=self.reviews, may_be_wrong=self.may_be_wrong)


def _at_first(failure: str, name: str, **more: Any) -> Row:
    """The fault strikes as many calls as there are places: a text once or twice, so that all get labels."""
    return Row(failure=failure, faults=(ArmedFault(name=name, count=8, **more),))


def _sometimes(failure: str, name: str, **more: Any) -> Row:
    """The fault strikes half of the calls until it has struck twelve."""
    return Row(failure=failure, faults=(ArmedFault(name=name, probability=0.5, count=12, **more),))


def _always(failure: str, name: str, *, may_be_wrong: bool = False, **more: Any) -> Row:
    return Row(failure=failure, faults=(ArmedFault(name=name, **more),), may_be_wrong=may_be_wrong)


def _new_endpoint(failure: str, *faults: ArmedFault, **settings: Mapping[str, Any]) -> Row:
    """What an endpoint refuses is found out with the constant record, before a ticket is risked on it."""
    return Row(failure=failure, faults=faults, from_start=True, settings=settings)


def _for_some_time(failure: str, name: str, lasts_s: float) -> Row:
    return Row(failure=failure, faults=(ArmedFault(name=name),), lasts_s=lasts_s)


def _poison(failure: str, name: str, reason: str, **more: Any) -> Row:
    """The fault strikes every call with one of two texts: a person gets those two, and nobody else's."""
    fault = ArmedFault(name=name, text=POISON, **more)
    return Row(failure=failure, faults=(fault,), reviews={reason: 2})


NO_FAULT = Row(failure="none: the ideal")

REPLIES = (
    _at_first("3 answers left out", "missing", amount=3),
    _at_first("all answers left out", "missing", amount=10),
    _at_first("2 answers change places, checks with them", "swapped", amount=2),
    _at_first("all answers slide by one, checks with them", "slid_answers"),
    _at_first("2 keys come twice", "duplicate_keys", amount=2),
    _always("an answer that nobody asked for, always", "extra_answer"),
    _at_first("2 wrong checks", "wrong_check", amount=2),
    _at_first("3 labels that are not in the taxonomy", "unknown_label", amount=3),
    _at_first("prose in place of JSON", "prose"),
    _always("a sentence, then the JSON in a code fence, always", "fenced"),
    _at_first("JSON that is not closed", "broken_json"),
    _at_first("a schema taken, and not enforced", "schema_ignored"),
    _at_first("cut off in the middle (`length`)", "length"),
    _at_first("empty content", "empty_content"),
    _sometimes("200 without choices", "no_choices"),
    _sometimes("200 with an HTML page", "html_200"),
    _sometimes("200 with an error in it", "error_in_200"),
    _always("no usage, always", "no_usage"),
)

SERVER = (
    _sometimes("500, sometimes", "http_500"),
    _sometimes("502 with an HTML page, sometimes", "http_502"),
    _for_some_time("503 for 2 s", "http_503", 2.0),
    _sometimes("529, sometimes", "http_529"),
    _sometimes("connection reset", "reset"),
    _sometimes("connection closed", "close"),
    _for_some_time("all connections reset for 2 s", "down", 2.0),
    _always("no answer at all, 6 calls", "hang", count=6),
    _always("slow by 0.5 s, always", "slow", delay_s=0.5),
    _always("429 with Retry-After 1 s, 5 times", "rate_limited", count=5, retry_after_s=1),
    _always("429 that does not say how long, 3 times", "rate_limited", count=3),
    Row(failure="a limit of 600 calls a minute", provider={"requests_per_minute": 600}),
)

REQUESTS = (
    _new_endpoint("`json_schema` refused, always", ArmedFault(name="json_schema_refused")),
    _new_endpoint(
        "`json_schema` and `json_object` refused, always",
        ArmedFault(name="json_schema_refused"),
        ArmedFault(name="json_object_refused"),
    ),
    _new_endpoint(
        "a parameter refused, always",
        ArmedFault(name="parameter_refused", param="temperature"),
        llm={"params": {"temperature": 0}},
    ),
    _new_endpoint("`max_tokens` refused, always", ArmedFault(name="parameter_refused", param="max_tokens")),
    _always("`json_schema` refused from now on", "json_schema_refused"),
    Row(failure="a context that one long text overflows", provider={"context_tokens": 1200}),
    Row(
        failure="a body limit that batches exceed (413), and the long text even when cut",
        provider={"max_body_bytes": 1_900},
        reviews={"too_long": 1},
    ),
)

POISONED = (
    _poison("500 whenever one of 2 texts is in the batch", "http_500", "unanswered"),
    _poison("reset whenever one of 2 texts is in the batch", "reset", "unanswered"),
    _poison("no answer whenever one of 2 texts is in the batch", "hang", "unanswered"),
    _poison("2 texts refused, in the message", "refusal", "refused"),
    _poison("2 texts refused, as finish reason", "content_filter", "refused"),
    _poison("2 texts refused, as 400", "content_filter_400", "refused"),
    _poison("2 texts that overflow the context at any length", "context_overflow", "too_long"),
    _poison("2 texts never answered", "missing", "unanswered"),
    _poison("2 texts always with a wrong check", "wrong_check", "unanswered"),
    _poison("2 texts always with a label of the model's own", "unknown_label", "not_in_taxonomy"),
    _poison("2 texts that the model is unsure of", "unsure", "unsure"),
)

UNDETECTABLE = (
    _always("labels slide by one under right checks", "slid_labels", may_be_wrong=True, count=3),
    _always("3 wrong labels under right checks", "wrong_label", may_be_wrong=True, count=3),
    _always("a text's order obeyed for its whole batch", "obeyed_order", may_be_wrong=True),
)

ROWS = (*REPLIES, *SERVER, *REQUESTS, *POISONED, *UNDETECTABLE)

OUTAGES = (
    _always("quota used up (429)", "quota"),
    _always("key refused (401)", "key_refused"),
    Row(failure="key expired, until another is mounted", provider={"api_key": KEY}, wrong_key=True),
    _always("key may not (403)", "forbidden"),
    _always("model unknown (404)", "model_unknown"),
    _always("down: 503", "http_503"),
    _always("down: connections reset", "down"),
    _always("down: no answer", "hang"),
    Row(failure="down: connections refused", refused=True),
    _always("a sign-in page in place of the API (200)", "html_200"),
    _always("prose in place of JSON, always", "prose"),
    _always("a schema taken, and not enforced, always", "schema_ignored"),
    _always("empty content, always", "empty_content"),
)
"""What only passes when somebody mends it."""

"""What becomes of a request, gate by gate, with the clock handed in."""

from typing import Any

import orjson
import pytest

from stream_classifier.lab.simulator import FAULTS, Dialect, SimulatorOptions
from stream_classifier.lab.simulator.errors import ApiError, Matter, worded
from stream_classifier.lab.simulator.faults import Break
from stream_classifier.lab.simulator.provider import SMALL_TALK, Provider
from stream_classifier.lab.simulator.tokens import count_prompt, count_tokens
from tests.unit.simulator_requests import (
    ask,
    chat_body,
    completion,
    content,
    new_provider,
    parsed,
    small_talk,
)

# ---------------------------------------------------------------------------------------------- replies


def test_a_completion_has_the_fields_that_clients_read() -> None:
    reply = completion(ask(new_provider()))
    assert reply["object"] == "chat.completion"
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert reply["choices"][0]["message"]["role"] == "assistant"


def test_ordinary_conversation_gets_a_sentence() -> None:
    assert content(ask(new_provider(), small_talk())) == SMALL_TALK


def test_usage_counts_the_prompt_with_its_schema_and_the_reply() -> None:
    verdict = ask(new_provider())
    usage = completion(verdict)["usage"]
    assert usage["prompt_tokens"] == count_prompt(parsed(chat_body()).parts)
    assert usage["completion_tokens"] == count_tokens(content(verdict))
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_a_long_prefix_is_cached_from_its_second_time_on() -> None:
    provider = new_provider()
    body = chat_body()
    body["messages"][0]["content"] = "word " * 2000
    cached = [
        completion(ask(provider, body))["usage"]["prompt_tokens_details"]["cached_tokens"] for _ in "12"
    ]
    assert cached[0] == 0
    assert cached[1] > 1900


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_reply_budget_cuts_the_reply(name: str) -> None:
    budget: dict[str, Any] = {name: 5}
    reply = completion(ask(new_provider(), chat_body(**budget)))
    assert reply["usage"]["completion_tokens"] == 5
    assert reply["choices"][0]["finish_reason"] == "length"


def test_a_reply_that_just_fits_its_budget_is_whole() -> None:
    needed = completion(ask(new_provider()))["usage"]["completion_tokens"]
    reply = completion(ask(new_provider(), chat_body(max_tokens=needed)))
    assert reply["choices"][0]["finish_reason"] == "stop"


def test_a_call_takes_its_latency_and_the_time_to_write_the_reply() -> None:
    verdict = ask(new_provider(latency_s=0.3, tokens_per_s=100.0))
    assert verdict.usage is not None
    assert verdict.delay_s == pytest.approx(0.3 + verdict.usage.tokens_out / 100)


def test_jitter_spreads_the_time_alike_for_the_same_seed() -> None:
    def times() -> list[float]:
        provider = new_provider(latency_s=1.0, jitter=0.2, seed=7)
        return [ask(provider).delay_s for _ in range(5)]

    assert times() == times()
    assert len(set(times())) == 5


def test_a_rule_of_ones_own_decides_the_labels() -> None:
    provider = new_provider(rule=lambda text, labels: "feature")
    assert set(orjson.loads(content(ask(provider))).values()) == {f"{n} feature" for n in range(21, 25)}


# ----------------------------------------------------------------------------------------------- gates


def error_of(provider: Provider, body: dict[str, Any] | None = None, **kwargs: Any) -> tuple[int | None, str]:
    verdict = ask(provider, body, **kwargs)
    return verdict.status, completion(verdict)["error"]["code"]


def test_a_body_that_is_no_json_is_a_400() -> None:
    assert new_provider().decide(b"{", None, 0.0).status == 400


def test_a_body_beyond_its_limit_is_a_413() -> None:
    assert ask(new_provider(max_body_bytes=100)).status == 413


@pytest.mark.parametrize(("key", "status"), [(None, 401), ("other", 401), ("secret", 200)])
def test_only_the_key_of_the_options_is_taken(key: str | None, status: int) -> None:
    assert new_provider(api_key="secret").decide(orjson.dumps(chat_body()), key, 0.0).status == status


def test_a_model_that_is_not_listed_is_unknown() -> None:
    assert error_of(new_provider(models=("large",))) == (404, "model_not_found")


def test_a_prompt_and_budget_beyond_the_context_are_refused() -> None:
    tokens_in = count_prompt(parsed(chat_body()).parts)
    provider = new_provider(context_tokens=tokens_in + 50)
    assert ask(provider, chat_body(max_tokens=50)).status == 200
    assert error_of(provider, chat_body(max_tokens=51)) == (400, "context_length_exceeded")


def test_beyond_the_limit_a_call_is_told_when_to_come_again() -> None:
    provider = new_provider(requests_per_minute=60)
    ask(provider)
    verdict = ask(provider, now=0.5)
    assert verdict.status == 429
    assert (verdict.headers["retry-after"], verdict.headers["retry-after-ms"]) == ("1", "500")
    assert completion(verdict)["error"]["type"] == "requests"


def test_a_fat_reply_budget_counts_against_the_token_limit() -> None:
    provider = new_provider(tokens_per_minute=60_000)
    ask(provider, chat_body(max_tokens=10_000))
    error = completion(ask(provider))["error"]
    assert (error["type"], error["code"]) == ("tokens", "rate_limit_exceeded")


def test_the_tokens_that_a_call_takes_of_the_limit_are_told_and_none_where_it_is_turned_away() -> None:
    provider = new_provider(tokens_per_minute=60_000)
    counted = [ask(provider, chat_body(max_tokens=10_000)).tokens_counted for _ in "12"]
    assert counted == [10_000, 0]


def test_every_response_says_how_the_limits_stand() -> None:
    assert ask(new_provider(requests_per_minute=600)).headers["x-ratelimit-remaining-requests"] == "9"


def test_a_call_that_fails_counts_against_the_limits() -> None:
    provider = new_provider(requests_per_minute=600)
    provider.faults.arm("http_500")
    ask(provider)
    assert ask(provider).headers["x-ratelimit-remaining-requests"] == "8"


def test_a_call_that_is_limited_uses_up_no_fault_of_a_reply() -> None:
    provider = new_provider(requests_per_minute=60)
    ask(provider)
    provider.faults.arm("missing", count=1)
    assert ask(provider).status == 429
    assert provider.faults.is_armed("missing")


# ------------------------------------------------------------------------------------ faults at the door


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("http_500", 500, None),
        ("http_503", 503, None),
        ("http_529", 529, None),
        ("http_413", 413, None),
        ("rate_limited", 429, "rate_limit_exceeded"),
        ("quota", 429, "insufficient_quota"),
        ("key_refused", 401, "invalid_api_key"),
        ("forbidden", 403, "model_not_found"),
        ("model_unknown", 404, "model_not_found"),
        ("context_overflow", 400, "context_length_exceeded"),
        ("content_filter_400", 400, "content_filter"),
        ("json_schema_refused", 400, None),
    ],
)
def test_a_fault_is_an_error_with_its_status_and_code(fault: str, status: int, code: str | None) -> None:
    provider = new_provider()
    provider.faults.arm(fault)
    assert error_of(provider) == (status, code)


@pytest.mark.parametrize(("fault", "how"), [("reset", "reset"), ("close", "close"), ("hang", "hang")])
def test_a_broken_connection_has_no_status(fault: str, how: str) -> None:
    provider = new_provider()
    provider.faults.arm(fault)
    verdict = ask(provider)
    assert (verdict.status, verdict.breaks) == (None, Break(how))


@pytest.mark.parametrize(("fault", "status"), [("html_200", 200), ("http_502", 502)])
def test_a_gateways_page_is_html(fault: str, status: int) -> None:
    provider = new_provider()
    provider.faults.arm(fault)
    verdict = ask(provider)
    assert (verdict.status, verdict.media_type, verdict.body[:6]) == (status, "text/html", b"<html>")


def test_a_refused_parameter_is_named() -> None:
    provider = new_provider()
    provider.faults.arm("parameter_refused", param="max_tokens")
    error = completion(ask(provider, chat_body(max_tokens=100)))["error"]
    assert (error["param"], error["code"]) == ("max_tokens", "unsupported_parameter")
    assert "'max_tokens'" in error["message"]


def test_an_error_may_come_late_and_with_retry_after() -> None:
    provider = new_provider()
    provider.faults.arm("http_503", delay_s=2.5, retry_after_s=7)
    verdict = ask(provider)
    assert (verdict.delay_s, verdict.headers["retry-after"]) == (2.5, "7")


# --------------------------------------------------------------------------------------------- dialects

LIMITED = ApiError(status=429, matter=Matter.RATE_LIMITED, message="Wait.")
QUOTA = ApiError(status=429, matter=Matter.QUOTA, message="Pay.")
UNKNOWN = ApiError(status=404, matter=Matter.MODEL_UNKNOWN, message="No.")


@pytest.mark.parametrize(
    ("dialect", "error", "status", "fields"),
    [
        (Dialect.OPENAI, LIMITED, 429, {"type": "requests", "code": "rate_limit_exceeded"}),
        (Dialect.AZURE, LIMITED, 429, {"code": "429"}),
        (Dialect.AZURE, UNKNOWN, 404, {"code": "DeploymentNotFound"}),
        (Dialect.VLLM, UNKNOWN, 404, {"type": "NotFoundError", "code": 404}),
        (Dialect.OLLAMA, UNKNOWN, 404, {"type": "not_found_error", "code": None}),
        (Dialect.OPENROUTER, LIMITED, 429, {"code": 429}),
        (Dialect.OPENROUTER, QUOTA, 402, {"code": 402}),
    ],
)
def test_each_dialect_words_an_error_in_its_own_way(
    dialect: Dialect, error: ApiError, status: int, fields: dict[str, Any]
) -> None:
    given_status, body = worded(error, dialect)
    assert given_status == status
    assert body["error"].items() >= fields.items()


def test_the_flat_dialect_has_no_error_object() -> None:
    _, body = worded(LIMITED, Dialect.VLLM_FLAT)
    assert (body["object"], body["code"]) == ("error", 429)


def test_azure_says_what_its_filter_found() -> None:
    error = ApiError(status=400, matter=Matter.CONTENT_FILTER, message="Held back.")
    _, body = worded(error, Dialect.AZURE)
    assert body["error"]["innererror"]["code"] == "ResponsibleAIPolicyViolation"


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.at_the_door])
def test_every_fault_at_the_door_can_be_worded_in_every_dialect(name: str, dialect: Dialect) -> None:
    provider = new_provider(dialect=dialect)
    provider.faults.arm(name)
    format_wanted = "json_object" if name == "json_object_refused" else "json_schema"
    body = chat_body(temperature=0)
    if format_wanted == "json_object":
        body["response_format"] = {"type": "json_object"}
    assert ask(provider, body).fault == name


# ---------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    "options",
    [{"labels": ()}, {"latency_s": -1}, {"tokens_per_s": 0}, {"max_concurrency": 0}, {"burst_s": 0}],
)
def test_options_that_make_no_sense_are_refused_with_their_name(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        SimulatorOptions(**options)

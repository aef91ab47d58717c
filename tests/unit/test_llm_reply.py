"""A 200's body: finished, cut off, refused, or no completion at all."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.call import Signal, Usage
from stream_classifier.llm.reply import read_reply, read_usage

SENT = ("model", "messages", "response_format", "max_tokens")


def completion(content: Any = '{"t01":"47 bug"}', finish: Any = "stop", **message: Any) -> dict[str, Any]:
    return {
        "choices": [{"index": 0, "message": {"content": content, **message}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 9},
    }


def read(body: Any) -> Any:
    return read_reply(body if isinstance(body, bytes) else orjson.dumps(body), SENT)


@pytest.mark.parametrize("finish", ["stop", None, "eos", "end_turn", "STOP"])
def test_a_finished_reply_is_answered(finish: str | None) -> None:
    reply = read(completion(finish=finish))
    assert (reply.signal, reply.content) == (Signal.ANSWERED, '{"t01":"47 bug"}')
    assert reply.usage == Usage(tokens_in=100, tokens_out=9)


def test_content_in_parts_is_joined() -> None:
    parts = [{"type": "text", "text": '{"t01":'}, {"type": "text", "text": '"47 bug"}'}, {"type": "other"}]
    assert read(completion(content=parts)).content == '{"t01":"47 bug"}'


@pytest.mark.parametrize("finish", ["length", "max_tokens", "model_length"])
def test_a_reply_cut_off_keeps_what_there_is(finish: str) -> None:
    reply = read(completion(content='{"t01":"47 b', finish=finish))
    assert (reply.signal, reply.content) == (Signal.LENGTH, '{"t01":"47 b')


def test_a_reply_cut_off_before_its_first_word_is_empty() -> None:
    assert read(completion(content=None, finish="length")).content == ""


@pytest.mark.parametrize(
    "body",
    [
        completion(finish="content_filter"),
        completion(finish="sensitive"),
        completion(content=None, refusal="I cannot help with that."),
    ],
)
def test_a_refusal_has_no_content_but_its_usage(body: dict[str, Any]) -> None:
    reply = read(body)
    assert (reply.signal, reply.content) == (Signal.REFUSED, None)
    assert reply.usage == Usage(tokens_in=100, tokens_out=9)


def test_a_model_that_failed_half_way_is_a_server_error() -> None:
    assert read(completion(content="{", finish="error")).signal is Signal.SERVER_ERROR


@pytest.mark.parametrize(
    ("error", "signal"),
    [
        ({"code": 502, "message": "Provider returned error"}, Signal.SERVER_ERROR),
        ({"code": 429, "message": "slow down"}, Signal.RATE_LIMITED),
        ({"code": 400, "message": "maximum context length is 8192 tokens"}, Signal.OVERFLOW),
        ({"code": 200, "message": "odd"}, Signal.SERVER_ERROR),
        ("upstream failed", Signal.SERVER_ERROR),
    ],
)
def test_an_error_inside_a_200_is_read_as_an_error(error: Any, signal: Signal) -> None:
    assert read({"error": error}).signal is signal


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Sign in</body></html>",
        b'{"choices": [{"message": {"content": "caf\xe9"}}]}',
        b'{"choices": [{"message"',
        [],
        {},
        {"choices": []},
        {"choices": None},
        {"choices": [{"text": "a completion of the old kind"}]},
        {"choices": [{"message": "hello"}]},
    ],
)
def test_what_is_no_completion_is_the_provider_s_failure_and_says_what_to_check(body: Any) -> None:
    reply = read(body)
    assert reply.signal is Signal.SERVER_ERROR
    assert reply.detail


@pytest.mark.parametrize("content", [None, "  \n", {"t01": "47 bug"}, 7])
def test_a_reply_that_says_nothing_is_malformed(content: Any) -> None:
    reply = read(completion(content=content))
    assert (reply.signal, bool(reply.detail)) == (Signal.MALFORMED, True)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, None),
        ({}, None),
        ({"prompt_tokens": None, "completion_tokens": None, "total_tokens": 0}, None),
        ({"prompt_tokens": "100", "completion_tokens": True}, None),
        ({"prompt_tokens": -5}, None),
        ({"prompt_tokens": 100}, Usage(tokens_in=100)),
        (
            {"prompt_tokens": 100, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 64}},
            Usage(tokens_in=100, tokens_out=9, cached_in=64),
        ),
        ({"prompt_tokens": 100, "prompt_tokens_details": None}, Usage(tokens_in=100)),
        ({"prompt_tokens": 100, "prompt_cache_hit_tokens": 90}, Usage(tokens_in=100, cached_in=90)),
        (
            {"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": 999}},
            Usage(tokens_in=100, cached_in=100),
        ),
    ],
)
def test_usage_is_believed_where_it_can_be(usage: Any, expected: Usage | None) -> None:
    assert read_usage(usage) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**40) | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "content", "finish_reason", "usage", "error", "code", "refusal"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(st.one_of(st.binary(max_size=100), JSON))
def test_no_body_raises_and_content_comes_only_with_an_answer(body: Any) -> None:
    reply = read(body)
    assert (reply.content is not None) is (reply.signal in {Signal.ANSWERED, Signal.LENGTH})

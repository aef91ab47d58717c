"""Providers' errors, each read into the one fact that chooses the remedy."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.call import Signal
from stream_classifier.llm.errors import read_error
from tests.unit.llm_error_bodies import OTHERS, OVERFLOWS, QUOTAS, RATE_LIMITS, REFUSALS, openai
from tests.unit.llm_refused_formats import FORMATS

SENT = ("model", "messages", "seed", "temperature", "response_format", "max_tokens")


def signal_of(status: int, body: Any) -> Signal:
    return read_error(status, body if isinstance(body, bytes) else orjson.dumps(body), SENT).signal


@pytest.mark.parametrize("case", OVERFLOWS)
def test_an_overflow_in_every_spelling(case: str) -> None:
    assert signal_of(*OVERFLOWS[case]) is Signal.OVERFLOW


@pytest.mark.parametrize("case", RATE_LIMITS)
def test_a_rate_limit_that_passes_with_time(case: str) -> None:
    assert signal_of(429, RATE_LIMITS[case]) is Signal.RATE_LIMITED


@pytest.mark.parametrize("case", QUOTAS)
def test_an_account_without_quota(case: str) -> None:
    assert signal_of(*QUOTAS[case]) is Signal.QUOTA


@pytest.mark.parametrize("case", REFUSALS)
def test_a_content_filter(case: str) -> None:
    assert signal_of(*REFUSALS[case]) is Signal.REFUSED


@pytest.mark.parametrize("case", FORMATS)
def test_a_refused_format_or_parameter_is_named(case: str) -> None:
    status, body, parameter = FORMATS[case]
    refusal = read_error(status, orjson.dumps(body), SENT)
    assert (refusal.signal, refusal.parameter) == (Signal.FORMAT_REFUSED, parameter)
    assert parameter in refusal.detail


@pytest.mark.parametrize("case", OTHERS)
def test_all_others(case: str) -> None:
    status, body, signal = OTHERS[case]
    assert signal_of(status, body) is signal


def test_the_sentence_has_the_status_and_the_codes_and_not_the_message() -> None:
    body = orjson.dumps(openai("My card 4111 was charged twice", "content_filter", "a sentence with spaces"))
    assert read_error(400, body, SENT).detail == (
        "The provider's content filter refused the text (HTTP 400, content_filter)."
    )


@given(st.integers(300, 599), st.binary(max_size=300))
def test_no_body_raises(status: int, body: bytes) -> None:
    assert read_error(status, body, SENT).detail.endswith(").")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "message", "code", "type", "param", "detail", "innererror", "metadata"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(st.integers(300, 599), JSON)
def test_no_shape_of_json_raises(status: int, body: Any) -> None:
    assert read_error(status, orjson.dumps(body), SENT).detail


@given(
    st.sampled_from([400, 403, 422, 429, 500]), st.sampled_from(["message", "param", "detail", "metadata"])
)
def test_a_quoted_ticket_is_never_passed_on(status: int, where: str) -> None:
    ticket = "My password is hunter2"
    body = orjson.dumps({"error": {where: ticket}, where: {"input": ticket}})
    assert "hunter2" not in read_error(status, body, SENT).detail

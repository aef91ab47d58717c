"""A key differs whenever anything differs that can change the answer."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.cache_key import KeyMaker

BASE: dict[str, Any] = {
    "prompt_digest": "p1",
    "model": "gpt-4o-mini",
    "params": {"temperature": 0},
    "redact": (),
    "isolate_tenants": True,
}


def key(text: str = "hello", tenant: str | None = "acme", **changes: Any) -> bytes:
    return KeyMaker(**(BASE | changes)).key(text, tenant)


def test_a_key_is_32_bytes_and_the_same_in_every_process() -> None:
    # Pinned: a change here makes every stored answer unfindable, and needs a new KEY_VERSION or normaliser.
    assert key().hex() == "c2a8ea4452a54d71cdda333dc56d432118f793bd139164ac35448c677c4996d8"


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt_digest": "p2"},
        {"model": "gpt-4o"},
        {"params": {"temperature": 1}},
        {"params": {}},
        {"redact": ("email",)},
        {"isolate_tenants": False},
        {"text": "hello "},
        {"tenant": "other"},
        {"tenant": None},
        {"tenant": "null"},
    ],
)
def test_whatever_can_change_the_answer_changes_the_key(changes: dict[str, Any]) -> None:
    assert key(**changes) != key()


def test_the_order_of_parameters_and_redactions_does_not_matter() -> None:
    assert key(params={"a": 1, "b": {"c": 2, "d": 3}}) == key(params={"b": {"d": 3, "c": 2}, "a": 1})
    assert key(redact=("ip", "email", "ip")) == key(redact=("email", "ip"))


def test_tenants_that_are_not_isolated_share_their_keys() -> None:
    assert key(tenant="a", isolate_tenants=False) == key(tenant=None, isolate_tenants=False)


awkward = st.text(alphabet='\n"\\{}:,nulacme') | st.text()
questions = st.tuples(awkward, awkward, awkward | st.none(), awkward)


@given(questions, questions)
def test_no_two_questions_share_a_key(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    def of(prompt: str, model: str, tenant: str | None, text: str) -> bytes:
        return key(text, tenant, prompt_digest=prompt, model=model)

    assert (of(*one) == of(*other)) == (one == other)


@given(awkward, awkward)
def test_nothing_moves_between_tenant_and_text(tenant: str, text: str) -> None:
    assert key(f"{tenant}\n{text}", None) != key(text, tenant)
    assert key(text, f"{tenant}\n") != key(f"\n{text}", tenant)


def test_parameters_that_json_cannot_hold_are_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match=r"llm\.params must be what JSON can hold"):
        key(params={"x": object()})

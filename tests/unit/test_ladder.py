"""The capability ladder: what an endpoint refuses is left out, once each."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.call import Order
from stream_classifier.core.ladder import Ladder, Ladders, Rung

SCHEMA = {"type": "object", "properties": {"t01": {"type": "string"}}}
ORDER = Order(
    model="gpt", system="Label each record.", user='t01 47 "x"', schema=SCHEMA, records=1, reply_tokens=20
)
PARAMS = {"temperature": 0, "seed": 7}


def formats(ladder: Ladder) -> Any:
    return ladder.body(ORDER, PARAMS).get("response_format", {}).get("type")


def test_the_first_body_asks_for_everything_in_a_fixed_order() -> None:
    body = Ladder().body(ORDER, PARAMS)
    assert list(body) == ["model", "messages", "seed", "temperature", "response_format", "max_tokens"]
    assert body["response_format"]["json_schema"] == {"name": "labels", "strict": True, "schema": SCHEMA}
    assert body["max_tokens"] == 20


def test_a_refused_format_goes_down_one_rung_at_a_time_to_the_last() -> None:
    ladder, seen = Ladder(), []
    while ladder.refused("response_format", ladder.body(ORDER, PARAMS)):
        seen.append(formats(ladder))
    assert seen == ["json_object", None]
    assert ladder.rung is Rung.PLAIN


def test_an_endpoint_is_begun_where_the_settings_want_it_and_each_model_has_a_ladder_of_its_own() -> None:
    ladders = Ladders(lambda: Ladder(rung=Rung.JSON_OBJECT))
    assert formats(ladders["a"]) == formats(ladders["b"]) == "json_object"
    ladders["a"].refused("response_format", ladders["a"].body(ORDER, PARAMS))
    assert (ladders["a"].rung, ladders["b"].rung) == (Rung.PLAIN, Rung.JSON_OBJECT)


def test_a_refusal_that_names_nothing_is_taken_for_the_format() -> None:
    ladder = Ladder()
    assert ladder.refused(None, ladder.body(ORDER, PARAMS))
    assert formats(ladder) == "json_object"


def test_a_path_into_a_field_is_the_field() -> None:
    ladder = Ladder()
    assert ladder.refused("response_format.json_schema.schema", ladder.body(ORDER, PARAMS))
    assert formats(ladder) == "json_object"


def test_two_calls_refused_for_the_same_format_cost_one_rung() -> None:
    ladder = Ladder()
    sent = ladder.body(ORDER, PARAMS)
    assert ladder.refused("response_format", sent)
    assert ladder.refused("response_format", sent)
    assert formats(ladder) == "json_object"


def test_a_refused_limit_is_tried_under_its_other_name_and_then_left_out() -> None:
    ladder = Ladder()
    assert ladder.refused("max_tokens", ladder.body(ORDER, PARAMS))
    assert ladder.body(ORDER, PARAMS)["max_completion_tokens"] == 20
    assert ladder.refused("max_completion_tokens", ladder.body(ORDER, PARAMS))
    assert not {"max_tokens", "max_completion_tokens"} & set(ladder.body(ORDER, PARAMS))


def test_a_refused_parameter_is_left_out_and_the_others_stay() -> None:
    ladder = Ladder()
    assert ladder.refused("temperature", ladder.body(ORDER, PARAMS))
    body = ladder.body(ORDER, PARAMS)
    assert "temperature" not in body
    assert body["seed"] == 7


def test_what_was_not_sent_or_cannot_be_left_out_is_no_use_to_refuse() -> None:
    ladder = Ladder()
    sent = ladder.body(ORDER, PARAMS)
    assert not ladder.refused("logprobs", sent)
    assert not ladder.refused("messages", sent)
    assert not ladder.refused("model", sent)
    assert ladder == Ladder()


def test_settings_cannot_replace_the_fields_that_are_ours() -> None:
    body = Ladder().body(ORDER, {"model": "other", "stream": True, "max_completion_tokens": 1, "top_p": 1})
    assert body["model"] == "gpt"
    assert not {"stream", "max_completion_tokens"} & set(body)


@given(st.lists(st.sampled_from(["response_format", "max_tokens", "max_completion_tokens", "seed", None])))
def test_every_useful_refusal_takes_something_away_and_the_messages_never_change(
    refusals: list[str | None],
) -> None:
    ladder = Ladder()
    messages = ladder.body(ORDER, PARAMS)["messages"]
    for parameter in refusals:
        before = ladder.body(ORDER, PARAMS)
        useful = ladder.refused(parameter, before)
        after = ladder.body(ORDER, PARAMS)
        assert (before != after) is useful
        assert after["messages"] == messages

"""What a call's tokens are spent on: the benchmark's arithmetic, and what the prompt may take at the most.

The tokenizer's ranks are a download, so a test counts with a stand-in: words, and every other sign by itself.
"""

import random
import re
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.cost_account import Account
from benchmarks.cost_ranks import ranks_of
from benchmarks.cost_taxonomies import TAXONOMIES
from benchmarks.cost_wire import label
from stream_classifier.core.call_size import WRAPPING_TOKENS
from stream_classifier.core.ladder import Rung
from stream_classifier.core.prompt import CONSTANT_RECORD, KEYS, Prompt, draw_checks
from stream_classifier.core.tally import Tally
from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.core.tokens import CALL_TOKENS, TokenEstimator
from stream_classifier.service.building import Builder
from tests.unit.settings_cases import from_variables

ONE = read_taxonomy({"labels": ["bug", "other"]})
PROMPT = Prompt(ONE)
TEXTS = ['The "export" hangs', "The printer is out of paper.\nAgain.", "A third one"]

SYSTEM_TOKENS = 130  # of the words around labels, by the estimate: 121 by o200k
KEY_TOKENS = 16  # a key in the schema: 15 by o200k and by the estimate
ANSWER_TOKENS = 7  # of an answer with a short label: 6 by o200k


def count(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]|\n", text))


def a_call(
    texts: list[str], *, schema: bool = True, checks: tuple[int, ...] | None = None
) -> tuple[bytes, bytes]:
    checks = checks or draw_checks(len(texts), random.Random(1))
    user = PROMPT.user(list(zip(checks, texts, strict=True)))
    named = {"type": "json_schema", "json_schema": {"name": "labels", "schema": PROMPT.schema(len(texts))}}
    sent: dict[str, Any] = {
        "messages": [{"role": "system", "content": PROMPT.system}, {"role": "user", "content": user}],
        "response_format": named if schema else {"type": "json_object"},
    }
    reply = {key: f"{check} bug" for key, check in zip(KEYS, checks, strict=False)}
    content = orjson.dumps(reply).decode()
    return orjson.dumps(sent), orjson.dumps({"choices": [{"message": {"content": content}}]})


def account_of(*calls: tuple[bytes, bytes], price_ratio: float = 4) -> Account:
    account = Account(count, price_ratio)
    for sent, received in calls:
        account.add(sent, received)
    return account


# ------------------------------------------------------------------------------------------ the account


@given(st.lists(st.text(st.characters(codec="ascii"), min_size=1), min_size=1, max_size=8))
def test_the_parts_add_up_to_what_was_sent_and_received(texts: list[str]) -> None:
    sent, received = a_call(texts)
    body = orjson.loads(sent)
    parts = account_of((sent, received)).parts
    read = [PROMPT.schema_text(len(texts)), *(message["content"] for message in body["messages"])]
    assert parts.sent == sum(map(count, read)) + CALL_TOKENS
    assert parts.received == count(orjson.loads(received)["choices"][0]["message"]["content"])


def test_the_floor_has_each_distinct_text_once_with_one_token_of_label() -> None:
    account = account_of(a_call(TEXTS), a_call([TEXTS[2], "a THIRD one."]))
    assert account.texts == 3
    assert account.floor == sum(map(count, TEXTS)) + 3 * 4


def test_what_is_asked_twice_costs_twice_and_raises_the_multiple() -> None:
    once, twice = account_of(a_call(TEXTS)), account_of(a_call(TEXTS), a_call(TEXTS))
    assert twice.multiple() == pytest.approx(2 * once.multiple())


def test_the_record_that_greets_a_provider_is_paid_for_and_in_no_floor() -> None:
    account = account_of(a_call([CONSTANT_RECORD]), a_call(TEXTS))
    assert account.texts == len(TEXTS)
    assert account.parts.text == sum(map(count, [CONSTANT_RECORD, *TEXTS]))


def test_a_beginning_is_cached_from_the_second_call_of_its_size_on() -> None:
    account = account_of(a_call(TEXTS), a_call(TEXTS[:2]), a_call(TEXTS))
    assert account.cached == count(PROMPT.schema_text(3)) + count(PROMPT.system)


def test_cached_tokens_are_charged_at_a_tenth() -> None:
    account = account_of(a_call(TEXTS), a_call(TEXTS))
    saved = (account.multiple() - account.multiple(account.cached)) * account.floor
    assert saved == pytest.approx(0.9 * account.cached)


def test_a_beginning_below_1024_tokens_is_kept_only_where_any_length_is() -> None:
    assert account_of(a_call(TEXTS), a_call(TEXTS)).cached_long == 0
    long = Account(lambda text: 20 * count(text), 4)
    for _ in range(2):
        long.add(*a_call(TEXTS))
    assert long.cached_long == long.cached - long.cached % 128 > 0


def test_without_a_schema_none_is_counted() -> None:
    assert account_of(a_call(TEXTS, schema=False)).parts.schema == 0


@given(st.floats(1, 10))
def test_the_shares_are_the_whole_cost_of_a_text(price_ratio: float) -> None:
    account = account_of(a_call(TEXTS), price_ratio=price_ratio)
    cost = sum(share for _, share in account.shares())
    assert cost == pytest.approx(account.multiple() * account.floor / account.texts)


def test_ranks_are_read_from_lines_of_a_first_rank_and_tokens() -> None:
    assert ranks_of("! 0 IQ== Ig==\n! 7 dGhl") == {b"!": 0, b'"': 1, b"the": 7}


def test_taxonomies_have_as_many_labels_as_they_are_called_by() -> None:
    for name, raw in TAXONOMIES.items():
        labels = read_taxonomy(raw).questions[0].labels
        assert len({one.name for one in labels}) == len(labels) == int(name.split()[0])


# ------------------------------------------------------------------------------------- what is overheard


async def overheard_formats(rung: Rung) -> list[Any]:
    formats: list[Any] = []

    def hear(sent: bytes, received: bytes) -> None:
        formats.append(orjson.loads(sent)["response_format"])

    texts = [f"{number} invoices are wrong" for number in range(8)]
    assert await label(texts, TAXONOMIES["20 labels"], 4, hear, rung=rung) == len(texts)
    return formats


async def test_the_service_is_overheard_as_it_asks() -> None:
    for asked in await overheard_formats(Rung.JSON_SCHEMA):
        assert asked["json_schema"]["strict"] is True


async def test_where_the_settings_want_no_schema_none_is_sent_and_all_are_labelled_the_same() -> None:
    assert {asked["type"] for asked in await overheard_formats(Rung.JSON_OBJECT)} == {"json_object"}


async def test_the_setting_says_where_each_models_ladder_begins_and_what_is_counted() -> None:
    whole = Builder(from_variables(), Tally())
    less = Builder(from_variables(LLM__REPLY_FORMAT="json_object"), Tally())
    assert (whole.ladders["m"].rung, less.ladders["m"].rung) == (Rung.JSON_SCHEMA, Rung.JSON_OBJECT)
    assert whole.prompt.schema_text(3)
    assert not less.prompt.schema_text(3)


# --------------------------------------------------------------------------- what a prompt takes at the most


def estimate(text: str) -> int:
    return TokenEstimator().estimate(text)


def test_the_words_around_the_labels_do_not_grow_unnoticed() -> None:
    assert estimate(PROMPT.system) <= SYSTEM_TOKENS


@pytest.mark.parametrize("n", [10, 20, 64])
def test_a_records_framing_does_not_grow_unnoticed(n: int) -> None:
    user = PROMPT.user([(check, "") for check in draw_checks(n, random.Random(1))])
    assert estimate(user) <= n * WRAPPING_TOKENS


@pytest.mark.parametrize("n", [10, 20, 64])
def test_a_records_part_of_the_schema_does_not_grow_unnoticed(n: int) -> None:
    assert estimate(PROMPT.schema_text(n)) - estimate(PROMPT.schema_text(1)) <= (n - 1) * KEY_TOKENS


def test_an_answer_does_not_grow_unnoticed() -> None:
    _, received = a_call(["a text"] * 20)
    content = orjson.loads(received)["choices"][0]["message"]["content"]
    assert estimate(content) <= 20 * ANSWER_TOKENS


def test_a_label_without_a_description_is_listed_by_its_name_alone() -> None:
    more = Prompt(read_taxonomy({"labels": ["bug", "other", "refund"]}))
    assert len(more.system) == len(PROMPT.system) + len("\nrefund")


def test_what_comes_first_is_the_same_to_the_byte_in_every_call_of_a_size() -> None:
    first, second = (orjson.loads(a_call(texts)[0]) for texts in (TEXTS, TEXTS[::-1]))
    assert first["messages"][0] == second["messages"][0]
    assert orjson.dumps(first["response_format"]) == orjson.dumps(second["response_format"])
    assert PROMPT.schema(3) != PROMPT.schema(2)


def test_labels_stand_in_the_order_in_which_the_operator_wrote_them() -> None:
    names = [label["name"] for label in TAXONOMIES["20 labels, described"]["labels"]]
    prompt = Prompt(read_taxonomy(TAXONOMIES["20 labels, described"]))
    assert re.findall(r"^(\w+): ", prompt.system.split("\n\n")[1], re.MULTILINE) == names
    assert f"({'|'.join(names)}|" in prompt.schema(1)["$defs"]["a"]["pattern"]

"""What is worked out of a ticket's text, once per text."""

from collections.abc import Callable
from dataclasses import replace

from stream_classifier.core.cache_key import KeyMaker
from stream_classifier.core.ticket import Ticket
from stream_classifier.core.triage import Triage
from stream_classifier.pipeline.preparing import RECENT_ENTRIES, Preparer

TICKET = Ticket(
    ticket_id="1",
    subject="Login",
    body="I cannot login. It is urgent!",
    body_format="text",
    priority=None,
    tags=(),
    tenant="acme",
    revision=None,
)


def preparer(*, estimate: Callable[[str], int] = len, isolate_tenants: bool = False) -> Preparer:
    return Preparer(
        triage=Triage([], keywords=["urgent"]),
        bulk_keys=KeyMaker("prompt", "bulk model", {}, isolate_tenants=isolate_tenants),
        urgent_keys=KeyMaker("prompt", "urgent model", {}, isolate_tenants=isolate_tenants),
        estimate=estimate,
        max_chars=100,
        left_out=(),
        isolate_tenants=isolate_tenants,
    )


def test_a_prepared_text_is_what_the_model_sees_with_its_tokens_and_its_keyword() -> None:
    prepare = preparer()
    prepared = prepare(TICKET)
    assert prepare.utf8_of(TICKET) == b"Login\n\nI cannot login. It is urgent!"
    assert (prepared.tokens, prepared.keyword, prepared.truncated) == (36, "urgent", False)


def test_each_model_has_a_key_of_its_own() -> None:
    prepared = preparer()(TICKET)
    assert prepared.bulk_key != prepared.urgent_key


def test_texts_that_mean_the_same_have_the_same_keys_and_digest() -> None:
    prepare = preparer()
    one, other = prepare(TICKET), prepare(replace(TICKET, body="I cannot LOGIN.  It is urgent"))
    assert (one.bulk_key, one.urgent_key, one.digest) == (other.bulk_key, other.urgent_key, other.digest)


def test_a_text_is_worked_out_once() -> None:
    estimated: list[str] = []

    def estimate(text: str) -> int:
        estimated.append(text)
        return 1

    prepare = preparer(estimate=estimate)
    assert prepare(TICKET) is prepare(replace(TICKET, ticket_id="2", priority="urgent", tenant="other"))
    assert len(estimated) == 1


def test_tenants_that_are_kept_apart_have_keys_of_their_own() -> None:
    prepare = preparer(isolate_tenants=True)
    assert prepare(TICKET).bulk_key != prepare(replace(TICKET, tenant="other")).bulk_key


def test_the_format_of_a_body_is_part_of_what_is_remembered() -> None:
    prepare = preparer()
    text, html = (
        prepare(replace(TICKET, body="a <b>bold</b> word", body_format=form)) for form in ("text", "html")
    )
    assert text.digest != html.digest


def test_a_ticket_without_subject_and_body_has_no_text() -> None:
    prepare, empty = preparer(), replace(TICKET, subject="", body="")
    assert (prepare(empty).tokens, prepare.utf8_of(empty)) == (0, b"")


def test_the_text_of_a_ticket_that_was_not_the_last_is_the_same() -> None:
    prepare = preparer()
    prepare(TICKET)
    last = prepare.utf8_of(TICKET)
    prepare(replace(TICKET, body="another"))
    assert prepare.utf8_of(TICKET) == last


def test_a_text_that_is_no_more_among_the_recent_is_still_worked_out_once() -> None:
    estimated: list[str] = []

    def estimate(text: str) -> int:
        estimated.append(text)
        return 1

    prepare = preparer(estimate=estimate)
    texts = [replace(TICKET, body=f"text {number}") for number in range(2 * RECENT_ENTRIES)]
    assert [prepare(text) for text in texts] == [prepare(replace(text, ticket_id="2")) for text in texts]
    assert len(estimated) == len(texts)


def test_a_subject_and_a_body_that_join_to_the_same_are_told_apart() -> None:
    prepare = preparer()
    one, other = (prepare(replace(TICKET, subject=a, body=b)) for a, b in (("ab", "c"), ("a", "bc")))
    assert one.digest != other.digest

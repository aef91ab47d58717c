"""What helpdesks send: each shape is told from all others, and read as its documentation says."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any, get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.formats import FORMATS, recognise
from stream_classifier.core.ticket import AVAILABLE_FORMATS, NotATicket, PassedOver, Ticket, TicketReader
from stream_classifier.core.triage import Triage
from stream_classifier.settings.ticket import Format
from tests.unit import made_payloads as made
from tests.unit.made_payloads import CANONICAL, MADE, Made

AUTO = TicketReader()
by_name = pytest.mark.parametrize("case", MADE, ids=lambda case: case.name)


def read(raw: Any, reader: TicketReader = AUTO) -> Ticket:
    (ticket,) = reader.read(orjson.dumps(raw))
    return ticket


def fields_of(ticket: Ticket) -> dict[str, Any]:
    return {name: getattr(ticket, name) for name in made.SERVICENOW.fields}


# ---------------------------------------------------------------- each shape


@by_name
def test_every_field_stands_where_the_documentation_says(case: Made) -> None:
    assert fields_of(read(case.payload)) == case.fields


@by_name
def test_a_format_that_is_named_reads_what_is_recognised_by_itself(case: Made) -> None:
    assert read(case.payload, TicketReader(format=case.format)) == read(case.payload)


def test_every_format_of_the_settings_is_there_and_no_other() -> None:
    assert set(get_args(Format)) == set(AVAILABLE_FORMATS)
    for name in AVAILABLE_FORMATS:
        TicketReader(format=name)


@by_name
def test_everything_that_need_not_be_there_may_be_null(case: Made) -> None:
    payload = case.payload | dict.fromkeys(set(case.payload) - set(case.needed))
    assert read(payload).ticket_id == case.fields["ticket_id"]


# ---------------------------------------------------------------- telling them apart


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A payload from which up to two fields are missing that need not be there."""
    case = draw(st.sampled_from(MADE))
    missing = draw(st.sets(st.sampled_from(case.spare), max_size=2)) if case.spare else set()
    return case.format, {name: value for name, value in case.payload.items() if name not in missing}


@given(damaged())
def test_each_is_recognised_as_its_own_also_with_fields_missing(case: tuple[str, dict[str, Any]]) -> None:
    name, payload = case
    row = recognise(payload)
    assert row.name == name
    assert not row.marks.isdisjoint(payload)


ANYTHING = {name: value for case in MADE for name, value in case.payload.items()}
WRAPPERS = {
    "schema": {},
    "payload": {},
    "op": "c",
    "after": {"id": 9},
    "result": {},
    "source": {},
    "ts_ms": 1,
}
FOREIGN = {
    name: value
    for name, value in (ANYTHING | WRAPPERS).items()
    if name not in (*CANONICAL, "id", "description", "ticket_attributes", "updated_at")
}


@given(st.sets(st.sampled_from(sorted(FOREIGN))), st.sampled_from(["ticket_id", "id"]))
def test_a_canonical_ticket_is_never_taken_for_a_helpdesk_s(names: set[str], id_name: str) -> None:
    ticket = {id_name: "T-1"} | {name: value for name, value in CANONICAL.items() if name != "ticket_id"}
    assert read({name: FOREIGN[name] for name in names} | ticket) == read(ticket)


NESTED = {
    "issue": made.GITHUB_ISSUE.payload,
    "ticket": made.FRESHDESK_TICKET.payload,
    "data": {"item": made.INTERCOM_CONVERSATION},
    "fields": made.JIRA_ISSUE.payload["fields"],
    "properties": made.HUBSPOT_OBJECT.payload["properties"],
    "freshdesk_webhook": {},
    "repository": {},
    "sender": {},
    "app_id": "a",
    "topic": "t",
    "webhookEvent": "e",
    "objectId": 1,
    "eventId": 1,
    "op": "u",
    "after": {"id": 5},
}


@given(st.sets(st.sampled_from(sorted(NESTED))))
def test_an_object_with_a_text_of_its_own_is_no_helpdesk_s_wrapper(names: set[str]) -> None:
    ticket = {"id": "T-1", "subject": "Help", "description": "It broke."}
    assert read({name: NESTED[name] for name in names} | ticket) == read(ticket)


def test_a_format_that_does_not_match_says_what_was_looked_for_and_what_was_there() -> None:
    with pytest.raises(NotATicket) as caught:
        read(made.GITHUB_EVENT.payload | {"ada@example.com": 1}, TicketReader(format="zendesk"))
    sentence = caught.value.sentence
    assert "an event with `detail.id` and `detail`" in sentence
    assert "There is `action`, `issue`, `repository`, `sender`, `installation` and 1 more." in sentence
    assert "ada" not in sentence
    assert "ticket.format" in sentence


def test_without_an_id_the_sentence_names_the_fields_that_are_there() -> None:
    with pytest.raises(NotATicket, match=r"There is `subject`, `title`\. Send"):
        read({"subject": "a", "title": "b"})
    with pytest.raises(NotATicket, match="The object is empty"):
        read({})


def test_where_a_format_is_named_a_shape_is_read_that_would_not_be_recognised() -> None:
    row = {"id": 1, "subject": "Help", "description": "It broke.", "organization_id": 4}
    assert read(row, TicketReader(format="zendesk")).tenant == "4"


# ---------------------------------------------------------------- own paths on top


def test_an_own_path_replaces_a_helpdesk_s_place() -> None:
    reader = TicketReader(fields={"tenant": "issue.user.login", "priority": "issue.labels.1.name"})
    ticket = read(made.GITHUB_EVENT.payload, reader)
    assert (ticket.tenant, ticket.priority, ticket.subject) == ("ada", "P0", "Docs: broken link")


def test_an_own_path_reaches_what_was_around_the_ticket() -> None:
    change = {"op": "c", "ts_ms": 1, "source": {"db": "eu"}, "after": {"id": 5, "subject": "Help"}}
    ticket = read(change, TicketReader(fields={"tenant": "source.db"}))
    assert (ticket.ticket_id, ticket.tenant) == ("5", "eu")


def test_context_fields_are_found_by_our_names_too() -> None:
    reader = TicketReader(context_fields=("channel", "language", "created_at", "issue.key"))
    assert read(made.JIRA_EVENT.payload, reader).context == (
        ("language", "de"),
        ("created_at", "2026-03-02T09:15:00.000+00:00"),
        ("issue.key", "HELP-7"),
    )


# ---------------------------------------------------------------- priorities


@pytest.mark.parametrize(
    ("case", "path", "given_name", "ours"),
    [
        (made.FRESHDESK_TICKET, "priority", 4, "urgent"),
        (made.FRESHDESK_TICKET, "priority", "4", "urgent"),
        (made.FRESHDESK_TICKET, "priority", 4.0, "urgent"),
        (made.FRESHDESK_TICKET, "priority", 1, "low"),
        (made.SERVICENOW, "priority", "1", "urgent"),
        (made.SERVICENOW, "priority", 4, "low"),
        (made.SERVICENOW, "priority", "1 - Critical", "urgent"),
        (made.SERVICENOW, "priority", {"value": "2", "display_value": "2 - High"}, "high"),
        (made.JIRA_ISSUE, "fields", {"summary": "a", "priority": {"name": "Blocker"}}, "urgent"),
        (made.JIRA_ISSUE, "fields", {"summary": "a", "priority": {"name": "Medium"}}, "normal"),
        (made.JIRA_ISSUE, "fields", {"summary": "a", "priority": {"name": "Sev 0"}}, "Sev 0"),
        (made.JIRA_ISSUE, "fields", {"summary": "a", "priority": None}, None),
        (made.ZENDESK_ROW, "priority", "URGENT", "urgent"),
        (made.HUBSPOT_OBJECT, "properties", {"content": "a", "hs_ticket_priority": "URGENT"}, "urgent"),
        (made.HUBSPOT_OBJECT, "properties", {"content": "a", "hs_ticket_priority": {"value": "LOW"}}, "low"),
        (made.INTERCOM_BARE, "priority", "not_priority", "normal"),
    ],
)
def test_priorities_are_mapped_to_ours(case: Made, path: str, given_name: object, ours: object) -> None:
    assert read(case.payload | {path: given_name}).priority == ours


def test_a_helpdesk_s_urgent_ticket_goes_to_the_urgent_lane() -> None:
    triage = Triage(["urgent"])
    assert triage.rule(read(made.FRESHDESK_TICKET.payload), None) == "priority urgent"
    assert triage.rule(read(made.SERVICENOW.payload), None) == "priority urgent"


# ---------------------------------------------------------------- the traps


def test_zendesk_s_name_of_the_ticket_is_never_its_subject() -> None:
    payload = made.ZENDESK_EVENT.payload
    detail = {name: value for name, value in payload["detail"].items() if name != "subject"}
    assert read(payload | {"detail": detail}).subject == ""


def test_freshdesk_s_html_is_read_where_there_is_no_text() -> None:
    ticket = read(made.FRESHDESK_TICKET.payload | {"description_text": None})
    assert (ticket.body, ticket.body_format) == ("<div>It was sent on <b>Monday</b>.</div>", "html")


@pytest.mark.parametrize("missing", ["ticket_id", "ticket_subject", "ticket_description", "ticket_priority"])
def test_a_freshdesk_rule_may_leave_any_key_out(missing: str) -> None:
    ticket = {k: v for k, v in made.FRESHDESK_WEBHOOK.payload["freshdesk_webhook"].items() if k != missing}
    assert read({"freshdesk_webhook": ticket}).ticket_id == "42"  # without its key: from the URL


def test_intercom_s_older_conversations_hold_their_text_elsewhere() -> None:
    old = {"subject": "", "body": "<p>Hello</p>"}
    item = {k: v for k, v in made.INTERCOM_CONVERSATION.items() if k != "source"} | {
        "conversation_message": old
    }
    ticket = read(made.INTERCOM_NOTIFICATION.payload | {"data": {"item": item}})
    assert (ticket.subject, ticket.body, ticket.body_format) == ("", "<p>Hello</p>", "html")


@pytest.mark.parametrize(
    ("description", "body"),
    [
        (None, ""),
        ("h2. Steps\n# log in", "h2. Steps\n# log in"),
        (made.ADF, "Nobody can print.\n\n- floor 1\n- floor 2"),
        (orjson.dumps(made.ADF).decode(), "Nobody can print.\n\n- floor 1\n- floor 2"),
        ('{"type":"doc" is how it begins', '{"type":"doc" is how it begins'),
    ],
)
def test_jira_s_description_may_be_text_a_document_or_nothing(description: object, body: str) -> None:
    fields = made.JIRA_ISSUE.payload["fields"] | {"description": description}
    assert read(made.JIRA_ISSUE.payload | {"fields": fields}).body == body


def test_an_enriched_hubspot_event_has_its_object_s_text() -> None:
    event = made.HUBSPOT_EVENT.payload | {"properties": made.HUBSPOT_OBJECT.payload["properties"]}
    ticket = read(event)
    assert (ticket.ticket_id, ticket.body, ticket.tenant) == ("9001", "We need more seats.", "3")


def test_what_stands_in_the_table_is_tried_before_the_general_format() -> None:
    assert FORMATS[-1].name == "json"


# ---------------------------------------------------------------- what is passed over


def changed(case: Made, **changes: Any) -> dict[str, Any]:
    return case.payload | changes


def inside(case: Made, name: str, **changes: Any) -> dict[str, Any]:
    return case.payload | {name: case.payload[name] | changes}


ZENDESK, HUBSPOT = made.ZENDESK_EVENT, made.HUBSPOT_EVENT
BOT = {"login": "helper[bot]", "type": "Bot"}
PASSED = [
    (changed(ZENDESK, type="zen:event-type:ticket.soft_deleted"), "deleted"),
    (changed(ZENDESK, type="zen:event-type:ticket.merged"), "deleted"),
    (changed(ZENDESK, type="zen:event-type:ticket.marked_as_spam"), "spam"),
    (changed(ZENDESK, type="zen:event-type:ticket.comment_added"), "comment"),
    (changed(ZENDESK, type="zen:event-type:user.created", subject="zen:user:1"), "other_object"),
    (changed(made.ZENDESK_ROW, status="deleted"), "deleted"),
    (changed(made.FRESHDESK_TICKET, spam=True), "spam"),
    (changed(made.FRESHDESK_TICKET, deleted=True), "deleted"),
    (inside(made.FRESHDESK_WEBHOOK, "freshdesk_webhook", triggered_event="{reply_sent:sent}"), "comment"),
    (changed(made.INTERCOM_NOTIFICATION, topic="conversation.user.replied"), "comment"),
    (changed(made.INTERCOM_NOTIFICATION, topic="conversation.deleted"), "deleted"),
    (changed(made.INTERCOM_NOTIFICATION, data={"item": {"type": "contact", "id": "1"}}), "other_object"),
    (changed(made.INTERCOM_NOTIFICATION, data={"item": {"type": "ping"}}, topic="ping"), "other_object"),
    (changed(HUBSPOT, subscriptionType="ticket.deletion"), "deleted"),
    (changed(HUBSPOT, subscriptionType="ticket.propertyChange", propertyName="content"), "partial"),
    (changed(HUBSPOT, subscriptionType="contact.creation"), "other_object"),
    (changed(HUBSPOT, subscriptionType="object.creation", objectTypeId="0-1"), "other_object"),
    (changed(made.HUBSPOT_OBJECT, archived=True), "deleted"),
    (changed(made.JIRA_EVENT, webhookEvent="jira:issue_deleted"), "deleted"),
    (changed(made.JIRA_EVENT, webhookEvent="comment_created"), "comment"),
    (changed(made.JIRA_EVENT, issue_event_type_name="issue_commented"), "comment"),
    ({"webhookEvent": "sprint_started", "sprint": {"id": 1}}, "other_object"),
    (changed(made.GITHUB_EVENT, action="deleted"), "deleted"),
    (changed(made.GITHUB_EVENT, action="created", comment={"body": "same here"}), "comment"),
    (changed(made.GITHUB_EVENT, sender=BOT), "bot"),
    (changed(made.GITHUB_ISSUE, user=BOT), "bot"),
    (changed(made.GITHUB_ISSUE, pull_request={"url": "u"}), "other_object"),
    ({"ref": "main", "repository": {"full_name": "acme/app"}, "sender": BOT}, "other_object"),
]


@pytest.mark.parametrize(("payload", "rule"), PASSED)
def test_what_is_no_ticket_to_classify_is_passed_over_by_a_rule(payload: dict[str, Any], rule: str) -> None:
    with pytest.raises(PassedOver) as caught:
        read(payload)
    assert caught.value.rule == rule
    assert f"`{rule}`" in caught.value.sentence


UPDATES = [
    changed(ZENDESK, type="zen:event-type:ticket.status_changed"),
    changed(made.JIRA_EVENT, webhookEvent="jira:issue_updated", issue_event_type_name="issue_generic"),
    changed(made.GITHUB_EVENT, action="edited"),
    changed(made.INTERCOM_NOTIFICATION, topic="conversation.admin.closed"),
    changed(HUBSPOT, subscriptionType="object.creation", objectTypeId="0-5"),
    changed(made.FRESHDESK_TICKET, spam=False, deleted=False),
]


@pytest.mark.parametrize("payload", UPDATES)
def test_what_changes_a_ticket_is_the_ticket_again(payload: dict[str, Any]) -> None:
    assert read(payload).ticket_id


def test_the_other_elements_of_an_array_are_read() -> None:
    events = [HUBSPOT.payload | {"objectId": number} for number in (1, 2, 3)]
    events[1] |= {"subscriptionType": "ticket.deletion"}
    with pytest.raises(PassedOver) as caught:
        AUTO.read(orjson.dumps(events))
    assert [ticket.ticket_id for ticket in caught.value.tickets] == ["1", "3"]
    assert caught.value.rules == ("deleted",)


def test_an_element_that_is_no_ticket_makes_the_array_none_whatever_else_is_passed_over() -> None:
    events = [HUBSPOT.payload | {"subscriptionType": "ticket.deletion"}, {"subject": "no id"}]
    with pytest.raises(NotATicket, match="Element 1 of the array"):
        AUTO.read(orjson.dumps(events))


# ---------------------------------------------------------------- no shape raises anything else


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
inner_names = sorted({name for v in ANYTHING.values() if isinstance(v, dict) for name in v} | {"item", "doc"})


@st.composite
def mutilated(draw: st.DrawFn) -> Any:
    """A payload with some values replaced by anything, at the top and one deeper."""
    payload = dict(draw(st.sampled_from(MADE)).payload)
    payload |= draw(st.dictionaries(st.sampled_from(sorted(payload)), json_values, max_size=3))
    for name, value in payload.items():
        if isinstance(value, dict) and value:
            replaced = draw(
                st.dictionaries(st.sampled_from([*map(str, value), *inner_names]), json_values, max_size=2)
            )
            payload[name] = value | replaced
    return payload


SHAPES: list[Any] = [None, True, -1, 1.5, "", "x", "{", [], {}, [None], [[]], {"a": 1}, {"value": []}]


def replaced(raw: Any, shape: Any) -> Iterator[Any]:
    """The object with each value within it replaced in turn."""
    for place in raw if isinstance(raw, dict) else range(len(raw) if isinstance(raw, list) else 0):
        for value in (shape, *replaced(raw[place], shape)):
            changed = raw.copy()
            changed[place] = value
            yield changed


@by_name
def test_each_value_may_have_any_shape(case: Made) -> None:
    readers = AUTO, TicketReader(format=case.format), TicketReader(context_fields=("channel", "created_at"))
    for shape in SHAPES:
        for payload in replaced(case.payload, shape):
            for reader in readers:
                with contextlib.suppress(NotATicket, PassedOver):
                    assert read(payload, reader).ticket_id


@given(mutilated(), st.sampled_from(AVAILABLE_FORMATS))
def test_whatever_stands_where_it_is_a_ticket_a_refusal_or_passed_over(payload: Any, name: str) -> None:
    try:
        tickets = TicketReader(format=name).read(json.dumps(payload).encode())
    except (NotATicket, PassedOver):
        return
    for ticket in tickets:
        assert ticket.ticket_id
        assert all(isinstance(part, str) for part in (ticket.subject, ticket.body, *ticket.tags))

"""Freshdesk: tickets as the API has them, and what automation rules send to a webhook.

| part | API | automation rule |
| --- | --- | --- |
| ticket_id | `id` | `freshdesk_webhook.ticket_id`, else the end of `ticket_url` |
| subject | `subject` | `ticket_subject` |
| body | `description_text`, else `description` (HTML) | `ticket_description` (HTML) |
| priority | 1 to 4: low, normal, high, urgent | its name: Low, Medium, High, Urgent |
| tags | `tags` | `ticket_tags`, parted by commas |
| tenant | `company_id` | the host of `ticket_url`, else `ticket_company_name` |
| revision | `updated_at` | none |

A ticket with `deleted` or `spam` is passed over, and so are a rule's events of replies and notes. The API's
form is read also as `ticket` of another object. A rule's content is made by its author: what was renamed
there needs `ticket.fields`.

https://developers.freshdesk.com/api/#tickets
https://support.freshdesk.com/support/solutions/articles/132589-using-webhooks-in-automation-rules
"""

from typing import Any

from stream_classifier.core.formats.format import Format, Raw
from stream_classifier.core.formats.parts import first, has_own_text, host, is_marked, mapped, object_at
from stream_classifier.core.formats.passing import PassedOver, PassRule

PRIORITIES = {
    "1": "low",
    "2": "normal",
    "3": "high",
    "4": "urgent",
    "low": "low",
    "medium": "normal",
    "high": "high",
    "urgent": "urgent",
}
SOURCES = {
    "1": "email",
    "2": "portal",
    "3": "phone",
    "7": "chat",
    "9": "feedback widget",
    "10": "outbound email",
}
_MARKS = (
    "description_text fr_due_by fr_escalated email_config_id spam is_escalated responder_id nr_due_by"
    " association_type source_additional_info structured_description"
)
MARKS = frozenset(_MARKS.split())
WEBHOOK = "freshdesk_webhook"


def _is_ticket(raw: Raw) -> bool:
    return "id" in raw and is_marked(raw, MARKS)


def _ticket(raw: Raw) -> Raw:
    if raw.get("deleted") is True:
        raise PassedOver(PassRule.DELETED)
    if raw.get("spam") is True:
        raise PassedOver(PassRule.SPAM)
    text = raw.get("description_text")
    return {
        "ticket_id": raw.get("id"),
        "subject": raw.get("subject"),
        "body": first(text, raw.get("description")),
        "body_format": "text" if text else "html",
        "priority": mapped(raw.get("priority"), PRIORITIES),
        "tags": raw.get("tags"),
        "tenant": raw.get("company_id"),
        "channel": mapped(raw.get("source"), SOURCES),
        "created_at": raw.get("created_at"),
        "revision": raw.get("updated_at"),
    }


def _is_wrapped(raw: Raw) -> bool:
    return not has_own_text(raw) and _is_ticket(object_at(raw, "ticket"))


def _wrapped(raw: Raw) -> Raw:
    return _ticket(object_at(raw, "ticket"))


def _is_webhook(raw: Raw) -> bool:
    return isinstance(raw.get(WEBHOOK), dict) and not has_own_text(raw)


def _webhook(raw: Raw) -> Raw:
    ticket = object_at(raw, WEBHOOK)
    _pass_over(ticket.get("triggered_event"))
    url = ticket.get("ticket_url")
    return {
        "ticket_id": first(ticket.get("ticket_id"), ticket.get("ticket_display_id"), _last(url)),
        "subject": ticket.get("ticket_subject"),
        "body": first(ticket.get("ticket_description"), ticket.get("ticket_description_text")),
        "body_format": "html" if ticket.get("ticket_description") else "text",
        "priority": mapped(ticket.get("ticket_priority"), PRIORITIES),
        "tags": ticket.get("ticket_tags"),
        "tenant": first(host(url), ticket.get("ticket_company_name")),
        "channel": ticket.get("ticket_source"),
    }


def _pass_over(event: Any) -> None:
    """`{ticket_action:created}`, `{priority:from:1,to:4}`, `{reply_sent:sent}` and the like."""
    if not isinstance(event, str):
        return
    if event.startswith(("{reply_sent", "{note_type")):
        raise PassedOver(PassRule.COMMENT)
    if event.startswith("{ticket_action:delete"):
        raise PassedOver(PassRule.DELETED)


def _last(url: Any) -> str | None:
    """`11` of `.../helpdesk/tickets/11`."""
    if not isinstance(url, str):
        return None
    number = url.rstrip("/").rpartition("/tickets/")[2]
    return number if number.isdecimal() else None


FORMATS = (
    Format(
        name="freshdesk",
        shape="an automation rule's webhook",
        marks=frozenset({WEBHOOK}),
        matches=_is_webhook,
        canonical=_webhook,
        id_places=(f"{WEBHOOK}.ticket_id", f"{WEBHOOK}.ticket_url"),
        text_places=(WEBHOOK,),
    ),
    Format(
        name="freshdesk",
        shape="a wrapped ticket",
        marks=frozenset({"ticket"}),
        matches=_is_wrapped,
        canonical=_wrapped,
        id_places=("ticket.id",),
        text_places=("ticket.description_text", "ticket.description", "ticket.subject"),
    ),
    Format(
        name="freshdesk",
        shape="a ticket",
        marks=MARKS,
        matches=_is_ticket,
        canonical=_ticket,
        id_places=("id",),
        text_places=("description_text", "description", "subject"),
    ),
)

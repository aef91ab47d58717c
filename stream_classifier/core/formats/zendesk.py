"""Zendesk: events, what triggers send to a webhook, and rows of connectors.

| part | event | webhook of a trigger | row, as the API has it |
| --- | --- | --- | --- |
| ticket_id | `detail.id` | `ticket.id` | `id` |
| subject | `detail.subject` | `ticket.subject`, `ticket.title` | `subject`, `raw_subject` |
| body | `detail.description` | `ticket.description` | `description`: the first comment |
| priority | `detail.priority` | `ticket.priority` | `priority` |
| tags | `detail.tags` | `ticket.tags`, parted by blanks | `tags` |
| tenant | `account_id` | `ticket.organization_id`, `account_id` | `organization_id`, `brand_id` |
| revision | `detail.updated_at` | `ticket.updated_at` | `updated_at` |

The event's own `subject` is no subject: it names the ticket (`zen:ticket:1`).

An event's `detail` is the whole ticket, so what changes it is an update of the ticket. Deleted and merged
tickets, spam and comments are passed over, and so are events about users, articles and the like. A
trigger's JSON is whatever its author wrote: any other form needs `ticket.fields`.

https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events
https://developer.zendesk.com/api-reference/ticketing/tickets/tickets
https://support.zendesk.com/hc/en-us/articles/4408839108378
"""

from typing import Any

from stream_classifier.core.formats.format import Format, Raw
from stream_classifier.core.formats.parts import at, first, has_own_text, is_marked, mapped, object_at
from stream_classifier.core.formats.passing import PassedOver, PassRule

PRIORITIES = {"urgent": "urgent", "high": "high", "normal": "normal", "low": "low"}
EVENT, TICKET_EVENT = "zen:event-type:", "zen:event-type:ticket."
PASSED = {
    "soft_deleted": PassRule.DELETED,
    "permanently_deleted": PassRule.DELETED,
    "merged": PassRule.DELETED,
    "marked_as_spam": PassRule.SPAM,
    "comment_added": PassRule.COMMENT,
    "comment_made_private": PassRule.COMMENT,
    "comment_redacted": PassRule.COMMENT,
    "attachment_linked_to_comment": PassRule.COMMENT,
    "attachment_redacted_from_comment": PassRule.COMMENT,
}
_ROW_MARKS = (
    "raw_subject submitter_id brand_id ticket_form_id generated_timestamp has_incidents problem_id"
    " follower_ids collaborator_ids email_cc_ids satisfaction_rating sharing_agreement_ids allow_channelback"
)
ROW_MARKS = frozenset(_ROW_MARKS.split())


def _is_event(raw: Raw) -> bool:
    kind, about = raw.get("type"), raw.get("subject")
    return isinstance(raw.get("detail"), dict) and (
        (isinstance(kind, str) and kind.startswith(EVENT))
        or (isinstance(about, str) and about.startswith("zen:"))
        or "zendesk_event_version" in raw
    )


def _event(raw: Raw) -> Raw:
    kind, about = raw.get("type"), raw.get("subject")
    if isinstance(kind, str) and kind.startswith(EVENT) and not kind.startswith(TICKET_EVENT):
        raise PassedOver(PassRule.OTHER_OBJECT)
    if isinstance(about, str) and about.startswith("zen:") and not about.startswith("zen:ticket:"):
        raise PassedOver(PassRule.OTHER_OBJECT)
    if isinstance(kind, str) and (rule := PASSED.get(kind.removeprefix(TICKET_EVENT))):
        raise PassedOver(rule)
    return _ticket(object_at(raw, "detail"), tenant=raw.get("account_id"))


def _is_webhook(raw: Raw) -> bool:
    ticket = raw.get("ticket")
    return (
        isinstance(ticket, dict)
        and not has_own_text(raw)
        and "id" in ticket
        and any(name in ticket for name in ("title", "subject", "description"))
    )


def _webhook(raw: Raw) -> Raw:
    ticket = object_at(raw, "ticket")
    tags = ticket.get("tags")
    parts = _ticket(ticket, tenant=first(ticket.get("organization_id"), raw.get("account_id")))
    return parts | {"tags": tags.replace(",", " ").split() if isinstance(tags, str) else tags}


def _is_row(raw: Raw) -> bool:
    url = raw.get("url")
    at_home = isinstance(url, str) and ".zendesk.com/api/" in url
    return "id" in raw and (at_home or is_marked(raw, ROW_MARKS))


def _row(raw: Raw) -> Raw:
    return _ticket(raw, tenant=first(raw.get("organization_id"), raw.get("brand_id")))


def _ticket(ticket: Raw, *, tenant: Any) -> dict[str, Any]:
    status = ticket.get("status")
    if isinstance(status, str) and status.lower() == "deleted":
        raise PassedOver(PassRule.DELETED)
    return {
        "ticket_id": ticket.get("id"),
        "subject": first(ticket.get("subject"), ticket.get("title"), ticket.get("raw_subject")),
        "body": ticket.get("description"),
        "priority": mapped(ticket.get("priority"), PRIORITIES),
        "tags": ticket.get("tags"),
        "tenant": tenant,
        "channel": first(at(ticket, "via", "channel"), ticket.get("via")),
        "created_at": ticket.get("created_at"),
        "revision": ticket.get("updated_at"),
    }


FORMATS = (
    Format(
        name="zendesk",
        shape="an event",
        marks=frozenset({"detail"}),
        matches=_is_event,
        canonical=_event,
        id_places=("detail.id",),
        text_places=("detail",),
    ),
    Format(
        name="zendesk",
        shape="a trigger's webhook",
        marks=frozenset({"ticket"}),
        matches=_is_webhook,
        canonical=_webhook,
        id_places=("ticket.id",),
        text_places=("ticket.description", "ticket.subject", "ticket.title"),
    ),
    Format(
        name="zendesk",
        shape="a row",
        marks=ROW_MARKS | {"url"},
        matches=_is_row,
        canonical=_row,
        id_places=("id",),
        text_places=("description", "subject", "raw_subject"),
    ),
)

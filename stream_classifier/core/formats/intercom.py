"""Intercom: notifications of a webhook, and conversations and tickets as the API has them.

The first is the second with more around it: `data.item` is the conversation or the ticket.

| part | conversation | ticket |
| --- | --- | --- |
| ticket_id | `id` | `id` (`ticket_id` is a number for people) |
| subject | `source.subject`, else `title` | `ticket_attributes._default_title_` |
| body | `source.body` (HTML) | `ticket_attributes._default_description_` |
| priority | `priority`: high, else `not_priority`: normal | none |
| tags | `tags.tags[].name` | `tags.tags[].name` |
| tenant | the notification's `app_id` | the same |
| created_at, revision | `created_at`, `updated_at`, in seconds | the same |

Before API 2.0 the message stood in `conversation_message` instead of `source`. A ticket's description is HTML
where it begins with a tag.

Replies and notes are passed over: they tell of the whole conversation, whose first message is what is
judged. Deleted conversations, and notifications about people, companies and pings, are passed over too.

https://developers.intercom.com/docs/references/webhooks/webhook-models
https://developers.intercom.com/docs/references/rest-api/api.intercom.io/conversations
https://developers.intercom.com/docs/references/rest-api/api.intercom.io/tickets
"""

from typing import Any

from stream_classifier.core.formats.format import Format, Raw
from stream_classifier.core.formats.parts import at, first, has_own_text, mapped, object_at
from stream_classifier.core.formats.passing import PassedOver, PassRule

PRIORITIES = {"priority": "high", "not_priority": "normal"}
KINDS = ("conversation", "ticket")
COMMENTS = (".replied", ".noted")


def _is_notification(raw: Raw) -> bool:
    if has_own_text(raw):
        return False
    if raw.get("type") == "notification_event":
        return True
    return isinstance(at(raw, "data", "item"), dict) and ("app_id" in raw or "topic" in raw)


def _notification(raw: Raw) -> Raw:
    item, topic = object_at(raw, "data", "item"), raw.get("topic")
    if item.get("type", "conversation") not in KINDS or topic == "ping":
        raise PassedOver(PassRule.OTHER_OBJECT)
    if isinstance(topic, str) and topic.endswith(".deleted"):
        raise PassedOver(PassRule.DELETED)
    if isinstance(topic, str) and topic.endswith(COMMENTS):
        raise PassedOver(PassRule.COMMENT)
    return _item(item) | {"tenant": raw.get("app_id")}


def _is_item(raw: Raw) -> bool:
    kind = raw.get("type")
    if kind == "ticket":
        return isinstance(raw.get("ticket_attributes"), dict)
    holds = isinstance(raw.get("source"), dict) or isinstance(raw.get("conversation_message"), dict)
    return kind == "conversation" and holds and not has_own_text(raw)


def _item(item: Raw) -> dict[str, Any]:
    message, attributes = _message(item), object_at(item, "ticket_attributes")
    description = attributes.get("_default_description_")
    body = first(message.get("body"), description)
    return {
        "ticket_id": item.get("id"),
        "subject": first(message.get("subject"), attributes.get("_default_title_"), item.get("title")),
        "body": body,
        "body_format": "html" if body is not description or _begins_with_a_tag(body) else "text",
        "priority": mapped(item.get("priority"), PRIORITIES),
        "tags": at(item, "tags", "tags"),
        "channel": first(at(item, "source", "type"), item.get("category")),
        "created_at": item.get("created_at"),
        "revision": item.get("updated_at"),
    }


def _message(item: Raw) -> Raw:
    return object_at(item, "source") or object_at(item, "conversation_message")


def _begins_with_a_tag(text: Any) -> bool:
    return isinstance(text, str) and text.lstrip().startswith("<")


FORMATS = (
    Format(
        name="intercom",
        shape="a notification",
        marks=frozenset({"type", "data"}),
        matches=_is_notification,
        canonical=_notification,
        id_places=("data.item.id",),
        text_places=("data.item",),
    ),
    Format(
        name="intercom",
        shape="a conversation or a ticket",
        marks=frozenset({"type"}),
        matches=_is_item,
        canonical=_item,
        id_places=("id",),
        text_places=("source", "conversation_message", "ticket_attributes"),
    ),
)

"""HubSpot: events of a webhook, and ticket objects as the API has them.

| part | event | object |
| --- | --- | --- |
| ticket_id | `objectId` | `id`, `objectId`, `properties.hs_object_id` |
| subject | none | `properties.subject` |
| body | none | `properties.content` |
| priority | none | `properties.hs_ticket_priority`: LOW, MEDIUM, HIGH, URGENT |
| tags | none | `properties.hs_ticket_category`, parted by semicolons |
| tenant | `portalId` | `portalId` |
| created_at | `occurredAt`, in milliseconds | `properties.createdate`, `createdAt` |
| revision | `occurredAt` | `properties.hs_lastmodifieddate`, `updatedAt` |

An event holds no text: a new ticket's is `needs_review` with `no_text`, unless somebody fetches the object
and puts its `properties` into the event (docs/formats.md). A property may stand bare, or as `{"value": ...}`.
Events come in arrays. Deletions and merges are passed over, changes of single properties too (`partial`), and
what is about contacts, deals and the like; archived objects as well.

https://developers.hubspot.com/docs/api-reference/webhooks-webhooks-v3/guide
https://developers.hubspot.com/docs/api-reference/crm-tickets-v3/guide
"""

from typing import Any

from stream_classifier.core.formats.format import Format, Raw
from stream_classifier.core.formats.parts import at, first, has_own_text, mapped, object_at
from stream_classifier.core.formats.passing import PassedOver, PassRule

PRIORITIES = {"low": "low", "medium": "normal", "high": "high", "urgent": "urgent"}
TICKET_TYPE_ID = "0-5"
PASSED = {
    "deletion": PassRule.DELETED,
    "privacyDeletion": PassRule.DELETED,
    "merge": PassRule.DELETED,
    "propertyChange": PassRule.PARTIAL,
    "associationChange": PassRule.PARTIAL,
}
TICKET_PROPERTIES = (
    "content",
    "hs_ticket_priority",
    "hs_ticket_category",
    "hs_pipeline_stage",
    "hs_ticket_id",
)
EVENT_MARKS = ("subscriptionType", "subscriptionId", "eventId")


def _is_event(raw: Raw) -> bool:
    return "objectId" in raw and any(name in raw for name in EVENT_MARKS) and not has_own_text(raw)


def _event(raw: Raw) -> Raw:
    about, _, change = str(raw.get("subscriptionType") or "").partition(".")
    if about == "object":
        about = "ticket" if raw.get("objectTypeId") in (TICKET_TYPE_ID, None) else "other"
    if about not in ("ticket", ""):
        raise PassedOver(PassRule.OTHER_OBJECT)
    enriched = isinstance(raw.get("properties"), dict)
    rule = PASSED.get(change)
    if rule is not None and not (enriched and rule is PassRule.PARTIAL):
        raise PassedOver(rule)
    parts = _object(raw)
    since = {"created_at": raw.get("occurredAt"), "revision": raw.get("occurredAt")}
    return parts | {name: first(parts[name], value) for name, value in since.items()}


def _is_object(raw: Raw) -> bool:
    properties = raw.get("properties")
    return (
        isinstance(properties, dict)
        and not has_own_text(raw)
        and any(name in properties for name in TICKET_PROPERTIES)
    )


def _object(raw: Raw) -> dict[str, Any]:
    if raw.get("archived") is True:
        raise PassedOver(PassRule.DELETED)
    properties = {name: _bare(value) for name, value in object_at(raw, "properties").items()}
    categories = properties.get("hs_ticket_category")
    return {
        "ticket_id": first(raw.get("objectId"), raw.get("id"), properties.get("hs_object_id")),
        "subject": properties.get("subject"),
        "body": properties.get("content"),
        "priority": mapped(properties.get("hs_ticket_priority"), PRIORITIES),
        "tags": categories.split(";") if isinstance(categories, str) else categories,
        "tenant": raw.get("portalId"),
        "channel": properties.get("source_type"),
        "language": properties.get("hs_language"),
        "created_at": first(properties.get("createdate"), raw.get("createdAt")),
        "revision": first(properties.get("hs_lastmodifieddate"), raw.get("updatedAt")),
    }


def _bare(value: Any) -> Any:
    return at(value, "value") if isinstance(value, dict) else value


FORMATS = (
    Format(
        name="hubspot",
        shape="an event",
        marks=frozenset({"objectId"}),
        matches=_is_event,
        canonical=_event,
        id_places=("objectId",),
        text_places=("subscriptionType", "properties"),
    ),
    Format(
        name="hubspot",
        shape="an object",
        marks=frozenset({"properties"}),
        matches=_is_object,
        canonical=_object,
        id_places=("id", "objectId", "properties.hs_object_id"),
        text_places=("properties",),
    ),
)

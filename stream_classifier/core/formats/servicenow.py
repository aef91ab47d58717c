"""ServiceNow: records of a task table (incidents, cases), as Stream Connect and the Table API send them.

| part | place |
| --- | --- |
| ticket_id | `sys_id`, else `number` |
| subject | `short_description` |
| body | `description` |
| priority | `priority`: 1 urgent, 2 high, 3 normal, 4 and 5 low; alone or as `1 - Critical` |
| tags | `category`, `subcategory` |
| tenant | `sys_domain` unless it is `global`, else `company` |
| channel, language | `contact_type`, `u_language` |
| created_at | `opened_at`, else `sys_created_on` |
| revision | `sys_updated_on` |

Every value is a string, or an object with `value` where display values or links were asked for. Times
stand in UTC and say no zone; they are written as RFC 3339. The Table API's `{"result": ...}` is taken off.
A record comes again with each of its changes.

https://www.servicenow.com/docs/bundle/api-reference/page/integrate/inbound-rest/concept/c_TableAPI.html
https://www.servicenow.com/docs/bundle/integrate-applications/page/administer/stream-connect-apache-kafka
"""

from typing import Any

from stream_classifier.core.formats.format import Envelope, Format, Raw
from stream_classifier.core.formats.parts import first, mapped, utc_time

PRIORITIES = {
    "1": "urgent",
    "2": "high",
    "3": "normal",
    "4": "low",
    "5": "low",
    "1 - critical": "urgent",
    "2 - high": "high",
    "3 - moderate": "normal",
    "4 - low": "low",
    "5 - planning": "low",
}
MARKS = ("number", "short_description", "sys_created_on", "sys_updated_on", "sys_class_name", "opened_at")


def _is_record(raw: Raw) -> bool:
    return ("sys_id" in raw and any(name in raw for name in MARKS)) or (
        "short_description" in raw and "number" in raw
    )


def _record(raw: Raw) -> Raw:
    value = {name: _bare(field) for name, field in raw.items()}
    domain = value.get("sys_domain")
    return {
        "ticket_id": first(value.get("sys_id"), value.get("number")),
        "subject": value.get("short_description"),
        "body": value.get("description"),
        "priority": mapped(value.get("priority"), PRIORITIES),
        "tags": [name for name in (value.get("category"), value.get("subcategory")) if name],
        "tenant": first(domain if domain != "global" else None, value.get("company")),
        "channel": value.get("contact_type"),
        "language": value.get("u_language"),
        "created_at": utc_time(first(value.get("opened_at"), value.get("sys_created_on"))),
        "revision": utc_time(value.get("sys_updated_on")),
    }


def _bare(field: Any) -> Any:
    """The value of `{"value": ..., "display_value": ...}` or `{"value": ..., "link": ...}`."""
    return first(field.get("value"), field.get("display_value")) if isinstance(field, dict) else field


def _is_result(raw: Raw, content_type: str) -> bool:
    return len(raw) == 1 and "result" in raw


FORMATS = (
    Format(
        name="servicenow",
        shape="a record",
        marks=frozenset({"sys_id", "short_description"}),
        matches=_is_record,
        canonical=_record,
        id_places=("sys_id", "number"),
        text_places=("short_description", "description"),
    ),
)
RESULT = Envelope(
    name="result", marks=frozenset({"result"}), wraps=_is_result, content=lambda raw: raw["result"]
)

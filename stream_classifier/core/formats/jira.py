"""Jira and Jira Service Management: events of a webhook, and issues as API and automation rules send them.

An event is an issue in `issue`, with more around it.

| part | place |
| --- | --- |
| ticket_id | `key`, else `id` |
| subject | `fields.summary` |
| body | `fields.description`: text, wiki markup, or a document (ADF), which may itself be JSON in a text |
| priority | `fields.priority.name`. The default schemes' names are mapped; a scheme's own stay as they are |
| tags | `fields.labels` |
| tenant | the host of `self` and `fields.project.key`, as `example.atlassian.net/HELP` |
| language | the first `fields.customfield_*` with a `languageCode` |
| created_at, revision | `fields.created`, `fields.updated`, the offset written as RFC 3339 has it |

An event of a comment or a worklog is passed over: it holds the issue without its description. A deleted
issue is passed over, and what is about projects, sprints, users and links.

https://developer.atlassian.com/cloud/jira/platform/webhooks/
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/
https://support.atlassian.com/cloud-automation/docs/issue-data-jira-format-payload-for-send-web-request-action
"""

from typing import Any

from stream_classifier.core.formats.adf import is_document, text_of_document
from stream_classifier.core.formats.decode import decode
from stream_classifier.core.formats.fault import NotATicket
from stream_classifier.core.formats.format import Format, Raw
from stream_classifier.core.formats.parts import at, first, has_own_text, host, mapped, object_at, offset_time
from stream_classifier.core.formats.passing import PassedOver, PassRule

PRIORITIES = {
    "highest": "urgent",
    "blocker": "urgent",
    "critical": "urgent",
    "high": "high",
    "major": "high",
    "medium": "normal",
    "minor": "low",
    "low": "low",
    "lowest": "low",
    "trivial": "low",
}
COMMENT_CHANGES = frozenset({"issue_commented", "issue_comment_edited", "issue_comment_deleted"})
ISSUE_FIELDS = ("summary", "issuetype", "project", "description")


def _is_event(raw: Raw) -> bool:
    if has_own_text(raw):
        return False
    return isinstance(raw.get("webhookEvent"), str) or _is_issue(object_at(raw, "issue"))


def _event(raw: Raw) -> Raw:
    kind = raw.get("webhookEvent")
    if isinstance(kind, str):
        if kind.endswith("issue_deleted"):
            raise PassedOver(PassRule.DELETED)
        if kind.startswith(("comment_", "worklog_", "attachment_")):
            raise PassedOver(PassRule.COMMENT)
        if not isinstance(raw.get("issue"), dict):
            raise PassedOver(PassRule.OTHER_OBJECT)
    change = raw.get("issue_event_type_name")
    if isinstance(change, str) and change in COMMENT_CHANGES:
        raise PassedOver(PassRule.COMMENT)
    return _issue(object_at(raw, "issue"))


def _is_issue(raw: Raw) -> bool:
    fields = raw.get("fields")
    return (
        isinstance(fields, dict)
        and ("key" in raw or "id" in raw)
        and any(name in fields for name in ISSUE_FIELDS)
        and not has_own_text(raw)
    )


def _issue(issue: Raw) -> dict[str, Any]:
    fields = object_at(issue, "fields")
    priority = fields.get("priority")
    return {
        "ticket_id": first(issue.get("key"), issue.get("id")),
        "subject": fields.get("summary"),
        "body": _body(fields.get("description")),
        "priority": mapped(at(priority, "name") if isinstance(priority, dict) else priority, PRIORITIES),
        "tags": fields.get("labels"),
        "tenant": _tenant(host(issue.get("self")), at(fields, "project", "key")),
        "language": _language(fields),
        "created_at": offset_time(fields.get("created")),
        "revision": offset_time(fields.get("updated")),
    }


def _body(description: Any) -> Any:
    if isinstance(description, str) and description.startswith('{"') and '"doc"' in description:
        try:
            document = decode(description.encode())
        except NotATicket:  # it only looks like one
            return description
        return text_of_document(document) if is_document(document) else description
    return text_of_document(description) if is_document(description) else description


def _tenant(site: str | None, project: Any) -> Any:
    return f"{site}/{project}" if site and isinstance(project, str) else first(project, site)


def _language(fields: Raw) -> Any:
    custom = (value for name, value in fields.items() if name.startswith("customfield_"))
    return next((code for value in custom if (code := at(value, "languageCode"))), None)


FORMATS = (
    Format(
        name="jira",
        shape="an event",
        marks=frozenset({"webhookEvent", "issue"}),
        matches=_is_event,
        canonical=_event,
        id_places=("issue.key", "issue.id"),
        text_places=("issue.fields", "webhookEvent"),
    ),
    Format(
        name="jira",
        shape="an issue",
        marks=frozenset({"fields"}),
        matches=_is_issue,
        canonical=_issue,
        id_places=("key", "id"),
        text_places=("fields",),
    ),
)

"""GitHub issues: events of a webhook, and issues as the API has them.

An event is an issue in `issue`, with more around it.

| part | place |
| --- | --- |
| ticket_id | `node_id`, else `id`: `number` is not unique beyond its repository |
| subject | `title` |
| body | `body`: Markdown, or null |
| priority | none: urgency is told by labels, which `triage.tags` names |
| tags | `labels[].name` |
| tenant | `repository.full_name`, else the end of `repository_url` |
| created_at, revision | `created_at`, `updated_at` |

Passed over: comments; issues that were deleted or transferred (the new repository tells of them); pull
requests, and what is about anything but an issue; and what a bot has done or written, so that a bot which
acts on our labels does not feed itself. Who opens tickets by a GitHub App sends them in our own form.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#issues
https://docs.github.com/en/rest/issues/issues
"""

from typing import Any

from stream_classifier.core.formats.format import Format, Raw
from stream_classifier.core.formats.parts import at, first, has_own_text, is_marked, object_at
from stream_classifier.core.formats.passing import PassedOver, PassRule

GONE = ("deleted", "transferred")
_ISSUE_MARKS = (
    "number node_id html_url repository_url labels_url comments_url events_url author_association"
    " state_reason locked active_lock_reason"
)
ISSUE_MARKS = frozenset(_ISSUE_MARKS.split())


def _is_event(raw: Raw) -> bool:
    if has_own_text(raw):
        return False
    if isinstance(raw.get("repository"), dict) and "sender" in raw:
        return True
    return _is_issue(object_at(raw, "issue"))


def _event(raw: Raw) -> Raw:
    issue = object_at(raw, "issue")
    if not issue:
        raise PassedOver(PassRule.OTHER_OBJECT)
    if "comment" in raw:
        raise PassedOver(PassRule.COMMENT)
    if raw.get("action") in GONE:
        raise PassedOver(PassRule.DELETED)
    if _is_bot(raw.get("sender")):
        raise PassedOver(PassRule.BOT)
    parts = _issue(issue)
    return parts | {"tenant": first(at(raw, "repository", "full_name"), parts["tenant"])}


def _is_issue(raw: Raw) -> bool:
    return "title" in raw and "subject" not in raw and is_marked(raw, ISSUE_MARKS)


def _issue(issue: Raw) -> dict[str, Any]:
    if issue.get("pull_request"):
        raise PassedOver(PassRule.OTHER_OBJECT)
    if _is_bot(issue.get("user")):
        raise PassedOver(PassRule.BOT)
    return {
        "ticket_id": first(issue.get("node_id"), issue.get("id")),
        "subject": issue.get("title"),
        "body": issue.get("body"),
        "tags": issue.get("labels"),
        "tenant": _repository(issue.get("repository_url")),
        "created_at": issue.get("created_at"),
        "revision": issue.get("updated_at"),
    }


def _is_bot(account: Any) -> bool:
    return bool(at(account, "type") == "Bot")


def _repository(url: Any) -> str | None:
    """`owner/name` of `https://api.github.com/repos/owner/name`."""
    return url.rpartition("/repos/")[2] or None if isinstance(url, str) else None


FORMATS = (
    Format(
        name="github",
        shape="an event",
        marks=frozenset({"repository", "issue"}),
        matches=_is_event,
        canonical=_event,
        id_places=("issue.node_id", "issue.id"),
        text_places=("issue",),
    ),
    Format(
        name="github",
        shape="an issue",
        marks=frozenset({"title"}),
        matches=_is_issue,
        canonical=_issue,
        id_places=("node_id", "id"),
        text_places=("title",),
    ),
)

"""What helpdesks send, made up after their documentation: a payload for each shape of each format.

`fields` is what must be read from it. None of them is anybody's ticket.
"""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Made:
    """A payload, the format that it is in, what is to be read from it, and the names without which it is not
    to be told from others."""

    name: str
    format: str
    payload: Json
    fields: Json
    needed: tuple[str, ...] = ()
    spare: tuple[str, ...] = field(default=())  # of which any two may be missing at once


ZENDESK_EVENT = Made(
    name="zendesk event",
    format="zendesk",
    payload={
        "type": "zen:event-type:ticket.created",
        "account_id": 77,
        "id": "9f1c",
        "time": "2026-03-02T09:15:00Z",
        "zendesk_event_version": "2022-11-06",
        "subject": "zen:ticket:501",
        "detail": {
            "id": "501",
            "subject": "Invoice counted twice",
            "description": "We were charged two times in March.",
            "priority": "high",
            "status": "NEW",
            "tags": ["billing", "eu"],
            "organization_id": "9",
            "via": {"channel": "web"},
            "created_at": "2026-03-02T09:15:00Z",
            "updated_at": "2026-03-02T09:16:00Z",
        },
        "event": {"meta": {"sequence": {"id": "A1", "position": 1, "total": 1}}},
    },
    fields={
        "ticket_id": "501",
        "subject": "Invoice counted twice",
        "body": "We were charged two times in March.",
        "body_format": "text",
        "priority": "high",
        "tags": ("billing", "eu"),
        "tenant": "77",
        "revision": "2026-03-02T09:16:00Z",
    },
    needed=("detail",),
    spare=("type", "account_id", "id", "time", "subject", "event"),
)
ZENDESK_WEBHOOK = Made(
    name="zendesk webhook",
    format="zendesk",
    payload={
        "ticket": {
            "id": "502",
            "title": "Cannot export",
            "description": "The export stops at 40 %.",
            "priority": "Urgent",
            "tags": "export vip",
            "url": "help.example.com/agent/tickets/502",
            "organization_id": 12,
        }
    },
    fields={
        "ticket_id": "502",
        "subject": "Cannot export",
        "body": "The export stops at 40 %.",
        "body_format": "text",
        "priority": "urgent",
        "tags": ("export", "vip"),
        "tenant": "12",
        "revision": None,
    },
    needed=("ticket",),
)
ZENDESK_ROW = Made(
    name="zendesk row",
    format="zendesk",
    payload={
        "id": 503,
        "url": "https://example.zendesk.com/api/v2/tickets/503.json",
        "external_id": None,
        "via": {"channel": "email"},
        "subject": "Printer on fire",
        "raw_subject": "Printer on fire",
        "description": "It burns.",
        "priority": None,
        "status": "open",
        "requester_id": 5,
        "submitter_id": 5,
        "organization_id": None,
        "brand_id": 31,
        "ticket_form_id": 4,
        "tags": [],
        "custom_fields": [{"id": 1, "value": "x"}],
        "created_at": "2026-03-02T09:15:00Z",
        "updated_at": "2026-03-02T09:20:00Z",
    },
    fields={
        "ticket_id": "503",
        "subject": "Printer on fire",
        "body": "It burns.",
        "body_format": "text",
        "priority": None,
        "tags": (),
        "tenant": "31",
        "revision": "2026-03-02T09:20:00Z",
    },
    needed=("id", "raw_subject", "submitter_id"),
    spare=("url", "via", "priority", "status", "description", "brand_id", "ticket_form_id", "tags"),
)
FRESHDESK_TICKET = Made(
    name="freshdesk ticket",
    format="freshdesk",
    payload={
        "id": 41,
        "subject": "Where is my parcel?",
        "description": "<div>It was sent on <b>Monday</b>.</div>",
        "description_text": "It was sent on Monday.",
        "priority": 4,
        "status": 2,
        "source": 7,
        "type": "Question",
        "tags": ["parcel"],
        "requester_id": 6,
        "company_id": 8,
        "spam": False,
        "is_escalated": False,
        "fr_due_by": "2026-03-03T09:15:00Z",
        "created_at": "2026-03-02T09:15:00Z",
        "updated_at": "2026-03-02T10:15:00Z",
        "custom_fields": {},
    },
    fields={
        "ticket_id": "41",
        "subject": "Where is my parcel?",
        "body": "It was sent on Monday.",
        "body_format": "text",
        "priority": "urgent",
        "tags": ("parcel",),
        "tenant": "8",
        "revision": "2026-03-02T10:15:00Z",
    },
    needed=("id", "spam", "fr_due_by"),
    spare=("description", "description_text", "subject", "priority", "source", "company_id", "tags"),
)
FRESHDESK_WRAPPED = Made(
    name="freshdesk wrapped ticket",
    format="freshdesk",
    payload={"ticket": FRESHDESK_TICKET.payload},
    fields=FRESHDESK_TICKET.fields,
    needed=("ticket",),
)
FRESHDESK_WEBHOOK = Made(
    name="freshdesk webhook",
    format="freshdesk",
    payload={
        "freshdesk_webhook": {
            "triggered_event": "{ticket_action:created}",
            "ticket_id": "42",
            "ticket_url": "https://Help.example.com/helpdesk/tickets/42",
            "ticket_subject": "Refund",
            "ticket_description": "<div>I want my money back.</div>",
            "ticket_priority": "Medium",
            "ticket_tags": "money, refund",
        }
    },
    fields={
        "ticket_id": "42",
        "subject": "Refund",
        "body": "<div>I want my money back.</div>",
        "body_format": "html",
        "priority": "normal",
        "tags": ("money", "refund"),
        "tenant": "help.example.com",
        "revision": None,
    },
    needed=("freshdesk_webhook",),
)
INTERCOM_CONVERSATION: Json = {
    "type": "conversation",
    "id": "2200",
    "created_at": 1772442900,
    "updated_at": 1772442960,
    "priority": "priority",
    "source": {"type": "email", "subject": "Login", "body": "<p>I cannot log in.</p>"},
    "conversation_parts": {"conversation_parts": [], "total_count": 0},
    "tags": {"type": "tag.list", "tags": [{"type": "tag", "name": "login"}]},
}
INTERCOM_FIELDS: Json = {
    "ticket_id": "2200",
    "subject": "Login",
    "body": "<p>I cannot log in.</p>",
    "body_format": "html",
    "priority": "high",
    "tags": ("login",),
    "tenant": "w1",
    "revision": "1772442960",
}
INTERCOM_NOTIFICATION = Made(
    name="intercom notification",
    format="intercom",
    payload={
        "type": "notification_event",
        "app_id": "w1",
        "topic": "conversation.user.created",
        "id": "notif_1",
        "delivery_attempts": 1,
        "created_at": 1772442900,
        "data": {"type": "notification_event_data", "item": INTERCOM_CONVERSATION},
    },
    fields=INTERCOM_FIELDS,
    needed=("data", "app_id"),
    spare=("type", "topic", "id", "created_at"),
)
INTERCOM_BARE = Made(
    name="intercom conversation",
    format="intercom",
    payload=INTERCOM_CONVERSATION,
    fields=INTERCOM_FIELDS | {"tenant": None},
    needed=("type", "source", "id"),
    spare=("created_at", "priority", "tags", "conversation_parts"),
)
INTERCOM_TICKET = Made(
    name="intercom ticket",
    format="intercom",
    payload={
        "type": "ticket",
        "id": "2201",
        "ticket_id": "88",
        "category": "Customer",
        "ticket_attributes": {
            "_default_title_": "Broken lamp",
            "_default_description_": "It is dark.\nHelp.",
        },
        "created_at": 1772442900,
        "updated_at": 1772442999,
    },
    fields={
        "ticket_id": "2201",
        "subject": "Broken lamp",
        "body": "It is dark.\nHelp.",
        "body_format": "text",
        "priority": None,
        "tags": (),
        "tenant": None,
        "revision": "1772442999",
    },
    needed=("type", "ticket_attributes", "id"),
    spare=("ticket_id", "category", "created_at"),
)
HUBSPOT_EVENT = Made(
    name="hubspot event",
    format="hubspot",
    payload={
        "eventId": 1,
        "subscriptionId": 2,
        "portalId": 3,
        "appId": 4,
        "occurredAt": 1772442900123,
        "subscriptionType": "ticket.creation",
        "attemptNumber": 0,
        "objectId": 9001,
        "changeFlag": "CREATED",
    },
    fields={
        "ticket_id": "9001",
        "subject": "",
        "body": "",
        "body_format": "text",
        "priority": None,
        "tags": (),
        "tenant": "3",
        "revision": "1772442900123",
    },
    needed=("objectId", "eventId"),
    spare=("subscriptionId", "portalId", "appId", "occurredAt", "subscriptionType", "changeFlag"),
)
HUBSPOT_OBJECT = Made(
    name="hubspot object",
    format="hubspot",
    payload={
        "id": "9002",
        "properties": {
            "subject": "Quota",
            "content": "We need more seats.",
            "hs_ticket_priority": "MEDIUM",
            "hs_ticket_category": "PRODUCT_ISSUE;BILLING_ISSUE",
            "hs_pipeline_stage": "1",
            "createdate": "2026-03-02T09:15:00.000Z",
            "hs_lastmodifieddate": "2026-03-02T09:25:00.000Z",
        },
        "createdAt": "2026-03-02T09:15:00.000Z",
        "updatedAt": "2026-03-02T09:25:00.000Z",
        "archived": False,
    },
    fields={
        "ticket_id": "9002",
        "subject": "Quota",
        "body": "We need more seats.",
        "body_format": "text",
        "priority": "normal",
        "tags": ("PRODUCT_ISSUE", "BILLING_ISSUE"),
        "tenant": None,
        "revision": "2026-03-02T09:25:00.000Z",
    },
    needed=("id", "properties"),
    spare=("createdAt", "updatedAt", "archived"),
)
ADF: Json = {
    "type": "doc",
    "version": 1,
    "content": [
        {"type": "paragraph", "content": [{"type": "text", "text": "Nobody can print."}]},
        {
            "type": "bulletList",
            "content": [
                {
                    "type": "listItem",
                    "content": [{"type": "paragraph", "content": [{"type": "text", "text": "floor 1"}]}],
                },
                {
                    "type": "listItem",
                    "content": [{"type": "paragraph", "content": [{"type": "text", "text": "floor 2"}]}],
                },
            ],
        },
    ],
}
JIRA_ISSUE = Made(
    name="jira issue",
    format="jira",
    payload={
        "id": "1000",
        "self": "https://Example.atlassian.net/rest/api/3/issue/1000",
        "key": "HELP-7",
        "fields": {
            "summary": "Printers are down",
            "description": ADF,
            "priority": {"name": "Highest", "id": "1"},
            "labels": ["print"],
            "project": {"key": "HELP"},
            "issuetype": {"name": "Incident"},
            "created": "2026-03-02T09:15:00.000+0000",
            "updated": "2026-03-02T11:15:00.000+0200",
            "customfield_10010": {"languageCode": "de"},
        },
    },
    fields={
        "ticket_id": "HELP-7",
        "subject": "Printers are down",
        "body": "Nobody can print.\n\n- floor 1\n- floor 2",
        "body_format": "text",
        "priority": "urgent",
        "tags": ("print",),
        "tenant": "example.atlassian.net/HELP",
        "revision": "2026-03-02T11:15:00.000+02:00",
    },
    needed=("key", "fields"),
    spare=("id", "self"),
)
JIRA_EVENT = Made(
    name="jira event",
    format="jira",
    payload={
        "timestamp": 1772442900123,
        "webhookEvent": "jira:issue_created",
        "issue_event_type_name": "issue_created",
        "user": {"displayName": "Ada"},
        "issue": JIRA_ISSUE.payload,
    },
    fields=JIRA_ISSUE.fields,
    needed=("issue",),
    spare=("timestamp", "webhookEvent", "issue_event_type_name", "user"),
)
GITHUB_ISSUE = Made(
    name="github issue",
    format="github",
    payload={
        "id": 1,
        "node_id": "I_abc",
        "number": 12,
        "title": "Docs: broken link",
        "body": None,
        "state": "open",
        "locked": False,
        "user": {"login": "ada", "type": "User"},
        "labels": [{"id": 1, "name": "docs"}, {"id": 2, "name": "P0"}],
        "repository_url": "https://api.github.com/repos/acme/app",
        "html_url": "https://github.com/acme/app/issues/12",
        "created_at": "2026-03-02T09:15:00Z",
        "updated_at": "2026-03-02T09:15:10Z",
    },
    fields={
        "ticket_id": "I_abc",
        "subject": "Docs: broken link",
        "body": "",
        "body_format": "text",
        "priority": None,
        "tags": ("docs", "P0"),
        "tenant": "acme/app",
        "revision": "2026-03-02T09:15:10Z",
    },
    needed=("title", "number", "node_id"),
    spare=("id", "body", "state", "labels", "html_url", "repository_url", "locked"),
)
GITHUB_EVENT = Made(
    name="github event",
    format="github",
    payload={
        "action": "opened",
        "issue": GITHUB_ISSUE.payload,
        "repository": {"id": 5, "full_name": "acme/app"},
        "sender": {"login": "ada", "type": "User"},
        "installation": {"id": 3},
    },
    fields=GITHUB_ISSUE.fields,
    needed=("issue",),
    spare=("action", "repository", "sender", "installation"),
)
SERVICENOW = Made(
    name="servicenow record",
    format="servicenow",
    payload={
        "sys_id": "c0ffee",
        "number": "INC0009",
        "short_description": "VPN is slow",
        "description": "Since the update.",
        "priority": "1",
        "category": "network",
        "subcategory": "",
        "caller_id": "abc",
        "contact_type": "phone",
        "opened_at": "2026-03-02 09:15:00",
        "sys_created_on": "2026-03-02 09:15:05",
        "sys_updated_on": "2026-03-02 09:20:00",
        "sys_domain": "global",
        "company": {
            "link": "https://example.service-now.com/api/now/table/core_company/acme",
            "value": "acme",
        },
    },
    fields={
        "ticket_id": "c0ffee",
        "subject": "VPN is slow",
        "body": "Since the update.",
        "body_format": "text",
        "priority": "urgent",
        "tags": ("network",),
        "tenant": "acme",
        "revision": "2026-03-02T09:20:00Z",
    },
    needed=("sys_id", "number"),
    spare=("short_description", "description", "priority", "category", "opened_at", "company"),
)

MADE = (
    ZENDESK_EVENT,
    ZENDESK_WEBHOOK,
    ZENDESK_ROW,
    FRESHDESK_TICKET,
    FRESHDESK_WRAPPED,
    FRESHDESK_WEBHOOK,
    INTERCOM_NOTIFICATION,
    INTERCOM_BARE,
    INTERCOM_TICKET,
    HUBSPOT_EVENT,
    HUBSPOT_OBJECT,
    JIRA_ISSUE,
    JIRA_EVENT,
    GITHUB_ISSUE,
    GITHUB_EVENT,
    SERVICENOW,
)
CANONICAL: Json = {
    "ticket_id": "T-1",
    "subject": "Help",
    "body": "It broke.",
    "priority": "urgent",
    "tags": ["vip"],
    "tenant": "acme",
    "revision": 3,
}

"""Values that have broken programs before: to stand anywhere in a ticket."""

import base64
import copy
import json
import math
from random import Random
from typing import Any

from tests.unit.test_hostile_texts import ATTEMPTS

MARK = "zq7 never told x9k"
"""Stands in many values, and may stand in no sentence about them. It is no field's name: those are told."""

TEXTS: tuple[str, ...] = (
    "",
    " ",
    "\t\r\n \u00a0\u3000",
    MARK,
    f"{MARK}@example.com +49 170 1234567 4111 1111 1111 1111 DE89370400440532013000 10.0.0.1",
    "null",
    "true",
    "NaN",
    "0",
    "-1",
    "1e400",
    "2026-03-02T09:15:00Z",
    "9999-12-31T23:59:59.999Z",
    "99999-01-01T00:00:00Z",
    "0000-00-00 00:00:00",
    "-0001-11-30T00:00:00+99:99",
    "\x00",
    "".join(map(chr, range(32))),
    "\ufffe\uffff\U0010ffff",
    "\ud800",
    "\udfff\ud800",
    "e\u0301" * 50,
    "Z\u0351\u036b\u0343\u036a\u0302" * 40,
    "\u202egnp.exe\u202c",
    "\U000e0041\U000e0042" * 20,
    "\u01c5 \u0130 \u0131 \u00df \ufb01",
    "👩‍👩‍👧‍👦" * 20,
    "__debezium_unavailable_value",
    "{}",
    "[]",
    '{"ticket_id": "inner", "body": "in a text"}',
    '"\\ud83d"',
    "{" * 200,
    "<p>" * 400,
    "<a href='" + "x" * 500,
    "<!--" + "-" * 300,
    "<table>" + "<tr><td>" * 200 + "x",
    f"<script>{MARK}</script><style>p{{}}</style><img src='http://t.example/p.gif' width=1>",
    "&#x41;&#0;&#xD800;&#99999999;&notanentity;" * 10,
    "<div class='gmail_quote'>On Monday wrote:<blockquote>quoted</blockquote></div>",
    "text\n\nOn Mon, 2 Mar 2026 at 09:15, A B <a@example.com> wrote:\n> quoted\n> more\n-- \nA B",
    "> " * 300,
    "-- \n" * 100,
    "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 8).decode(),
    base64.b64encode(bytes(range(256)) * 12).decode(),
    "-----BEGIN PRIVATE KEY-----\n" + "MIIE" * 60 + "\n-----END PRIVATE KEY-----",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0." + "a" * 43,
    "a" * 5_000 + "@",
    "1 " * 3_000,
    "0" * 4_000,
    "(" * 2_000,
    "word " * 3_000,
    "\n" * 3_000,
    *(attempt[:2_000] for attempt in ATTEMPTS),
)

VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    35436.0,
    -0.0,
    2**53,
    2**53 + 1,
    2**63,
    -(2**63),
    2**64 - 1,
    2**64,
    10**400,
    1e308,
    5e-324,
    math.nan,
    math.inf,
    -math.inf,
    [],
    {},
    [[]],
    [None],
    [None, None],
    [{}],
    {"": ""},
    {"id": None},
    {"name": None},
    [{"name": {"name": []}}],
    [True, False],
    list(range(300)),
    {f"field{number}": number for number in range(50)},
    {"type": "doc", "version": 1, "content": [{"type": "text"}]},
    {"type": "doc", "content": {"type": "doc"}},
    {"type": "doc", "content": [{"type": "text", "text": 7, "marks": [{"type": "link", "attrs": []}]}]},
    {"value": "x", "display_value": "y", "link": 3},
)

NAMES = (
    *("id", "ticket_id", "subject", "body", "text", "description", "body_format", "priority", "tags"),
    *("tenant", "language", "channel", "created_at", "updated_at", "revision", "type", "key", "status"),
    *("number", "state"),
    *("data", "data_base64", "specversion", "source", "schema", "payload", "before", "after", "op", "ts_ms"),
    *("__deleted", "aggregateid", "aggregatetype", "detail", "ticket", "freshdesk_webhook", "item", "issue"),
    *("fields", "action", "comment", "properties", "objectId", "subscriptionType", "result", "sys_id"),
    *("spam", "deleted", "pull_request", "", "\x00", "a.b", "\ud83d", "n" * 300, "__proto__", "$ref"),
)

NEST_DEPTHS = (3, 50, 250, 260, 1_000, 1_030, 10_000)


def text(rng: Random) -> str:
    """A hostile text, or two of them joined."""
    one = rng.choice(TEXTS)
    return one + rng.choice(TEXTS) if rng.random() < 0.2 else one


def value(rng: Random) -> Any:
    """Any JSON value, or nearly; a new one each time, since it may be changed where it stands."""
    return text(rng) if rng.random() < 0.5 else copy.deepcopy(rng.choice(VALUES))


def nested(rng: Random) -> bytes:
    """Brackets within brackets, as JSON; far deeper than a Python program could write it."""
    depth = rng.choice(NEST_DEPTHS)
    core = json.dumps(rng.choice(TEXTS)).encode()
    if rng.random() < 0.5:
        return b"[" * depth + core + b"]" * depth
    return b'{"a":' * depth + core + b"}" * depth

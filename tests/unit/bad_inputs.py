"""Records that should not be, by the words that docs/inputs.md has for them, in its order."""

import base64
import bz2
import gzip
import json
from typing import Any

import orjson

from tests.unit.lane_fakes import Record
from tests.unit.made_payloads import CANONICAL, HUBSPOT_EVENT, ZENDESK_EVENT

GOOD = b'{"id": "1", "body": "It broke."}'
MS_9999, MS_2100, NOW_US = 253_402_300_799_999, 4_102_444_800_000, 1_767_225_600_000_000


def of(value: bytes | None, **more: Any) -> Record:
    return Record(value=value, **more)


def ticket(**fields: Any) -> Record:
    return of(orjson.dumps({"id": "1", "body": "It broke."} | fields))


def wrapped(times: int) -> bytes:
    value: Any = {"id": "1", "body": "It broke."}
    for _ in range(times):
        value = {"schema": None, "payload": value}
    return orjson.dumps(value)


BYTES: dict[str, Record] = {
    "no bytes at all (the value is empty, not null)": of(b""),
    "nothing but blanks and line ends": of(b" \r\n\t "),
    "null (a tombstone)": of(None),
    "UTF-8 with a byte order mark": of(b"\xef\xbb\xbf" + GOOD),
    "Latin-1 or Windows-1252": of('{"id": "1", "body": "Grüße"}'.encode("latin-1")),
    "UTF-16 with a byte order mark": of(GOOD.decode().encode("utf-16")),
    "UTF-16 without one": of(GOOD.decode().encode("utf-16-le")),
    "UTF-32": of(GOOD.decode().encode("utf-32")),
    "half of a surrogate pair, as three bytes": of(GOOD.replace(b"broke", b"\xed\xa0\xbd")),
    "half of a surrogate pair, as an escape": of(GOOD.replace(b"broke", rb"\ud83d broke")),
    "NUL, bell and other controls, as escapes": of(GOOD.replace(b"broke", rb"\u0000\u0007 broke")),
    "the same as bytes": of(GOOD.replace(b"broke", b"\x00\x07 broke")),
    "CR LF around and between": of(b'\r\n{\r\n"id": "1",\r\n"body": "It broke."\r\n}\r\n'),
    "gzip in disguise (the value, not the batch)": of(gzip.compress(GOOD, mtime=0)),
    "bzip2, zip, zstd, lz4 or snappy": of(bz2.compress(GOOD)),
    "a schema registry's Avro or Protobuf, `kafka.schema_registry_url` not set": of(b"\0\0\0\0\x07\x02a"),
    "an Avro file": of(b"Obj\x01\x02"),
    "XML or HTML": of(b"<ticket><id>1</id></ticket>"),
    "base64 of JSON, or a JWT": of(base64.b64encode(GOOD)),
    "a picture": of(b"\x89PNG\r\n\x1a\n\0"),
    "a value above `ticket.max_bytes`: 10 MB in one field": ticket(body="x" * 10_000_000),
    "a field of 900,000 characters": ticket(body="word " * 180_000),
    "a field that nobody reads, of 900,000 characters": ticket(attachment="A" * 900_000),
}
JSON: dict[str, Record] = {
    "not JSON": of(b"ticket 1: it broke"),
    "JSON that is cut off": of(GOOD[:-5]),
    "Python's dict, with single quotes": of(b"{'id': '1'}"),
    "several JSON values, a line each": of(GOOD + b"\n" + GOOD),
    "`NaN` or `Infinity`": of(b'{"id": "1", "body": "It broke.", "score": NaN}'),
    "a number beyond a float, such as `1e999`": of(b'{"id": "1", "body": "It broke.", "score": 1e999}'),
    "a number beyond 64 bits where nobody reads it": of(
        b'{"id": "1", "body": "It broke.", "n": 123456789012345678901}'
    ),
    "nested 10,000 deep": of(b'{"id": "1", "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"),
    "nested 1,000 deep where nobody reads it": of(
        b'{"id": "1", "body": "It broke.", "x": ' + b"[" * 1_000 + b"]" * 1_000 + b"}"
    ),
    "a key twice: the last counts": of(b'{"id": "1", "body": "", "body": "It broke."}'),
    "JSON as a text within JSON": of(json.dumps(GOOD.decode()).encode()),
}
SHAPES: dict[str, Record] = {
    "`null`, `true`, a number or a text": of(b"null"),
    "an object with nothing in it": of(b"{}"),
    "an object without an id": of(b'{"subject": "Help", "body": "It broke."}'),
    "null in every field": of(orjson.dumps(dict.fromkeys(CANONICAL))),
    "null in every field but the id": of(orjson.dumps(dict.fromkeys(CANONICAL) | {"ticket_id": "1"})),
    "a text of nothing but blanks": ticket(body=" \n\u00a0\u3000"),
    "a text of nothing but characters that nobody sees": ticket(body="\u200b\u200d\ufeff\u2060"),
    "HTML without a word": ticket(body="<p><br></p><!-- x -->", body_format="html"),
    "an id that is an integer": ticket(id=35436),
    "an id that is a whole float, `35436.0`": ticket(id=35436.0),
    "an id beyond 64 bits, not as a text": of(b'{"id": 123456789012345678901, "body": "It broke."}'),
    "an id of `1.5`, `true`, a list or an object": ticket(id=True),
    "an id of blanks": ticket(id="  "),
    "a body that is a number": ticket(body=500),
    "a body that is a boolean, a list or an object": ticket(body=["It broke."]),
    "a priority or a tenant that is no text and no number": ticket(priority=["urgent"]),
    "tags with null and numbers among them": ticket(tags=[None, 1, "vip", {"name": "x"}]),
    "tags that are an object": ticket(tags={"vip": True}),
    "a `created_at` of `0000-00-00`, `9999-12-31` or `soon`": ticket(created_at="0000-00-00 00:00:00"),
    "an `updated_at` of the year 9999, or of -1": ticket(updated_at=-1),
    "a HubSpot webhook's event, which holds no text": of(orjson.dumps(HUBSPOT_EVENT.payload)),
}
ARRAYS: dict[str, Record] = {
    "an array of two tickets": of(b"[%b, %b]" % (GOOD, GOOD.replace(b'"1"', b'"2"'))),
    "an array whose tickets share an id": of(b"[%b, %b]" % (GOOD, GOOD)),
    "an empty array": of(b"[]"),
    "an array with one element that is no ticket": of(b"[%b, 7]" % GOOD),
    "an array within an array": of(b"[[%b]]" % GOOD),
    "an array of 10,000 tickets": of(b"[" + b",".join([b'{"id":1}'] * 10_000) + b"]"),
    "an array of 100,000 tickets": of(b"[" + b",".join([b'{"id":1}'] * 100_000) + b"]"),
}
ENVELOPES: dict[str, Record] = {
    "a CloudEvent without `data`": of(b'{"specversion": "1.0", "id": "1", "source": "/x", "data": null}'),
    "a CloudEvent whose `data_base64` is none": of(b'{"specversion": "1.0", "data_base64": "#"}'),
    "a change event of a deletion (`op: d`)": of(b'{"op": "d", "before": {"id": 1}, "after": null}'),
    "a change event without `after`": of(b'{"op": "u", "after": null, "source": {}, "ts_ms": 1}'),
    "envelopes around envelopes, more than 8": of(wrapped(9)),
    "a helpdesk's event of a comment": of(
        orjson.dumps(ZENDESK_EVENT.payload | {"type": "zen:event-type:ticket.comment_added"})
    ),
}
RECORDS: dict[str, Record] = {
    "a record without a timestamp (-1): received when it was labelled": of(GOOD, timestamp=-1),
    "a timestamp before 1970": of(GOOD, timestamp=-(2**63)),
    "a timestamp of the year 9999, or beyond it": of(GOOD, timestamp=2**63 - 1),
    "a timestamp in microseconds: received in the year 9999": of(GOOD, timestamp=NOW_US),
    "a timestamp in seconds: received in 1970": of(GOOD, timestamp=NOW_US // 1_000_000),
    "a timestamp in the future": of(GOOD, timestamp=MS_2100),
    "a header whose value is no text": of(GOOD, headers=[("trace", b"\xff\xfe")]),
    "a header without a value": of(GOOD, headers=[("trace", None)]),
    "a header with a name of 10,000 characters": of(GOOD, headers=[("n" * 10_000, b"1")]),
    "a header with an empty name": of(GOOD, headers=[("", b"1")]),
    "a header twice": of(GOOD, headers=[("trace", b"1"), ("trace", b"2")]),
    "a `content-type` that is no text": of(GOOD, headers=[("content-type", b"\xff")]),
    "a key that is no text, or empty": of(GOOD, key=b"\xff\x00"),
    "a key of 1 MiB": of(GOOD, key=b"k" * (1 << 20)),
}
SECTIONS: dict[str, dict[str, Record]] = {
    "Bytes": BYTES,
    "JSON": JSON,
    "Fields": SHAPES,
    "Arrays": ARRAYS,
    "Envelopes": ENVELOPES,
    "What stands around the value": RECORDS,
}

"""What is told of bytes that are no JSON: what they seem to be, and what the producer is to do."""

import bz2
import codecs
import gzip
import io
import pickle
import zipfile

import pytest

from stream_classifier.core.formats.decode import decode
from stream_classifier.core.formats.encodings import MAGIC
from stream_classifier.core.ticket import DeadLetterReason, NotATicket

TICKET = '{"id": "1", "body": "Grüße"}'
SECRET = "s3cr3t-text"


def zipped(value: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("ticket.json", value)
    return file.getvalue()


def refused(value: bytes) -> NotATicket:
    with pytest.raises(NotATicket) as caught:
        decode(value)
    return caught.value


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (
            gzip.compress(TICKET.encode(), mtime=0),
            "(it begins like gzip): let the producer compress by its own setting",
        ),
        (bz2.compress(TICKET.encode()), "bzip2"),
        (zipped(TICKET.encode()), "a zip file"),
        *((TICKET.encode(name), "let the producer write UTF-8") for name in ("utf-16", "utf-32")),
        *((TICKET.encode(f"utf-{bits}-{end}"), "UTF-") for bits in (16, 32) for end in ("le", "be")),
        (codecs.BOM_UTF16_BE + TICKET.encode("utf-16-be"), "UTF-16"),
        (codecs.BOM_UTF32_BE + TICKET.encode("utf-32-be"), "UTF-32"),
        (b"\0\0\0\0\x07\x02", "kafka.schema_registry_url"),
        (b"Obj\x01\x04", "an Avro file"),
        (b"\xac\xed\x00\x05sr", "a serialised Java object"),
        (pickle.dumps({"id": 1}), "a Python pickle"),
        (b"<ticket/>", "XML or HTML"),
        (b"\n <!DOCTYPE html>", "XML or HTML"),
        (b"\xef\xbb\xbf<ticket/>", "XML or HTML"),
        (b"\x89PNG\r\n", "a picture"),
        (b"eyJpZCI6MX0=", "base64 of JSON"),
        (str({"id": 1}).encode(), "single quotes"),
        (str(TICKET.encode()).encode(), "Python's writing of bytes"),
        (TICKET.encode("latin-1"), "byte 23 is not UTF-8"),
        (b"", "it is empty"),
        (b" \r\n\t", "it is empty"),
        (b'{"id": 1}\n{"id": 2}\n', "send each ticket as a record of its own"),
        (b"[" * 10_000, "nested more than 1,024 deep"),
    ],
)
def test_the_sentence_names_what_the_bytes_seem_to_be(value: bytes, told: str) -> None:
    fault = refused(value)
    assert fault.reason is DeadLetterReason.NOT_JSON
    assert told in fault.sentence


@pytest.mark.parametrize("value", [b"\xc3", *(magic for magic, _, _ in MAGIC)])
def test_no_sentence_quotes_the_value(value: bytes) -> None:
    assert SECRET not in refused(value + SECRET.encode()).sentence


def test_what_can_be_read_is_never_guessed_at() -> None:
    assert decode(b'{"id": "eyJ", "body": "<p>\\u0000"}') == {"id": "eyJ", "body": "<p>\0"}

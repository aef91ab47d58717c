"""What bytes are that are no JSON, by how they begin: only to tell a person, never to read them.

Guessing an encoding and reading on would label what nobody has sent. A producer that compresses or encodes
does so for every record, so the remedy is at the producer, and the sentence says which.
"""

import codecs

COMPRESS = (
    "let the producer compress by its own setting (compression.type), which readers undo, not the value"
)
ENCODE = "let the producer write UTF-8"
REGISTRY = "set kafka.schema_registry_url, or let the producer write plain JSON"
SERIALISE = "let the producer write JSON"
AN_OBJECT = "send the ticket as a JSON object"

MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "gzip", COMPRESS),
    (b"\x28\xb5\x2f\xfd", "zstd", COMPRESS),
    (b"\x04\x22\x4d\x18", "lz4", COMPRESS),
    (b"\xff\x06\x00\x00sNaPpY", "snappy", COMPRESS),
    (b"\x82SNAPPY\x00", "snappy", COMPRESS),
    (b"BZh", "bzip2", COMPRESS),
    (b"PK\x03\x04", "a zip file", COMPRESS),
    (codecs.BOM_UTF32_LE, "UTF-32", ENCODE),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "UTF-32", ENCODE),
    (codecs.BOM_UTF16_LE, "UTF-16", ENCODE),
    (codecs.BOM_UTF16_BE, "UTF-16", ENCODE),
    (b"{\0", "UTF-16 or UTF-32", ENCODE),
    (b"[\0", "UTF-16 or UTF-32", ENCODE),
    (b"\0{", "UTF-16", ENCODE),
    (b"\0[", "UTF-16", ENCODE),
    (b"\0\0\0{", "UTF-32", ENCODE),
    (b"Obj\x01", "an Avro file", SERIALISE),
    (b"\xac\xed\x00\x05", "a serialised Java object", SERIALISE),
    (b"\x80\x04\x95", "a Python pickle, which is never unpacked", SERIALISE),
    (b"\x80\x05\x95", "a Python pickle, which is never unpacked", SERIALISE),
    (b"\0", "the wire format of a schema registry: Avro, Protobuf or JSON Schema", REGISTRY),
    (b"<", "XML or HTML", AN_OBJECT),
    (b"%PDF", "a PDF", AN_OBJECT),
    (b"\x89PNG", "a picture", AN_OBJECT),
    (b"\xff\xd8\xff", "a picture", AN_OBJECT),
    (b"GIF8", "a picture", AN_OBJECT),
    (b"eyJ", "base64 of JSON, or a JWT", "let the producer send the JSON itself"),
    (b"b'{", "Python's writing of bytes", "let the producer send the bytes themselves"),
    (b"{'", "Python's writing of a dict, with single quotes", "let the producer use json.dumps"),
)
"""How bytes begin, what that is, and the remedy. The first that fits counts."""


def looks_like(value: bytes) -> tuple[str, str] | None:
    """What the value begins like, and the remedy; None where it begins like nothing known."""
    begin = value.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n")
    for magic, what, remedy in MAGIC:
        if begin.startswith(magic):
            return f"it begins like {what}", remedy
    return None


def first_bad_byte(value: bytes) -> int | None:
    """The place, from 0, of the first byte that UTF-8 does not allow there; None where it is UTF-8."""
    try:
        value.decode()
    except UnicodeDecodeError as fault:
        return fault.start
    return None

"""What bytes are that are no JSON, by how they begin: only to tell a person, never to read them.

Guessing an encoding and reading on would label what nobody has sent. A producer that compresses or encodes
does so for every record, so the remedy is at the producer, and the sentence says which.
"""

import codecs

MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gzip: {compressed}"),
    (b"\x28\xb5\x2f\xfd", "zstd: {compressed}"),
    (b"\x04\x22\x4d\x18", "lz4: {compressed}"),
    (b"\xff\x06\x00\x00sNaPpY", "snappy: {compressed}"),
    (b"\x82SNAPPY\x00", "snappy: {compressed}"),
    (b"BZh", "bzip2: {compressed}"),
    (b"PK\x03\x04", "a zip file: {compressed}"),
    (codecs.BOM_UTF32_LE, "UTF-32: {encoded}"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "UTF-32: {encoded}"),
    (codecs.BOM_UTF16_LE, "UTF-16: {encoded}"),
    (codecs.BOM_UTF16_BE, "UTF-16: {encoded}"),
    (b"{\0", "UTF-16 or UTF-32: {encoded}"),
    (b"[\0", "UTF-16 or UTF-32: {encoded}"),
    (b"\0{", "UTF-16: {encoded}"),
    (b"\0[", "UTF-16: {encoded}"),
    (b"\0\0\0{", "UTF-32: {encoded}"),
    (b"Obj\x01", "an Avro file: let the producer write JSON, or use a schema registry's format"),
    (b"\xac\xed\x00\x05", "a serialised Java object: let the producer use a JSON serialiser"),
    (b"\x80\x04\x95", "a Python pickle: let the producer send JSON; it is never unpacked"),
    (b"\x80\x05\x95", "a Python pickle: let the producer send JSON; it is never unpacked"),
    (b"\0", "the wire format of a schema registry (Avro, Protobuf, JSON Schema): {registry}"),
    (b"<", "XML or HTML: {json}"),
    (b"%PDF", "a PDF: {json}"),
    (b"\x89PNG", "a picture: {json}"),
    (b"\xff\xd8\xff", "a picture: {json}"),
    (b"GIF8", "a picture: {json}"),
    (b"eyJ", "base64 of JSON, or a JWT: let the producer send the JSON itself"),
    (b"bytearray(", "Python's writing of bytes: let the producer send the bytes themselves"),
    (b"b'{", "Python's writing of bytes: let the producer send the bytes themselves"),
    (b"{'", "Python's writing of a dict, with single quotes: let the producer use json.dumps"),
)
"""How bytes begin, what that is, and the remedy. The first that fits counts."""

REMEDIES = {
    "compressed": "let the producer compress by its own setting (compression.type), which readers undo,"
    " and not the value itself",
    "encoded": "let the producer write UTF-8",
    "registry": "set kafka.schema_registry_url, or let the producer write plain JSON",
    "json": "send the ticket as a JSON object",
}


def looks_like(value: bytes) -> str | None:
    """What the value begins like, with the remedy; None where it begins like nothing known."""
    begin = value.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n")
    for magic, what in MAGIC:
        if begin.startswith(magic):
            return f"it begins like {what.format(**REMEDIES)}"
    return None


def first_bad_byte(value: bytes) -> int | None:
    """The place, from 0, of the first byte that UTF-8 does not allow there; None where it is UTF-8."""
    try:
        value.decode()
    except UnicodeDecodeError as fault:
        return fault.start
    return None

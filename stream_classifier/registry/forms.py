"""From a registered schema to what reads the values written by it."""

from collections.abc import Callable, Sequence
from typing import Any

from stream_classifier.core.formats.decode import decode
from stream_classifier.core.formats.fault import DeadLetterReason, NotATicket
from stream_classifier.registry.client import Registered
from stream_classifier.registry.wire import SchemaId

AVRO, JSON = "AVRO", "JSON"

Reader = Callable[[bytes], Any]
"""A payload to a JSON value. Raises `NotATicket`."""


def reader_of(schema_id: SchemaId, schema: Registered, references: Sequence[str]) -> Reader:
    """Reads what was written by this schema. One by which nothing can be read refuses every value: the
    registry will not say anything else of it, ever."""
    if schema.kind == JSON:
        return lambda payload: decode(payload, what=f"The value behind schema {schema_id}")
    if schema.kind != AVRO:
        return refusing(
            f"The value is written by schema {schema_id}, which is {schema.kind.title()}: send Avro, JSON"
            " Schema or plain JSON."
        )
    from stream_classifier.registry.avro import Unusable, avro_reader  # fastavro is there only where wanted

    try:
        return _avro(schema_id, avro_reader(schema.text, references))
    except Unusable as unusable:
        return refusing(
            f"The schema {schema_id} {unusable.why}, so no value can be read by it: register another, and"
            " send the ticket with that."
        )


def missing(schema_id: SchemaId) -> Reader:
    """Of a schema that the registry does not have."""
    return refusing(
        f"The registry has no schema {schema_id}, by which the value says it is written: look whether"
        " kafka.schema_registry_url is the producer's registry, and replay the record when the schema is"
        " there."
    )


def refusing(sentence: str) -> Reader:
    """Reads nothing, for this reason."""

    def refuse(payload: bytes) -> Any:
        raise NotATicket(DeadLetterReason.NOT_JSON, sentence)

    return refuse


def _avro(schema_id: SchemaId, read: Reader) -> Reader:
    from stream_classifier.registry.avro import Unreadable

    def reader(payload: bytes) -> Any:
        try:
            return read(payload)
        except Unreadable as error:
            raise NotATicket(
                DeadLetterReason.NOT_JSON,
                f"The value cannot be read by schema {schema_id}, by which it says it is written ({error}):"
                " send it with the schema that it was written by.",
            ) from error

    return reader

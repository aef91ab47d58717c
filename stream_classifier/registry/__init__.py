"""Values whose schema stands in a registry: Confluent's wire format, with Avro or JSON Schema.

In reading order:

* `wire`     which schema a record's value is written by, if any
* `schemas`  what is known of them: records wait until theirs is, and then are read
* `client`   asks the registry
* `forms`    from a registered schema to what reads its values; `avro` and `plain` for Avro

The only room that knows fastavro. After it an object goes the way of any other: `core/formats`.
"""

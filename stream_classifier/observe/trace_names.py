"""What spans and their attributes are called: OpenTelemetry's names where it has one, else ours.

Those of OpenTelemetry are of `SCHEMA_URL`'s version, the last that its Python packages carry; a backend that
knows another can translate by it. None of them may hold a ticket's text, a record's key or a secret.
"""

from typing import Final

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"

# Messaging
SYSTEM: Final = "messaging.system"
OPERATION_NAME: Final = "messaging.operation.name"
OPERATION_TYPE: Final = "messaging.operation.type"
DESTINATION: Final = "messaging.destination.name"
PARTITION: Final = "messaging.destination.partition.id"
OFFSET: Final = "messaging.kafka.offset"
GROUP: Final = "messaging.consumer.group.name"

# Generative AI
GEN_AI_OPERATION: Final = "gen_ai.operation.name"
GEN_AI_PROVIDER: Final = "gen_ai.provider.name"
GEN_AI_MODEL: Final = "gen_ai.request.model"
GEN_AI_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
GEN_AI_TOKENS_IN: Final = "gen_ai.usage.input_tokens"
GEN_AI_TOKENS_CACHED: Final = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_TOKENS_OUT: Final = "gen_ai.usage.output_tokens"

# Of both
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
HTTP_STATUS: Final = "http.response.status_code"
ERROR_TYPE: Final = "error.type"

# Ours, as the event's fields are called
OURS: Final = "stream_classifier."
EVENT_ID: Final = OURS + "event_id"
TICKET_ID: Final = OURS + "ticket_id"
LANE: Final = OURS + "lane"
STATUS: Final = OURS + "status"
REASON: Final = OURS + "reason"
DECIDED_BY: Final = OURS + "decided_by"
MODEL: Final = OURS + "model"  # of a ticket: a span with OpenTelemetry's name for it passes for a call
BATCH_ID: Final = OURS + "batch_id"
ATTEMPTS: Final = OURS + "attempts"
ATTEMPT: Final = OURS + "attempt"
OVERTOOK: Final = OURS + "overtook"
TEXTS: Final = OURS + "texts"  # of a call
TICKETS: Final = OURS + "tickets"  # that wait for a call's answer

# What happens to a ticket on its way
CALLED: Final = OURS + "called"
NOT_PUBLISHED: Final = OURS + "not_published"

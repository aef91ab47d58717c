"""Which provider says what how: the codes, words and statuses that `errors` looks up.

Each row was seen in a provider's documentation or in a public bug report. Codes are in lower case.
"""

import re

from stream_classifier.core.call import Signal

CODES: dict[str, Signal] = {
    "context_length_exceeded": Signal.OVERFLOW,  # OpenAI, Groq, OpenRouter
    "exceed_context_size_error": Signal.OVERFLOW,  # llama.cpp, once with status 500
    "max_tokens_exceeded": Signal.OVERFLOW,  # OpenRouter
    "model_context_window_exceeded": Signal.OVERFLOW,
    "request_too_large": Signal.OVERFLOW,
    "string_above_max_length": Signal.OVERFLOW,  # OpenAI
    "string_too_long": Signal.OVERFLOW,  # OpenRouter
    "token_limit_exceeded": Signal.OVERFLOW,  # OpenRouter
    "billing_hard_limit_reached": Signal.QUOTA,  # OpenAI
    "billing_not_active": Signal.QUOTA,  # OpenAI
    "insufficient_balance": Signal.QUOTA,
    "insufficient_credits": Signal.QUOTA,
    "insufficient_quota": Signal.QUOTA,  # OpenAI; sometimes as the type alone
    "insufficient_user_quota": Signal.QUOTA,  # gateways
    "payment_required": Signal.QUOTA,
    "content_filter": Signal.REFUSED,  # Azure
    "content_policy_violation": Signal.REFUSED,  # OpenAI, OpenRouter
    "data_inspection_failed": Signal.REFUSED,  # Alibaba
    "moderation_blocked": Signal.REFUSED,  # OpenAI
    "responsibleaipolicyviolation": Signal.REFUSED,  # Azure, as the inner error
    "deploymentnotfound": Signal.MODEL_UNKNOWN,  # Azure
    "invalid_model": Signal.MODEL_UNKNOWN,  # Mistral, with status 400
    "model_decommissioned": Signal.MODEL_UNKNOWN,  # Groq, with status 400
    "model_not_found": Signal.MODEL_UNKNOWN,  # OpenAI, Groq
    "unknown_model": Signal.MODEL_UNKNOWN,
    "authentication_error": Signal.KEY_REFUSED,
    "invalid_api_key": Signal.KEY_REFUSED,
    # Groq: the reply was checked against the schema and thrown away: an answer that went wrong.
    "json_validate_failed": Signal.MALFORMED,
}

VAGUE_CODES = frozenset(
    {
        "api_error",
        "bad_request",
        "internal_error",
        "internal_server_error",
        "invalid_argument",
        "invalid_request",
        "invalid_request_error",
        "invalid_type",
        "invalid_value",
        "missing_required_parameter",
        "not_found",
        "not_found_error",
        "overloaded",
        "overloaded_error",
        "permission_denied",
        "permission_error",
        "rate_limit_error",
        "rate_limit_exceeded",
        "rate_limit_reached",
        "requests",
        "resource_exhausted",
        "server_error",
        "service_unavailable",
        "timeout",
        "tokens",
        "unauthorized",
        "unavailable",
        "unknown_parameter",
        "unsupported_parameter",
        "unsupported_value",
    }
)
"""Codes and types that decide nothing and still help a person: shown, as those above are. No others are."""

WORDS: tuple[tuple[Signal, frozenset[int], re.Pattern[str]], ...] = (
    (
        Signal.OVERFLOW,
        frozenset({400, 422, 500}),
        re.compile(
            r"(?:maximum|max model|model'?s) (?:context|input|sequence) length"
            r"|context[ _](?:length|window|size)[^.]{0,40}(?:exceed|full|too)"
            r"|exceeds?[^.]{0,40}(?:context|token limit|maximum (?:input|number of tokens))"
            r"|(?:prompt|input|messages?|request)(?: \([^)]*\))? (?:is|are|was) too (?:long|large)"
            r"|too many (?:input )?tokens|input token count|reduce the (?:length|size) of"
            r"|max_tokens must be at least 1, got -"  # vLLM: the prompt left no room for a reply
        ),
    ),
    (
        # OpenAI and Groq, 429: larger than a whole minute's tokens. Waiting never helps, splitting does.
        Signal.OVERFLOW,
        frozenset({429}),
        re.compile(r"request too large|tokens must be reduced"),
    ),
    (
        Signal.REFUSED,
        frozenset({400, 403, 422}),
        re.compile(
            r"content management policy|content policy|safety (?:reasons|system|polic)|usage polic"
            r"|flagged|moderation|content exists risk|inappropriate content"
        ),
    ),
    (
        Signal.QUOTA,
        frozenset({400, 403, 429}),
        re.compile(
            r"(?:insufficient|not enough) (?:balance|credit|fund|quota)|exceeded your current quota"
            r"|credit balance|out of credits|check your plan and billing"
        ),
    ),
    (
        Signal.MODEL_UNKNOWN,
        frozenset({400, 422}),
        re.compile(
            r"invalid model|not a valid model|model[^.]{0,120}(?:does not exist|not found)|unknown model"
        ),
    ),
    (
        Signal.KEY_REFUSED,
        frozenset({400}),
        re.compile(r"api[ _-]?key[^.]{0,40}(?:invalid|not valid|missing|expired)|incorrect api[ _-]?key"),
    ),
)
"""Signal, the statuses for which the words are looked at, the words (in lower case); the first row wins."""

STATUSES: dict[int, Signal] = {
    401: Signal.KEY_REFUSED,
    402: Signal.QUOTA,
    403: Signal.KEY_REFUSED,
    404: Signal.MODEL_UNKNOWN,
    408: Signal.TIMEOUT,
    409: Signal.SERVER_ERROR,  # a lock inside the provider; passes like a 5xx
    413: Signal.OVERFLOW,
    425: Signal.SERVER_ERROR,
    429: Signal.RATE_LIMITED,
    498: Signal.RATE_LIMITED,  # Groq: no capacity left in the flex tier
}
"""What a status means by itself. Others from 500 on are SERVER_ERROR, all others BAD_REQUEST."""

PARAMETER_STATUSES = frozenset({400, 422, 501})
"""Statuses with which endpoints refuse a format or a parameter."""

FORMAT_WORDS = re.compile(
    r"response[ _]?(?:format|schema)|json[ _](?:schema|object|mode)|structured[ _]output|guided"
    r"|the word 'json'|invalid schema"
)
"""How the reply's format is spoken of where `response_format` itself is not named."""

TEMPORARY = "RESOURCE_EXHAUSTED"
"""Gemini words a limit of a minute as OpenAI words an empty account; this status tells them apart."""

SENTENCES: dict[Signal, str] = {
    Signal.OVERFLOW: "The request is longer than the model or the account's limit allows",
    Signal.RATE_LIMITED: "The account's rate limit is used up for now",
    Signal.QUOTA: "The account's quota or credit is used up: check its plan and billing",
    Signal.REFUSED: "The provider's content filter refused the text",
    Signal.FORMAT_REFUSED: "The endpoint does not take a part of the request; it is left out from now on",
    Signal.BAD_REQUEST: "The endpoint refused the request: check llm.base_url, llm.model and llm.params",
    Signal.KEY_REFUSED: "The API key was refused: check llm.api_key and the rights of its account",
    Signal.MODEL_UNKNOWN: "The endpoint knows no such model or path: check llm.model and llm.base_url",
    Signal.MALFORMED: "The endpoint threw the model's reply away because it did not fit the schema",
    Signal.SERVER_ERROR: "The provider failed",
    Signal.TIMEOUT: "The provider gave up waiting for its model",
}
"""What people read, with the remedy; the status and codes are added to it."""

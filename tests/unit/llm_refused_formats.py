"""How many providers refuse a reply format or a parameter: status, body, and what was refused."""

from typing import Any

from tests.unit.llm_error_bodies import openai, vllm

FORMATS: dict[str, tuple[int, Any, str]] = {
    "openai, schema": (
        400,
        openai(
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
        ),
        "response_format",
    ),
    "azure, format": (400, openai("Invalid parameter.", param="response_format"), "response_format"),
    "openai, a pattern": (
        400,
        openai("Invalid schema for response_format 'labels'", "invalid_json_schema", param="response_format"),
        "response_format",
    ),
    "openai, path": (
        400,
        openai("Bad.", "unknown_parameter", param="response_format.strict"),
        "response_format",
    ),
    "openai, json mode": (
        400,
        openai("'messages' must contain the word 'json' in some form, to use json_object", param="messages"),
        "response_format",
    ),
    "lm studio": (
        400,
        {"error": "'response_format.type' must be 'json_schema' or 'text'"},
        "response_format",
    ),
    "xai": (
        400,
        {
            "code": "Client specified an invalid argument",
            "error": "The response_format parameter is unsupported.",
        },
        "response_format",
    ),
    "ollama": (400, {"error": "invalid JSON schema in format"}, "response_format"),
    "groq": (400, openai("This model does not support response format `json_schema`."), "response_format"),
    "vertex": (501, openai("one or more response schemas specified unsupported field"), "response_format"),
    "openai, limit": (
        400,
        openai(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use"
            " 'max_completion_tokens' instead.",
            "unsupported_parameter",
            param="max_tokens",
        ),
        "max_tokens",
    ),
    "a gateway, limit": (
        400,
        {
            "error": {
                "message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use"
                " 'max_completion_tokens' instead.",
                "code": "invalid_request_body",
            }
        },
        "max_tokens",
    ),
    "openai, temperature": (
        400,
        openai("Unsupported value: 'temperature' does not support 0 with this model.", "unsupported_value"),
        "temperature",
    ),
    "mistral": (
        422,
        {
            "object": "error",
            "message": {
                "detail": [
                    {"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs", "input": 7}
                ]
            },
            "type": "invalid_request_error",
        },
        "seed",
    ),
    "mistral, in a string": (
        422,
        {"object": "error", "message": '{"detail":[{"type":"extra_forbidden","loc":["body","seed"]}]}'},
        "seed",
    ),
    "vllm": (
        400,
        vllm(
            "[{'type': 'extra_forbidden', 'loc': ('body', 'seed'), 'msg': 'Extra inputs are not permitted'}]"
        ),
        "seed",
    ),
    "fastapi": (422, {"detail": [{"loc": ["body", "temperature"], "msg": "must be > 0"}]}, "temperature"),
    "old openai": (400, openai("Unrecognized request argument supplied: seed"), "seed"),
    "gemini": (
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": 'Unknown name "seed": Cannot find field.',
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
        "seed",
    ),
}

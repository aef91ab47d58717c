"""Error bodies of many providers, as their documentation and public bug reports show them."""

from typing import Any

from stream_classifier.core.call import Signal


def openai(message: str, code: Any = None, kind: str = "invalid_request_error", param: Any = None) -> Any:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def vllm(message: Any, status: int = 400) -> Any:
    return {
        "object": "error",
        "message": message,
        "type": "BadRequestError",
        "param": None,
        "code": status,
    }


OVERFLOWS = {
    "openai": (
        400,
        openai("This model's maximum context length is 128000 tokens.", "context_length_exceeded"),
    ),
    "vllm": (
        400,
        vllm(
            "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8900 in"
            " the messages, 100 in the completion). Please reduce the length of the messages or completion."
        ),
    ),
    "vllm, no room for a reply": (400, vllm("max_tokens must be at least 1, got -186.")),
    "llama.cpp": (
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size, try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 14429,
                "n_ctx": 8192,
            }
        },
    ),
    "llama.cpp as a 500": (
        500,
        {"error": {"code": 500, "message": "too big", "type": "exceed_context_size_error"}},
    ),
    "llama-cpp-python": (400, openai("Requested tokens (2285) exceed context window of 2048")),
    "openrouter, wrapped": (
        400,
        {
            "error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {"raw": '{"error":{"code":"context_length_exceeded"}}', "provider_name": "x"},
            }
        },
    ),
    "openrouter": (
        400,
        {
            "error": {
                "message": "This endpoint's maximum context length is 8192 tokens. However, 9000 came.",
                "code": 400,
            }
        },
    ),
    "anthropic": (400, openai("prompt is too long: 210000 tokens > 200000 maximum")),
    "gemini": (
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "The input token count (1) exceeds the maximum number of tokens",
                }
            }
        ],
    ),
    "groq": (400, openai("Please reduce the length of the messages or completion.")),
    "mistral": (
        400,
        {"object": "error", "message": "Prompt contains 9 tokens, too many tokens", "code": "3051"},
    ),
    "a body too large": (413, b"<html>Request Entity Too Large</html>"),
    "larger than a minute's limit, openai": (
        429,
        openai(
            "Request too large for gpt-4o in organization o on tokens per min (TPM): Limit 30000,"
            " Requested 36278. The input or output tokens must be reduced in order to run successfully.",
            "rate_limit_exceeded",
            "tokens",
        ),
    ),
    "larger than a minute's limit, groq": (
        413,
        openai("Request too large for model", "rate_limit_exceeded", "tokens"),
    ),
}

RATE_LIMITS = {
    "openai": openai(
        "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29937, Requested 385.",
        "rate_limit_exceeded",
        "tokens",
    ),
    "azure": {
        "error": {
            "code": "429",
            "message": "Requests to the ChatCompletions_Create Operation have exceeded token rate limit of"
            " your current OpenAI S0 pricing tier. Please retry after 33 seconds.",
        }
    },
    "anthropic": openai(
        "This request would exceed the rate limit for your organization of 20,000 input tokens per minute."
        " Please reduce the prompt length or the maximum tokens requested, or try again later.",
        "rate_limit_error",
    ),
    "cerebras": openai(
        "Tokens per minute limit exceeded - too many tokens processed.", "token_quota_exceeded"
    ),
    "gemini": [
        {
            "error": {
                "code": 429,
                "message": "You exceeded your current quota, please check your plan and billing details.",
                "status": "RESOURCE_EXHAUSTED",
            }
        }
    ],
    "openrouter": {
        "error": {
            "message": "Provider returned error",
            "code": 429,
            "metadata": {"raw": "x is temporarily rate-limited upstream. Please retry shortly."},
        }
    },
    "a proxy": b"<html><h1>429 Too Many Requests</h1></html>",
    "nothing": b"",
}

QUOTAS = {
    "openai": (429, openai("You exceeded your current quota.", "insufficient_quota", "insufficient_quota")),
    "openai, once": (429, openai("You exceeded your current quota.", None, "insufficient_quota")),
    "openai, hard limit": (400, openai("Billing hard limit has been reached", "billing_hard_limit_reached")),
    "openrouter": (402, {"error": {"message": "Insufficient credits. Add more.", "code": 402}}),
    "deepseek": (402, openai("Insufficient Balance", "invalid_request_error", "unknown_error")),
    "deepseek behind a gateway": (400, openai("Insufficient Balance", "invalid_request_error")),
    "anthropic": (400, openai("Your credit balance is too low to access the API.")),
    "a sentence alone": (402, {"error": "Insufficient USD or Diem balance to complete request."}),
}

REFUSALS = {
    "azure": (
        400,
        {
            "error": {
                "message": "The response was filtered due to the prompt triggering Azure OpenAI's content"
                " management policy. Please modify your prompt and retry.",
                "type": None,
                "param": "prompt",
                "code": "content_filter",
                "status": 400,
                "innererror": {
                    "code": "ResponsibleAIPolicyViolation",
                    "content_filter_result": {"violence": {"filtered": True, "severity": "medium"}},
                },
            }
        },
    ),
    "azure, the inner error alone": (
        400,
        {"error": {"code": "400", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
    ),
    "openai": (
        400,
        openai(
            "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
            "invalid_prompt",
        ),
    ),
    "openai, a topic": (
        400,
        openai("Invalid prompt: we've limited access to this content for safety reasons.", "invalid_prompt"),
    ),
    "openrouter": (
        403,
        {
            "error": {
                "code": 403,
                "message": "This model requires moderation. Your input was flagged.",
                "metadata": {
                    "reasons": ["violence"],
                    "flagged_input": "some ticket",
                    "provider_name": "OpenAI",
                },
            }
        },
    ),
    "deepseek": (400, openai("Content Exists Risk", "invalid_request_error")),
    "alibaba": (400, openai("Input data may contain inappropriate content.", "data_inspection_failed")),
}

OTHERS = {
    "a wrong key": (401, openai("Incorrect API key provided: sk-1.", "invalid_api_key"), Signal.KEY_REFUSED),
    "a wrong key at Gemini": (400, openai("API key not valid. Please pass one."), Signal.KEY_REFUSED),
    "a region": (403, openai("Country not supported", "unsupported_country"), Signal.KEY_REFUSED),
    "no model at OpenAI": (
        404,
        openai("The model `x` does not exist", "model_not_found"),
        Signal.MODEL_UNKNOWN,
    ),
    "no model at Ollama": (404, openai('model "x" not found, try pulling it first'), Signal.MODEL_UNKNOWN),
    "no model at OpenRouter": (
        400,
        {"error": {"message": "x is not a valid model ID"}},
        Signal.MODEL_UNKNOWN,
    ),
    "no model at Mistral": (
        400,
        {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"},
        Signal.MODEL_UNKNOWN,
    ),
    "a model that is gone at Groq": (400, openai("Gone.", "model_decommissioned"), Signal.MODEL_UNKNOWN),
    "a path that is not there": (404, {"detail": "Not Found"}, Signal.MODEL_UNKNOWN),
    "a reply that Groq threw away": (400, openai("Failed.", "json_validate_failed"), Signal.MALFORMED),
    "a provider's crash": (500, openai("The server had an error", kind="server_error"), Signal.SERVER_ERROR),
    "an overload": (529, openai("Overloaded"), Signal.SERVER_ERROR),
    "a proxy's page": (502, b"<html>Bad Gateway</html>", Signal.SERVER_ERROR),
    "a provider that gave up": (408, {"error": {"code": 408}}, Signal.TIMEOUT),
    "a redirect": (308, b"", Signal.BAD_REQUEST),
    "an unknown complaint": (400, openai("Something about your messages."), Signal.BAD_REQUEST),
    "a parameter that was not sent": (400, openai("Bad value", param="logprobs"), Signal.BAD_REQUEST),
}

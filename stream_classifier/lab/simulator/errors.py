"""Errors as the several OpenAI-compatible endpoints word them.

What went wrong is one `Matter`, whoever words it. The shapes were read from the endpoints' own documentation
and from replies quoted in their issue trackers; the sentences are ours.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Matter(StrEnum):
    """What went wrong, whatever a dialect calls it."""

    MALFORMED = "malformed"
    PARAMETER_REFUSED = "parameter_refused"
    FORMAT_REFUSED = "format_refused"
    CONTEXT_OVERFLOW = "context_overflow"
    TOO_LARGE = "too_large"
    CONTENT_FILTER = "content_filter"
    KEY_REFUSED = "key_refused"
    FORBIDDEN = "forbidden"
    MODEL_UNKNOWN = "model_unknown"
    RATE_LIMITED = "rate_limited"
    QUOTA = "quota"
    SERVER_ERROR = "server_error"


class Dialect(StrEnum):
    """Whose error bodies are spoken."""

    OPENAI = "openai"
    AZURE = "azure"
    VLLM = "vllm"
    VLLM_FLAT = "vllm-flat"  # before 0.10: the fields of the error stand at the top
    OLLAMA = "ollama"
    OPENROUTER = "openrouter"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiError:
    """One error, before a dialect words it."""

    status: int
    matter: Matter
    message: str
    param: str | None = None
    limit_kind: str = "requests"  # of RATE_LIMITED: which limit; OpenAI gives it as the error's type


class ApiFault(Exception):
    """Raised where a request cannot be answered; carries the error to answer with."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.message)
        self.error = error


Body = dict[str, Any]

_OPENAI_CODES: Mapping[Matter, str] = {
    Matter.PARAMETER_REFUSED: "unsupported_parameter",
    Matter.CONTEXT_OVERFLOW: "context_length_exceeded",
    Matter.CONTENT_FILTER: "content_filter",
    Matter.KEY_REFUSED: "invalid_api_key",
    Matter.FORBIDDEN: "model_not_found",  # so OpenAI answers where a project may not use a model
    Matter.MODEL_UNKNOWN: "model_not_found",
    Matter.RATE_LIMITED: "rate_limit_exceeded",
    Matter.QUOTA: "insufficient_quota",
}


def _openai_type(error: ApiError) -> str:
    if error.matter is Matter.RATE_LIMITED:
        return error.limit_kind
    if error.matter is Matter.QUOTA:
        return "insufficient_quota"
    return "server_error" if error.status >= 500 else "invalid_request_error"


def _openai(error: ApiError) -> tuple[int, Body]:
    fields = {
        "message": error.message,
        "type": _openai_type(error),
        "param": error.param,
        "code": _OPENAI_CODES.get(error.matter),
    }
    return error.status, {"error": fields}


_AZURE_CODES = {404: "DeploymentNotFound", 500: "InternalServerError", 503: "ServiceUnavailable"}


def _azure(error: ApiError) -> tuple[int, Body]:
    """400s as OpenAI's; all else has a code (often the status as a string) and a message only."""
    if error.matter is Matter.CONTENT_FILTER:
        return error.status, {"error": _azure_filtered(error)}
    if error.status in (400, 413) or error.matter is Matter.QUOTA:
        return _openai(error)
    code = _AZURE_CODES.get(error.status, str(error.status))
    return error.status, {"error": {"code": code, "message": error.message}}


def _azure_filtered(error: ApiError) -> Body:
    verdict = {"violence": {"filtered": True, "severity": "medium"}}
    return {
        "message": error.message,
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": error.status,
        "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": verdict},
    }


_VLLM_TYPES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    429: "RateLimitError",
}


def _vllm_flat(error: ApiError) -> tuple[int, Body]:
    kind = _VLLM_TYPES.get(error.status, "InternalServerError" if error.status >= 500 else "BadRequestError")
    fields = {"message": error.message, "type": kind, "param": error.param, "code": error.status}
    return error.status, {"object": "error", **fields}


def _vllm(error: ApiError) -> tuple[int, Body]:
    status, flat = _vllm_flat(error)
    del flat["object"]
    return status, {"error": flat}


def _ollama(error: ApiError) -> tuple[int, Body]:
    """A type by status, never a code."""
    kind = {400: "invalid_request_error", 404: "not_found_error"}.get(error.status, "api_error")
    fields = {"message": error.message, "type": kind, "param": error.param, "code": None}
    return error.status, {"error": fields}


def _openrouter(error: ApiError) -> tuple[int, Body]:
    """The status as a number for a code; want of money is 402."""
    status = 402 if error.matter is Matter.QUOTA else error.status
    metadata = {"provider_name": "simulated", "raw": error.message}
    return status, {"error": {"message": error.message, "code": status, "metadata": metadata}}


_WORDINGS: Mapping[Dialect, Callable[[ApiError], tuple[int, Body]]] = {
    Dialect.OPENAI: _openai,
    Dialect.AZURE: _azure,
    Dialect.VLLM: _vllm,
    Dialect.VLLM_FLAT: _vllm_flat,
    Dialect.OLLAMA: _ollama,
    Dialect.OPENROUTER: _openrouter,
}


def worded(error: ApiError, dialect: Dialect) -> tuple[int, Body]:
    """The HTTP status and the body of an error, as this endpoint gives them."""
    return _WORDINGS[dialect](error)

"""Every fault that can be ordered. The flags, `GET /faults` and the docs are made from this one table."""

from collections.abc import Callable, Mapping
from typing import Any

from stream_classifier.lab.simulator import replies
from stream_classifier.lab.simulator.contract import ChatRequest
from stream_classifier.lab.simulator.errors import ApiError, Matter
from stream_classifier.lab.simulator.faults import (
    Alter,
    Applies,
    Break,
    Delay,
    Fail,
    Fault,
    Raw,
    Reshape,
    Rewrite,
    Truncate,
)


def _records(at_least: int) -> Applies:
    return lambda request, param: len(request.records) >= at_least


def _format(name: str) -> Applies:
    return lambda request, param: request.format == name


def _has_param(request: ChatRequest, param: str | None) -> bool:
    return param in request.parameters


def _has_order(request: ChatRequest, param: str | None) -> bool:
    return replies.find_order(request) is not None


def _fail(name: str, says: str, status: int, matter: Matter, message: str, **more: Any) -> Fault:
    error = ApiError(status=status, matter=matter, message=message, param=more.get("param"))
    return Fault(name=name, says=says, effect=Fail(error), **more)


def _alter(name: str, says: str, change: Callable[[replies.Right], replies.Answers], **more: Any) -> Fault:
    return Fault(name=name, says=says, effect=Alter(change), **{"applies": _records(1), **more})


def _rewrite(name: str, says: str, change: Callable[[replies.Right, str], str]) -> Fault:
    return Fault(name=name, says=says, effect=Rewrite(change), applies=_records(1))


def _first_choice(**changes: Any) -> Reshape:
    """Replace fields of the first choice; a `message` is merged into the one that stands there."""

    def change(completion: dict[str, Any]) -> dict[str, Any]:
        choice = completion["choices"][0]
        message = choice["message"] | changes.get("message", {})
        return completion | {"choices": [choice | changes | {"message": message}]}

    return Reshape(change)


def _without(field: str) -> Reshape:
    return Reshape(lambda completion: {name: value for name, value in completion.items() if name != field})


_GATEWAY_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>Bad gateway</body></html>"
_SIGN_IN_PAGE = b"<html><head><title>Sign in</title></head><body>Sign in to go on</body></html>"

_TRANSPORT = (
    Fault(name="reset", says="The connection is reset without a response.", effect=Break.RESET),
    Fault(name="close", says="The connection is closed in order, without a response.", effect=Break.CLOSE),
    Fault(name="hang", says="No answer, until the client goes away.", effect=Break.HANG),
    Fault(
        name="down",
        says="All of /v1 is down: connections are accepted, then reset (nothing inside a process that "
        "listens can refuse them). The control endpoints stay up.",
        effect=Break.RESET,
    ),
    Fault(name="slow", says="A right answer, late by `delay_s`.", effect=Delay(), delay_s=5.0),
)

_SERVER = (
    _fail("http_500", "500, the server's own fault.", 500, Matter.SERVER_ERROR, "The server had an error."),
    Fault(name="http_502", says="502 with a gateway's HTML page.", effect=Raw(502, _GATEWAY_PAGE)),
    _fail("http_503", "503, unavailable.", 503, Matter.SERVER_ERROR, "The model is overloaded."),
    _fail("http_529", "529, overloaded.", 529, Matter.SERVER_ERROR, "The service is overloaded."),
    Fault(name="html_200", says="200 with a sign-in page in place of JSON.", effect=Raw(200, _SIGN_IN_PAGE)),
)

_ACCOUNT = (
    _fail(
        "rate_limited",
        "429 that passes with time.",
        429,
        Matter.RATE_LIMITED,
        "Too many requests for {model}.",
    ),
    _fail(
        "quota",
        "429 `insufficient_quota` (402 with the dialect openrouter): passes with money.",
        429,
        Matter.QUOTA,
        "The account's quota is used up; check the plan and its billing.",
    ),
    _fail("key_refused", "401, the key is not known.", 401, Matter.KEY_REFUSED, "The API key is not valid."),
    _fail(
        "forbidden", "403, the key may not do this.", 403, Matter.FORBIDDEN, "The key may not use {model}."
    ),
    _fail(
        "model_unknown",
        "404, no such model.",
        404,
        Matter.MODEL_UNKNOWN,
        "The model '{model}' does not exist or is not yours to use.",
    ),
)

_REQUEST = (
    _fail(
        "json_schema_refused",
        "400 for requests with a json_schema.",
        400,
        Matter.FORMAT_REFUSED,
        "Invalid parameter: '{param}' of type 'json_schema' is not supported with this model.",
        param="response_format",
        applies=_format("json_schema"),
    ),
    _fail(
        "json_object_refused",
        "400 for requests with json_object.",
        400,
        Matter.FORMAT_REFUSED,
        "Invalid parameter: '{param}' of type 'json_object' is not supported with this model.",
        param="response_format",
        applies=_format("json_object"),
    ),
    _fail(
        "parameter_refused",
        "400 for requests that use the parameter named by `param`.",
        400,
        Matter.PARAMETER_REFUSED,
        "Unsupported parameter: '{param}' is not supported with this model.",
        param="temperature",
        applies=_has_param,
    ),
    _fail(
        "context_overflow",
        "400 `context_length_exceeded`, whatever the length.",
        400,
        Matter.CONTEXT_OVERFLOW,
        "The messages are longer than the model's maximum context length.",
        param="messages",
    ),
    _fail("http_413", "413, the body is too large.", 413, Matter.TOO_LARGE, "The request body is too large."),
    _fail(
        "content_filter_400",
        "400, the prompt is held back by a content filter.",
        400,
        Matter.CONTENT_FILTER,
        "The prompt was held back by the content management policy.",
        param="prompt",
    ),
)

_ENDINGS = (
    Fault(
        name="refusal",
        says="The model refuses: `message.refusal` in place of content.",
        effect=_first_choice(message={"content": None, "refusal": "I'm sorry, I can't help with that."}),
    ),
    Fault(
        name="content_filter",
        says="`finish_reason` is `content_filter` and the content is empty.",
        effect=_first_choice(finish_reason="content_filter", message={"content": ""}),
    ),
    Fault(name="length", says="Cut off in the middle, `finish_reason` is `length`.", effect=Truncate(0.5)),
    Fault(name="no_choices", says="200 without `choices`.", effect=_without("choices")),
    Fault(name="no_usage", says="200 without `usage`.", effect=_without("usage")),
    Fault(
        name="error_in_200",
        says="200 with an error in place of a completion, as gateways do.",
        effect=Reshape(lambda completion: {"error": {"message": "Provider returned an error.", "code": 502}}),
    ),
)

_FORM = (
    _rewrite("prose", "Sentences in place of JSON.", replies.prose),
    _rewrite("fenced", "The JSON in a code fence, after a sentence.", replies.fenced),
    _rewrite("schema_ignored", "JSON of another shape: the schema is not enforced.", replies.schema_ignored),
    _rewrite("broken_json", "The closing brace is missing, `finish_reason` is `stop`.", replies.broken_json),
    _rewrite("empty_content", "200 with empty content.", replies.empty_content),
)

_ANSWERS = (
    _alter("missing", "Answers are left out.", replies.missing),
    _alter("swapped", "Answers change places, checks with them.", replies.swapped, applies=_records(2)),
    _alter("slid_answers", "All slide by one, checks with them.", replies.slid_answers, applies=_records(2)),
    _alter(
        "slid_labels",
        "All labels slide by one, under right checks.",
        replies.slid_labels,
        applies=_records(2),
        detectable=False,
    ),
    _alter("duplicate_keys", "Keys come twice, with differing labels.", replies.duplicate_keys),
    _alter("extra_answer", "An answer for a record that nobody sent.", replies.extra_answer),
    _alter("wrong_check", "The check is no record's.", replies.wrong_check),
    _alter("unknown_label", "The label is not in the taxonomy.", replies.unknown_label),
    _alter("unsure", "`?` in place of the label.", replies.unsure),
    _alter("wrong_label", "Another label under the right check.", replies.wrong_label, detectable=False),
    _alter(
        "obeyed_order",
        "A text that orders a label gets it for the whole batch.",
        replies.obeyed_order,
        applies=_has_order,
        detectable=False,
    ),
)

FAULTS: Mapping[str, Fault] = {
    fault.name: fault for fault in (*_TRANSPORT, *_SERVER, *_ACCOUNT, *_REQUEST, *_ENDINGS, *_FORM, *_ANSWERS)
}
"""Every fault by its name, in the order of the docs."""

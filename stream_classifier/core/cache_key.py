"""The key that a text's answer is cached under: a digest of everything that can change the answer.

The digest is taken over a JSON object in one canonical form, a line end, the tenant as JSON where
tenants are kept apart, a line end, and the text. JSON as written here holds no raw line end, so no two
different inputs give the same bytes. The object is the same for every ticket, so its hash is taken
once and copied.

What is not in it: the batch's size and the text's place in it. They change a call, not the question.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from stream_classifier.core.redact import applied
from stream_classifier.core.text import NORMALISER

KEY_VERSION = "k1"
"""Raised when the layout of the hashed bytes changes: old entries are then no longer found."""


class KeyMaker:
    """Makes keys for one prompt and one model.

    Args:
        prompt_digest: of the rendered system prompt, which covers the taxonomy and the answer's pattern.
        model: the model that is asked. A fallback's answers have keys of their own.
        params: what is sent with each call (`llm.params`).
        redact: what is masked before the text is hashed; the order does not matter.
        isolate_tenants: True where tenants share no answers.

    Raises:
        ValueError: `params` cannot be written as JSON.
    """

    def __init__(
        self,
        prompt_digest: str,
        model: str,
        params: Mapping[str, Any],
        redact: Sequence[str] = (),
        isolate_tenants: bool = False,
    ) -> None:
        question = {
            "key": KEY_VERSION,
            "normaliser": NORMALISER,
            "prompt": prompt_digest,
            "redact": applied(redact),
            "model": model,
            "params": dict(params),
            "tenants": "apart" if isolate_tenants else "together",
        }
        self._question = hashlib.sha256(_canonical(question) + b"\n")
        self._isolate_tenants = isolate_tenants

    def key(self, normalised_text: str, tenant: str | None) -> bytes:
        """32 bytes. The tenant counts only where tenants are isolated; None is a tenant of its own."""
        digest = self._question.copy()
        if self._isolate_tenants:
            digest.update(orjson.dumps(tenant) + b"\n")
        digest.update(normalised_text.encode())
        return digest.digest()


def _canonical(value: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as fault:
        raise ValueError(
            f"llm.params must be what JSON can hold ({fault}): use strings, numbers, lists and objects"
        ) from fault

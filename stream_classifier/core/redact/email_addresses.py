"""E-mail addresses, also as `name (at) host (dot) example` and `name @ host.example`.

Letters are those of the scripts that part words by blanks: in Chinese, Japanese or Thai an address stands in
the sentence without one, and the sentence must not be taken for it.
"""

import re
from collections.abc import Iterator

from stream_classifier.core.redact.span import Span

_LETTERS = "A-Za-z0-9\u00c0-\u0dff\u0f00-\u1fff"  # with the combining marks of Latin, Greek, Cyrillic
_LOCAL = rf"[{_LETTERS}._%+&~'\-]"
_LABEL = rf"[{_LETTERS}\-]"
_AT = (
    r"(?:@|[ ]@[ ]|[ ]?(?:\([ ]?(?:at|@|ät|arroba|chez|собака)[ ]?\)"
    r"|\[[ ]?(?:at|@|ät|arroba|chez|собака)[ ]?\]|\{[ ]?(?:at|@)[ ]?\}|<[ ]?(?:at|@)[ ]?>)[ ]?)"
)
_DOT = (
    r"(?:\.|[ ]?(?:\([ ]?(?:dot|punkt|point|punto|ponto|точка|\.)[ ]?\)"
    r"|\[[ ]?(?:dot|punkt|point|punto|ponto|точка|\.)[ ]?\]|\{[ ]?dot[ ]?\})[ ]?)"
)
_ADDRESS = re.compile(
    rf"(?<!{_LOCAL})({_LOCAL}++)"
    rf"(?:{_AT}({_LABEL}++(?:{_DOT}{_LABEL}++)++)"
    rf"|[ ]at[ ]({_LABEL}++(?:[ ]dot[ ]{_LABEL}++)++))",
    re.IGNORECASE,
)
_BRACKETED_AT = re.compile(r"[(\[{<][ ]?(?:at|ät|arroba|chez|собака)[ ]?[)\]}>]", re.IGNORECASE)
_WORDS = re.compile(rf"{_DOT}|[ ]dot[ ]", re.IGNORECASE)

_FILES = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "pdf"})  # `logo@2x.png`; no domains


def email_addresses(text: str) -> Iterator[Span]:
    """Addresses whose domain ends in letters."""
    if not ("@" in text or _BRACKETED_AT.search(text) or " dot " in text.lower()):
        return
    for found in _ADDRESS.finditer(text):
        local, domain = found[1].lstrip("'.-&~"), found[2] or found[3]
        host = _WORDS.sub(".", domain).rstrip("-").lower()
        if local and _is_a_host(host):
            start = found.start() + len(found[1]) - len(local)
            yield Span(start, found.end(), f"{local.lower()}@{host}")


def _is_a_host(host: str) -> bool:
    last = host.rpartition(".")[2]
    return (last.isalpha() and len(last) > 1 and last not in _FILES) or last.startswith("xn--")

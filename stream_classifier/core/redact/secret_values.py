"""Keys, tokens and passwords: by their own form, or by what stands before them.

Rules
-----
* What a vendor gives has a known beginning. A long run of letters and digits counts only if it changes
  between capitals, small letters and digits as often as chance would: names in code do not.
* Only the value is masked. What it is for stays to be read.
* Public keys and certificates are public.
"""

import re
from collections.abc import Iterator

from stream_classifier.core.redact.after import after_each
from stream_classifier.core.redact.passwords import passwords
from stream_classifier.core.redact.plain import small
from stream_classifier.core.redact.span import MAX_CHARS, Span, in_order

TOKEN_CHARS = 16  # what is known by its form has a word of at least so many, as has a key's base64

_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_LINES = re.compile(r"(?:(?:\s|\\[rn])*+[A-Za-z0-9+/=]{16,}+)*+")  # of a block without its end

_VENDORS: tuple[tuple[str, str], ...] = (  # beginnings, and what follows them
    ("AKIA ASIA ABIA ACCA", r"[0-9A-Z]{16}"),  # AWS
    ("ghp_ gho_ ghu_ ghs_ ghr_", r"[A-Za-z0-9]{36,}+"),  # GitHub
    ("github_pat_ glpat- glptt- gldt- glrt- dckr_pat_", r"[A-Za-z0-9_\-]{20,}+"),
    ("sk-", r"[A-Za-z0-9_\-]{16,}+"),  # OpenAI, Anthropic and those that copied the form
    ("sk_live_ sk_test_ rk_live_ rk_test_ whsec_", r"[A-Za-z0-9+/=]{16,}+"),  # Stripe
    ("xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs- xapp-", r"[A-Za-z0-9\-]{10,}+"),  # Slack
    ("AIza", r"[A-Za-z0-9_\-]{35}"),  # Google
    ("ya29. GOCSPX- SG. hvs. hvb. hvr. ATATT3", r"[A-Za-z0-9_.=\-]{20,}+"),
    ("npm_ hf_ lin_api_ ntn_", r"[A-Za-z0-9]{30,}+"),
    ("pypi- sq0csp- sq0atp-", r"[A-Za-z0-9_\-]{22,}+"),
    ("dop_v1_ doo_v1_ dor_v1_ shpat_ shpca_ shppa_ shpss_ dapi key- SK", r"[0-9a-fA-F]{32,64}+"),
    ("NRAK- AGE-SECRET-KEY-1", r"[0-9A-Z]{27,}+"),
    ("eyJ", r"[A-Za-z0-9_\-]{8,}+(?:\.[A-Za-z0-9_\-]*+){1,4}"),  # JWT
)
_BY_FORM = tuple((begins.split(), re.compile(follows)) for begins, follows in _VENDORS)
_TELEGRAM = re.compile(r"[0-9]{8,10}:AA[A-Za-z0-9_\-]{33}")

_SCHEMES = ("bearer ", "basic ")
_CREDENTIALS = re.compile(r"[ ]*+([a-z0-9._~+/=\-]{12,}+)")
_NO_WORD = re.compile(r"[0-9=]|[a-z][A-Z]")  # "basic functionality" is no credential
_PAIR = r"[^\s=;,]{1,100}=[^\s;,]++"
_COOKIE = re.compile(rf"[ ]*+({_PAIR}(?:;[ ]?{_PAIR})*+)")
_IN_A_URL = re.compile(r"://([^\s/:@?#{}<>$]{0,100}:[^\s/@{}<>$]{1,200}+)@")
_COOKIES = ("set-cookie:", "cookie:")
_HOOKS = ("hooks.slack.com/services/", "/api/webhooks/", "webhook.office.com/webhookb2/")
_HOOK = re.compile(r"([a-z0-9/_@\-]{16,}+)")
_QUERY = re.compile(
    r"[?&;](?:sig|signature|x-amz-signature|x-amz-security-token|token|access_token|id_token|refresh_token"
    r"|auth|api_?key|key|code|secret|password|session(?:_?id)?|accountkey|sharedaccesskey)"
    rf"=([^\s&#;\"'<>]{{8,{MAX_CHARS}}}+)"
)

RUN_CHARS = range(32, 513)  # shorter is a name, longer is data
_RUN = re.compile(r"[A-Za-z0-9_\-]{32,}+")
_LIKE = re.compile(r"[A-Z]+|[a-z]+|[0-9]+")
OF_EACH = 2  # stretches of capitals, of small letters, of digits: fewer are a name in code, or a digest
CHANGES_SHARE = 0.45
"""Of the steps from one character to the next: chance gives 0.6, names in code 0.1 to 0.4."""


def secret_values(text: str) -> Iterator[Span]:
    """Of all the kinds above."""
    lowered = small(text)
    spans = [*_sent_along(text, lowered), *passwords(text, lowered)]
    if max(map(len, text.split()), default=0) >= TOKEN_CHARS:  # seldom: saves most of the time
        spans += (*_by_form(text), *_by_chance(text))
    if "-----BEGIN" in text:
        spans += _private_keys(text)
    return in_order(spans)


def _private_keys(text: str) -> Iterator[Span]:
    for begins in _PEM.finditer(text):
        ends = _PEM_END.search(text, begins.end(), begins.end() + MAX_CHARS)
        ends = ends or _PEM_LINES.match(text, begins.end(), begins.end() + MAX_CHARS)
        end = ends.end() if ends else begins.end()
        yield Span(begins.start(), end, text[begins.start() : end])


def _by_form(text: str) -> Iterator[Span]:
    for beginnings, follows in _BY_FORM:
        for start, _, found in after_each(beginnings, text, follows, apart=True):
            yield Span(start, found.end(), text[start : found.end()])
    if ":AA" in text:
        for found in _TELEGRAM.finditer(text):
            yield Span(*found.span(), found[0])


def _sent_along(text: str, lowered: str) -> Iterator[Span]:
    """What programs show with each request: in a header or a URL."""
    credentials = [after.found for after in after_each(_SCHEMES, lowered, _CREDENTIALS, apart=True)]
    finds = [found for found in credentials if _NO_WORD.search(text, *found.span(1))]
    if "=" in text:
        finds += _QUERY.finditer(lowered)
        finds += (after.found for after in after_each(_COOKIES, lowered, _COOKIE, apart=True))
    if "/" in text:
        finds += (after.found for after in after_each(_HOOKS, lowered, _HOOK, apart=True))
        finds += _IN_A_URL.finditer(text)
    for found in finds:
        start, end = found.span(1)
        yield Span(start, end, text[start:end])


def _by_chance(text: str) -> Iterator[Span]:
    for found in _RUN.finditer(text):
        run = found[0]
        if len(run) in RUN_CHARS and _changes_often(run):
            yield Span(found.start(), found.end(), run)


def _changes_often(run: str) -> bool:
    stretches = _LIKE.findall(run)
    if len(stretches) - 1 < CHANGES_SHARE * len(run):
        return False
    return all(sum(map(kind, stretches)) >= OF_EACH for kind in (str.isupper, str.islower, str.isdigit))

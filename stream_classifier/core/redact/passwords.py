"""What follows a word for a password, in a sentence, a file or a form.

Rules
-----
* It must look chosen: "password: wrong" is a complaint, "password: w4lrus" is not. After a colon, a word that
  is alone on the rest of its line is one, too, and so is whatever follows an equals sign without blanks.
* The word may be the end of a name: `DB_PASSWORD=`, `userPassword:`.
* `token` and its like are as common in code as in tickets: after them, what is long and has a digit counts.
"""

import re
from collections.abc import Iterator

from stream_classifier.core.redact.after import After, after_each
from stream_classifier.core.redact.span import Span

_ASCII_WORDS = (
    *("password", "passwd", "passphrase", "passcode", "pass word", "pwd", "passwort", "passord", "kennwort"),
    *("wachtwoord", "mot de passe", "mdp", "senha", "clave", "parola", "salasana", "heslo", "adgangskode"),
    *("token", "secret", "credential", "credentials", "key"),
)
_OTHER_WORDS = (
    *("contraseña", "parolă", "hasło", "lösenord", "jelszó", "şifre", "пароль", "密码", "密碼", "パスワード"),
    *("비밀번호", "كلمة المرور", "mật khẩu"),
)
_KIND_OF_KEY = re.compile(
    r"(?:api|access|secret|account|private|client|shared|encryption|signing|master|licen[sc]e)[ _\-]?$"
)
_PUBLIC = re.compile(r"public[ _\-]?key[ _\-]?$")
_KIND_CHARS = 12  # room for the longest of these
_LINK_AND_VALUE = re.compile(
    r"[\"'\])]{0,2}(?:[ ]?(:=?|=>?)[ ]?"
    r"|[ ](?:is|was|ist|war|lautet|est|es|é|è|jest|är|er|on)(?:[ ]now)?:?[ ]|[ ]?(?:是|は)[ ]?)"
    r"(?:\"([^\"\n]{3,200})\"|'([^'\n]{3,200})'|`([^`\n]{3,200})`"
    r"|([^\s\"'`,;<>\[\](){}][^\s\"'`,;<>]{2,199}+))"
)
_PIN_WORDS = ("pin", "cvv", "cvv2", "cvc", "cvc2", "otp", "tan")
_PIN = re.compile(
    r"(?:[ ](?:code|number|is|nummer|ist))?[ ]?[:=]?[ ]?([0-9]{3,8}+)(?![A-Za-z0-9_%]|[.,:\-/][0-9])"
)

_CHOSEN = re.compile(r"[0-9]|[@#$%^&*!+=?~_]|[a-z][A-Z]")
_NO_VALUE = re.compile(
    r"(?:null|none|nil|true|false|undefined|empty|string|yes|no|\*+|x+|\.+|-+|n/?a)$|.*\(|\$\{|%[a-z]",
    re.IGNORECASE,
)
_AFTER_VALUE = ".,!?:)]}"  # the sentence's own
_COMMON = frozenset({"token", "secret", "credential", "credentials", "clave", "parola"})
COMMON_CHARS = 12  # the least of what follows one of these


def passwords(text: str, lowered: str) -> Iterator[Span]:
    """`lowered` is the text in small letters, of the same length."""
    words = _ASCII_WORDS if text.isascii() else _ASCII_WORDS + _OTHER_WORDS
    for after in after_each(words, lowered, _LINK_AND_VALUE):
        place = after.found.lastindex or 0
        start, end = after.found.span(place)
        value = text[start:end]
        quoted = place < _LINK_AND_VALUE.groups
        if not quoted:
            value = value.rstrip(_AFTER_VALUE)
        if _stands_for_a_secret(after, lowered) and _is_given(after, value, text, quoted=quoted):
            yield Span(start, start + len(value), value)
    for start, _, found in after_each(_PIN_WORDS, lowered, _PIN):
        if not (start and lowered[start - 1].isalpha()):
            yield Span(found.start(1), found.end(1), found[1])


def _is_given(after: After, value: str, text: str, *, quoted: bool) -> bool:
    """Whether this is somebody's, or only a word of the sentence."""
    if len(value) < 3 or _NO_VALUE.match(value):
        return False
    if after.word in _COMMON:
        return len(value) >= COMMON_CHARS and any(char.isdigit() for char in value)
    link = after.found[1]
    if _CHOSEN.search(value) or (quoted and link):
        return True
    return _is_alone(after, text) if link == ":" else link == "=" and "= " not in after.found[0]


def _stands_for_a_secret(after: After, lowered: str) -> bool:
    """Of `key` and `token`, which stand for much else, only some."""
    before = lowered[max(0, after.start - _KIND_CHARS) : after.start]
    if after.word == "key":
        return _KIND_OF_KEY.search(before) is not None
    return not (after.word == "token" and _PUBLIC.search(before))


def _is_alone(after: After, text: str) -> bool:
    """Nothing more on its line."""
    rest = text[after.found.end() : after.found.end() + 2].lstrip(" ")
    return not rest or rest.startswith("\n")

"""Signatures at the end of a plain text: found and taken out.

Rules
-----
* What follows the delimiter `-- ` (RFC 3676, 4.3) goes, where it is short enough to be a signature.
* The line that a client writes by itself goes ("Sent from my iPhone"), in the languages that the clients are
  mostly used in. It must be all of its line.
* A greeting and a name stay: a sentence is never taken for a signature.
"""
# ruff: noqa: RUF001 - phrases of many languages

import re

SIGNATURE_LINES_MAX = 15  # RFC 3676 asks for four; more than this below a delimiter is text

END_CHARS = 300  # where a client's own line is looked for

_SENT = (
    "Sent (?:from|via|with)|Get Outlook for|Von meinem|Gesendet (?:von|mit|über|aus)"
    "|Diese Nachricht wurde von meinem|Holen Sie sich Outlook für|Envoyé (?:de|depuis|à partir de|avec)"
    "|Obtenir Outlook pour|Télécharger Outlook pour|Enviado (?:desde|do|de|a partir do|via|con|com)"
    "|Obtener Outlook para|Obter o Outlook para|Inviato (?:da|dal|con)|Ottieni Outlook per"
    "|Verzonden (?:vanaf|met|via|vanuit)|Outlook voor|Skickat från|Hämta Outlook för|Sendt fra|Hent Outlook"
    "|Lähetetty|Wysłan[eo] z|Pobierz program Outlook|Odesláno z|Отправлено (?:с|из|от)|Надіслано з"
)
_DEVICE = (
    "i?Phone|iPad|Android|Samsung|Galaxy|Huawei|Xiaomi|Pixel|Nokia|BlackBerry|Motorola|OnePlus|Fairphone"
    "|Windows|Mac(?:Book)?\\b|Outlook|Yahoo|Proton|Gmail|Mail\\b|Spark|iOS|[Mm]obile|[Tt]ablet|Handy"
    "|[Ss]martphone|móvil|celular|téléphone|telefon|telefoon|cellulare|смартфон|телефон"
)
_SENT_FROM = re.compile(
    rf"\n[ \t]{{0,3}}(?:(?:{_SENT})[^\n]{{0,40}}?(?:{_DEVICE})[^\n]{{0,40}}"
    r"|iPhone'umdan gönderildi|i(?:Phone|Pad) ?から送信|发自我的[^\n]{1,20}|從我的[^\n]{1,20}傳送"
    r"|나의 [^\n]{1,20}에서 보냄|נשלח מה-?[^\n]{1,20})(?=\n)"
)


def without_signature(body: str) -> str:
    """The text without its signature. Line ends must be line feeds."""
    if "\n" not in body:
        return body
    own = _before_delimiter(body).rstrip()
    if "\n" not in own:
        return own
    end = own[-END_CHARS:]
    return own[: -len(end)] + _SENT_FROM.sub("", f"{end}\n") if end else own


def _before_delimiter(body: str) -> str:
    at = max(body.rfind("\n-- \n"), body.rfind("\n--\n"))
    if at < 0 or body.count("\n", at + 1) > SIGNATURE_LINES_MAX + 1:
        return body
    return body[:at]

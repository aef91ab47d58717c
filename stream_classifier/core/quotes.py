"""The mail that is answered, which stands below or within the answer: found in a plain text and taken out.

Rules
-----
* Lines that begin with `>` go, with the line that introduces them. An answer between quotes stays.
* What has no `>` goes from its beginning to the end of the text, where something stands before it: a line
  that says who wrote when, a separator such as `-----Original Message-----`, the four lines of Outlook's
  head (from, sent, to, subject), and the line above which helpdesks ask to reply.
* A forwarded mail is what the ticket is about. From the line that says so on nothing is taken out, and in
  a text whose subject says so (`Fwd:`) nothing at all.
* Phrases are those that the clients of Apple, Google, Microsoft, Mozilla and Yahoo write by themselves, in
  the languages that they are mostly used in. A phrase alone is not enough: an introduction names a time
  or an address, a head has a sender and a subject.
* Every expression begins at a line's end and looks at a bounded stretch from there: the work is linear, and
  little for a text without such lines.
"""
# ruff: noqa: RUF001 - phrases of many languages

import re

MAX_INTRODUCTION_CHARS = 300  # a date, a name and an address
MAX_HEAD_LINES = 8  # of Outlook's head: with copies and what is attached

_WROTE = re.compile(
    r"\b(?:wrote|schrieb|a écrit|escribió|escreveu|ha scritto|schreef|skrev|napisał|napsal|написал|писал|пише"
    r"|kirjoitti|írta|έγραψε|yazdı|a scris|написав|كتب|כתב)|のメール|写道|寫道|작성"
)
_FROM = (
    "From|Von|De|Da|Van|Fra|Från|Od|От|Від|Kimden|Gönderen|Lähettäjä|Feladó|Από|De la"
    "|差出人|发件人|發件人|寄件者|보낸 사람|מאת|من"
)
_SUBJECT = (
    "Subject|Betreff|Objet|Asunto|Assunto|Oggetto|Onderwerp|Emne|Ämne|Temat|Předmět|Predmet|Тема|Konu"
    "|Aihe|Tárgy|Θέμα|Subiect|件名|主题|主旨|제목|נושא|الموضوع"
)
_ORIGINAL = (
    "Original Message|Original Appointment|Ursprüngliche Nachricht|Originalnachricht|Message d'origine"
    "|Message original|Mensaje original|Mensagem original|Messaggio originale|Oorspronkelijk bericht"
    "|Original(?:t)? meddelande|Ursprungligt meddelande|Oprindelig meddelelse|Original(?:t)? melding"
    "|Opprinnelig melding|Alkuperäinen viesti|Wiadomość oryginalna|Oryginalna wiadomość|Původní zpráva"
    "|Исходное сообщение|Оригинальное сообщение|Вихідне повідомлення|Orijinal İleti|Özgün İleti"
    "|Eredeti üzenet|Αρχικό μήνυμα|Mesaj original|元のメッセージ|原始邮件|原始郵件|원본 메시지|ההודעה המקורית"
    "|الرسالة الأصلية"
)
_FORWARDED = (
    "Forwarded [Mm]essage|Begin forwarded message|Weitergeleitete Nachricht"
    "|Anfang der weitergeleiteten Nachricht|Message transféré|Début du message (?:transféré|réexpédié)"
    "|Mensaje reenviado|Inicio del mensaje reenviado"
    "|Mensagem (?:encaminhada|reencaminhada)|Início da mensagem (?:encaminhada|reencaminhada)"
    "|Messaggio inoltrato|Inizio messaggio inoltrato|Doorgestuurd bericht|Begin doorgestuurd bericht"
    "|Vidarebefordrat meddelande|Videresendt (?:besked|meddelelse|melding)|Välitetty viesti"
    "|Przekazana wiadomość|Wiadomość przekazana dalej|Přeposlaná zpráva|Пересылаемое сообщение"
    "|Начало переадресованного сообщения|Пересланное сообщение|Yönlendirilen [İi]leti|İletilen ileti"
    "|転送されたメッセージ|转发的邮件|轉寄的郵件|전달된 메시지|הודעה שהועברה|رسالة مُعاد توجيهها"
)
_FORWARD_SUBJECT = re.compile(
    r"\s*(?:(?:re|aw|sv|vs|antw|odp|rif)\s*:\s*)?"
    r"(?:fwd?|wg|tr|rv|enc|i|inolt|doorst|vb|vl|pd|přep|пер|пересл|ilt|ilet|továbbítva|转发|轉寄|転送|전달)\s*[:：]",
    re.IGNORECASE,
)

_TIME = re.compile(r"\d{1,2}[:.]\d{2}")
_ADDRESS = re.compile(r"<[^<>\s]{1,100}@[^<>\s]{1,100}>")
_OPENS = re.compile(r"[ \t]*(?:On|Am|Le|El|Em|Il|Op|Den|Dnia|W dniu|Dne|A|În|Στις|\d{1,4})\b", re.IGNORECASE)
_INTRODUCES = re.compile(r"[^\n]{0,300}(?:\d{1,2}[:.]\d{2}|@)[^\n]{0,300}[:：][ \t]*")  # where a `>` follows
_COLON_ENDS_LINE = re.compile(r"[:：][ \t]{0,3}\n")

# How each of the lines below begins (the letters are those of `_FROM` and of Apple's forwarded mails): where
# none does, nothing else is searched for.
_SUSPECT = re.compile(r"\n[ \t*]{0,3}+(?:[-_#=>~+]|[^\x00-\u024f]|[FVDOKGLBAI][^\n:：]{1,40}+[:：])")
_FORWARD = re.compile(rf"\n[-_ \t]{{0,20}}(?:{_FORWARDED})[-_ \t]{{0,20}}[:：]?[-_ \t]{{0,20}}(?=\n)")
_SEPARATOR = re.compile(rf"\n[-_]{{2,20}} ?(?:{_ORIGINAL}) ?[-_]{{2,20}}(?=\n)", re.IGNORECASE)
_REPLY_ABOVE = re.compile(
    r"\n(?:##- [^\n]{1,200} -##"
    r"|[^\w\n]{1,20}(?:please )?(?:type your reply|reply|write) above this line[^\w\n]{0,20})(?=\n)",
    re.IGNORECASE,
)
_HEAD = re.compile(
    rf"\n(?:[_-]{{5,80}}[ \t]{{0,3}}\n\n?)?[ *]{{0,3}}(?:{_FROM})[ *]{{0,3}}[:：][^\n]{{1,300}}"
    rf"(?:\n[ *]{{0,3}}[^\W\d][\w .'-]{{0,24}}[ *]{{0,3}}[:：][^\n]{{0,1000}}){{0,{MAX_HEAD_LINES}}}?"
    rf"\n[ *]{{0,3}}(?:{_SUBJECT})[ *]{{0,3}}[:：]"
)


def is_forward(subject: str) -> bool:
    """Whether a subject says that the mail was forwarded."""
    return (":" in subject or "：" in subject) and _FORWARD_SUBJECT.match(subject) is not None


def without_quotes(body: str) -> str:
    """The text without the mail that it answers. Line ends must be line feeds."""
    if "\n" not in body and not body.startswith(">"):
        return body
    whole = f"\n{body}\n"
    if not (":\n" in whole or _SUSPECT.search(whole)):
        return body
    forward = _FORWARD.search(whole)
    end = forward.start() if forward else len(whole)
    own = _without_marked(_until_history(whole[:end] + "\n")).removesuffix("\n")
    return own + whole[end:]


def _until_history(text: str) -> str:
    """The text up to where the answered mail begins, if anything stands before."""
    above = _REPLY_ABOVE.search(text)
    if above and not text[: above.start()].strip():
        text = text[above.end() :]
        above = None
    begins = [found.start() for found in (above, _SEPARATOR.search(text), _HEAD.search(text)) if found]
    introduced = _introduced_at(text)
    if introduced is not None:
        begins.append(introduced)
    own = text[: min(begins)] if begins else text
    return own if own.strip() else text


def _introduced_at(text: str) -> int | None:
    """Where a line says who wrote when, and what follows has no `>`."""
    for found in _COLON_ENDS_LINE.finditer(text):
        start = _introduction_from(text, found.start())
        if start is not None and not text[found.end() - 1 : found.end() + 10].lstrip().startswith(">"):
            return start
    return None


def _introduction_from(text: str, end: int) -> int | None:
    """Where the introduction begins whose last line ends here, which clients break into two."""
    start = text.rfind("\n", 0, end) + 1
    for _ in range(2):
        if start <= 0 or end - start > MAX_INTRODUCTION_CHARS:
            return None
        if _introduces(text[start:end].replace("\n", " ")):
            return start
        start = text.rfind("\n", 0, start - 1) + 1
    return None


def _introduces(line: str) -> bool:
    if not _TIME.search(line):
        return False
    return _ADDRESS.search(line) is not None or bool(_OPENS.match(line) and _WROTE.search(line))


def _without_marked(text: str) -> str:
    """Without lines that begin with `>`, and the lines that introduce them."""
    if "\n>" not in text:
        return text
    kept: list[str] = []
    quoting = False
    for line in text.split("\n"):
        if line.startswith(">"):
            if not quoting:
                _drop_introduction(kept)
            quoting = True
        else:
            quoting = quoting and not line.strip()
            kept.append(line)
    return "\n".join(kept)


def _drop_introduction(kept: list[str]) -> None:
    """Take out "On 3 May at 10:15, Ann <ann@example.com> wrote:", which may be parted by a blank line."""
    last = len(kept) - 1
    while last >= 0 and not kept[last].strip():
        last -= 1
    if last < 0 or not kept[last].rstrip().endswith((":", "：")):
        return
    if last and not _introduces(kept[last]) and _introduces(f"{kept[last - 1]} {kept[last]}"):
        del kept[last - 1 :]
    elif _INTRODUCES.fullmatch(kept[last]):
        del kept[last:]

"""Quoted history and signatures: taken out of what the model sees, because they speak of another matter.

Rules
-----
* Only what is marked as such goes: lines that begin with `>` and the line that introduces them, and what
  follows the signature delimiter `-- ` (RFC 3676, 4.3). A sentence is never taken for a signature.
* An answer written between quotes stays; the quotes around it go.
* Where nothing would be left, everything stays: a forwarded text is the ticket.
"""

import re
from collections.abc import Callable, Collection, Mapping

SIGNATURE_LINES_MAX = 15  # RFC 3676 asks for four; more than this below a delimiter is text

# The line above a quote: it ends with a colon, and names a time or an address.
_INTRODUCTION = re.compile(r"[^\n]*(?:\d{1,2}[:.]\d{2}|@)[^\n]*:[ \t]*")


def strip(body: str, what: Collection[str]) -> str:
    """The body without `what`: any of `quotes`, `signatures`. Line ends must be line feeds."""
    stripped = body
    for name in what:
        stripped = STRIPPERS[name](stripped)
    stripped = stripped.strip()
    return stripped or body


def without_quotes(body: str) -> str:
    """Without lines that begin with `>`, and the line that introduces them."""
    if not body.startswith(">") and "\n>" not in body:
        return body
    kept: list[str] = []
    quoting = False
    for line in body.split("\n"):
        if line.startswith(">"):
            if not quoting:
                _drop_introduction(kept)
            quoting = True
        else:
            quoting = quoting and not line.strip()
            kept.append(line)
    return "\n".join(kept)


def without_signature(body: str) -> str:
    """Without what follows the last signature delimiter, where that is short enough to be one."""
    at = max(body.rfind("\n-- \n"), body.rfind("\n--\n"))
    if at < 0 or body.count("\n", at + 1) > SIGNATURE_LINES_MAX + 1:
        return body
    return body[:at]


def _drop_introduction(kept: list[str]) -> None:
    """Take out "On 3 May at 10:15, Ann <ann@example.com> wrote:", which may be parted by a blank line."""
    last = next((i for i in range(len(kept) - 1, -1, -1) if kept[i].strip()), None)
    if last is not None and _INTRODUCTION.fullmatch(kept[last]):
        del kept[last:]


STRIPPERS: Mapping[str, Callable[[str], str]] = {"quotes": without_quotes, "signatures": without_signature}

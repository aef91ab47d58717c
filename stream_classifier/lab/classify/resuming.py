"""What of the input is left after an earlier run, and whether it is the input that that run had.

Rows are held against what was written of them: each up to the mark takes part in one digest, each that was
answered and not written has a fingerprint of its own. Their file may be copied, packed or longer than it was.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from hashlib import blake2b

from stream_classifier.core.faults import OperatorFault
from stream_classifier.lab.classify.journal import Known, Mark
from stream_classifier.lab.labelling import FINGERPRINT_BYTES, ROWS_AT_A_TIME, ReadRow


def chained(digest: str, rows: Iterable[ReadRow]) -> str:
    """The digest of all rows so far, with these after them."""
    chain = bytes.fromhex(digest)
    for row in rows:
        chain = blake2b(chain + row.fingerprint, digest_size=FINGERPRINT_BYTES).digest()
    return chain.hex()


async def rows_beyond(
    rows: AsyncIterable[ReadRow], mark: Mark, known: dict[int, Known], name: str
) -> AsyncIterator[ReadRow]:
    """The rows after the mark. Of `known` whoever takes the rows takes out what it has used.

    Raises `OperatorFault` where the rows up to the mark are others than they were, or known ones are gone.
    """
    digest, read = "", 0
    checked = mark.line == 0
    async for row in rows:
        if row.line <= mark.line:
            digest = chained(digest, [row])
            read += 1
            if read % ROWS_AT_A_TIME == 0:
                await asyncio.sleep(0)
            continue
        if not checked:
            _check(digest, mark, name)
            checked = True
        yield row
    if not checked:
        _check(digest, mark, name)
    if known:
        raise other_input(name, max(known))


def other_input(name: str, line: int) -> OperatorFault:
    """The input is not what it was."""
    return OperatorFault(
        f"{name} is not the file that an earlier run has begun with: up to line {line} its rows are others."
        " Bring that file back, or begin anew with --restart; what the cache knows is not paid for again."
    )


def _check(digest: str, mark: Mark, name: str) -> None:
    if digest != mark.digest:
        raise other_input(name, mark.line)

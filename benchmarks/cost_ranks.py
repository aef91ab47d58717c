"""A real tokenizer: o200k, by the ranks that the npm package js-tiktoken carries (MIT).

Rules
-----
* The ranks are no part of the repository. npm fetches the package once, into a cache directory outside of it;
  what was fetched is held against a digest each time, so that figures of two machines are of one tokenizer.
* tiktoken's own downloads are not used: it is handed the ranks.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import tiktoken

from stream_classifier.core.faults import OperatorFault

PACKAGE = "js-tiktoken@1.0.21"
MEMBER = "package/dist/ranks/o200k_base.js"
SHA256 = "a9e8a0c1f332c58f1a9cef2f8d7be59b31bb4b42531a3a0a64d9ad3b3d19033b"
FETCH_S = 120  # 2 MB over a slow line; beyond it the registry cannot be reached

Count = Callable[[str], int]
"""The tokens of a text."""


def o200k() -> Count:
    """Counts with o200k, which gpt-4o and later models read by. Raises `OperatorFault` where the ranks
    cannot be had."""
    path = cache_directory() / "o200k_base.js"
    if not path.exists():
        _fetch(path)
    encoding = _encoding(path)
    return lambda text: len(encoding.encode_ordinary(text))


def cache_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where fetched ranks are kept."""
    home = environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "stream-classifier-benchmarks"


def ranks_of(packed: str) -> dict[bytes, int]:
    """Ranks by token, from lines of `! <first rank> <token> <token> ...`, the tokens in base64."""
    ranks: dict[bytes, int] = {}
    for line in filter(None, packed.split("\n")):
        _, first, *tokens = line.split(" ")
        ranks.update((base64.b64decode(token), rank) for rank, token in enumerate(tokens, int(first)))
    return ranks


def _encoding(path: Path) -> tiktoken.Encoding:
    source = path.read_text("utf-8")
    if hashlib.sha256(source.encode()).hexdigest() != SHA256:
        raise OperatorFault(f"{path} is not the file of {PACKAGE}: delete it, and it is fetched anew.")
    ranks, _ = json.JSONDecoder().raw_decode(source[source.index("{") :])
    return tiktoken.Encoding(
        "o200k_base",
        pat_str=ranks["pat_str"],
        mergeable_ranks=ranks_of(ranks["bpe_ranks"]),
        special_tokens=ranks["special_tokens"],
    )


def _fetch(path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise OperatorFault(
            f"The tokenizer's ranks are not there. Install npm, or put {MEMBER} of the npm package {PACKAGE} "
            f"at {path}."
        )
    with tempfile.TemporaryDirectory() as directory:
        command = [npm, "pack", PACKAGE, "--silent", "--pack-destination", directory]
        try:
            subprocess.run(
                command, check=True, capture_output=True, text=True, timeout=FETCH_S, cwd=directory
            )
        except (subprocess.SubprocessError, OSError) as error:
            raise OperatorFault(
                f"npm could not fetch {PACKAGE}: try `npm pack {PACKAGE}` ({error})"
            ) from error
        [packed] = Path(directory).glob("*.tgz")
        _unpack(packed, path)


def _unpack(packed: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(packed) as archive, tempfile.TemporaryDirectory(dir=path.parent) as directory:
        member = archive.extractfile(MEMBER)
        assert member is not None  # npm has checked the package; this is a plain file in it
        whole = Path(directory) / path.name
        whole.write_bytes(member.read())
        whole.replace(path)

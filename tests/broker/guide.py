"""A guide as a person follows it: its blocks in order, in one directory.

A block's first line says what it is:

    ```sh run              a script; each of its lines must succeed
    ```sh run background   a command that goes on; it is told to end, and waited for, when the guide is over
    ```yaml file=NAME      a file to be written, in any language

Any other block with commands or a program in it must have a paragraph before it that says *not run*.
"""

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
BLOCK = re.compile(r"(?P<before>[^\n]*\n*)^```(?P<kind>[^\n]*)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
TO_BE_RUN = ("sh", "python", "java", "go")
SCRIPT_S = 100.0  # of one script; the longest starts five commands
END_S = 40.0


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: the line above it, what stands behind the fence, and its lines."""

    before: str
    kind: str
    text: str

    @property
    def is_run(self) -> bool:
        """Whether a test runs or writes it."""
        return self.kind.startswith("sh run") or "file=" in self.kind

    @property
    def says_not_run(self) -> bool:
        """Whether a reader is told."""
        return "not run" in self.before.lower()


def blocks_of(guide: str) -> list[Block]:
    """The blocks of a guide, in order."""
    page = (GUIDES / f"{guide}.md").read_text("utf-8")
    return [
        Block(paragraph_before(page, m.start("kind")), m["kind"], m["text"]) for m in BLOCK.finditer(page)
    ]


def paragraph_before(page: str, place: int) -> str:
    """The paragraph that ends above the fence."""
    above = page[: page.rindex("\n", 0, place)].rstrip()
    return above[above.rfind("\n\n") + 2 :].replace("\n", " ")


@dataclass(slots=True, kw_only=True)
class Reader:
    """Somebody who types. `names` are put in the place of addresses that a test cannot have."""

    directory: Path
    environ: Mapping[str, str]
    names: Mapping[str, str]
    background: list[asyncio.subprocess.Process]

    async def follow(self, guide: str) -> str:
        """Do what the guide says; what its scripts printed. An AssertionError has what went wrong."""
        return "".join([await self._do(block) for block in blocks_of(guide) if block.is_run])

    async def _do(self, block: Block) -> str:
        text = block.text
        for name, here in self.names.items():
            text = text.replace(name, here)
        if "file=" in block.kind:
            (self.directory / block.kind.partition("file=")[2]).write_text(text)
            return ""
        if "background" in block.kind:
            self.background.append(await self._start(f"exec {text}", asyncio.subprocess.DEVNULL))
            return ""
        return await self._run(text)

    async def _run(self, script: str) -> str:
        process = await self._start(f"set -eu\n{script}", asyncio.subprocess.PIPE)
        async with asyncio.timeout(SCRIPT_S):
            said, _ = await process.communicate()
        assert process.returncode == 0, f"{script}\n{said.decode()}"
        return said.decode()

    async def _start(self, script: str, output: int) -> asyncio.subprocess.Process:
        bash = shutil.which("bash")
        assert bash is not None
        return await asyncio.create_subprocess_exec(
            *(bash, "-c", script),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT if output == asyncio.subprocess.PIPE else output,
            cwd=self.directory,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **self.environ},
        )


@asynccontextmanager
async def a_reader(
    directory: Path, environ: Mapping[str, str], names: Mapping[str, str]
) -> AsyncIterator[Reader]:
    """A reader who ends at the end what was begun in the background."""
    reader = Reader(directory=directory, environ=environ, names=names, background=[])
    try:
        yield reader
    finally:
        for process in reversed(reader.background):
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(END_S):
                await process.wait()

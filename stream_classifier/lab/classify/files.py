"""Files that are appended to: what is handed over is with the system when the call returns.

So a kill of the process takes nothing back; against a loss of power there is `sync`. What goes wrong is an
`OperatorFault` that names the file.
"""

import fcntl
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from stream_classifier.core.faults import OperatorFault

STANDARD_OUTPUT = "standard output"


@dataclass(slots=True)
class AppendedFile:
    """An open file, `size_bytes` long. Made by `open_appended` or `standard_output`."""

    name: str
    raw: io.FileIO
    size_bytes: int
    regular: bool = True
    _unsynced: bool = field(default=False)

    def append(self, data: bytes) -> None:
        """Write all of it at the end."""
        if not data:
            return
        rest = memoryview(data)
        with told(self.name):
            while rest:
                rest = rest[self.raw.write(rest) or 0 :]
        self.size_bytes += len(data)
        self._unsynced = True

    def cut(self, size_bytes: int) -> None:
        """Take off all that is beyond so many bytes."""
        with told(self.name):
            self.raw.truncate(size_bytes)
            self.raw.seek(size_bytes)
        self.size_bytes = size_bytes

    def sync(self) -> None:
        """Return when what was written is on the disk."""
        if self._unsynced and self.regular:
            with told(self.name):
                os.fsync(self.raw.fileno())
        self._unsynced = False

    def ends_a_line(self, size_bytes: int) -> bool:
        """Whether a line ends at so many bytes; so does nothing at all."""
        return size_bytes == 0 or os.pread(self.raw.fileno(), 1, size_bytes - 1) == b"\n"

    def claim(self) -> None:
        """Be the only process that writes here, until the end; a kill ends it, too."""
        try:
            fcntl.flock(self.raw, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OperatorFault(
                f"{self.name} is being written by another process: wait until it has ended, or name another"
                " file."
            ) from error
        except OSError:
            return  # some network file systems know no locks

    def close(self) -> None:
        """Let go of it."""
        with suppress(OSError):
            self.raw.close()


@dataclass(slots=True)
class LazyFile:
    """The same of a file that is made with its first byte. One that is there already is opened."""

    path: Path
    _file: AppendedFile | None = None

    def __post_init__(self) -> None:
        if self.path.exists():
            self._file = open_appended(self.path)

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def size_bytes(self) -> int:
        return self._file.size_bytes if self._file else 0

    def append(self, data: bytes) -> None:
        """Write all of it at the end."""
        if data and self._file is None:
            self._file = open_appended(self.path)
        if self._file is not None:
            self._file.append(data)

    def cut(self, size_bytes: int) -> None:
        """Take off all that is beyond so many bytes; where nothing stays, the file goes."""
        if self._file is not None and size_bytes:
            self._file.cut(size_bytes)
        elif self._file is not None:
            self.close()
            self._file = None
            with told(self.name):
                self.path.unlink()

    def sync(self) -> None:
        """Return when what was written is on the disk."""
        if self._file is not None:
            self._file.sync()

    def ends_a_line(self, size_bytes: int) -> bool:
        """Whether a line ends at so many bytes; so does nothing at all."""
        return size_bytes == 0 or (self._file is not None and self._file.ends_a_line(size_bytes))

    def close(self) -> None:
        """Let go of it."""
        if self._file is not None:
            self._file.close()


def open_appended(path: Path) -> AppendedFile:
    """The file at this path, made where it is missing; what it holds stays. Raises `OperatorFault`."""
    with told(str(path)):
        raw = io.FileIO(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "rb+")
        size_bytes = raw.seek(0, os.SEEK_END) if path.is_file() else 0
    return AppendedFile(str(path), raw, size_bytes, regular=path.is_file())


def standard_output() -> AppendedFile:
    """Standard output, unbuffered."""
    return AppendedFile(STANDARD_OUTPUT, io.FileIO(1, "wb", closefd=False), 0, regular=False)


@contextmanager
def told(name: str) -> Iterator[None]:
    """What the system refuses in this block, as a sentence about the file."""
    try:
        yield
    except BrokenPipeError as error:
        raise OperatorFault(f"Whoever reads {name} has closed it, so labelling ends.") from error
    except OSError as error:
        raise OperatorFault(
            f"{name} cannot be written ({error.strerror}): mend that or name another file, then run the"
            " command again."
        ) from error

"""`python -m tests.image DIRECTORY`: tries the root file system that `deploy/try-image.sh` has built.

DIRECTORY holds `root`, the image's files, and `image.json`, its settings. What an engine would do with them
is done by the kernel's own means (`unshare`, `mount`, `chroot`): the image's command as process 1 of its own,
under its own user and environment, with a root file system that is read only but for its volume. Against a
real Kafka and a simulated provider. Needs root. Prints a line a claim; exit status 1 where one does not hold.
"""

import asyncio
import errno
import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from benchmarks.kafka import a_kafka
from tests.broker.service_process import Member
from tests.broker.stream import Stream, a_stream, ticket
from tests.brokers.ports import free_ports

MOST_BYTES = 150_000_000  # what the image may weigh, unpacked
SHELLS = ("sh", "bash", "dash", "ash", "busybox", "zsh", "ksh")
TICKETS = 500
SHUTDOWN_S = 25  # the default: what a container's engine may wait for at the least
CONFIG = "etc/stream-classifier"


@dataclass(frozen=True, slots=True)
class Image:
    """The files, and the settings as `buildah inspect` tells them."""

    root: Path
    config: dict[str, Any]

    @classmethod
    def at(cls, directory: Path) -> "Image":
        """What `deploy/try-image.sh` left in a directory."""
        told = json.loads((directory / "image.json").read_text())["Docker"]["config"]
        return cls(directory / "root", told)

    @property
    def user(self) -> str:
        return str(self.config["User"])

    @property
    def volume(self) -> str:
        [path] = self.config["Volumes"]
        return str(path)

    @property
    def command(self) -> list[str]:
        return [*self.config["Entrypoint"], *self.config["Cmd"]]

    @property
    def environment(self) -> list[str]:
        return list(self.config["Env"])

    @property
    def size_bytes(self) -> int:
        """Of all files, links counted once."""
        files = {s.st_ino: s.st_size for s in (p.lstat() for p in self.root.rglob("*") if not p.is_dir())}
        return sum(files.values())

    def shells(self) -> list[Path]:
        """Programs that could be one."""
        return [path for path in self.root.rglob("*") if path.name in SHELLS]


class Claims:
    """What was looked at, said at once."""

    def __init__(self) -> None:
        self.failed = False

    def __call__(self, holds: bool, claim: str) -> None:
        typer.echo(f"{'ok  ' if holds else 'NOT '} {claim}")
        self.failed = self.failed or not holds


def mounting(image: Image, config: Path) -> str:
    """The shell words that mount the image in a namespace of its own, `config` where it reads it."""
    root, volume = image.root, image.root / image.volume.lstrip("/")
    uid, gid = image.user.split(":")
    steps = (
        ["mount", "--bind", str(root), str(root)],
        ["mount", "--bind", str(config), str(root / CONFIG)],
        ["mount", "-t", "tmpfs", "-o", f"mode=0755,uid={uid},gid={gid}", "tmpfs", str(volume)],
        ["mount", "-o", "remount,bind,ro", str(root)],
    )
    return " && ".join(shlex.join(step) for step in steps)


async def start(image: Image, stream: Stream, directory: Path) -> tuple[Member, int]:
    """The image's command, and its number as the machine counts."""
    [port] = free_ports(1)
    written = stream.config_file("image", port, cache={"backend": "sqlite"}, shutdown_s=SHUTDOWN_S)
    config, log_file = directory / "config", directory / "image.log"
    config.mkdir()
    (config / "stream-classifier.yaml").write_text(written.read_text())
    start_command = ["env", "-i", *image.environment, *_in_root(image), *image.command]
    with log_file.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *("unshare", "--mount", "--pid", "--fork", "--kill-child"),
            *("sh", "-c", f"{mounting(image, config)} && exec {shlex.join(start_command)}"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    member = Member("image", process, log_file, f"http://127.0.0.1:{port}")
    await member.until_logged("model_introduced")
    return member, child_of(process.pid)


def _in_root(image: Image) -> list[str]:
    """What goes into the image's root file system, its working directory, and its user's place. By its full
    path, since it is looked for with the image's PATH."""
    uid, gid = image.user.split(":")
    setpriv, unshare = (shutil.which(name) or name for name in ("setpriv", "unshare"))
    there = (
        f"--root={image.root}",
        f"--wd={image.config['WorkingDir']}",
        f"--setgid={gid}",
        f"--setuid={uid}",
    )
    return [setpriv, "--clear-groups", "--no-new-privs", unshare, *there]


async def inside(image: Image, pid: int, arguments: Sequence[str], *more: str) -> int:
    """The exit status of a command in the running container, as its user."""
    uid, gid = image.user.split(":")
    process = await asyncio.create_subprocess_exec(
        *("nsenter", f"--target={pid}", "--mount", "--pid", "--root", "--wd", f"--setuid={uid}"),
        *(f"--setgid={gid}", *arguments),
        env=dict(entry.split("=", 1) for entry in [*image.environment, *more]),
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()


def read_only(pid: int) -> bool:
    """Whether not even the machine's own root can write into the container's root file system."""
    try:
        os.close(os.open(f"/proc/{pid}/root/tmp/probe", os.O_CREAT | os.O_WRONLY))
    except OSError as error:
        return error.errno == errno.EROFS
    return False


def child_of(pid: int) -> int:
    """The only child of a process."""
    [child] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def status_of(pid: int) -> dict[str, list[str]]:
    """What the kernel says of a process, by name."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}


def cache_bytes(image: Image, pid: int) -> int:
    """The size of the database that the defaults name."""
    return Path(f"/proc/{pid}/root{image.volume}/stream-classifier-cache.db").stat().st_size


async def healthcheck(image: Image, pid: int, port: str) -> int:
    """The exit status of the image's own check."""
    kind, *arguments = image.config["Healthcheck"]["Test"]
    assert kind == "CMD", "a check that needs a shell"
    return await inside(image, pid, arguments, f"STREAM_CLASSIFIER_HTTP__PORT={port}")


async def try_out(image: Image, servers: str, directory: Path, claim: Claims) -> None:
    """All that can be seen of a running container."""
    async with a_stream(servers, directory, partitions=4) as stream:
        member, pid = await start(image, stream, directory)
        status, port = status_of(pid), member.http.rpartition(":")[2]
        claim(status["Uid"] == [image.user.split(":")[0]] * 4, f"runs as {image.user}")
        claim(status["NSpid"][-1] == "1", "is process 1 of its container, with no shell before it")
        claim(not status["CapEff"][0].strip("0"), "has no capabilities")
        claim(read_only(pid), "its root file system is read only")
        await stream.put([ticket(n) for n in range(TICKETS)])
        events = await stream.until_events(TICKETS)
        ids = {event["event_id"] for event in events}
        claim(len(ids) == len(events) == TICKETS, f"labels {TICKETS} tickets of a real Kafka, each once")
        claim(cache_bytes(image, pid) > 0, "keeps its cache on the volume")
        claim(await healthcheck(image, pid, port) == 0, "its HEALTHCHECK passes")
        [free] = free_ports(1)
        claim(await healthcheck(image, pid, str(free)) == 1, "its HEALTHCHECK fails where nobody answers")
        began_s = time.monotonic()
        os.kill(pid, signal.SIGTERM)
        ended = await member.exited()
        took_s = time.monotonic() - began_s
        claim(ended == 0 and took_s < SHUTDOWN_S, f"SIGTERM: exit status {ended} after {took_s:.1f} s")
        await stream.settled()
        claim(True, "everything was committed")


def main(directory: Path) -> int:
    """Look at the image in `directory`, then run it; the exit status."""
    image, claim = Image.at(directory), Claims()
    size = image.size_bytes
    claim(size < MOST_BYTES, f"{size / 1e6:.0f} MB unpacked, of {MOST_BYTES / 1e6:.0f} allowed")
    claim(not image.shells(), "holds no shell")
    claim(image.user.partition(":")[0].isdecimal() and image.user != "0:0", "names its user by number")
    with (
        tempfile.TemporaryDirectory(prefix="stream-classifier-image-") as name,
        a_kafka(Path(name) / "kafka") as servers,
    ):
        asyncio.run(try_out(image, servers, Path(name), claim))
    return claim.failed


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

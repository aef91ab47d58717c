"""Where a Kafka to start comes from: KAFKA_HOME, else Java and Maven, else Docker.

Maven copies the jars that `pom.xml` names into `.tools/kafka-<version>/`, once: into a folder of its own
first, which is then renamed, so that a run that is cut off leaves no half of them.
"""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.brokers import Unavailable

POM = Path(__file__).with_name("pom.xml")
TOOLS = Path(__file__).parents[2] / ".tools"

JAVA_AT_LEAST = 17  # what a Kafka 4 broker needs
JVM_FLAGS = (
    "-Xmx512m",  # 360 MB are in use with three partitions' worth of everything
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # up sooner, on fewer cores; tests do not run long enough for the other tiers
    "-XX:-UsePerfData",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)
PROBE_WAIT_S = 20.0  # `java -version`, `docker info`
DOWNLOAD_WAIT_S = 300.0  # 43 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Kafka's jars and a Java to run them, on this machine or in an image (`image` set)."""

    java: str
    libraries: str
    image: str | None = None
    archive: Path | None = None  # of Kafka's classes (class_archive.py); may not be there yet

    def command(self, main_class: str, *arguments: str, name: str, directory: Path) -> list[str]:
        """What runs `main_class` with `directory` at hand, in a container called `name` if in any."""
        archived = (
            [f"-XX:SharedArchiveFile={self.archive}"] if self.archive and self.archive.is_file() else []
        )
        java = [*JVM_FLAGS, *archived, "-cp", f"{self.libraries}/*", main_class, *arguments]
        if self.image is None:
            return [self.java, *java]
        return [
            *(
                "docker",
                "run",
                "--rm",
                "--network=host",
                f"--name={name}",
                f"--user={os.getuid()}:{os.getgid()}",
            ),
            *(f"--volume={directory}:{directory}", f"--entrypoint={self.java}", self.image, *java),
        ]


def kafka_version() -> str:
    """The version that `pom.xml` names: said there and nowhere else."""
    found = re.search(r"<kafka\.version>(.+?)</kafka\.version>", POM.read_text())
    assert found is not None
    return found[1]


def find_kafka() -> Installation:
    """The first Kafka that this machine can run. Raises Unavailable with what each way lacks."""
    lacking = []
    for way in (_from_kafka_home, _from_maven, _from_docker):
        try:
            return way()
        except Unavailable as exc:
            lacking.append(str(exc))
    raise Unavailable("no Apache Kafka: " + "; ".join(lacking))


def _from_kafka_home() -> Installation:
    home = os.environ.get("KAFKA_HOME")
    if home is None:
        raise Unavailable("KAFKA_HOME is not set")
    libraries = Path(home, "libs")
    if not libraries.is_dir():
        raise Unavailable(f"KAFKA_HOME has no libs folder ({libraries})")
    return Installation(java=_java(), libraries=str(libraries))


def _from_maven() -> Installation:
    java, libraries = _java(), TOOLS / f"kafka-{kafka_version()}"
    if not libraries.is_dir():
        _copy_jars(libraries)
    return Installation(
        java=java, libraries=str(libraries), archive=libraries.with_name(f"{libraries.name}.jsa")
    )


def _from_docker() -> Installation:
    docker = shutil.which("docker")
    if docker is None:
        raise Unavailable("docker is not on PATH")
    if _output([docker, "info"], PROBE_WAIT_S) is None:
        raise Unavailable("docker is installed, but its daemon does not answer")
    image = f"apache/kafka:{kafka_version()}"
    if _output([docker, "pull", "--quiet", image], DOWNLOAD_WAIT_S) is None:
        raise Unavailable(f"docker could not pull {image}")
    return Installation(java="java", libraries="/opt/kafka/libs", image=image)


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which(str(Path(home, "bin", "java")) if home else "java")
    if java is None:
        raise Unavailable(f"Java {JAVA_AT_LEAST} or newer is not on PATH")
    version = re.search(r'version "(\d+)', _output([java, "-version"], PROBE_WAIT_S) or "")
    if version is None or int(version[1]) < JAVA_AT_LEAST:
        raise Unavailable(f"{java} is older than Java {JAVA_AT_LEAST}")
    return java


def _copy_jars(libraries: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable("Maven (mvn) is not on PATH")
    TOOLS.mkdir(exist_ok=True)
    with _one_at_a_time(), tempfile.TemporaryDirectory(dir=TOOLS, prefix="incoming-") as incoming:
        if libraries.is_dir():
            return
        jars = Path(incoming, "jars")
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
        if _output([maven, "--quiet", "--batch-mode", f"--file={POM}", *goal], DOWNLOAD_WAIT_S) is None:
            raise Unavailable("Maven could not fetch Kafka's jars from its repository")
        jars.rename(libraries)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Several processes run tests: the first of them fetches, the others wait for it."""
    with (TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _output(command: list[str], wait_s: float) -> str | None:
    """What a command prints on both streams; None where it fails or takes longer than `wait_s`."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=wait_s,
            check=True,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace")

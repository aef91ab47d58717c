"""What the package's code may not contain, whatever reason somebody has: read from its syntax trees."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "stream_classifier"
FILES = sorted(PACKAGE.rglob("*.py"))

RUNS_TEXT = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "runpy.run_path"}
UNPACKS = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
STARTS_PROCESSES = {"subprocess", "pty", "multiprocessing"}
UNSAFE_YAML = {
    "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "yaml.unsafe_load_all",
    "yaml.Loader", "yaml.FullLoader", "yaml.UnsafeLoader", "yaml.CLoader",
}  # fmt: skip
GUESSABLE_FILES = {"tempfile.mktemp", "os.tempnam", "os.tmpnam"}
UNCHECKED_TLS = {
    "ssl.CERT_NONE", "ssl.CERT_OPTIONAL", "ssl._create_unverified_context", "check_hostname", "verify_mode",
}  # fmt: skip
SWITCHES: dict[str, set[object]] = {
    "verify": {False},
    "ssl_check_hostname": {False},
    "ssl_cert_reqs": {"none", None},
    "shell": {True},
}
"""Arguments, and the values that they may not have as they stand in the code."""

LOOKS_WHO_LISTENS = "kafka/listeners.py"
"""Asks a listener whether it speaks TLS, and sends nothing over it that anybody might not know."""
JUDGES_WHAT_COMES = ("settings", "core/formats", "llm", "registry")
"""Rooms that read what others wrote: `python -O` would leave an assert out."""


def named(node: ast.AST) -> str:
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


def names(tree: ast.AST) -> Iterator[str]:
    """Every name that is used, whole (`yaml.load`) and by its last part."""
    for node in ast.walk(tree):
        if name := named(node):
            yield name
            yield name.rpartition(".")[2]


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def switched_off(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in SWITCHES and isinstance(node.value, ast.Constant):
            value = node.value.value
            if any(value is bad or (isinstance(bad, str) and value == bad) for bad in SWITCHES[node.arg]):
                yield f"{node.arg}={value!r}"


def faults(source: str, file: str = "x.py") -> set[str]:
    tree = ast.parse(source)
    used, brought = set(names(tree)), set(imported(tree))
    called = {named(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = (called & RUNS_TEXT) | (brought & (UNPACKS | STARTS_PROCESSES))
    found |= (used | brought) & (UNSAFE_YAML | GUESSABLE_FILES) | set(switched_off(tree))
    if file != LOOKS_WHO_LISTENS:
        found |= (used | brought) & UNCHECKED_TLS
    if file.startswith(JUDGES_WHAT_COMES) and any(isinstance(node, ast.Assert) for node in ast.walk(tree)):
        found.add("assert")
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_no_file_runs_text_unpacks_objects_or_leaves_a_certificate_unchecked(file: Path) -> None:
    assert faults(file.read_text("utf-8"), file.relative_to(PACKAGE).as_posix()) == set()


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("eval('1')", "eval"),
        ("import pickle", "pickle"),
        ("from pickle import loads", "pickle"),
        ("import subprocess", "subprocess"),
        ("import yaml\nyaml.load('x', Loader=yaml.SafeLoader)", "yaml.load"),
        ("from yaml import unsafe_load", "yaml.unsafe_load"),
        ("import tempfile\ntempfile.mktemp()", "tempfile.mktemp"),
        ("httpx.AsyncClient(verify=False)", "verify=False"),
        ("run('x', shell=True)", "shell=True"),
        ("Redis(ssl_cert_reqs='none')", "ssl_cert_reqs='none'"),
        ("context.verify_mode = ssl.CERT_NONE", "ssl.CERT_NONE"),
    ],
)
def test_each_of_them_would_be_found(source: str, fault: str) -> None:
    assert fault in faults(source)


def test_an_assert_on_what_others_wrote_would_be_found() -> None:
    assert faults("assert x", "registry/x.py") == {"assert"}
    assert faults("assert x", "lanes/x.py") == set()

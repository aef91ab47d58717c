"""What a person can mend: said in sentences that name the remedy, shown without a traceback."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


class OperatorFault(Exception):
    """An expected failure whose message is for the person who runs us.

    The message says what is wrong, where, and what would be right; it never holds a secret or a
    ticket's text. The command line prints it and exits with 1.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def first_fault(faults: BaseExceptionGroup[OperatorFault]) -> OperatorFault:
    """The fault that is told, of those that tasks side by side ended with."""
    found = faults.exceptions[0]
    return first_fault(found) if isinstance(found, BaseExceptionGroup) else found


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what led to it, the nearest first; of a group its members, too."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            yield from error.exceptions
        error = error.__cause__ or error.__context__


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a configuration. No part of it ever holds a setting's value."""

    path: str
    """Where: a setting (`llm.timeout_s`), a file or an environment variable."""
    sentence: str
    """What is wrong and what would be right; reads on from the path."""
    origin: str = ""
    """Where the faulty value was read (`stream-classifier.yaml:12`, a variable's name); empty: nowhere."""

    def __str__(self) -> str:
        return f"{self.path}: {self.sentence}" + (f" (read from {self.origin})" if self.origin else "")


class ConfigurationFaults(Exception):
    """The configuration cannot be used; `faults` has everything that is wrong with it.

    The command line prints them as a list and exits with 2.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))

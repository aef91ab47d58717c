"""The commands of `python -m benchmarks`: each hands its options to a benchmark. By what they ask:

    throughput  how much gets through
    waiting     how long a ticket waits
    holding     what is held, in memory and in the cache
    labelling   what labels cost, and what becomes of them: without a Kafka
    suite       all of it, one after the other; a list; the documentation
    running     what each does with what it measures: shows it, keeps it, judges it

A new one is a function in one of them, and a row in `benchmarks.suite`.
"""

from benchmarks.commands import holding, labelling, suite, throughput, waiting
from benchmarks.commands.running import app

__all__ = ["app", "holding", "labelling", "suite", "throughput", "waiting"]

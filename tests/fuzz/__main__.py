"""Sends fuzzed records through the pipeline and prints what became of them, as a table of Markdown.

`python -m tests.fuzz --records 1000000 --seed 20260301`; a part: `--profile everything --records 20000`. Exit
status 1 where a promise was broken: the record is shown, and the same seed finds it again.
"""

import argparse
import multiprocessing
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.fuzz.run import PROFILES, Figures, run

PART_RECORDS = 200_000  # a process of its own for each part: memory is measured from a fresh start
SHARES = {"defaults": 0.6, "everything": 0.25}  # of all records; the other profiles share the rest
MB = 1_000_000
WARM = 0.5  # of a part: by then its memos and caches are full

Part = tuple[int, int, str]  # seed, records, profile


def parts(seed: int, count: int, part_records: int, profiles: Sequence[str]) -> Iterator[Part]:
    """A run in parts, each with a seed of its own."""
    rest = (1 - sum(SHARES.values())) / (len(PROFILES) - len(SHARES))
    for name in profiles:
        left = round(count * (SHARES.get(name, rest) if len(profiles) > 1 else 1))
        while left > 0:
            yield seed, min(left, part_records), name
            seed, left = seed + 1, left - part_records


def growth_bytes(figures: Figures) -> int:
    """By how much memory grew after it was warm."""
    warm = figures.rss_bytes[int(len(figures.rss_bytes) * WARM) :]
    return max(warm[len(warm) // 2 :]) - max(warm[: len(warm) // 2 + 1])


def table(done: Sequence[tuple[Part, Figures]]) -> str:
    """All figures, as Markdown."""
    fates: Counter[str] = Counter()
    for _, figures in done:
        fates.update({name: n for name, n in figures.fates.items() if name != "passed over"})
        fates.update({f"passed over: {rule}": n for rule, n in figures.passed_over.items()})
    records = sum(figures.records for _, figures in done)
    lines = ["| fate | records |", "| --- | ---: |"]
    lines += [f"| {name} | {n:,} |" for name, n in fates.most_common()]
    lines += [f"| **together** | **{fates.total():,}** of {records:,} |", ""]
    lines += ["| profile | seed | records | events | calls | s | slowest poll ms | MB | growth MB |"]
    lines += ["| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for (seed, _, name), it in done:
        lines.append(
            f"| {name} | {seed} | {it.records:,} | {it.events:,} | {it.calls:,} | {it.took_s:.0f} |"
            f" {it.slowest_s * 1000:.0f} | {it.rss_bytes[-1] / MB:.0f} | {growth_bytes(it) / MB:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", choices=list(PROFILES))
    parser.add_argument("--part-records", type=int, default=PART_RECORDS)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    profiles = [given.profile] if given.profile else list(PROFILES)
    planned = list(parts(given.seed, given.records, given.part_records, profiles))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(given.jobs, mp_context=context, max_tasks_per_child=1) as pool:
        done: list[tuple[Part, Figures]] = []
        for part, figures in zip(planned, pool.map(run, *zip(*planned, strict=True)), strict=True):
            done.append((part, figures))
            sys.stderr.write(f"{part}: {figures.records:,} records in {figures.took_s:.0f} s\n")
    sys.stdout.write(table(done) + "\n")


if __name__ == "__main__":
    main()

"""What came of the hour: slopes, and what was held at rest before and after."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from benchmarks.figures import Curve, Figure, Picture
from benchmarks.slopes import Point, least_squares, medians, theil_sen
from benchmarks.vitals import Rest, Sample

SETTLES_S = 600.0  # the memories of bounded size fill up; of a short run it is a part
SETTLES_PART = 1 / 6
SLOPE_AT_MOST = 1.0  # MiB an hour
HOUR_S = 3600.0
WORDS = {
    "tasks": "tasks",
    "futures": "futures that wait",
    "sockets": "sockets",
    "files": "other files",
    "reserved_calls": "calls reserved",
    "reserved_tokens": "tokens reserved",
    "in_flight": "records in flight",
    "waiting": "texts that wait",
    "calls": "calls under way",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Paces in tickets a second; `expected` outputs are those of all that was written, tombstones left out.
    `block_s` is how long a stretch is whose median counts as one value: one with the same disturbances as
    the next."""

    maxima: Sequence[float]
    asked: float
    held: float
    samples: Sequence[Sample]
    before: Rest
    after: Rest
    expected: int
    outputs: int
    joined: int
    killed: int
    block_s: float

    @property
    def settled(self) -> Sequence[Sample]:
        """The samples after the time in which memory may grow."""
        settles_s = min(SETTLES_S, self.samples[-1].at_s * SETTLES_PART)
        return [one for one in self.samples if one.at_s >= settles_s]


def figures(m: Measured) -> list[Figure]:
    """All of them."""
    return [*_pace(m), *_memory(m), *_at_rest(m), *_account(m)]


def picture(m: Measured) -> Picture:
    """Memory over the time."""
    curves = [
        Curve(name=name, points={one.at_s / 60: [value(one)] for one in m.samples})
        for name, value in (("resident (RSS)", _rss), ("its own share (PSS)", _pss))
    ]
    title = "Memory over the time, a second member coming and going"
    return Picture(name="hour-memory", title=title, x="minutes", y="MiB", curves=curves)


def _pace(m: Measured) -> list[Figure]:
    first, last = m.samples[0], m.samples[-1]
    cores = (last.cpu_s - first.cpu_s) / (last.at_s - first.at_s)
    return [
        Figure(name="maximum, at the start and at the end", values=m.maxima, unit="tickets/s"),
        Figure(name="pace asked for", values=[m.asked], unit="tickets/s"),
        Figure(name="pace held", values=[m.held], unit="tickets/s"),
        Figure(name="pace held, of the maximum", values=[m.held / m.maxima[0]]),
        Figure(name="processor time of the service", values=[cores], unit="cores"),
    ]


def _memory(m: Measured) -> list[Figure]:
    figures = [
        Figure(name="resident memory", values=[one.rss_mib for one in m.samples], unit="MiB"),
        Figure(name="records in flight", values=[one.in_flight for one in m.samples]),
    ]
    for name, value, required in (("RSS", _rss, SLOPE_AT_MOST), ("PSS", _pss, None)):
        points = _points(m.settled, value)
        slope = least_squares(points)
        low, middle, high = theil_sen(medians(points, m.block_s / HOUR_S))
        figures += [
            Figure(name=f"slope of {name}, least squares", values=[slope], unit="MiB/h", at_most=required),
            Figure(name=f"slope of {name}, Theil-Sen, 95 %", values=[low, middle, high], unit="MiB/h"),
        ]
    return figures


def _points(samples: Sequence[Sample], value: Callable[[Sample], float]) -> list[Point]:
    """Hours, and MiB."""
    return [(one.at_s / HOUR_S, value(one)) for one in samples]


def _at_rest(m: Measured) -> list[Figure]:
    before, after = asdict(m.before), asdict(m.after)
    return [
        figure
        for name, words in WORDS.items()
        for figure in (
            Figure(name=f"at rest before: {words}", values=[before[name]]),
            Figure(name=f"at rest after: {words}", values=[after[name]], at_most=before[name]),
        )
    ]


def _account(m: Measured) -> list[Figure]:
    return [
        Figure(name="visits of a second member", values=[m.joined]),
        Figure(name="of them killed", values=[m.killed]),
        Figure(name="records written", values=[m.expected]),
        Figure(name="without an outcome", values=[max(m.expected - m.outputs, 0)], at_most=0),
        Figure(name="outcomes more than records", values=[max(m.outputs - m.expected, 0)]),
    ]


def _rss(one: Sample) -> float:
    return one.rss_mib


def _pss(one: Sample) -> float:
    return one.pss_mib

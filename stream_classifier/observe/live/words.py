"""How the page says numbers: short enough for a telephone, exact enough to act upon."""

from datetime import UTC, datetime

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
NOT_KNOWN = "not known"
NBSP = "\u00a0"  # a number and its unit stay on one line
EXACT_BELOW = 10  # a digit after the point says something


def count(n: float) -> str:
    """`1,204`."""
    return f"{n:,.0f}"


def some(n: int, one: str, many: str = "") -> str:
    """`1 call`, `3 calls`, `no calls`."""
    return f"{count(n) if n else 'no'} {one if n == 1 else many or one + 's'}"


def rate(a_second: float) -> str:
    """`0`, `0.4`, `12`, `1,204` a second; `<0.1` where it is less than a tenth."""
    if a_second <= 0:
        return "0"
    if a_second < 0.1:
        return "<0.1"
    return f"{a_second:.1f}" if a_second < EXACT_BELOW else count(a_second)


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `4 min`, `2 h 13 min`, `3 d 4 h`; none of them breaks at the end of a line."""
    if seconds < EXACT_BELOW:
        return f"{max(seconds, 0):.1f}{NBSP}s"
    if seconds < 2 * MINUTE_S:
        return f"{seconds:.0f}{NBSP}s"
    if seconds < HOUR_S:
        return f"{seconds / MINUTE_S:.0f}{NBSP}min"
    if seconds < DAY_S:
        return _two(seconds, HOUR_S, "h", MINUTE_S, "min")
    return _two(seconds, DAY_S, "d", HOUR_S, "h")


def usd(amount: float | None) -> str:
    """`$12.34`, `$0.0021`, or that it is not known."""
    if amount is None:
        return NOT_KNOWN
    sign = "-" if amount < 0 else ""
    return f"{sign}${abs(amount):,.2f}" if abs(amount) >= 1 or amount == 0 else f"{sign}${abs(amount):.4f}"


def share(part: float, whole: float) -> str:
    """`64 %`; that it is not known where there is no whole."""
    return f"{100 * part / whole:.0f}{NBSP}%" if whole > 0 else NOT_KNOWN


def clock(unix_s: float) -> str:
    """`12:03:04`, in UTC."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%H:%M:%S")


def _two(seconds: float, large_s: int, large: str, small_s: int, small: str) -> str:
    whole, rest = divmod(round(seconds / small_s) * small_s, large_s)
    return NBSP.join((str(whole), large, str(rest // small_s), small))

"""Whole shares of a whole number: how a call's tokens are divided among its tickets."""

from collections.abc import Sequence


def split(total: int, weights: Sequence[int]) -> list[int]:
    """Divide `total` in proportion to `weights`, by the largest remainder (Hamilton's method).

    The shares are whole, stand in the order of the weights, add up to `total` exactly, and each is the
    exact proportion rounded down or up. Equal remainders go to whoever stands first, so that the same
    call is always divided alike. Where all weights are 0 the shares are equal.

    Raises ValueError for a negative total or weight, and for a total with nobody to bear it.
    """
    if total < 0 or any(weight < 0 for weight in weights):
        raise ValueError("a total and its weights are 0 or more")
    if not weights:
        if total:
            raise ValueError(f"there is no weight to divide {total} by")
        return []
    if not any(weights):
        weights = [1] * len(weights)
    return _largest_remainder(total, weights)


def _largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    # Whole numbers throughout: a float would lose units above 2**53 and break ties by rounding error.
    whole = sum(weights)
    parted = [divmod(total * weight, whole) for weight in weights]
    shares = [share for share, _ in parted]
    by_remainder = sorted(range(len(parted)), key=lambda i: -parted[i][1])
    for i in by_remainder[: total - sum(shares)]:
        shares[i] += 1
    return shares

r"""One network against the law fitted to it: clouds of eigenvalues, and a number among those of samples.

Two clouds of points P and Q in the plane are compared by the energy distance

    D^2 = 2 <|p - q|> - <|p - p'|> - <|q - q'|>  >= 0 ,

which vanishes only if P and Q have the same law. Its size means little by itself: the same number is computed for every
sample of the fitted law against all the others, and the rank of the network among them is a p-value that is exact if the
network is one more draw of that law. (It was fitted, so that it lies a little closer: the test errs on the side of agreement.)

References
----------
Szekely and Rizzo, J. Stat. Plann. Inference 143, 1249 (2013), for the energy distance; Barnard, J. R. Stat. Soc. B 25, 294 (1963), for
the rank among samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from ..errors import ValidationError

__all__ = ["CloudTest", "RankTest", "cloud_test", "energy_distance", "matching_distance", "rank_test"]


@dataclass(frozen=True)
class CloudTest:
    """A cloud against samples of a law.

    Attributes
    ----------
    distance : float
        Energy distance D of the cloud to the pooled samples, in the unit of the points.
    typical, spread : float
        Mean and standard deviation of the same distance, sample by sample, each against the others.
    pvalue : float
        Share of samples (the cloud counts as one) that lie as far out.
    samples : int
        Number of samples.
    """

    distance: float
    typical: float
    spread: float
    pvalue: float
    samples: int


@dataclass(frozen=True)
class RankTest:
    """A number among samples of it.

    Attributes
    ----------
    value, mean, spread : float
        The number; mean and standard deviation of the samples.
    rank : int
        How many samples lie below it, 0 to ``samples``.
    pvalue : float
        Two-sided: twice the smaller tail, the number counting as one of the samples; at most 1.
    samples : int
    """

    value: float
    mean: float
    spread: float
    rank: int
    pvalue: float
    samples: int


def _cloud(x: ArrayLike, what: str) -> NDArray[np.complex128]:
    z = np.asarray(x)
    if z.dtype.kind not in "fiuc" or z.ndim != 1 or z.size == 0:
        raise ValidationError(f"{what} must be a non-empty one-dimensional array of numbers, got shape {z.shape}")
    if not np.all(np.isfinite(z)):
        raise ValidationError(f"{what} holds NaN or infinite points")
    return z.astype(complex)


def _mean_distance(p: NDArray, q: NDArray) -> float:
    rows = max(1, 2_000_000 // q.size)
    return sum(float(np.abs(p[k : k + rows, None] - q).sum()) for k in range(0, p.size, rows)) / (p.size * q.size)


def energy_distance(p: ArrayLike, q: ArrayLike) -> float:
    r"""D = (2 <|p - q|> - <|p - p'|> - <|q - q'|>)^(1/2) of two clouds of points in the plane.

    Parameters
    ----------
    p, q : (k,) and (m,) arrays of complex
        The clouds; averages include p' = p.

    Returns
    -------
    float
        In the square root of the unit of the points.

    Raises
    ------
    ValidationError
        Empty clouds, NaN.

    Examples
    --------
    >>> from rmtlib.training.compare import energy_distance
    >>> energy_distance([0, 1j], [0, 1j]), round(energy_distance([0.0], [2.0]), 6)
    (0.0, 2.0)
    """
    p, q = _cloud(p, "p"), _cloud(q, "q")
    square = 2 * _mean_distance(p, q) - _mean_distance(p, p) - _mean_distance(q, q)
    return float(np.sqrt(max(square, 0.0)))


def cloud_test(cloud: ArrayLike, samples: Sequence[ArrayLike]) -> CloudTest:
    r"""Energy distance of a cloud to pooled samples of a law, ranked among those of each sample to the others.

    Parameters
    ----------
    cloud : (k,) complex array
    samples : sequence of complex arrays
        Clouds of independent draws, at least 19.

    Returns
    -------
    CloudTest

    Raises
    ------
    ValidationError
        Fewer than 19 samples (no p-value below 0.05 could come out), empty clouds, NaN.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> draws = [rng.normal(size=30) + 1j * rng.normal(size=30) for _ in range(40)]
    >>> cloud_test(draws[0], draws[1:]).pvalue > 0.05, cloud_test(3 * draws[0], draws[1:]).pvalue < 0.05
    (True, True)
    """
    if len(samples) < 19:
        raise ValidationError(f"a rank among {len(samples)} samples cannot be significant: pass at least 19")
    clouds = [_cloud(cloud, "cloud"), *(_cloud(s, f"sample {i}") for i, s in enumerate(samples))]
    count = len(clouds)
    sizes = np.array([c.size for c in clouds])
    ends = np.cumsum(sizes)
    everything = np.concatenate(clouds)
    total = np.zeros((count, count))  # summed distances between clouds, above the diagonal first
    for i, c in enumerate(clouds):
        first = ends[i] - sizes[i]
        rest = everything[first:]
        row = np.zeros(rest.size)
        step = max(1, 1_000_000 // rest.size)
        for k in range(0, c.size, step):
            row += np.abs(c[k : k + step, None] - rest).sum(axis=0)
        total[i, i:] = np.add.reduceat(row, ends[i:] - sizes[i:] - first)
    total = np.triu(total) + np.triu(total, 1).T
    whole, size = total.sum(), sizes.sum()
    distance = np.empty(count)
    for i in range(count):
        rest = size - sizes[i]
        cross = (total[i].sum() - total[i, i]) / (sizes[i] * rest)
        inner = (whole - 2 * total[i].sum() + total[i, i]) / rest**2
        distance[i] = np.sqrt(max(2 * cross - total[i, i] / sizes[i] ** 2 - inner, 0.0))
    others = distance[1:]
    return CloudTest(
        float(distance[0]),
        float(others.mean()),
        float(others.std(ddof=1)),
        float((1 + np.sum(others >= distance[0])) / count),
        count - 1,
    )


def rank_test(value: float, samples: ArrayLike) -> RankTest:
    """Where a number lies among samples of it.

    Raises
    ------
    ValidationError
        No samples, or NaN.

    Examples
    --------
    >>> from rmtlib.training.compare import rank_test
    >>> rank_test(10.0, list(range(99))).pvalue, rank_test(1000.0, list(range(99))).pvalue
    (0.24, 0.02)
    """
    x = np.asarray(samples, float).ravel()
    if x.size < 2 or not np.all(np.isfinite(x)) or not np.isfinite(value):
        raise ValidationError("rank_test needs a finite number and at least two finite samples")
    above, below = 1 + np.sum(x >= value), 1 + np.sum(x <= value)
    return RankTest(
        float(value),
        float(x.mean()),
        float(x.std(ddof=1)),
        int(np.sum(x < value)),
        float(min(1.0, 2 * min(above, below) / (x.size + 1))),
        x.size,
    )


def matching_distance(p: ArrayLike, q: ArrayLike) -> float:
    """Mean distance between the points of two clouds of equal size, paired so that it is least.

    Examples
    --------
    >>> from rmtlib.training.compare import matching_distance
    >>> matching_distance([0, 1, 5], [5.5, 0, 1])
    0.16666666666666666
    """
    p, q = _cloud(p, "p"), _cloud(q, "q")
    if p.size != q.size:
        raise ValidationError(f"clouds of {p.size} and {q.size} points cannot be paired")
    cost = np.abs(p[:, None] - q)
    rows, columns = linear_sum_assignment(cost)
    return float(cost[rows, columns].mean())

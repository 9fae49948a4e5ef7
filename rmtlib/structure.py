r"""Tests of what an ensemble of independent synapses takes for granted; :func:`~rmtlib.fitting.fit` runs them all.

An :class:`~rmtlib.ensemble.Ensemble` without reciprocity says: within a block of populations synapses are put down
independently, weights are independent of each other and of everything else, tau and gain know nothing of the wiring. Each
consequence below is tested with a p-value that is exact, or made by permutations or random placements that leave the assumption
intact. All are conditional on the numbers of synapses of the blocks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy import special, stats

from .fitting import _Block, _correlation_test, _meeting, _scores, _test, shuffle
from .network import Network

__all__ = ["degree_dispersion", "reciprocal_pairs", "structure_tests"]

FloatArray = NDArray[np.float64]
_MANY = 200_000  # synapses from which the test of rank spends less

_MEANING = {
    "in-degrees": "some units receive more (or all receive more alike) than chance: degrees alone leave the bulk where it is, "
    "unless they go with out-degree, gain or tau; they add a mean structure of rank one",
    "out-degrees": "some units send more (or all send more alike) than chance: the edge follows <k_in k_out h^2> instead of "
    "<k><h^2>, see rmt.degree_edge_function",
    "reciprocity": "synapses are answered more (or less) often than chance: loops of length two move the edge, see "
    "rmt.Reciprocity and spectral_edge(order=1)",
    "degrees": "synapses are answered more (or less) often than the degrees of the units explain: reciprocity proper, see "
    "rmt.Reciprocity",
    "symmetry": "the two weights of a reciprocal pair go together: positive correlation stretches the spectrum along the real "
    "axis, negative one along the imaginary axis (elliptic law), see rmt.Reciprocity",
    "in-out": "units that receive more also send more (or less): the edge follows <k_in k_out>/<k> instead of <k>, see "
    "rmt.degree_edge_function",
    "out strength": "what a unit sends depends on its {}: the edge needs <w^2 h^2/|1 + z tau|^2>, which is then not the product "
    "of the averages that the fitted ensemble uses",
    "in strength": "what a unit receives depends on its {}: paths through strongly driven units do not have the mean gain and "
    "timescale, and the edge moves as with unequal degrees",
    "rank": "beyond the means of the blocks the weights have a strong direction: low rank or hubs, which may put an "
    "eigenvalue outside the bulk that rmt.outliers does not know of",
}


def degree_dispersion(
    degrees: NDArray, possible: int, rng: np.random.Generator, samples: int = 199
) -> tuple[float, float]:
    r"""Variance of degrees over the binomial one, and its two-sided p-value,

    .. math:: D = \frac{\sum_i (k_i - \bar k)^2}{(n - 1)\, \bar k\, (1 - \bar k/S)} ,

    given their sum, so that synapses at random places are a draw without replacement (multivariate hypergeometric). Up to 5000 units
    the p-value comes from such draws, beyond from the chi-squared law of (n - 1) D.

    Parameters
    ----------
    degrees : (n,) int array
    possible : int
        S, the largest degree a unit can have.
    rng : numpy.random.Generator
    samples : int

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.structure import degree_dispersion
    >>> rng = np.random.default_rng(0)
    >>> index, p = degree_dispersion(np.repeat([0, 10], 50), 99, rng)  # hubs
    >>> index > 5, p < 0.02
    (True, True)
    """
    n, mean = degrees.size, degrees.mean()
    expected = mean * (1 - mean / possible)
    if n < 2 or expected <= 0:
        return 1.0, 1.0
    value = float(np.var(degrees, ddof=1) / expected)
    if n > 5000:
        below = stats.chi2.cdf((n - 1) * value, n - 1)
        return value, float(2 * min(below, stats.chi2.sf((n - 1) * value, n - 1)))
    draws = rng.multivariate_hypergeometric([possible] * n, int(degrees.sum()), samples, method="marginals")
    null = draws.var(1, ddof=1) / expected
    # ties (the law is discrete) are broken at random, which makes the p-value uniform
    tie = rng.random(samples + 1)
    close = np.abs(null - value) <= 1e-9 * max(value, 1.0)
    less = np.where(close, tie[1:] < tie[0], null < value)
    low = (1 + np.sum(less)) / (samples + 1)
    high = (1 + np.sum(~less)) / (samples + 1)
    return value, float(min(1.0, 2 * min(low, high)))


def reciprocal_pairs(pairs: int, forward: int, backward: int, possible: int, same: bool) -> tuple[float, float]:
    r"""Reciprocal pairs over their expected number, and the two-sided p-value of synapses at random places.

    Between two populations (`possible` pairs of units) the number of pairs is hypergeometric. Within one, `forward` synapses are drawn from the
    two directions of P = `possible` pairs,

    .. math:: P(r) = \binom{P}{r} \binom{P - r}{m - 2r} 2^{m - 2r} \Big/ \binom{2P}{m} .

    Parameters
    ----------
    pairs : int
        Reciprocal pairs found.
    forward, backward : int
        Synapses of the two blocks; within one population both are its number of synapses.
    possible : int
        Pairs of units.
    same : bool
        Within one population.

    Examples
    --------
    >>> from rmtlib.structure import reciprocal_pairs
    >>> ratio, p = reciprocal_pairs(20, 500, 500, 4950, same=True)
    >>> print(f"{ratio:.2f} {p:.2f}")
    1.59 0.04
    """
    if same:
        m = forward
        r = np.arange(max(0, m - possible), m // 2 + 1)
        log = _choose(possible, r) + _choose(possible - r, m - 2 * r) + (m - 2 * r) * np.log(2.0)
        probability = np.exp(log - log.max())
        expected = m * (m - 1) / (2 * (2 * possible - 1)) if possible > 0 else 0.0
    else:
        r = np.arange(max(0, forward + backward - possible), min(forward, backward) + 1)
        log = _choose(forward, r) + _choose(possible - forward, backward - r)
        probability = np.exp(log - log.max())
        expected = forward * backward / possible
    probability /= probability.sum()
    at = probability[pairs - r[0]]
    p = float(probability[probability <= at * (1 + 1e-7)].sum())
    return (pairs / expected if expected > 0 else 1.0), min(p, 1.0)


def _choose(n: Any, k: Any) -> Any:
    return special.gammaln(np.add(n, 1.0)) - special.gammaln(np.add(k, 1.0)) - special.gammaln(np.add(n, 1.0) - k)


def _given_degrees(pairs: int, block: _Block, back: _Block) -> tuple[float, float]:
    """Reciprocal pairs over their number in random graphs of these degrees, and a two-sided p-value."""
    same = block.a == block.b
    k_in = np.bincount(block.row, minlength=block.targets).astype(float)
    k_out = np.bincount(block.column, minlength=block.columns).astype(float)
    back_in = np.bincount(back.row, minlength=back.targets).astype(float)
    back_out = np.bincount(back.column, minlength=back.columns).astype(float)
    if same:
        both = k_in * k_out
        expected = (both.sum() ** 2 - np.sum(both**2)) / (2.0 * block.count**2)
    else:
        expected = (k_in @ back_out) * (k_out @ back_in) / (block.count * float(back.count))
    if expected <= 0:
        return 1.0, 1.0
    # nearly Poisson; in denser blocks a pair that is taken leaves less room: binomial of the variance of random places
    spared = 1 - (1 - block.probability) * (1 - back.probability)
    trials = max(round(expected / spared), 1)
    law = stats.binom(trials, min(expected / trials, 1.0))
    return pairs / expected, float(min(1.0, 2 * min(law.cdf(pairs), law.sf(pairs - 1))))


def _symmetry(first: FloatArray, second: FloatArray, same: bool, rng: np.random.Generator) -> tuple[float, float]:
    """Correlation of the weights of reciprocal pairs and its p-value under random pairing."""
    if not same:
        return _correlation_test(first, second, rng)
    pooled = np.concatenate([first, second])
    if first.size < 4 or np.ptp(pooled) == 0:
        return 0.0, 1.0
    z = _scores(pooled)
    z = (z - z.mean()) / z.std()
    half = first.size
    r = float(np.mean(z[:half] * z[half:]))
    if half > 200:
        centre, spread = -1 / (2 * half - 1), 1 / np.sqrt(half)
        return r, float(2 * special.ndtr(-abs(r - centre) / spread))
    null = rng.permuted(np.tile(z, (1999, 1)), axis=1)
    null = np.mean(null[:, :half] * null[:, half:], axis=1)
    return r, float((1 + np.sum(np.abs(null) >= abs(r) - 1e-12)) / 2000)


def _strength(net: Network, groups: dict[str, NDArray], blocks: list[_Block]) -> float:
    """About the largest singular value of W less the mean of each block (diagonal included, which is of no account).

    Golub and Kahan's bidiagonalisation from one fixed vector, 24 steps (12 for many synapses): a direction that stands out has
    converged by then, and what is compared with it under the null hypothesis is computed alike.
    """
    weights = sp.csr_array(net.weights)
    transposed = weights.T
    k = len(groups)
    mean = np.zeros((k, k))
    for block in blocks:
        mean[block.a, block.b] = block.weight.sum() / (block.targets * block.sources)
    member = np.empty(net.n, np.int64)
    for i, index in enumerate(groups.values()):
        member[index] = i
    steps = min(24 if net.synapse_count < _MANY else 12, net.n)
    diagonal, above = np.zeros(steps), np.zeros(steps)
    right = np.random.default_rng(0).standard_normal(net.n)
    right /= np.linalg.norm(right)
    left, beta = np.zeros(net.n), 0.0
    for j in range(steps):
        left = weights @ right - (mean @ np.bincount(member, right, minlength=k))[member] - beta * left
        diagonal[j] = alpha = np.linalg.norm(left)
        if alpha <= 1e-12 * diagonal[0] or j == steps - 1:
            break
        left /= alpha
        right = transposed @ left - (mean.T @ np.bincount(member, left, minlength=k))[member] - alpha * right
        above[j] = beta = np.linalg.norm(right)
        if beta <= 1e-12 * diagonal[0]:
            break
        right /= beta
    return float(np.linalg.norm(np.diag(diagonal) + np.diag(above[:-1], 1), 2))


def _rank(net: Network, groups: dict, blocks: list[_Block], rng: np.random.Generator):
    """Largest singular value beyond block means over its mean for synapses at random places, and a p-value.

    Sequential: stops when 10 of at most 199 are as large, for many synapses 4 of at most 99 (Besag and Clifford 1991).
    """
    value = _strength(net, groups, blocks)
    most, enough = (199, 10) if net.synapse_count < _MANY else (99, 4)
    above, mean = 0, 0.0
    for drawn in range(1, most + 1):
        other = _strength(shuffle(net, "synapses", rng, groups), groups, blocks)
        mean += (other - mean) / drawn
        above += other >= value
        if above == enough:
            return value / mean, above / drawn
    return value / mean, (above + 1) / (most + 1)


def structure_tests(
    net: Network, groups: dict[str, NDArray], blocks: list[_Block], rng: np.random.Generator, samples: int = 199
) -> list[Any]:
    """All tests of this module on one network; `groups` and `blocks` as :func:`~rmtlib.fitting.fit` has them."""
    tests = []
    for block in blocks:
        k_in = np.bincount(block.row, minlength=block.targets)
        k_out = np.bincount(block.column, minlength=block.columns)
        if block.targets > 1 and block.probability < 1:
            d, p = degree_dispersion(k_in, block.sources, rng, samples)
            tests.append(_test(f"dispersion of in-degrees[{block.label}]", d, p, _MEANING["in-degrees"]))
        if block.columns > 1 and block.probability < 1:
            possible = block.targets - (block.a == block.b)
            d, p = degree_dispersion(k_out, possible, rng, samples)
            tests.append(_test(f"dispersion of out-degrees[{block.label}]", d, p, _MEANING["out-degrees"]))
    names = list(groups)
    for block, back, first, second in _meeting(blocks):
        same = block.a == block.b
        label = f"{names[block.a]}<->{names[block.b]}"
        if same:
            possible = block.targets * (block.targets - 1) // 2
        else:
            possible = block.targets * block.columns
        if block.probability < 1 and back.probability < 1:
            ratio, p = reciprocal_pairs(first.size, block.count, back.count, possible, same)
            tests.append(_test(f"reciprocity[{label}]", ratio, p, _MEANING["reciprocity"]))
            ratio, p = _given_degrees(first.size, block, back)
            tests.append(_test(f"reciprocity given degrees[{label}]", ratio, p, _MEANING["degrees"]))
        if first.size >= 4 and np.ptp(np.concatenate([first, second])) > 0:
            r, p = _symmetry(first, second, same, rng)
            tests.append(_test(f"symmetry of weights[{label}]", r, p, _MEANING["symmetry"]))
    tests += _unit_tests(net, groups, blocks, rng)
    if blocks and any(np.ptp(block.weight) > 0 or block.probability < 1 for block in blocks):
        ratio, p = _rank(net, groups, blocks, rng)
        tests.append(_test("low rank beyond means", ratio, p, _MEANING["rank"]))
    return tests


def _unit_tests(net: Network, groups: dict[str, NDArray], blocks: list[_Block], rng: np.random.Generator) -> list[Any]:
    """Correlations between the degrees, strengths, gain and tau of the units of each population."""
    tests = []
    index = list(groups.values())
    sums = {name: [np.zeros(i.size) for i in index] for name in ("in", "out", "in strength", "out strength")}
    for block in blocks:
        square = block.weight**2
        sums["in"][block.a] += np.bincount(block.row, minlength=block.targets)
        sums["out"][block.b] += np.bincount(block.column, minlength=block.columns)
        sums["in strength"][block.a] += np.bincount(block.row, square, minlength=block.targets)
        sums["out strength"][block.b] += np.bincount(block.column, square, minlength=block.columns)
    for i, (name, units) in enumerate(groups.items()):
        if units.size < 4:
            continue

        def add(label, x, y, meaning, name=name):
            if np.ptp(x) > 0 and np.ptp(y) > 0:
                r, p = _correlation_test(x, y, rng)
                tests.append(_test(f"{label}[{name}]", r, p, meaning))

        add("correlation of in- and out-degree", sums["in"][i], sums["out"][i], _MEANING["in-out"])
        for side in ("out strength", "in strength"):
            for what in ("gain", "tau"):
                x = getattr(net, what)[units]
                add(f"correlation of {side} and {what}", sums[side][i], x, _MEANING[side].format(what))
    return tests

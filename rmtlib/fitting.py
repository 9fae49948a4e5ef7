r"""From one network to the ensemble it may be a draw of: :func:`fit`, its errors, and controls.

For populations a, b of ``n_a`` units, with ``m_ab`` synapses from b to a and ``S_ab = n_b - [a = b]`` possible sources, the
estimates are

.. math:: c_{ab} = \frac{m_{ab}}{n_a}, \qquad f_a = \frac{n_a}{n}, \qquad
          V_{ab} = c_{ab} \Big( \langle w^2 \rangle_{ab} - \frac{c_{ab}}{S_{ab}} \langle w \rangle_{ab}^2 \Big),

the last being the summed variance of the inputs of a unit that the fitted ensemble has at the size of the network
(:meth:`~rmtlib.ensemble.Ensemble.input_variance`). Laws of the weights (a block), of tau and of the gain (a population) are fitted by
maximum likelihood within families (:mod:`rmtlib.likelihood`) and chosen by Akaike's criterion; where the best of them does not
fit, the values themselves are the law.

Errors come from resampling *units*. A unit that is drawn twice counts twice with its tau and its gain, and with
what its row and its column of the weight matrix have beyond chance; the chance part, one term a synapse, is resampled
on top. With the variances of row sums ``R``, column sums ``C`` and entries ``e`` of a block, ``N = n_a S_ab`` entries in all, the
components are

.. math:: \sigma_r^2 = \frac{\mathrm{Var} R}{S^2} - \frac{\sigma_e^2}{S}, \quad
          \sigma_c^2 = \frac{\mathrm{Var} C}{n_a^2} - \frac{\sigma_e^2}{n_a}, \quad
          \sigma_e^2 = \frac{\mathrm{Var}\,e - \mathrm{Var} R/S^2 - \mathrm{Var} C/n_a^2}{1 - 1/S - 1/n_a} ,

and the variance of a block sum is ``N sigma_e^2 + n_a S^2 sigma_r^2 + S n_a^2 sigma_c^2``: for an Erdos-Renyi block the binomial
one, for a network with hubs that of its hubs. Resampling rows and columns without the split would count the
chance part twice (Snijders and Borgatti 1999, Owen 2007).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy import special, stats
from scipy.optimize import brentq

from .ensemble import Ensemble, Population, Reciprocity, Synapses, _generator, _number
from .errors import NotApplicableError, ValidationError
from .laws import (
    Constant,
    Empirical,
    EmpiricalJoint,
    GaussianCopula,
    Independent,
    JointLaw,
    Law,
    _check_factor,
    _gauss,
)
from .likelihood import FAMILIES, goodness_of_fit, truncated
from .network import Network

__all__ = [
    "Controls",
    "Dropped",
    "FitResult",
    "Parameter",
    "Test",
    "ThresholdScan",
    "controls",
    "fit",
    "shuffle",
    "threshold_scan",
]

FloatArray = NDArray[np.float64]

_LAWS = ("auto", "beta", "gamma", "lognormal", "empirical")
_WEIGHTS = ("auto", "normal", "lognormal", "gamma", "truncated normal", "half-normal", "empirical")
_FEWEST = 8  # values from which a family is fitted; fewer stand for themselves
_DALE = 20  # synapses of one sign from which a population is taken to obey Dale's law
_LEVEL = 0.01  # of a test, for its verdict and for what the fit does about it
_SPREAD = 0.1  # level at which a family is passed over because it misses the standard deviation
_FAR = 10.0  # of Akaike's criterion: families further from the best are not considered
_FULL = 0.9  # connection probability from which a block counts as all-to-all


# ------------------------------------------------------------------------------------- results


@dataclass(frozen=True)
class Parameter:
    """One number of the fitted ensemble: `name`, `value` and standard `error` (None without bootstrap)."""

    name: str
    value: float
    error: float | None = None

    def __str__(self) -> str:
        tail = "" if self.error is None else f" ± {self.error:.2g}"
        return f"{self.name} = {self.value:.6g}{tail}"


@dataclass(frozen=True)
class Test:
    """One test of an assumption: `pvalue` is uniform if it holds, and `meaning` says what follows if it does not."""

    __test__ = False  # not a test case of pytest

    name: str
    statistic: float
    pvalue: float
    verdict: str
    meaning: str

    @property
    def rejected(self) -> bool:
        """Whether the assumption is rejected at 1%."""
        return self.pvalue <= _LEVEL

    def __str__(self) -> str:
        return f"{self.name}: {self.statistic:.4g}, p = {self.pvalue:.2g}, {self.verdict}"


def _verdict(p: float) -> str:
    return "rejected" if p <= _LEVEL else "in doubt" if p < 0.05 else "holds"


def _test(name: str, statistic: float, p: float, meaning: str) -> Test:
    return Test(name, float(statistic), float(min(max(p, 0.0), 1.0)), _verdict(p), meaning)


@dataclass(frozen=True)
class Dropped:
    """What the threshold took: `synapses` with \\|W\\| <= `threshold`, and `share`, theirs of sum W_ij^2 h_j^2."""

    threshold: float
    synapses: int
    of: int
    share: float
    note: str = ""

    def __str__(self) -> str:
        text = (
            f"{self.synapses} of {self.of} synapses with |W| <= {self.threshold:.4g}, "
            f"which carry {self.share:.2g} of the squared weight"
        )
        return f"{text} ({self.note})" if self.note else text


@dataclass(frozen=True)
class FitResult:
    """A fitted ensemble with errors and tests, as :func:`fit` returns it.

    Attributes
    ----------
    ensemble : Ensemble
        At ``n=network.n`` it has the input means and variances of the network. Pass that `n` to the theory:
        blocks that are nearly all-to-all beside sparse ones have no limit without it.
    network : Network
        What was fitted: after the threshold, with the populations as labels.
    parameters : tuple of Parameter
        ``"degree[E<-I]"``, ``"weight mean[E<-I]"``, ``"weight sd[E<-I]"``, ``"fraction[I]"``, ``"tau mean[I]"``, ``"tau sd[I]"``,
        ``"gain mean[I]"``, ``"gain sd[I]"``: those of `ensemble`, not of the sample, wherever a family was fitted.
    tests : tuple of Test
        Goodness of fit of the laws, and of the structure that an ensemble without it assumes absent.
    dropped : Dropped
        What the threshold took.
    abscissa, abscissa_error : float
        Spectral abscissa of `ensemble` at ``n=network.n`` and its bootstrap error (None without bootstrap).
    abscissa_samples : (bootstrap,) ndarray
        The replicates behind that error.
    abscissa_units : float
        Rightmost point of the bulk alone, with the values of tau and gain of the units instead of their fitted laws: what the
        choice of these laws does to the edge. -inf without a bulk.
    notes : tuple of str
        What was decided on the way.
    """

    ensemble: Ensemble
    network: Network
    parameters: tuple[Parameter, ...]
    tests: tuple[Test, ...]
    dropped: Dropped
    abscissa: float
    abscissa_error: float | None
    abscissa_units: float
    abscissa_samples: FloatArray = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Units of the network."""
        return self.network.n

    @property
    def errors(self) -> dict[str, float | None]:
        """Standard errors by name of the parameter."""
        return {p.name: p.error for p in self.parameters}

    @property
    def values(self) -> dict[str, float]:
        """Values by name of the parameter."""
        return {p.name: p.value for p in self.parameters}

    def summary(self) -> str:
        """Laws, parameters, tests and notes as plain text."""
        lines = [self.ensemble.describe(), ""]
        width = max(len(p.name) for p in self.parameters)
        for p in self.parameters:
            lines.append(f"{p.name:{width}s} {p.value:12.5g}" + ("" if p.error is None else f" ± {p.error:.2g}"))
        tail = "" if self.abscissa_error is None else f" ± {self.abscissa_error:.2g}"
        lines.append(f"{'spectral abscissa':{width}s} {self.abscissa:12.5g}{tail}")
        lines += ["", f"dropped: {self.dropped}"]
        if self.tests:
            chance = _LEVEL * len(self.tests)
            lines += ["", f"{len(self.tests)} tests at {_LEVEL:.0%} (by chance {chance:.1f} of them reject)"]
            wide = max(len(t.name) for t in self.tests)
            for t in self.tests:
                lines.append(f"{t.name:{wide}s} {t.statistic:10.4g}  p = {t.pvalue:<8.2g} {t.verdict}")
            lines += [f"* {t.name}: {t.meaning}" for t in self.tests if t.rejected]
        lines += ["", *self.notes] if self.notes else []
        return "\n".join(lines)

    __str__ = summary

    def to_dict(self) -> dict[str, Any]:
        """Everything but the arrays, in types that JSON knows."""
        out = {
            "n": self.n,
            "synapses": self.network.synapse_count,
            "ensemble": self.ensemble.describe().splitlines(),
            "parameters": [{"name": p.name, "value": p.value, "error": p.error} for p in self.parameters],
            "tests": [
                {
                    "name": t.name,
                    "statistic": t.statistic,
                    "pvalue": t.pvalue,
                    "verdict": t.verdict,
                    "meaning": t.meaning,
                }
                for t in self.tests
            ],
            "dropped": {
                "threshold": self.dropped.threshold,
                "synapses": self.dropped.synapses,
                "of": self.dropped.of,
                "share": self.dropped.share,
                "note": self.dropped.note,
            },
            "abscissa": self.abscissa if np.isfinite(self.abscissa) else None,
            "abscissa_error": self.abscissa_error,
            "abscissa_units": self.abscissa_units if np.isfinite(self.abscissa_units) else None,
            "notes": list(self.notes),
        }
        json.dumps(out, allow_nan=False)
        return out


# ---------------------------------------------------------------------------- reading the input


def _network(net: Any, what: str) -> Network:
    if isinstance(net, Network):
        return net
    if isinstance(net, Ensemble):
        raise NotApplicableError(
            f"{what} takes a Network; an Ensemble is what it would return: draw one, ens.sample(n)"
        )
    raise ValidationError(
        f"{what} takes a Network, got {type(net).__name__}: Network(weights, tau, gain, labels) makes one of matrices"
    )


def _units(net: Network, populations: Any) -> dict[str, NDArray[np.int64]]:
    """Indices of the units of each population, in the order of their first unit or of the dict."""
    if isinstance(populations, Mapping):
        groups = {}
        seen = np.zeros(net.n, int)
        for name, index in populations.items():
            if not isinstance(name, str) or not name:
                raise ValidationError(f"names of populations must be non-empty strings, got {name!r}")
            index = np.asarray(index)
            if index.dtype == bool and index.shape == (net.n,):
                index = np.flatnonzero(index)
            if index.ndim != 1 or index.size == 0 or index.dtype.kind not in "iu":
                raise ValidationError(f"population {name!r}: give the indices of its units, a non-empty 1-d array")
            if index.min() < 0 or index.max() >= net.n:
                raise ValidationError(f"population {name!r}: unit indices must lie in 0..{net.n - 1}")
            np.add.at(seen, index, 1)
            groups[name] = np.sort(index)
        if np.any(seen != 1):
            bad = int(np.flatnonzero(seen != 1)[0])
            what = "no population" if seen[bad] == 0 else f"{seen[bad]} populations (or one twice)"
            raise ValidationError(f"populations: unit {bad} belongs to {what}; every unit belongs to exactly one")
        return groups
    if populations is None:
        if net.labels is None:
            return {"all": np.arange(net.n)}
        labels = net.labels
    else:
        labels = np.asarray(populations)
        if labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels.ravel()):
            labels = labels.astype(str)
        if labels.shape != (net.n,) or labels.dtype.kind != "U":
            raise ValidationError(
                f"populations: give {net.n} labels (strings), one a unit, or a dict of name and indices; got "
                f"{labels.dtype} of shape {labels.shape}"
            )
    names, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    if "" in names.tolist():
        raise ValidationError(f"unit {int(first[names == ''][0])} has an empty label: name its population")
    order = np.argsort(inverse, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(inverse))[:-1])
    return {str(names[k]): parts[k] for k in np.argsort(first)}


def _labels(n: int, groups: dict[str, NDArray[np.int64]]) -> NDArray:
    labels = np.empty(n, dtype=f"U{max(map(len, groups))}")
    for name, index in groups.items():
        labels[index] = name
    return labels


def _triples(net: Network) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """Row, column and weight of every synapse, by row and column."""
    if net.is_sparse:
        weights = net.weights
        if not weights.has_sorted_indices:
            weights = weights.sorted_indices()
        row = np.repeat(np.arange(net.n), np.diff(weights.indptr))
        return row, weights.indices.astype(np.int64), weights.data
    row, column = np.nonzero(net.weights)
    return row, column, net.weights[row, column]


def _like(net: Network, row: NDArray, column: NDArray, weight: FloatArray, **other: Any) -> Network:
    """A network with these synapses, stored as `net` is."""
    weights: Any = sp.csr_array((weight, (row, column)), shape=(net.n, net.n))
    if not net.is_sparse:
        weights = weights.toarray()
    values = {"tau": net.tau, "gain": net.gain, "labels": net.labels, **other}
    return _made(net, weights, values["tau"], values["gain"], values["labels"])


def _made(net: Network, weights: Any, tau: FloatArray, gain: FloatArray, labels: Any) -> Network:
    """A network with the leak of `net`, and with the names of its units where it has them."""
    names = getattr(net, "names", None)
    return Network(weights, tau, gain, labels, net.leak, **({} if names is None else {"names": names}))


def _seed(seed: Any) -> np.random.Generator:
    return _generator(seed)


def _count(x: Any, what: str, least: int) -> int:
    if isinstance(x, (bool, np.bool_)) or not isinstance(x, (int, np.integer)) or x < least:
        raise ValidationError(f"{what} must be an integer of at least {least}, got {x!r}")
    return int(x)


# --------------------------------------------------------------------------------- the threshold


def _gap(magnitude: FloatArray, power: FloatArray) -> tuple[float, str]:
    """Threshold in the gap between pruned and other synapses, 0 if there is none; and what was found.

    Where k of m values lie below a gap of log|w|, k times the gap is exponentially distributed with mean 1 in the lower tail of any
    law with a density at 0 (Renyi), and min(k, m - k) times it is at most of the order of the spread elsewhere.
    """
    order = np.argsort(magnitude)
    log = np.log(magnitude[order])
    carried = np.cumsum(power[order])
    m = log.size
    if m < 2 or carried[-1] == 0:
        return 0.0, "too few synapses for a gap: none dropped"
    gaps = np.diff(log)
    below = np.arange(1, m)
    # a gap splits off pruned synapses only if nearly nothing is lost with them
    small = carried[:-1] < 0.01 * carried[-1]
    weight = np.where(small, np.minimum(below, m - below) * gaps, 0.0)
    best = int(np.argmax(weight))
    spread = max(1.0, float(np.subtract(*np.percentile(log[best + 1 :], [75, 25]))))
    chance = (m - 1) * np.exp(-weight[best] / spread)
    if gaps[best] < np.log(3) or chance > 1e-3:
        return 0.0, "no gap in log|W|: none dropped"
    low, high = np.exp(log[best]), np.exp(log[best + 1])
    return float(np.sqrt(low) * np.sqrt(high)), f"gap in log|W| from {low:.3g} to {high:.3g}"


def _prune(net: Network, threshold: Any) -> tuple[Network, Dropped]:
    if threshold is None:
        return net, Dropped(0.0, 0, net.synapse_count, 0.0)
    row, column, weight = _triples(net)
    magnitude = np.abs(weight)
    power = weight**2 * net.gain[column] ** 2
    if isinstance(threshold, str):
        if threshold != "auto":
            raise ValidationError(f'threshold must be None, a number or "auto", got {threshold!r}')
        cut, note = _gap(magnitude, power)
    else:
        cut, note = _number(threshold, "threshold"), ""
        if cut < 0:
            raise ValidationError(f"threshold must not be negative, got {cut:.6g}")
    keep = magnitude > cut
    total = float(power.sum())
    share = float(power[~keep].sum()) / total if total > 0 else 0.0
    dropped = Dropped(cut, int(np.sum(~keep)), weight.size, share, note)
    if dropped.synapses == 0:
        return net, dropped
    return _like(net, row[keep], column[keep], weight[keep]), dropped


# ---------------------------------------------------------------------------------------- laws


@dataclass(frozen=True)
class _Choice:
    """A law with what is needed to redo its moments: its family (None: the values themselves)."""

    law: Law
    family: str | None
    statistic: float | None = None
    pvalue: float | None = None
    sign: int = 1
    note: str = ""


def _is_constant(x: FloatArray) -> bool:
    return float(np.ptp(x)) <= 1e-12 * float(np.max(np.abs(x)))


def _choose(
    x: FloatArray, names: Sequence[str], forced: bool, rng: np.random.Generator, samples: int, sign: int = 1
) -> _Choice:
    """The best of some families for these values, or the values themselves."""
    if _is_constant(x):
        return _Choice(Constant(float(x.mean())), None)
    if x.size < _FEWEST:
        return _Choice(Empirical(x), None, note=f"{x.size} values stand for themselves")
    if np.unique(x).size < 0.9 * x.size:
        return _Choice(Empirical(x), None, note="values repeat: they are their own law")
    y = x if names == ("normal",) else sign * x
    found = []
    for name in names:
        family = FAMILIES[name]
        z = y if family.positive else x
        if family.positive and z.min() <= 0:
            continue
        p = family.fit(z[None])[0]
        if not np.all(np.isfinite(p)):
            continue
        k = family.parameters
        score = 2 * k - 2 * family.log_likelihood(z, p) + 2 * k * (k + 1) / max(x.size - k - 1, 1)
        found.append((score, name, p))
    if not found:
        if forced:
            raise ValidationError(
                f"no {' or '.join(names)} law fits {x.size} values between {x.min():.4g} and {x.max():.4g}: "
                'use "auto" or "empirical"'
            )
        return _Choice(Empirical(x), None, note="no family fits: the values are their own law")
    best: _Choice | None = None
    least = min(one[0] for one in found)
    for score, name, p in sorted(found, key=lambda one: one[0]):
        if score > least + _FAR:
            break
        family = FAMILIES[name]
        law = family.law(p, sign if family.positive else 1)
        if not samples:
            return _Choice(law, name, sign=sign)
        statistic, pvalue, spread = goodness_of_fit(y if family.positive else x, family, rng, samples)
        choice = _Choice(law, name, statistic, pvalue, sign)
        if forced or (pvalue > _LEVEL and spread > _SPREAD):
            return choice
        if best is None or best.pvalue <= _LEVEL < pvalue:
            best = choice
    if best.pvalue > _LEVEL:
        return best
    note = f"the best family, {best.family}, does not fit (p = {best.pvalue:.2g}): the values are their own law"
    return _Choice(Empirical(x), None, best.statistic, best.pvalue, note=note)


def _bounded(choice: _Choice, x: FloatArray) -> _Choice:
    """The law of timescales, cut below the fastest and above the slowest unit that a sample of this size has."""
    if choice.family is None:
        return choice
    p = FAMILIES[choice.family].fit(x[None])[0]
    if choice.family == "Beta":
        if p[2] > 0:
            return choice
        p[2] = 1e-3 * x.min()
        note = "the interval of the Beta law would begin at 0: it begins at a thousandth of the fastest unit"
        return replace(choice, law=FAMILIES["Beta"].law(p), note=note)
    whole, share = FAMILIES[choice.family].frozen(p), 1.0 / (x.size + 1)
    low = float(whole.ppf(min(float(whole.cdf(x.min())), share)))
    top = float(whole.isf(min(float(whole.sf(x.max())), share)))
    note = f"cut to {low:.4g} .. {top:.4g}: a law of tau without an upper end has a spectrum that reaches 0 whatever the weights"
    return replace(choice, law=truncated(whole, low, top), note=note)


_TEXT = {
    "tau": "the law of tau is none of the families: its values are used, and the edge follows them; a formula in its "
    "moments does not",
    "gain": "the law of the gain is none of the families: its values are used; the edge sees <h^2/|1 + z tau|^2> alone",
    "weight": "the law of the weights is none of the families: their values are used; edge and outliers see <w> and <w^2> "
    "alone, densities and the freezing degree see the whole law",
}


def _scores(x: FloatArray) -> FloatArray:
    """Normal scores of the ranks."""
    return special.ndtri(stats.rankdata(x) / (x.size + 1))


def _correlation_test(x: FloatArray, y: FloatArray, rng: np.random.Generator) -> tuple[float, float]:
    """Correlation of the normal scores of x and y, and its p-value under permutations of one of them."""
    if x.size < 4 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0, 1.0
    a, b = (z - z.mean() for z in (_scores(x), _scores(y)))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    r = float(a @ b)
    if x.size > 200:  # the permutation variance is exactly 1/(n - 1)
        return r, float(2 * special.ndtr(-abs(r) * np.sqrt(x.size - 1)))
    null = np.abs(rng.permuted(np.tile(a, (1999, 1)), axis=1) @ b)
    return r, float((1 + np.sum(null >= abs(r) - 1e-12)) / 2000)


class _Pairs(EmpiricalJoint):
    """Measured pairs, many of them: draws are pairs as measured, averages go over a few nodes.

    Units in the order of tau form groups, those at the slow and the fast end alone; a group is its mean tau and a
    Gauss rule of three nodes for its gains, so that <h>, ..., <h^5> given the group are exact. Units of gain 0 stay so.
    """

    most = 512

    def __init__(self, tau: FloatArray, gain: FloatArray):
        super().__init__(tau, gain)
        rules = []
        for off in (False, True):
            chosen = np.flatnonzero((self._gain == 0) == off)
            order = chosen[np.argsort(self._tau[chosen], kind="stable")]
            ends = np.round(np.linspace(0, order.size, 161)).astype(int)
            alone = np.arange(min(24, order.size + 1))
            for part in np.split(order, np.unique(np.concatenate([ends, alone, order.size - alone]))[1:-1]):
                if part.size:
                    share = part.size / self._tau.size
                    values = np.unique(self._gain[part])
                    if values.size > 3:
                        values, weights = _gauss(self._gain[part], np.full(part.size, 1 / part.size), 3)
                    else:
                        weights = np.array([np.mean(self._gain[part] == v) for v in values])
                    values = np.maximum(values, 0.0)
                    rules.append((np.full(values.size, self._tau[part].mean()), values, share * weights))
        self._rule = tuple(np.concatenate(x) for x in zip(*rules, strict=True))

    def nodes(self, n=48):
        return self._rule

    def tau_nodes(self, n=48):
        tau, gain, weight = self._rule
        values, inverse = np.unique(tau, return_inverse=True)
        total = np.bincount(inverse, weight)
        first, second = (np.bincount(inverse, weight * gain**k) / total for k in (1, 2))
        return values, total, first, second

    def scaled(self, factor):
        return _Pairs(_check_factor(factor) * self._tau, self._gain)


def _pairs(tau: FloatArray, gain: FloatArray) -> EmpiricalJoint:
    return _Pairs(tau, gain) if tau.size > _Pairs.most else EmpiricalJoint(tau, gain)


def _joint(name, tau, gain, laws, rng, samples) -> tuple[JointLaw, dict[str, _Choice], list[Test], list[str]]:
    """Law of (tau, gain) of a population, with its tests and notes."""
    tests: list[Test] = []
    notes: list[str] = []
    r, p = _correlation_test(tau, gain, rng)
    varied = not _is_constant(tau) and not _is_constant(gain)
    if varied and samples:
        tests.append(
            _test(
                f"correlation of tau and gain[{name}]",
                r,
                p,
                "tau and gain depend on each other: slow units that are also steep (or flat) move the edge; the fit "
                "joins their laws by a Gaussian copula",
            )
        )
    joined = varied and p <= _LEVEL
    if laws == "empirical":
        choices = {"tau": _Choice(Empirical(tau), None), "gain": _Choice(Empirical(gain), None)}
        if not varied:
            law: JointLaw = Independent(*(Constant(x[0]) if _is_constant(x) else Empirical(x) for x in (tau, gain)))
        else:
            law = _pairs(tau, gain)
        return law, choices, tests, notes
    families = {"beta": ("Beta",), "gamma": ("gamma",), "lognormal": ("lognormal",)}.get(
        laws, ("Beta", "gamma", "lognormal")
    )
    choices = {}
    for what, x in (("tau", tau), ("gain", gain)):
        choice = _choose(x, families, laws != "auto", rng, samples)
        if what == "tau":
            choice = _bounded(choice, x)
        if choice.note:
            notes.append(f"{what}[{name}]: {choice.note}")
        if choice.pvalue is not None:
            tests.append(_test(f"law of {what}[{name}]", choice.statistic, choice.pvalue, _TEXT[what]))
        choices[what] = choice
    if not joined:
        return Independent(choices["tau"].law, choices["gain"].law), choices, tests, notes
    if any(choice.family is None for choice in choices.values()):
        notes.append(f"tau and gain[{name}]: correlated, and not both of a family: their pairs are their own law")
        own = {"tau": _Choice(Empirical(tau), None), "gain": _Choice(Empirical(gain), None)}
        return _pairs(tau, gain), own, tests, notes
    notes.append(f"tau and gain[{name}]: joined by a Gaussian copula of correlation {r:.3g}")
    return GaussianCopula(choices["tau"].law, choices["gain"].law, r), choices, tests, notes


# --------------------------------------------------------------------------- blocks and their sums


@dataclass
class _Block:
    """Synapses from population b to population a, without autapses; rows and columns count within the populations."""

    a: int
    b: int
    key: tuple[str, str]  # names (target, source)
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    weight: FloatArray
    targets: int
    sources: int  # possible sources of a target
    columns: int  # units of the source population
    choice: _Choice | None = None

    @property
    def count(self) -> int:
        return self.weight.size

    @property
    def degree(self) -> float:
        return self.count / self.targets

    @property
    def probability(self) -> float:
        return self.count / (self.targets * self.sources)

    @property
    def label(self) -> str:
        return f"{self.key[0]}<-{self.key[1]}"


def _blocks(net: Network, groups: dict[str, NDArray]) -> tuple[list[_Block], NDArray, FloatArray]:
    """Blocks that have synapses, in the order (target, source); and the autapses."""
    names = list(groups)
    k = len(names)
    population, place = np.empty(net.n, np.int64), np.empty(net.n, np.int64)
    for i, index in enumerate(groups.values()):
        population[index], place[index] = i, np.arange(index.size)
    row, column, weight = _triples(net)
    own = row == column
    autapses = (row[own], weight[own])
    row, column, weight = row[~own], column[~own], weight[~own]
    block = population[row] * k + population[column]
    order = np.argsort(block, kind="stable")
    ends = np.searchsorted(block[order], np.arange(k * k + 1))
    sizes = [index.size for index in groups.values()]
    found = []
    for a in range(k):
        for b in range(k):
            part = order[ends[a * k + b] : ends[a * k + b + 1]]
            if part.size:
                found.append(
                    _Block(
                        a,
                        b,
                        (names[a], names[b]),
                        place[row[part]],
                        place[column[part]],
                        weight[part],
                        sizes[a],
                        sizes[b] - (a == b),
                        sizes[b],
                    )
                )
    return found, *autapses


def _weight_law(block: _Block, dale: int | None, weights: str, rng, samples: int) -> _Choice:
    w = block.weight
    sign = 1 if np.all(w > 0) else -1 if np.all(w < 0) else 0
    if weights == "empirical":
        return _Choice(Constant(w.mean()) if _is_constant(w) else Empirical(w), None)
    if weights != "auto":
        return _choose(w, (weights,), True, rng, samples, sign or 1)
    families: tuple[str, ...] = ("normal",)
    if sign:
        families = ("lognormal", "gamma", "truncated normal", "half-normal")
        if dale is None:
            families += ("normal",)
    return _choose(w, families, False, rng, samples, sign or 1)


# ------------------------------------------------------------------------------------ bootstrap


def _stats(x: FloatArray, logs: bool) -> tuple[FloatArray, FloatArray]:
    """What is resampled: x and, for positive values, log x, less their means, and the squares of that, less their means.

    Centred, they hardly depend on the number of synapses, and errors of ratios do not come out of a difference of large ones.
    The second result are the four (or two) means.
    """
    columns, means = [], []
    for y in (x, np.log(x)) if logs else (x,):
        u = y - y.mean()
        columns += [u, u**2 - np.mean(u**2)]
        means += [y.mean(), np.mean(u**2)]
    return np.stack(columns, 1), np.array(means)


def _named(deviation: FloatArray, means: FloatArray, x: FloatArray) -> dict[str, FloatArray]:
    """Replicates of the means of x, x^2 (log x, log^2 x), within what values between the extremes of x can have."""
    out = {}
    for k, names in enumerate((("x", "xx"), ("l", "ll"))[: means.size // 2]):
        y = x if k == 0 else np.log(x)
        first = np.clip(deviation[:, 2 * k], y.min() - means[2 * k], y.max() - means[2 * k])
        var = np.maximum(means[2 * k + 1] + deviation[:, 2 * k + 1] - first**2, 0.0)
        out[names[0]] = means[2 * k] + first
        out[names[1]] = var + out[names[0]] ** 2
    if "l" in out:
        out["l"] = np.minimum(out["l"], np.log(out["x"]))
    return out


def _moments(family: str | None, stat: dict[str, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of a law from the sample means that determine it."""
    if family in ("gamma", "lognormal", "half-normal"):
        return FAMILIES[family].moments(stat)
    return stat["x"], np.sqrt(np.maximum(stat["xx"] - stat["x"] ** 2, 0.0))


class _Bootstrap:
    """Replicates of the sums of every block and of the values of every population."""

    def __init__(self, sizes: Sequence[int], count: int, rng: np.random.Generator):
        self.count, self.rng = count, rng
        self.draws = []  # (count, n_a): how often a unit was drawn, less 1
        for size in sizes:
            drawn = rng.integers(size, size=(count, size))
            drawn += size * np.arange(count)[:, None]
            self.draws.append(np.bincount(drawn.ravel(), minlength=count * size).reshape(count, size) - 1.0)

    def population(self, k: int, x: FloatArray) -> FloatArray:
        """Replicates (count, s) of the mean of x (n, s)."""
        return x.mean(0) + self.draws[k] @ x / len(x)

    def block(self, block: _Block, x: FloatArray) -> FloatArray:
        """Replicates (count, s) of the sums of x (m, s) over the synapses of a block."""
        total = x.sum(0)
        n, s, columns = block.targets, block.sources, block.columns
        entries = n * s
        rows = np.stack([np.bincount(block.row, x[:, j], minlength=n) for j in range(x.shape[1])], 1)
        cols = np.stack([np.bincount(block.column, x[:, j], minlength=columns) for j in range(x.shape[1])], 1)
        mean = total / entries
        covariance = x.T @ x / entries - np.outer(mean, mean)
        spread = np.where(np.diag(covariance) > 1e-12 * np.mean(x**2, 0), np.diag(covariance), 0.0)
        every = np.maximum(spread, 1e-300)
        var_r = rows.var(0, ddof=1) if n > 1 else np.zeros(x.shape[1])
        var_c = cols.var(0, ddof=1) if columns > 1 else np.zeros(x.shape[1])
        room = 1 - (1 / s if n > 1 else 0) - (1 / n if columns > 1 else 0)
        chance = (every - var_r / s**2 - var_c / n**2) / room if room > 0.1 else every
        chance = np.clip(chance, 0.0, every)
        out = np.tile(total, (self.count, 1))
        deficit = np.ones(x.shape[1])
        for k, sums, var, width, units in ((block.a, rows, var_r, s, n), (block.b, cols, var_c, n, columns)):
            beyond = np.maximum(var - width * chance, 0.0)
            # sums that vary less than by chance (units with equal degrees) leave that much less to chance
            if units > 1:
                deficit += np.minimum(var / np.maximum(width * chance, 1e-300) - 1, 0.0)
            shrink = np.sqrt(beyond / np.maximum(var, 1e-300))
            if np.any(shrink > 0):
                out += self.draws[k] @ ((sums - sums.mean(0)) * shrink)
        # the part of the entries: Gaussian with their covariance, and with that of W_ij and W_ji
        if block.a == block.b:
            covariance += self._dyads(block, x, mean) / entries
        chance = chance * np.clip(deficit, 0.02, 1.0)
        scale = np.where(spread > 0, np.sqrt(chance / every) / np.sqrt(every), 0.0)
        values, vectors = np.linalg.eigh(covariance * np.outer(scale, scale))
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        noise = self.rng.standard_normal((self.count, x.shape[1])) @ root.T
        return out + np.sqrt(entries) * noise * np.sqrt(every)

    @staticmethod
    def _dyads(block: _Block, x: FloatArray, mean: FloatArray) -> FloatArray:
        """Sum over i, j of the product of what W_ij and W_ji contribute to two sums, less their means."""
        width = block.columns
        key, back = block.row * width + block.column, block.column * width + block.row
        _, i, j = np.intersect1d(key, back, assume_unique=True, return_indices=True)
        product = x[i].T @ x[j] - block.targets * block.sources * np.outer(mean, mean)
        return (product + product.T) / 2


def _phi(net: Network, index: NDArray, leak: float, x: FloatArray) -> FloatArray:
    """h^2/(leak + x tau)^2 of units at points, (units, points)."""
    return (net.gain[index, None] / (leak + x * net.tau[index, None])) ** 2


def _units_abscissa(ens: Ensemble, net: Network, groups: dict[str, NDArray]) -> float:
    """Where rho(V_ab <h^2/(leak + x tau)^2>_b) = 1 on the real axis, the average being over units."""
    from .theory.dense import irreducible_classes

    variance = ens.input_variance(net.n)
    index, leak, best = list(groups.values()), ens.leak, -np.inf
    for members in irreducible_classes(variance):
        tau = np.concatenate([net.tau[index[k]] for k in members])
        pole = -leak / tau.max() if leak > 0 else -leak / tau.min()
        v = variance[np.ix_(members, members)]

        def log_root(t, members=members, v=v, pole=pole):
            x = np.array([pole + np.exp(t)])
            phi = np.array([_phi(net, index[k], leak, x).mean() for k in members])
            return float(np.log(max(np.max(np.abs(np.linalg.eigvals(v * phi))), 1e-300)))

        middle = -np.log(np.median(tau))
        low, high = middle - 25.0, middle + 25.0
        if log_root(low) > 0 > log_root(high):
            best = max(best, pole + float(np.exp(brentq(log_root, low, high, xtol=1e-13))))
    return best


class _Edge:
    """Rightmost point of the bulk and the rightmost outlier of replicates around a fitted ensemble.

    A replicate has ``Phi_b*(x) = Phi_b(x) + [mean over resampled units - mean over units] of h^2/(leak + x tau)^2``: the fitted law,
    moved by as much as resampling moves the values.
    """

    def __init__(self, ens: Ensemble, n: int, groups: dict, net: Network):
        from .theory import _edge, _edge_of, spectral_abscissa
        from .theory.edge import _root

        self.net, self.groups, self.root = net, list(groups.values()), _root
        self.ens = ens if ens.reciprocity is None else Ensemble(ens.populations, ens.synapses, None, ens.leak)
        self.edge = _edge_of(self.ens, n)
        self.mean = self.ens.input_mean(n)
        sys = self.edge.sys
        self.bulk = float(_edge.bulk_abscissa(self.edge) / sys.scale) if sys.classes else -np.inf
        outliers = _edge.find_outliers(self.edge) / sys.scale
        self.outlier = complex(outliers[np.argmax(outliers.real)]) if len(outliers) else None
        self.bar = spectral_abscissa(self.ens, parts="bar", n=n)
        plain = max(self.bulk, self.bar, -np.inf if self.outlier is None else self.outlier.real)
        self.abscissa = plain if ens is self.ens else spectral_abscissa(ens, n=n)
        # the measured reciprocity moves all replicates alike
        self.shift = 0.0 if ens is self.ens else self.abscissa - plain

    def samples(self, boot: _Bootstrap, variance: FloatArray, mean: FloatArray) -> FloatArray:
        """Replicates of the spectral abscissa: the rightmost of bulk, outlier, and bar, which stays where it is."""
        values = [np.full(boot.count, self.bar)]
        if np.isfinite(self.bulk):
            values.append(self.bulk_samples(boot, variance))
        if self.outlier is not None:
            values.append(self.outlier_samples(boot, mean))
        return np.max(values, axis=0) + self.shift

    def bulk_samples(self, boot: _Bootstrap, variance: FloatArray) -> FloatArray:
        """Replicates of the bulk abscissa, given replicates (B, K, K) of the variances.

        On the real axis, where the rightmost point lies without reciprocity, from values on a grid about the fitted one that is
        even in the logarithm of the distance to the rightmost pole.
        """
        sys, leak = self.edge.sys, self.ens.leak
        members = np.unique(np.concatenate(sys.classes))
        ends = []
        for k in members:
            tau = self.net.tau[self.groups[k]]
            lo, hi = self.ens.populations[k].tau.support()
            ends.append(-leak / max(hi, tau.max()) if leak > 0 else -leak / min(lo, tau.min()))
        pole, t = max(ends), np.linspace(-3.0, 3.0, 81)
        x = pole + (self.bulk - pole) * np.exp(t)
        value = np.zeros((boot.count, x.size))
        phi = np.empty((boot.count, x.size, len(self.groups)))
        for k in members:
            fitted = np.minimum(self.edge._average(k, (x * sys.scale).astype(complex), 1e-10, None), 1e90)
            moved = boot.draws[k] @ _phi(self.net, self.groups[k], leak, x) / self.groups[k].size
            phi[..., k] = np.maximum(fitted + moved, 1e-3 * fitted)
        for own in sys.classes:
            value = np.maximum(value, self.root(variance[:, None, own][..., own] * phi[:, :, None, own]))
        log = np.log(np.maximum(value, 1e-300))
        # decreasing in x: interpolated after the last place where it is above 0
        above = log > 0
        last = np.clip(x.size - 1 - np.argmax(above[:, ::-1], 1), 0, x.size - 2)
        last = np.where(above.any(1), last, 0)
        r = np.arange(boot.count)
        y, slope = log[r, last], log[r, last] - log[r, last + 1]
        step = np.clip(y / np.where(slope > 0, slope, 1.0), -2.0, 3.0)
        return pole + (self.bulk - pole) * np.exp(t[last] + step * (t[1] - t[0]))

    def outlier_samples(self, boot: _Bootstrap, mean: FloatArray) -> FloatArray:
        """Real parts of replicates of the rightmost outlier, by one Newton step from it."""
        z, leak, k = self.outlier, self.ens.leak, len(self.groups)
        psi, slope = np.empty(k, complex), np.empty(k, complex)
        moved = np.empty((boot.count, k), complex)
        for i, index in enumerate(self.groups):
            tau, gain, p = self.ens.nodes(self.ens.names[i], 96)
            psi[i] = np.sum(p * gain / (leak + z * tau))
            slope[i] = -np.sum(p * gain * tau / (leak + z * tau) ** 2)
            moved[:, i] = boot.draws[i] @ (self.net.gain[index] / (leak + z * self.net.tau[index])) / index.size
        one, h = np.eye(k), 1e-6  # the determinant is a polynomial in psi: differences are accurate
        ahead, behind = (np.linalg.det(one - self.mean * (psi + s * h * slope)) for s in (1, -1))
        value = np.linalg.det(one - mean * (psi + moved)[:, None, :]) - np.linalg.det(one - self.mean * psi)
        return np.real(z - value * (2 * h) / (ahead - behind))


# ------------------------------------------------------------------------------------------ fit


def fit(
    net: Network,
    populations: Any = None,
    threshold: Any = None,
    laws: str = "auto",
    weights: str = "auto",
    bootstrap: int = 200,
    seed: Any = 0,
    progress: bool = True,
    tests: bool = True,
    reciprocity: bool = False,
) -> FitResult:
    r"""Fit an ensemble to a network,

    .. math:: c_{ab} = \frac{m_{ab}}{n_a}, \quad \langle w^k \rangle_{ab}, \quad P_a(\tau, h) :
              \quad c_{ab} \Big( \langle w^2 \rangle_{ab} - \frac{c_{ab}}{S_{ab}} \langle w \rangle_{ab}^2 \Big)
              = \texttt{ensemble.input\_variance(n)}_{ab} ,

    with errors from resampling units, and tests of what the ensemble takes for granted (equations at the head of this module).

    Parameters
    ----------
    net : Network
        Gains >= 0. Autapses are left out of the fit and counted in a note.
    populations : None, sequence of str, or dict {name: indices}
        None takes ``net.labels``, and without labels one population ``"all"``.
    threshold : None, float or "auto"
        Synapses with \|W_ij\| <= threshold are dropped. ``"auto"`` looks for a gap in log \|W\| below which less than 1% of the squared
        weight lies, and drops nothing if there is none (``FitResult.dropped`` says which).
    laws : {"auto", "beta", "gamma", "lognormal", "empirical"}
        Of tau and gain in each population. ``"auto"``: the best of Constant, Beta on an interval, gamma and lognormal by Akaike's
        criterion (corrected for small samples), the values themselves where it does not fit at 1%; joined by a Gaussian
        copula where tau and gain are correlated at 1%. ``"empirical"``: the pairs of values. Gamma and lognormal laws of tau
        are cut above the slowest unit: without an upper end the spectrum would reach 0.
    weights : {"auto", "normal", "lognormal", "gamma", "truncated normal", "half-normal", "empirical"}
        ``"auto"``: normal where a block has both signs; where it has one, the best of the positive laws of \|w\|
        (and of the normal law, unless all synapses of the source population have this sign: Dale's law). The
        values themselves where the best does not fit at 1%.
    bootstrap : int
        Replicates behind the errors; 0 for none, and then laws are not tested either (tests take at least 199).
    seed : int, numpy.random.Generator or None
    progress : bool
        Show a progress bar on standard error.
    tests : bool
        False skips the tests of structure, and those of laws that are asked for by name; the choice by ``"auto"`` needs them.
    reciprocity : bool
        True gives the ensemble the measured reciprocity of every pair of blocks
        (:class:`~rmtlib.ensemble.Reciprocity`). False, the default, tests it only.

    Returns
    -------
    FitResult

    Raises
    ------
    ValidationError
        Negative gains (their sign belongs to the weights), units in no population or in two, unknown options.

    References
    ----------
    Cheng and Amin, J. R. Stat. Soc. B 45, 394 (1983), product of spacings; Owen, Ann. Appl. Stat. 1, 386 (2007), resampling rows and
    columns.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> net = rmt.core_periphery().sample(1000, seed=0)
    >>> found = rmt.fit(net, bootstrap=50, progress=False)
    >>> degree = next(p for p in found.parameters if p.name == "degree[I<-I]")
    >>> abs(degree.value - 6.0) < 3 * degree.error
    True
    >>> abs(found.abscissa - rmt.spectral_abscissa(rmt.core_periphery(), n=1000)) < 3 * found.abscissa_error
    True
    """
    net = _network(net, "fit")
    for value, known, what in ((laws, _LAWS, "laws"), (weights, _WEIGHTS, "weights")):
        if value not in known:
            raise ValidationError(f"{what} must be one of {', '.join(known)}, got {value!r}")
    if bootstrap != 0:
        bootstrap = _count(bootstrap, "bootstrap", 20)
    negative = np.flatnonzero(net.gain < 0)
    if negative.size:
        raise ValidationError(
            f"unit {negative[0]} has gain {net.gain[negative[0]]:.6g} ({negative.size} negative ones), and the populations "
            "of an ensemble have gains >= 0: move the sign to the column of weights, which leaves J unchanged, "
            "Network(W * np.sign(gain), tau, np.abs(gain), labels)"
        )
    rng = _seed(seed)
    groups = _units(net, populations)
    net, dropped = _prune(net, threshold)
    net = _made(net, net.weights, net.tau, net.gain, _labels(net.n, groups))
    blocks, own, own_weight = _blocks(net, groups)
    names = list(groups)
    notes: list[str] = []
    found: list[Test] = []
    # a law that was asked for by name is judged only where tests are wanted
    # by at least 199 replicates: with fewer than 99 no p-value could reach the level of a test
    enough = max(199, bootstrap) if bootstrap else 0
    judged = [enough if tests or option == "auto" else 0 for option in (laws, weights)]
    if not enough and "auto" in (laws, weights):
        notes.append("without replicates (bootstrap=0) laws are the best of their families, whether they fit or not")
    bar = _Progress(len(names) + len(blocks) + 3, progress)
    with bar:
        # laws of tau and gain
        joints, choices = [], []
        for name, index in groups.items():
            joint, choice, more, said = _joint(name, net.tau[index], net.gain[index], laws, rng, judged[0])
            joints.append(joint)
            choices.append(choice)
            found += more
            notes += said
            bar.step()
        # laws of the weights
        dale = _dale(blocks, len(names))
        for block in blocks:
            block.choice = _weight_law(block, dale[block.b], weights, rng, judged[1])
            if block.choice.note:
                notes.append(f"weight[{block.label}]: {block.choice.note}")
            if block.choice.pvalue is not None:
                name = f"law of weight[{block.label}]"
                found.append(_test(name, block.choice.statistic, block.choice.pvalue, _TEXT["weight"]))
            bar.step()
        ens = _ensemble(net, groups, joints, blocks, dale, own, own_weight, reciprocity, notes)
        bar.step()
        edge = _Edge(ens, net.n, groups, net)
        units = _units_abscissa(ens, net, groups)
        boot = _Bootstrap([index.size for index in groups.values()], bootstrap, rng) if bootstrap else None
        parameters, samples = _errors(ens, net, groups, choices, blocks, boot, edge)
        bar.step()
        if tests:
            from .structure import structure_tests

            found += structure_tests(net, groups, blocks, rng, max(199, bootstrap))
        bar.step()
    spread = None
    if boot is not None:
        spread = _spread(samples) if np.all(np.isfinite(samples)) else 0.0
    return FitResult(
        ens, net, tuple(parameters), tuple(found), dropped, edge.abscissa, spread, float(units), samples, tuple(notes)
    )


class _Progress:
    """A tqdm bar, or nothing."""

    def __init__(self, total: int, show: bool):
        self.bar = None
        if show:
            from tqdm import tqdm

            self.bar = tqdm(total=total, desc="fit", leave=False)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.bar is not None:
            self.bar.close()

    def step(self):
        if self.bar is not None:
            self.bar.update()


def _dale(blocks: list[_Block], k: int) -> list[int | None]:
    """Sign of all synapses that leave a population, None if they have both or are too few to tell."""
    signs: list[int | None] = []
    for b in range(k):
        w = [block.weight for block in blocks if block.b == b]
        total = sum(x.size for x in w)
        if total < _DALE:
            signs.append(None)
        else:
            signs.append(1 if all(x.min() > 0 for x in w) else -1 if all(x.max() < 0 for x in w) else None)
    return signs


def _alike(blocks, own_weight) -> bool:
    """Whether the weights of the autapses could be those of any other synapse: mean and mean square within five errors."""
    rest = np.concatenate([block.weight for block in blocks])
    for x, y in ((own_weight, rest), (own_weight**2, rest**2)):
        error = np.sqrt(y.var() / len(x)) + 1e-9 * np.abs(y).max()
        if abs(x.mean() - y.mean()) > 5 * error:
            return False
    return True


def _ensemble(net, groups, joints, blocks, dale, own, own_weight, reciprocity, notes) -> Ensemble:
    names = list(groups)
    n = net.n
    dense = bool(blocks) and all(block.probability >= _FULL for block in blocks)
    full_diagonal = dense and own.size >= _FULL * n and _alike(blocks, own_weight)
    if own.size and not full_diagonal:
        power = np.concatenate([block.weight**2 for block in blocks]).sum() if blocks else 0.0
        share = float(np.sum(own_weight**2) / (power + np.sum(own_weight**2)))
        notes.append(
            f"{own.size} autapses, {share:.2g} of the squared weight, are left out: they change the leak of their units, "
            "J_ii = (-leak + W_ii h_i)/tau_i"
        )
    synapses = {}
    if dense:
        notes.append("every block is all-to-all: dense synapses, which know no Dale's law")
    for block in blocks:
        law = block.choice.law
        if dense:
            p, m1, m2 = block.probability, law.mean(), law.second_moment()
            possible = block.columns if full_diagonal else block.sources
            std = float(np.sqrt(max(possible * p * (m2 - p * m1**2) * n / block.columns, 0.0)))
            mean = possible * p * m1 * n / block.columns
            synapses[block.key] = Synapses.dense(std, mean, None if reciprocity or std == 0 else _standard(block, p))
        elif block.probability >= _FULL:
            synapses[block.key] = Synapses(law, probability=block.probability)
            notes.append(
                f"synapses {block.label}: {block.probability:.3g} of the possible ones are there, so their number grows with n"
            )
        else:
            synapses[block.key] = Synapses(law, degree=block.degree)
    populations = []
    for b, (name, index) in enumerate(groups.items()):
        sign = None if dense else dale[b]
        for block in blocks:
            if sign is not None and block.b == b:
                lo, hi = block.choice.law.support()
                sign = None if (sign > 0 and lo < 0) or (sign < 0 and hi > 0) else sign
        populations.append(Population(name, index.size / n, joint=joints[b], sign=sign))
    pairs = _reciprocities(blocks, names, synapses, notes) if reciprocity else None
    return Ensemble(populations, synapses, reciprocity=pairs or None, leak=net.leak)


def _standard(block: _Block, p: float) -> Law | None:
    """Entries of a dense block without mean and scale: None where they are normal."""
    if block.choice.family == "normal" and p == 1:
        return None
    absent = block.targets * block.sources - block.count
    values = np.concatenate([block.weight, np.zeros(absent)])
    values = (values - values.mean()) / values.std()
    return Empirical(values)


def _meeting(blocks: list[_Block]) -> Iterable[tuple[_Block, _Block, FloatArray, FloatArray]]:
    """Blocks (a, b) and (b, a), a <= b, with the weights of their reciprocal pairs, those of (a, b) first."""
    by = {(block.a, block.b): block for block in blocks}
    for (a, b), block in by.items():
        if a > b or (b, a) not in by:
            continue
        back = by[b, a]
        forward_key = block.row * block.columns + block.column
        backward_key = back.column * block.columns + back.row
        if a == b:
            up = block.row < block.column
            i, j = np.flatnonzero(up), np.flatnonzero(~up)
            _, x, y = np.intersect1d(forward_key[i], backward_key[j], assume_unique=True, return_indices=True)
            yield block, back, block.weight[i[x]], block.weight[j[y]]
        else:
            _, x, y = np.intersect1d(forward_key, backward_key, assume_unique=True, return_indices=True)
            yield block, back, block.weight[x], back.weight[y]


def _pair_correlation(first: FloatArray, second: FloatArray, same: bool) -> float:
    """Correlation of the normal scores of the two weights of reciprocal pairs; `same`: unordered pairs."""
    if first.size < 4:
        return 0.0
    if same:
        first, second = np.concatenate([first, second]), np.concatenate([second, first])
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(_scores(first), _scores(second))[0, 1])


def _reciprocities(blocks, names, synapses, notes) -> dict[tuple[str, str], Any]:
    pairs: dict[tuple[str, str], Any] = {}
    for block, back, first, second in _meeting(blocks):
        same = block.a == block.b
        key = (names[block.a], names[block.b])
        r = _pair_correlation(first, second, same)
        if synapses[block.key].is_dense:
            pairs[key] = r
            continue
        least = block.count / 2 if same else min(block.count, back.count)
        fraction = first.size / least
        atoms = any(x.choice.law.atoms()[0].size for x in (block, back))
        if atoms and r:
            notes.append(f"reciprocity of {key}: a law of weights with atoms takes no correlation, {r:.3g} is left out")
        pairs[key] = Reciprocity(min(fraction, 1.0), r if first.size and not atoms else 0.0)
    return pairs


def _errors(ens, net, groups, choices, blocks, boot, edge) -> tuple[list[Parameter], FloatArray]:
    """Parameters with their errors, and the replicates of the abscissa."""
    parameters: list[Parameter] = []

    def add(name: str, value: float, samples: FloatArray | None) -> None:
        error = None if samples is None else _spread(samples)
        parameters.append(Parameter(name, float(value), error))

    k = len(groups)
    variance = mean = None
    if boot is not None:
        variance, mean = np.zeros((boot.count, k, k)), np.zeros((boot.count, k, k))
    for block in blocks:
        law, choice = block.choice.law, block.choice
        degree = first = spread = None
        if boot is not None:
            positive = choice.family is not None and FAMILIES[choice.family].positive
            x = choice.sign * block.weight if positive else block.weight
            columns, means = _stats(x, choice.family in ("gamma", "lognormal"))
            sums = boot.block(block, np.column_stack([np.ones(x.size), columns]))
            number = np.maximum(sums[:, 0], 0.5)
            degree = number / block.targets
            stat = _named(sums[:, 1:] / number[:, None], means, x)
            first, spread = _moments(choice.family, stat)
            first = first * (choice.sign if positive else 1)
            p = np.minimum(degree / block.sources, 1.0)
            c = p * block.sources
            variance[:, block.a, block.b] = c * (spread**2 + (1 - p) * first**2)
            mean[:, block.a, block.b] = c * first
        add(f"degree[{block.label}]", block.degree, degree)
        add(f"weight mean[{block.label}]", law.mean(), first)
        add(f"weight sd[{block.label}]", np.sqrt(max(law.var(), 0.0)), spread)
    for i, (name, index) in enumerate(groups.items()):
        p = ens.populations[i]
        add(f"fraction[{name}]", p.fraction, None if boot is None else np.zeros(2))
        for what, law, x in (("tau", p.tau, net.tau[index]), ("gain", p.gain, net.gain[index])):
            first = spread = None
            if boot is not None:
                family = choices[i][what].family
                columns, means = _stats(x, family in ("gamma", "lognormal"))
                stat = _named(boot.population(i, columns), means, x)
                first, spread = _moments(family, stat)
            add(f"{what} mean[{name}]", law.mean(), first)
            add(f"{what} sd[{name}]", np.sqrt(max(law.var(), 0.0)), spread)
    if boot is None:
        return parameters, np.empty(0)
    return parameters, edge.samples(boot, variance, mean)


def _spread(samples: FloatArray) -> float:
    """Standard deviation; exactly 0 of equal numbers."""
    return 0.0 if np.ptp(samples) == 0 else float(np.std(samples, ddof=1))


# --------------------------------------------------------------------------------------- controls

_KINDS = ("weights", "synapses", "degrees", "tau", "gain", "tau+gain", "all")


def shuffle(net: Network, what: str, seed: Any, populations: Any = None) -> Network:
    """A network in which one kind of structure is destroyed at random and the rest is kept.

    Parameters
    ----------
    net : Network
    what : str
        ``"weights"``: permutes the weights of each block of populations among its synapses (keeps the graph).
        ``"synapses"``: puts the synapses of each block at random places (Erdos-Renyi with their number and weights kept).
        ``"degrees"``: rewires each block by exchanges of targets, which keep the in- and out-degree of every unit in every block;
        a synapse keeps its source, hence every unit its outgoing weights. (Exchanges mix the graphs with
        given degrees uniformly, but for rare ones within a population that they cannot reach.)
        ``"tau"``, ``"gain"``: permutes the values of each population. ``"tau+gain"``: permutes the pairs.
        ``"all"``: "synapses", "tau" and "gain", each for itself.
    seed : int, numpy.random.Generator or None
    populations : as for :func:`fit`
        Nothing is exchanged between populations.

    Returns
    -------
    Network
        Stored as `net` is. Autapses stay where they are.

    Raises
    ------
    ValidationError
        Unknown `what`, bad populations.

    References
    ----------
    Rao, Jana and Bandyopadhyay, Sankhya A 58, 225 (1996), exchanges in directed graphs.

    Examples
    --------
    >>> import numpy as np
    >>> import rmtlib as rmt
    >>> from rmtlib.fitting import shuffle
    >>> net = rmt.core_periphery().sample(200, seed=1)
    >>> other = shuffle(net, "degrees", seed=2)
    >>> bool(np.all(np.diff(net.weights.indptr) == np.diff(other.weights.indptr)))
    True
    """
    net = _network(net, "shuffle")
    if what not in _KINDS:
        raise ValidationError(f"what must be one of {', '.join(_KINDS)}, got {what!r}")
    rng = _seed(seed)
    groups = _units(net, populations)
    changed: dict[str, FloatArray] = {}
    if what == "tau+gain":
        changed = {"tau": net.tau.copy(), "gain": net.gain.copy()}
        for index in groups.values():
            order = rng.permutation(index)
            changed["tau"][index], changed["gain"][index] = net.tau[order], net.gain[order]
    for name in ("tau", "gain"):
        if what in (name, "all"):
            changed[name] = getattr(net, name).copy()
            for index in groups.values():
                changed[name][index] = getattr(net, name)[rng.permutation(index)]
    if what not in ("weights", "synapses", "degrees", "all"):
        weights = net.weights
        return _made(net, weights, changed.get("tau", net.tau), changed.get("gain", net.gain), net.labels)
    blocks, own, own_weight = _blocks(net, groups)
    parts = [(own, own, own_weight)]
    index = list(groups.values())
    for block in blocks:
        row, column, weight = block.row, block.column, block.weight
        if what == "weights":
            weight = rng.permutation(weight)
        elif what == "degrees":
            row = _exchange(row, column, block, rng)
        else:
            # the order of choice() is not random here; that of the weights is
            flat = rng.choice(block.targets * block.sources, block.count, replace=False, shuffle=False)
            row, column = np.divmod(flat, block.sources)
            if block.a == block.b:
                column = column + (column >= row)
            weight = rng.permutation(weight)
        parts.append((index[block.a][row], index[block.b][column], weight))
    row, column, weight = (np.concatenate(x) for x in zip(*parts, strict=True))
    return _like(net, row, column, weight, **changed)


def _exchange(row: NDArray, column: NDArray, block: _Block, rng: np.random.Generator) -> NDArray:
    """Rows of the same synapses after about ten exchanges each, or more: (i, j), (k, l) -> (k, j), (i, l).

    Many pairs are tried at once. One is refused if a synapse that it would make exists, is made by another pair, is an autapse,
    or if another pair would make one that it has: refusing both sides of every conflict makes the step
    reversible, so that all graphs of these degrees have the same probability.
    """
    row = row.copy()
    m, width = row.size, int(block.columns)
    # as many steps whatever happens in them: to stop after so many exchanges would favour graphs that allow many
    steps = (40 if m < 1000 else 20) / max(1 - block.probability, 0.1) ** 2
    for _ in range(int(steps) if m > 1 else 0):
        # half of the pairs: with all of them some graphs of few synapses cannot be reached
        order = rng.permutation(m)
        pairs = rng.binomial(m // 2, 0.5)
        first, second = order[:pairs], order[pairs : 2 * pairs]
        made = np.concatenate([row[second] * width + column[first], row[first] * width + column[second]])
        present = row * width + column
        pair_of = np.full(m, -1)
        pair_of[first] = pair_of[second] = np.arange(pairs)
        sort = np.argsort(present, kind="stable")
        where = np.minimum(np.searchsorted(present[sort], made), m - 1)
        hit = present[sort][where] == made
        refused = np.zeros(pairs, bool)
        maker = np.tile(np.arange(pairs), 2)
        refused[maker[hit]] = True
        owners = pair_of[sort[where[hit]]]
        refused[owners[owners >= 0]] = True
        ordered = np.argsort(made, kind="stable")
        same = made[ordered][1:] == made[ordered][:-1]
        refused[maker[ordered[1:][same]]] = True
        refused[maker[ordered[:-1][same]]] = True
        if block.a == block.b:
            refused |= (row[second] == column[first]) | (row[first] == column[second])
        i, j = first[~refused], second[~refused]
        row[i], row[j] = row[j], row[i]
    return row


def _abscissa(net: Network) -> float:
    """Exact spectral abscissa of one network."""
    from .spectrum import leading_eigenvalues
    from .theory import spectral_abscissa

    if net.n <= 3000:
        return spectral_abscissa(net)
    return float(np.max(leading_eigenvalues(net, k=2).real))


@dataclass(frozen=True)
class Controls:
    """A measure of a network beside its values on shuffles: ``values[what]`` for each kind of :func:`shuffle`."""

    value: float
    values: dict[str, FloatArray] = field(repr=False)
    complete: bool = True

    @property
    def rows(self) -> list[dict[str, float | str | int]]:
        """Per kind: mean and sd of the shuffles, z = (value - mean)/sd, and a two-sided rank p-value."""
        rows: list[dict[str, float | str | int]] = []
        for what, x in self.values.items():
            sd = float(x.std(ddof=1)) if x.size > 1 else 0.0
            low = (1 + np.sum(x <= self.value)) / (x.size + 1)
            high = (1 + np.sum(x >= self.value)) / (x.size + 1)
            mean = float(x.mean())
            z = (self.value - mean) / sd if sd > 1e-9 * max(abs(mean), 1e-300) else 0.0
            rows.append(
                {
                    "what": what,
                    "count": x.size,
                    "mean": mean,
                    "sd": sd,
                    "z": float(z),
                    "pvalue": min(1.0, 2 * min(low, high)),
                }
            )
        return rows

    def __str__(self) -> str:
        lines = [f"network {self.value:.6g}", f"{'shuffled':10s} {'mean':>12s} {'sd':>10s} {'z':>8s} {'p':>8s}"]
        for row in self.rows:
            lines.append(
                f"{row['what']:10s} {row['mean']:12.5g} {row['sd']:10.2g} {row['z']:8.2f} {row['pvalue']:8.2g}"
            )
        if not self.complete:
            lines.append("interrupted: fewer shuffles than asked for")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Value and rows, in types that JSON knows."""
        return {"value": self.value, "rows": self.rows, "complete": self.complete}


def controls(
    net: Network,
    measure: Callable[[Network], float] | None = None,
    kinds: Sequence[str] = _KINDS,
    count: int = 20,
    seed: Any = 0,
    populations: Any = None,
    progress: bool = True,
) -> Controls:
    """A measure on a network and on `count` shuffles of each kind: which structure does the measure depend on?

    A value that lies among those of a shuffle owes nothing to what the shuffle destroys.

    Parameters
    ----------
    net : Network
    measure : callable, optional
        Takes a Network, returns a number. Default: the exact spectral abscissa.
    kinds : sequence of str
        Kinds of :func:`shuffle`.
    count : int
        Shuffles of each kind.
    seed : int, numpy.random.Generator or None
        Each shuffle has a stream of its own. An interrupt (Ctrl-C) returns what there is, with ``complete=False``.
    populations : as for :func:`fit`
    progress : bool

    Returns
    -------
    Controls

    Raises
    ------
    ValidationError
        Unknown kinds, a measure that is no finite number.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from rmtlib.fitting import controls
    >>> net = rmt.core_periphery().sample(200, seed=1)
    >>> table = controls(net, kinds=["weights", "all"], count=4, progress=False)
    >>> [row["what"] for row in table.rows]
    ['weights', 'all']
    """
    net = _network(net, "controls")
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    unknown = [kind for kind in kinds if kind not in _KINDS]
    if unknown or not kinds:
        raise ValidationError(f"unknown kinds of shuffle {unknown}; there are: {', '.join(_KINDS)}")
    count = _count(count, "count", 1)
    measure = _abscissa if measure is None else measure
    if not callable(measure):
        raise ValidationError(f"measure must be a function of a Network, got {measure!r}")
    populations = _units(net, populations)

    def number(x: Any) -> float:
        value = float(x)
        if not np.isfinite(value):
            raise ValidationError(f"the measure gave {value} on a network: it must be a finite number")
        return value

    streams = _streams(seed, len(kinds) * count)
    value = number(measure(net))
    jobs: Iterable[tuple[int, str]] = [(k, kind) for k in range(count) for kind in kinds]
    if progress:
        from tqdm import tqdm

        jobs = tqdm(jobs, desc="controls", leave=False)
    got: dict[str, list[float]] = {kind: [] for kind in kinds}
    complete = True
    try:
        for number_of, (_, kind) in enumerate(jobs):
            got[kind].append(number(measure(shuffle(net, kind, streams[number_of], populations))))
    except KeyboardInterrupt:
        complete = False
        if not all(got.values()):
            raise
    return Controls(value, {kind: np.array(x) for kind, x in got.items()}, complete)


def _streams(seed: Any, count: int) -> list[np.random.Generator]:
    return _generator(seed).spawn(count)


# ------------------------------------------------------------------------------------- thresholds


@dataclass(frozen=True)
class ThresholdScan:
    """A network against the threshold on its weights; arrays of the shape of `threshold`.

    `synapses` that remain, their mean `degree` a unit, the `share` of sum W_ij^2 h_j^2 that was dropped, the spectral abscissa
    of the `fitted` ensemble at the size of the network and the `exact` one.
    """

    threshold: FloatArray
    synapses: NDArray[np.int64]
    degree: FloatArray
    share: FloatArray
    fitted: FloatArray
    exact: FloatArray

    def __str__(self) -> str:
        lines = [f"{'threshold':>10s} {'synapses':>9s} {'degree':>8s} {'dropped':>9s} {'fitted':>11s} {'exact':>11s}"]
        for row in zip(self.threshold, self.synapses, self.degree, self.share, self.fitted, self.exact, strict=True):
            lines.append("{:10.4g} {:9d} {:8.3f} {:9.2g} {:11.5g} {:11.5g}".format(*row))
        return "\n".join(lines)


def threshold_scan(
    net: Network,
    thresholds: Any,
    populations: Any = None,
    laws: str = "empirical",
    weights: str = "empirical",
    seed: Any = 0,
    progress: bool = True,
) -> ThresholdScan:
    r"""Mean degree, fitted and exact spectral abscissa of a network whose synapses with \|W\| <= threshold are dropped.

    Parameters
    ----------
    net : Network
    thresholds : (m,) array_like
        Not negative.
    populations, laws, weights, seed : as for :func:`fit`
        By default tau, gain and weights are taken as they are: what changes is then the threshold alone.
    progress : bool

    Returns
    -------
    ThresholdScan
        ``fitted`` and ``exact`` are -1/tau of the slowest unit where no synapse is left.

    Raises
    ------
    ValidationError
        Thresholds that are no numbers, negative, or none.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from rmtlib.fitting import threshold_scan
    >>> net = rmt.core_periphery().sample(300, seed=0)
    >>> scan = threshold_scan(net, [0.0, 0.1, 1.0], progress=False)
    >>> bool(np.all(np.diff(scan.degree) < 0))
    True
    """
    net = _network(net, "threshold_scan")
    try:
        values = np.array(thresholds, dtype=float)
    except (TypeError, ValueError):
        raise ValidationError(f"thresholds must be numbers, got {thresholds!r}") from None
    if values.ndim != 1 or values.size == 0 or not np.all(np.isfinite(values)) or np.any(values < 0):
        raise ValidationError("thresholds must be a non-empty 1-d array of finite numbers >= 0")
    groups = _units(net, populations)
    steps: Iterable[float] = values
    if progress:
        from tqdm import tqdm

        steps = tqdm(values, desc="thresholds", leave=False)
    rows = []
    for value in steps:
        found = fit(net, groups, float(value), laws, weights, 0, seed, False, tests=False)
        left = found.network
        rows.append(
            (left.synapse_count, left.synapse_count / net.n, found.dropped.share, found.abscissa, _abscissa(left))
        )
    synapses, degree, share, fitted, exact = (np.array(x) for x in zip(*rows, strict=True))
    return ThresholdScan(values, synapses.astype(np.int64), degree, share, fitted, exact)

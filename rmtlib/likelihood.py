r"""Families of laws, fitted to a batch of samples at once, and whether they fit.

Estimates are by maximum likelihood, with one exception. The likelihood of a Beta law whose interval ``(lo, hi)`` is unknown is
unbounded: put an end on the outermost value, let the shape there go below 1, and the density at that value is infinite. The
product of spacings

.. math:: \sum_k \log \big( F(x_{(k+1)}) - F(x_{(k)}) \big), \qquad x_{(0)} = lo, \; x_{(n+1)} = hi ,

is bounded, and maximising it is consistent wherever maximum likelihood is, with the same efficiency in the regular case, and where the
latter fails as well (Cheng and Amin 1983, Ranneby 1984). It is used here with at most about 60 order statistics, all of
them near the two ends and every few per cent of the values in between: what is then maximised is the likelihood
of a grouped sample, whose loss of information is of the order of the squared width of the groups. It gives the interval;
the two shapes are then those of maximum likelihood on it, which takes away the spread that spacings
add (3% of the standard deviation at 60 values).

Whether a law fits is judged by the statistic of Anderson and Darling,

.. math:: A^2 = n \int \frac{(F_n - F)^2}{F (1 - F)}\, dF ,

whose law depends on the parameters having been estimated from the same values: p-values come from samples of the fitted law
to which the family is fitted again (parametric bootstrap; Stute, Gonzalez Manteiga and Presedo Quindimil 1993).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from .errors import ValidationError
from .laws import Continuous, Law, as_law

__all__ = ["FAMILIES", "Family", "anderson_darling", "goodness_of_fit", "truncated"]

FloatArray = NDArray[np.float64]


class Family:
    """A family of laws: `fit` takes samples in rows and returns parameters in rows."""

    name: str
    parameters: int
    positive = True  # lives on x > 0

    def fit(self, x: FloatArray, start: FloatArray | None = None) -> FloatArray:
        """Parameters (B, k) of the samples (B, m); NaN where none exist."""
        raise NotImplementedError

    def log_likelihood(self, x: FloatArray, p: FloatArray) -> float:
        """Of one sample at one set of parameters."""
        raise NotImplementedError

    def cdf(self, x: FloatArray, p: FloatArray) -> FloatArray:
        """F(x), samples and parameters in rows."""
        raise NotImplementedError

    def draw(self, p: FloatArray, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
        """Samples of one law."""
        raise NotImplementedError

    def frozen(self, p: FloatArray) -> Any:
        """The law as a scipy.stats distribution."""
        raise NotImplementedError

    def deviation(self, p: FloatArray) -> FloatArray:
        """Standard deviations of the laws with parameters in rows."""
        raise NotImplementedError

    def moments(self, stat: dict[str, FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of the fitted law from the sample means in `stat`.

        `stat` holds the means of x, x^2, log x and log^2 x, one number a replicate.
        """
        mean = stat["x"]
        return mean, np.sqrt(np.maximum(stat["xx"] - mean**2, 0.0))

    def law(self, p: FloatArray, sign: int = 1) -> Law:
        """The law of sign * x."""
        law = as_law(self.frozen(p))
        return law if sign > 0 else law.scaled(-1.0)


class Normal(Family):
    name, parameters, positive = "normal", 2, False

    def fit(self, x, start=None):
        return np.stack([x.mean(1), x.std(1)], 1)

    def log_likelihood(self, x, p):
        return float(np.sum(stats.norm.logpdf(x, *p)))

    def cdf(self, x, p):
        return special.ndtr((x - p[:, :1]) / p[:, 1:])

    def draw(self, p, shape, rng):
        return rng.normal(p[0], p[1], shape)

    def frozen(self, p):
        return stats.norm(p[0], p[1])

    def deviation(self, p):
        return p[:, 1]


class LogNormal(Family):
    name, parameters = "lognormal", 2

    def fit(self, x, start=None):
        log = np.log(x)
        return np.stack([log.mean(1), log.std(1)], 1)

    def log_likelihood(self, x, p):
        log = np.log(x)
        return float(np.sum(stats.norm.logpdf(log, *p) - log))

    def cdf(self, x, p):
        return special.ndtr((np.log(x) - p[:, :1]) / p[:, 1:])

    def draw(self, p, shape, rng):
        return np.exp(rng.normal(p[0], p[1], shape))

    def frozen(self, p):
        return stats.lognorm(p[1], scale=np.exp(p[0]))

    def deviation(self, p):
        return np.exp(p[:, 0] + p[:, 1] ** 2 / 2) * np.sqrt(np.expm1(p[:, 1] ** 2))

    def moments(self, stat):
        var = np.maximum(stat["ll"] - stat["l"] ** 2, 0.0)
        mean = np.exp(stat["l"] + var / 2)
        return mean, mean * np.sqrt(np.expm1(var))


def _gamma_shape(mean: FloatArray, mean_log: FloatArray) -> FloatArray:
    """Root k of log k - digamma(k) = log <x> - <log x> (Newton from the start of Minka 2002)."""
    s = np.maximum(np.log(mean) - mean_log, 1e-12)
    k = (3 - s + np.sqrt((s - 3) ** 2 + 24 * s)) / (12 * s)
    for _ in range(8):
        step = (np.log(k) - special.digamma(k) - s) / (1 / k - special.polygamma(1, k))
        k = np.maximum(k - step, 0.1 * k)
    return k


class Gamma(Family):
    name, parameters = "gamma", 2

    def fit(self, x, start=None):
        mean = x.mean(1)
        k = _gamma_shape(mean, np.log(x).mean(1))
        return np.stack([k, mean / k], 1)

    def log_likelihood(self, x, p):
        return float(np.sum(stats.gamma.logpdf(x, p[0], scale=p[1])))

    def cdf(self, x, p):
        return special.gammainc(p[:, :1], x / p[:, 1:])

    def draw(self, p, shape, rng):
        return rng.gamma(p[0], p[1], shape)

    def frozen(self, p):
        return stats.gamma(p[0], scale=p[1])

    def deviation(self, p):
        return np.sqrt(p[:, 0]) * p[:, 1]

    def moments(self, stat):
        k = _gamma_shape(stat["x"], stat["l"])
        return stat["x"], stat["x"] / np.sqrt(k)


def _mills(beta: FloatArray) -> FloatArray:
    """phi(beta)/Phi(beta)."""
    return np.exp(-0.5 * beta**2 - 0.5 * np.log(2 * np.pi) - special.log_ndtr(beta))


class TruncatedNormal(Family):
    """A normal law given x > 0; half-normal at location 0, exponential as the location goes to -infinity."""

    name, parameters = "truncated normal", 2
    # var/mean^2 as a function of beta = location/scale, decreasing from 1 to 0
    _beta = np.linspace(-12.0, 40.0, 20801)

    @classmethod
    def _ratio(cls):
        m = _mills(cls._beta)
        return (1 - cls._beta * m - m**2) / (cls._beta + m) ** 2

    def fit(self, x, start=None):
        mean, ratio = x.mean(1), x.var(1) / x.mean(1) ** 2
        table = self._ratio()
        # beyond the table: an exponential law, or a normal one that the cut does not touch
        beta = np.interp(-ratio, -table, self._beta, left=np.nan, right=self._beta[-1])
        beta = np.where(ratio > table[0], np.nan, beta)
        scale = np.where(beta >= self._beta[-1], x.std(1), mean / (beta + _mills(beta)))
        return np.stack([np.where(beta >= self._beta[-1], mean, beta * scale), scale], 1)

    def log_likelihood(self, x, p):
        return float(np.sum(stats.norm.logpdf(x, *p)) - x.size * special.log_ndtr(p[0] / p[1]))

    def cdf(self, x, p):
        below = special.log_ndtr(p[:, :1] / p[:, 1:])
        return -np.expm1(special.log_ndtr((p[:, :1] - x) / p[:, 1:]) - below)

    def draw(self, p, shape, rng):
        top = special.log_ndtr(p[0] / p[1])
        return np.maximum(p[0] - p[1] * special.ndtri_exp(top + np.log(rng.random(shape))), 0.0)

    def frozen(self, p):
        return stats.truncnorm(-p[0] / p[1], np.inf, loc=p[0], scale=p[1])

    def deviation(self, p):
        beta = p[:, 0] / p[:, 1]
        m = _mills(beta)
        return p[:, 1] * np.sqrt(1 - beta * m - m**2)


class HalfNormal(Family):
    name, parameters = "half-normal", 1

    def fit(self, x, start=None):
        return np.sqrt(np.mean(x**2, 1))[:, None]

    def log_likelihood(self, x, p):
        return float(np.sum(stats.halfnorm.logpdf(x, scale=p[0])))

    def cdf(self, x, p):
        return special.erf(x / (p * np.sqrt(2)))

    def draw(self, p, shape, rng):
        return np.abs(rng.normal(0.0, p[0], shape))

    def frozen(self, p):
        return stats.halfnorm(scale=p[0])

    def deviation(self, p):
        return p[:, 0] * np.sqrt(1 - 2 / np.pi)

    def moments(self, stat):
        scale = np.sqrt(stat["xx"])
        return scale * np.sqrt(2 / np.pi), scale * np.sqrt(1 - 2 / np.pi)


def _ranks(n: int) -> NDArray[np.int64]:
    """Order statistics (from 1) that the product of spacings uses: every one near the ends, then further apart."""
    if n <= 40:
        return np.arange(1, n + 1)
    near = np.unique(np.round(np.geomspace(1, n / 2, 16)).astype(int))
    even = np.round(np.linspace(1, n, 32)).astype(int)
    return np.unique(np.concatenate([near, n + 1 - near, even]))


class Beta(Family):
    """Beta(a, b) on (lo, hi), all four unknown, lo >= 0: see the head of this module."""

    name, parameters = "Beta", 4
    _shape = np.log([0.05, 100.0])
    _reach = 3.0  # an end lies at most this many ranges outside the values: nearly normal, and ever less determined

    def fit(self, x, start=None):
        """Levenberg-Marquardt with the expected information, all samples at once."""
        ordered = np.sort(x, 1)
        n = x.shape[1]
        ranks = _ranks(n)
        edges, counts = ordered[:, ranks - 1], np.diff(np.concatenate([[0], ranks, [n + 1]]))
        low, high = ordered[:, 0], ordered[:, -1]
        width = high - low
        bounds = np.empty((x.shape[0], 4, 2))
        bounds[:, :2] = self._shape
        bounds[:, 2:, 0] = np.log(1e-7)
        bounds[:, 2:, 1] = np.log(self._reach)
        bounds[:, 2, 1] = np.log(np.clip(low / width, 2e-7, self._reach))  # lo >= 0
        starts = self._starts(ordered, width, low, high, start)
        best, value = None, None
        for u in starts:
            u, v = self._climb(np.clip(u, bounds[..., 0], bounds[..., 1]), edges, counts, low, high, width, bounds)
            if best is None:
                best, value = u, v
            else:
                better = v > value
                best[better], value[better] = u[better], v[better]
        a, b = np.exp(best[:, 0]), np.exp(best[:, 1])
        lo = low - width * np.exp(best[:, 2])
        lo = np.where(lo < 1e-9 * width, 0.0, lo)
        hi = high + width * np.exp(best[:, 3])
        return np.stack([*self._shapes(x, a, b, lo, hi), lo, hi], 1)

    def _shapes(self, x, a, b, lo, hi):
        """Maximum likelihood of the shapes on a given interval (Newton; the likelihood is log-concave)."""
        y = (x - lo[:, None]) / (hi - lo)[:, None]
        first, second = np.log(y).mean(1), np.log1p(-y).mean(1)
        low, high = np.exp(self._shape)
        for _ in range(25):
            both = special.digamma(a + b)
            f, g = first - special.digamma(a) + both, second - special.digamma(b) + both
            t = special.polygamma(1, a + b)
            p, q = special.polygamma(1, a) - t, special.polygamma(1, b) - t
            determinant = p * q - t * t
            da, db = (q * f + t * g) / determinant, (t * f + p * g) / determinant
            a, b = np.clip(a + da, a / 5, 5 * a), np.clip(b + db, b / 5, 5 * b)
            a, b = np.clip(a, low, high), np.clip(b, low, high)
            if np.all(np.abs(da) < 1e-10 * a) and np.all(np.abs(db) < 1e-10 * b):
                break
        return a, b

    def _starts(self, ordered, width, low, high, start):
        if start is not None:  # from the law that the samples were drawn from, ends outside the values
            gap = width / ordered.shape[1]
            ends = [np.maximum(low - start[2], gap), np.maximum(start[3] - high, gap)]
            u = np.empty((low.size, 4))
            u[:, :2] = np.log(start[:2])
            u[:, 2:] = np.log(np.stack(ends, 1) / width[:, None])
            return [u]
        found = []
        for margin in (1.0 / ordered.shape[1], 0.3):
            lo = np.maximum(low - margin * width, 0.0)
            hi = high + margin * width
            mean = (ordered.mean(1) - lo) / (hi - lo)
            var = ordered.var(1) / (hi - lo) ** 2
            total = np.maximum(mean * (1 - mean) / var - 1, 0.1)
            u = np.stack([mean * total, (1 - mean) * total, (low - lo) / width + 1e-7, np.full(low.size, margin)], 1)
            found.append(np.log(u))
        return found

    def _spacings(self, u, edges, low, high, width):
        lo = low - width * np.exp(u[:, 2])
        hi = high + width * np.exp(u[:, 3])
        y = np.clip((edges - lo[:, None]) / (hi - lo)[:, None], 0.0, 1.0)
        below = special.betainc(np.exp(u[:, :1]), np.exp(u[:, 1:2]), y)
        return np.diff(below, axis=1, prepend=0.0, append=1.0)

    @staticmethod
    def _value(p, counts):
        return np.sum(counts * np.log(np.maximum(p, 1e-300)), 1)

    def _climb(self, u, edges, counts, low, high, width, bounds):
        p = self._spacings(u, edges, low, high, width)
        value = self._value(p, counts)
        damping = np.full(len(u), 1e-3)
        active = np.arange(len(u))
        total = counts.sum()
        for _ in range(80):
            k = active
            slope = np.empty((k.size, p.shape[1], 4))
            for j in range(4):
                moved = u[k].copy()
                moved[:, j] += 1e-5
                slope[..., j] = (self._spacings(moved, edges[k], low[k], high[k], width[k]) - p[k]) / 1e-5
            safe = np.maximum(p[k], 1e-300)
            gradient = np.einsum("bi,bij->bj", counts / safe, slope)
            information = total * np.einsum("bij,bik->bjk", slope / safe[..., None], slope)
            # parameters held at a bound that the gradient pushes against
            held = ((u[k] <= bounds[k, :, 0]) & (gradient < 0)) | ((u[k] >= bounds[k, :, 1]) & (gradient > 0))
            gradient = np.where(held, 0.0, gradient)
            information = np.where(held[:, :, None] | held[:, None, :], 0.0, information)
            diagonal = np.einsum("bjj->bj", information)
            diagonal += damping[k, None] * diagonal + 1e-9 * total + held
            step = np.linalg.solve(information, gradient[..., None])[..., 0]
            step /= np.maximum(np.abs(step).max(1, keepdims=True), 1.0)
            trial = np.clip(u[k] + step, bounds[k, :, 0], bounds[k, :, 1])
            q = self._spacings(trial, edges[k], low[k], high[k], width[k])
            gain = self._value(q, counts) - value[k]
            good = gain > 0
            done = np.sum(gradient * step, 1) < 1e-4  # twice what is left to gain in the log-likelihood
            index = k[good]
            u[index], p[index], value[index] = trial[good], q[good], value[index] + gain[good]
            damping[k] = np.where(good, damping[k] / 5, damping[k] * 5)
            active = k[~(done | (damping[k] > 1e8))]
            if active.size == 0:
                break
        return u, value

    def log_likelihood(self, x, p):
        return float(np.sum(stats.beta.logpdf(x, p[0], p[1], loc=p[2], scale=p[3] - p[2])))

    def cdf(self, x, p):
        y = np.clip((x - p[:, 2:3]) / (p[:, 3:] - p[:, 2:3]), 0.0, 1.0)
        return special.betainc(p[:, :1], p[:, 1:2], y)

    def draw(self, p, shape, rng):
        return p[2] + (p[3] - p[2]) * rng.beta(p[0], p[1], shape)

    def frozen(self, p):
        return stats.beta(p[0], p[1], loc=p[2], scale=p[3] - p[2])

    def deviation(self, p):
        a, b = p[:, 0], p[:, 1]
        return (p[:, 3] - p[:, 2]) * np.sqrt(a * b / (a + b + 1)) / (a + b)


FAMILIES: dict[str, Family] = {
    family.name: family for family in (Normal(), LogNormal(), Gamma(), TruncatedNormal(), HalfNormal(), Beta())
}


# ------------------------------------------------------------------------------- goodness of fit


def anderson_darling(u: FloatArray) -> FloatArray:
    """A^2 of values u = F(x), samples in rows."""
    u = np.clip(np.sort(u, 1), 1e-15, 1 - 1e-15)
    m = u.shape[1]
    odd = 2 * np.arange(1, m + 1) - 1
    return -m - np.sum(odd * (np.log(u) + np.log1p(-u[:, ::-1])), 1) / m


def goodness_of_fit(
    x: FloatArray, family: Family, rng: np.random.Generator, samples: int = 200, most: int = 1000
) -> tuple[float, float, float]:
    r"""A^2 of a fitted law and its p-value by parametric bootstrap; and a p-value for its standard deviation.

    The last compares the standard deviation of the values with that of the fitted law, two-sided: where a family is wrong,
    maximum likelihood need not reproduce the second moment, which is what the edge depends on (Hausman 1978).

    More than `most` values are thinned to that number at random, in the data and hence in the bootstrap: what that many
    values cannot tell from the law matters little.

    >>> import numpy as np
    >>> from rmtlib.likelihood import FAMILIES, goodness_of_fit
    >>> rng = np.random.default_rng(0)
    >>> goodness_of_fit(rng.exponential(size=500), FAMILIES["normal"], rng)[1] < 0.01
    True
    """
    if x.size > most:
        x = rng.choice(x, most, replace=False)
    p = family.fit(x[None])
    if not np.all(np.isfinite(p)):
        raise ValidationError(f"no {family.name} law fits these values")
    value = anderson_darling(family.cdf(x[None], p))[0]
    ratio = x.std() / family.deviation(p)[0]
    drawn = family.draw(p[0], (samples, x.size), rng)
    again = family.fit(drawn, start=p[0])
    keep = np.all(np.isfinite(again), 1)
    null = anderson_darling(family.cdf(drawn[keep], again[keep]))
    ratios = drawn[keep].std(1) / family.deviation(again[keep])
    # two families have the standard deviation of the values by construction: nothing to compare
    low, high = (1 + np.sum(side * ratios >= side * ratio - 1e-9) for side in (-1, 1))
    count = 1 + null.size
    return float(value), float((1 + np.sum(null >= value)) / count), float(min(1.0, 2 * min(low, high) / count))


# ------------------------------------------------------------------------------------ truncation


class _Cut:
    """A frozen scipy.stats distribution given low <= x <= top, for :class:`rmtlib.laws.Continuous`."""

    def __init__(self, whole: Any, low: float, top: float):
        self.whole, self.low, self.top = whole, float(low), float(top)
        self.below, self.above = float(whole.cdf(low)), float(whole.sf(top))
        self.mass = 1.0 - self.below - self.above
        self.dist = whole.dist
        self.args, self.kwds = whole.args, {**whole.kwds, "low": self.low, "top": self.top}
        # moments by a Gauss rule in the quantile, graded at both ends where that is steep
        nodes, weights = special.roots_legendre(400)
        v = 0.5 * (1 + nodes)
        for _ in range(2):
            weights, v = weights * 6 * v * (1 - v), v**2 * (3 - 2 * v)
        x = self.ppf(v)
        weights = weights / weights.sum()
        self._mean = float(weights @ x)
        self._var = float(weights @ (x - self._mean) ** 2)

    def support(self):
        return self.low, self.top

    def cdf(self, x):
        return np.clip((self.whole.cdf(x) - self.below) / self.mass, 0.0, 1.0)

    def sf(self, x):
        return np.clip((self.whole.sf(x) - self.above) / self.mass, 0.0, 1.0)

    def pdf(self, x):
        x = np.asarray(x)
        return np.where((x >= self.low) & (x <= self.top), self.whole.pdf(x) / self.mass, 0.0)

    def ppf(self, u):
        return np.clip(self.whole.ppf(self.below + np.asarray(u) * self.mass), self.low, self.top)

    def isf(self, u):
        return np.clip(self.whole.isf(self.above + np.asarray(u) * self.mass), self.low, self.top)

    def rvs(self, size=None, random_state=None):
        return self.ppf(random_state.random(size))

    def mean(self):
        return self._mean

    def var(self):
        return self._var


def truncated(law: Any, low: float, top: float) -> Law:
    """The law of a frozen scipy.stats distribution given low <= x <= top.

    Raises
    ------
    ValidationError
        An interval without mass.

    Examples
    --------
    >>> from scipy import stats
    >>> from rmtlib.likelihood import truncated
    >>> law = truncated(stats.expon(), 0.0, 1.0)
    >>> print(f"{law.mean():.6f}, exactly {1 - 1 / np.expm1(1):.6f}")
    0.418023, exactly 0.418023
    """
    if not (low < top and law.cdf(top) - law.cdf(low) > 1e-12):
        raise ValidationError(f"no mass between {low:.6g} and {top:.6g}: the law cannot be cut there")
    return Continuous(_Cut(law, low, top))

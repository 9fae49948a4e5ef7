"""One protocol for random quantities: weights, timescales, gains.

Whatever a user has in hand (a number, a scipy.stats distribution of either style, an array of
measured values) becomes a :class:`Law` through :func:`as_law`. Samplers ask a law for draws; the
theory asks it for quadrature nodes, moments and Mellin moments. The two answers describe the same
probability measure, and the tests hold them against each other.

Timescale and gain of a unit may depend on each other: a :class:`JointLaw` holds the pair.
"""

from __future__ import annotations

import reprlib
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats
from scipy.linalg import eigh_tridiagonal

from .errors import ValidationError

__all__ = [
    "Constant",
    "Continuous",
    "Discrete",
    "Empirical",
    "EmpiricalJoint",
    "GaussianCopula",
    "Independent",
    "JointLaw",
    "Law",
    "Mixture",
    "as_law",
]

FloatArray = NDArray[np.float64]

# an Empirical law with more distinct values than this is compressed to a Gauss rule
_MAX_ATOM_NODES = 512
# how far into the tails a quantile rule reaches: as far as the distribution can say
_TAILS = (1e-60, 1e-30, 1e-15, 1e-9)


# --------------------------------------------------------------------------- quadrature rules


def _double_exponential(count: int, tail: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Rule for int_0^1 f(u) du: nodes u, their complements 1 - u, weights.

    u = 1/(1 + exp(-pi sinh t)), trapezoidal in t, cut where u or 1 - u is `tail` (Takahasi and
    Mori 1974). The complements are returned apart because 1 - u rounds to 0 close to the end,
    where a long tail still matters. An even count steps over u = 1/2, where scipy's quantile of a
    symmetric beta law may be off by 1e-8.
    """
    half = np.arcsinh(np.log(1.0 / tail) / np.pi)
    t = np.linspace(-half, half, count)
    exponent = np.pi * np.sinh(t)
    lower, upper = special.expit(exponent), special.expit(-exponent)
    weights = np.cosh(t) * lower * upper
    return lower, upper, weights / weights.sum()


def _gauss(values: FloatArray, weights: FloatArray, count: int) -> tuple[FloatArray, FloatArray]:
    """Gauss rule of at most `count` nodes for a discrete measure.

    Discretised Stieltjes procedure: the Lanczos vectors of diag(values) started at sqrt(weights)
    give the recurrence coefficients of the orthogonal polynomials (Gautschi 2004, section 2.2);
    reorthogonalised twice, which a few dozen nodes can afford.
    """
    centre = 0.5 * (values.min() + values.max())
    half = 0.5 * (values.max() - values.min())
    if half == 0.0:
        return np.array([centre]), np.ones(1)
    x = (values - centre) / half
    basis = np.empty((count, x.size))
    alpha, beta = np.empty(count), np.empty(count)
    vector = np.sqrt(weights)
    size = count
    for k in range(count):
        basis[k] = vector / np.linalg.norm(vector)
        alpha[k] = np.sum(x * basis[k] ** 2)
        vector = x * basis[k]
        for _ in range(2):
            vector = vector - basis[: k + 1].T @ (basis[: k + 1] @ vector)
        beta[k] = np.linalg.norm(vector)
        if beta[k] < 1e-13:  # no more distinct values: the rule is complete
            size = k + 1
            break
    nodes, vectors = eigh_tridiagonal(alpha[:size], beta[: size - 1])
    rule = vectors[0] ** 2
    return centre + half * nodes, rule / rule.sum()


def _read_only(*arrays: NDArray) -> tuple[NDArray, ...]:
    for array in arrays:
        array.setflags(write=False)
    return arrays


def _check_probabilities(probs: FloatArray, what: str) -> None:
    if not np.all(np.isfinite(probs)) or np.any(probs < 0):
        raise ValidationError(f"{what}: probabilities must be finite and not negative, got {probs}")
    if abs(probs.sum() - 1.0) > 1e-8:
        raise ValidationError(f"{what}: probabilities must sum to 1, they sum to {probs.sum():.6g}")


def _finite_values(values: ArrayLike, what: str) -> FloatArray:
    if np.ma.is_masked(values):
        raise ValidationError(f"{what}: some values are masked; leave them out, as in values.compressed()")
    try:
        if np.asarray(values).dtype.kind in "SU":  # dtype=float would read "1.5"
            raise TypeError("got strings")
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValidationError(f"{what}: values must be real numbers ({error})") from None
    if array.ndim != 1 or array.size == 0:
        raise ValidationError(f"{what}: expected a non-empty 1-d array, got shape {array.shape}")
    if not np.all(np.isfinite(array)):
        count = int(np.sum(~np.isfinite(array)))
        raise ValidationError(f"{what}: {count} of {array.size} values are NaN or infinite; remove them first")
    return array


# ---------------------------------------------------------------------------------- scalar laws


class Law:
    """A real random variable x, as a probability measure and as a sampler.

    Subclasses give `sample`, `support`, `atoms`, `pdf`, `cdf`, `ppf`, `isf`, `mean`, `var`,
    `moment`, `nodes` and `scaled`. Moments that do not exist raise
    :class:`~rmtlib.errors.ValidationError`; they never come back as NaN.
    """

    def sample(self, size: int | tuple[int, ...], rng: np.random.Generator) -> FloatArray:
        """Independent draws, shape `size`."""
        raise NotImplementedError

    def mean(self) -> float:
        """E x."""
        raise NotImplementedError

    def var(self) -> float:
        """E x^2 - (E x)^2."""
        raise NotImplementedError

    def second_moment(self) -> float:
        """E x^2."""
        return self.var() + self.mean() ** 2

    def support(self) -> tuple[float, float]:
        """Smallest interval that carries the law; ends may be infinite."""
        raise NotImplementedError

    def atoms(self) -> tuple[FloatArray, FloatArray]:
        """Values of positive probability and their probabilities (empty for a density)."""
        return np.empty(0), np.empty(0)

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density of the continuous part; integrates to 1 minus the mass of the atoms."""
        return np.zeros(np.shape(x))

    def cdf(self, x: ArrayLike) -> FloatArray:
        """P(X <= x)."""
        raise NotImplementedError

    def ppf(self, u: ArrayLike) -> FloatArray:
        """Quantile: smallest x with P(X <= x) >= u."""
        raise NotImplementedError

    def isf(self, u: ArrayLike) -> FloatArray:
        """Upper quantile, ppf(1 - u) without the rounding of 1 - u."""
        raise NotImplementedError

    def moment(self, p: ArrayLike) -> Any:
        """Mellin moment E |x|^p, to 1e-10 of E |x|^Re p; `p` real or complex, number or array."""
        raise NotImplementedError

    def nodes(self, n: int = 48) -> tuple[FloatArray, FloatArray]:
        """Quadrature (values, weights): E f(x) = sum weights * f(values); weights sum to 1."""
        raise NotImplementedError

    def scaled(self, factor: float) -> Law:
        """The law of factor * x (any finite factor but 0)."""
        raise NotImplementedError

    def from_normal(self, z: ArrayLike) -> FloatArray:
        """Monotone map of a standard normal variable onto this law (Gaussian copula)."""
        z = np.asarray(z, dtype=float)
        out = np.empty(z.shape)
        low = z < 0
        out[low] = self.ppf(special.ndtr(z[low]))
        out[~low] = self.isf(special.ndtr(-z[~low]))
        return out


def _check_factor(factor: float) -> float:
    factor = float(factor)
    if not np.isfinite(factor) or factor == 0.0:
        raise ValidationError(f"a law can be scaled by a finite number other than 0, got {factor}")
    return factor


def _result_like(p: ArrayLike, values: NDArray) -> Any:
    """Python float for a real number p, complex for a complex number, array for an array."""
    if np.ndim(p) == 0:
        return complex(values[()]) if np.iscomplexobj(p) else float(np.real(values[()]))
    return values if np.iscomplexobj(p) else np.real(values)


class Discrete(Law):
    """Finitely many values with probabilities.

    >>> from rmtlib import Discrete
    >>> law = Discrete([-1.0, 1.0], [0.25, 0.75])
    >>> law.mean(), law.var()
    (0.5, 0.75)
    """

    def __init__(self, values: ArrayLike, probs: ArrayLike):
        values = _finite_values(values, "Discrete")
        probs = np.asarray(probs, dtype=float)
        if probs.shape != values.shape:
            raise ValidationError(f"Discrete: {values.size} values but probabilities of shape {probs.shape}")
        _check_probabilities(probs, "Discrete")
        self._values, inverse = np.unique(values, return_inverse=True)
        self._probs = np.bincount(inverse, weights=probs)
        keep = self._probs > 0
        self._values, self._probs = self._values[keep], self._probs[keep] / self._probs.sum()
        self._cumulative = np.cumsum(self._probs)
        _read_only(self._values, self._probs, self._cumulative)

    def sample(self, size, rng):
        index = np.searchsorted(self._cumulative, rng.random(size), side="right")
        return self._values[np.minimum(index, self._values.size - 1)]

    def mean(self):
        return float(self._probs @ self._values)

    def var(self):
        return float(self._probs @ (self._values - self.mean()) ** 2)

    def support(self):
        return float(self._values[0]), float(self._values[-1])

    def atoms(self):
        return self._values, self._probs

    def cdf(self, x):
        padded = np.append(0.0, self._cumulative)
        return padded[np.searchsorted(self._values, np.asarray(x, dtype=float), side="right")]

    def ppf(self, u):
        index = np.searchsorted(self._cumulative, np.asarray(u, dtype=float) * (1 - 1e-15), side="left")
        return self._values[np.minimum(index, self._values.size - 1)]

    def isf(self, u):
        upper = np.cumsum(self._probs[::-1])
        index = np.searchsorted(upper, np.asarray(u, dtype=float), side="right")
        return self._values[::-1][np.minimum(index, self._values.size - 1)]

    def moment(self, p):
        power = np.asarray(p, dtype=complex)
        if np.any(self._values == 0.0) and np.any((power.real <= 0) & (power != 0)):
            raise ValidationError(f"E|x|^p is infinite for Re p <= 0: {self!r} has an atom at 0")
        log = np.log(np.abs(np.where(self._values == 0.0, 1.0, self._values)))
        terms = np.exp(power[..., None] * log)
        terms = np.where((self._values == 0.0) & (power[..., None] != 0), 0.0, terms)
        return _result_like(p, np.sum(terms * self._probs, axis=-1))

    def nodes(self, n=48):
        if self._values.size <= max(n, _MAX_ATOM_NODES):
            return self._values, self._probs
        return _read_only(*_gauss(self._values, self._probs, n))

    def scaled(self, factor):
        return Discrete(_check_factor(factor) * self._values, self._probs)

    def __repr__(self):
        if self._values.size > 4:
            return f"Discrete({self._values.size} values in [{self._values[0]:.4g}, {self._values[-1]:.4g}])"
        return f"Discrete({self._values.tolist()}, {self._probs.tolist()})"


class Constant(Discrete):
    """A number.

    >>> from rmtlib import Constant
    >>> print(f"{Constant(2.0).moment(3):.10f}")
    8.0000000000
    """

    def __init__(self, value: float):
        if np.ndim(value) != 0:
            raise ValidationError(f"Constant: expected one number, got shape {np.shape(value)}")
        super().__init__(_finite_values([value], "Constant"), [1.0])

    @property
    def value(self) -> float:
        return float(self._values[0])

    def sample(self, size, rng):
        return np.full(size, self.value)

    def scaled(self, factor):
        return Constant(_check_factor(factor) * self.value)

    def __repr__(self):
        return f"Constant({self.value:.6g})"


class Empirical(Discrete):
    """Equal weights on measured values; sampling draws from them with replacement.

    Up to 512 distinct values are their own quadrature nodes; more are compressed to an n-point
    Gauss rule, exact for polynomials of degree 2n - 1.
    """

    def __init__(self, values: ArrayLike):
        values = _finite_values(values, "Empirical")
        super().__init__(values, np.full(values.size, 1.0 / values.size))

    def scaled(self, factor):
        return Discrete(_check_factor(factor) * self._values, self._probs)

    def __repr__(self):
        lo, hi = self.support()
        return f"Empirical({self._values.size} distinct values in [{lo:.4g}, {hi:.4g}])"


class Continuous(Law):
    """A scipy.stats distribution with a density, frozen old style or new style, times `factor`.

    Quadrature works in the quantile, E f(x) = int_0^1 f(Q(u)) du, with a double-exponential rule:
    end-point singularities of the density (Beta laws) are harmless there. On a bounded support
    the rule is compressed to n Gauss nodes. A density with jumps or gaps inside its support is
    better given as a :class:`Mixture` of smooth pieces.

    >>> from scipy import stats
    >>> from rmtlib import Continuous
    >>> law = Continuous(stats.beta(2, 3, loc=1, scale=2))
    >>> values, weights = law.nodes(20)
    >>> print(f"{weights @ values:.12f}")
    1.800000000000
    """

    def __init__(self, distribution: Any, factor: float = 1.0):
        self._factor = _check_factor(factor)
        self._dist = distribution
        self._new = hasattr(distribution, "icdf")
        self._cache: dict[Any, Any] = {}
        lo, hi = (self._factor * float(end) for end in distribution.support())
        self._support = (lo, hi) if self._factor > 0 else (hi, lo)
        lo, hi = self._support
        if np.isnan(lo) or np.isnan(hi) or not lo < hi:
            raise ValidationError(f"{self!r}: invalid parameters (its support is [{lo}, {hi}])")

    # scipy's two styles, unscaled

    def _ppf(self, u):
        return np.asarray(self._dist.icdf(u) if self._new else self._dist.ppf(u), dtype=float)

    def _isf(self, u):
        return np.asarray(self._dist.iccdf(u) if self._new else self._dist.isf(u), dtype=float)

    def sample(self, size, rng):
        if self._new:
            draws = self._dist.sample(shape=size, rng=rng)
        else:
            draws = self._dist.rvs(size=size, random_state=rng)
        draws = np.asarray(draws, dtype=float)
        return draws if self._factor == 1.0 else self._factor * draws

    def _checked(self, value: Any, what: str) -> float:
        value = float(value)
        if not np.isfinite(value):
            raise ValidationError(f"{self!r} has no finite {what}; the theory and the 1/sqrt(n) scalings need one")
        return value

    def mean(self):
        return self._checked(self._factor * self._dist.mean(), "mean")

    def var(self):
        variance = self._dist.variance() if self._new else self._dist.var()
        return self._checked(self._factor**2 * variance, "variance")

    def support(self):
        return self._support

    def pdf(self, x):
        return np.asarray(self._dist.pdf(np.asarray(x, dtype=float) / self._factor), dtype=float) / abs(self._factor)

    def cdf(self, x):
        x = np.asarray(x, dtype=float) / self._factor
        if self._factor > 0:
            return np.asarray(self._dist.cdf(x), dtype=float)
        return np.asarray(self._dist.ccdf(x) if self._new else self._dist.sf(x), dtype=float)

    def _above(self, x: float) -> float:
        """P(X > x), without the rounding of 1 - cdf."""
        x = x / self._factor
        if self._factor < 0:
            return float(self._dist.cdf(x))
        return float(self._dist.ccdf(x) if self._new else self._dist.sf(x))

    def ppf(self, u):
        # scipy's quantiles can leave the support where the tail is thin (truncnorm(0.5, 8.3))
        return np.clip(self._factor * (self._ppf(u) if self._factor > 0 else self._isf(u)), *self.support())

    def isf(self, u):
        return np.clip(self._factor * (self._isf(u) if self._factor > 0 else self._ppf(u)), *self.support())

    def _quantile_rule(self, count: int) -> tuple[FloatArray, FloatArray]:
        """Double-exponential nodes and weights in the quantile, as deep into the tails as scipy can."""
        key = ("rule", count)
        if key not in self._cache:
            for tail in _TAILS:
                lower, upper, weights = _double_exponential(count, tail)
                low = lower < 0.5
                values = np.empty(count)
                with np.errstate(all="ignore"), warnings.catch_warnings():
                    # a root finder that gives up deep in a tail says so; `nodes` checks what comes of it
                    warnings.filterwarnings("ignore", "Error in function boost", RuntimeWarning)
                    values[low] = self.ppf(lower[low])
                    values[~low] = self.isf(upper[~low])
                if np.all(np.isfinite(values)) and np.all(np.diff(values) >= 0):
                    break
            else:
                raise ValidationError(f"{self!r}: its quantile function returns NaN, infinite or unordered values")
            self._cache[key] = _read_only(values, weights)
        return self._cache[key]

    def nodes(self, n=48):
        if n < 1:
            raise ValidationError(f"a quadrature rule needs at least one node, got n={n}")
        if n in self._cache:
            return self._cache[n]
        bounded = np.all(np.isfinite(self.support()))
        for fine in (max(400, 8 * n), 4000, 40000):
            rule = _gauss(*self._quantile_rule(fine), n) if bounded else self._quantile_rule(n)
            if not bounded or self._agrees(*rule):
                break
        else:
            raise ValidationError(
                f"{self!r}: quadrature in the quantile misses the mean of the law by more than 1e-7 of its "
                "width; give a density with jumps or gaps as a Mixture of smooth pieces"
            )
        self._cache[n] = _read_only(*rule)
        return self._cache[n]

    def _agrees(self, values: FloatArray, weights: FloatArray) -> bool:
        lo, hi = self.support()
        return abs(weights @ values - self.mean()) <= 1e-7 * (hi - lo)

    def moment(self, p):
        power = np.asarray(p, dtype=complex)
        flat = power.ravel()
        # |x|^(i omega) oscillates in log x, so the rule is refined until the moments settle
        previous = None
        for count in (600, 1200, 2400, 4800, 9600, 19200):
            log, weights = self._log_rule(count)
            total, size, end = np.empty(flat.size, dtype=complex), np.empty(flat.size), np.empty(flat.size)
            with np.errstate(over="ignore", invalid="ignore"):
                for k, exponent in enumerate(flat):
                    terms = weights * np.exp(exponent * log)
                    magnitude = np.abs(terms)
                    total[k], size[k] = terms.sum(), magnitude.sum()
                    end[k] = max(magnitude[0], magnitude[-1])
            # terms that have not decayed at an end of the rule: the moment is infinite
            bad = ~(np.isfinite(total) & (end <= 1e-9 * size))
            if np.any(bad):
                raise ValidationError(
                    f"E|x|^p is infinite, or too slow to converge, for p = {flat[bad][0]:.4g}: {self!r}"
                )
            # scipy's quantiles are good to 1e-12 or so
            if previous is not None and np.all(np.abs(total - previous) <= 1e-10 * size):
                return _result_like(p, total.reshape(power.shape))
            previous = total
        worst = flat[np.argmax(np.abs(flat.imag))]
        raise ValidationError(f"E|x|^p was not resolved for p = {worst:.4g}: {self!r}")

    def _log_rule(self, count: int) -> tuple[FloatArray, FloatArray]:
        """(log|x|, weights) for Mellin moments, the ends of the support first and last."""
        key = ("log", count)
        if key not in self._cache:
            lo, hi = self.support()
            if lo >= 0 or hi <= 0:
                values, weights = self._quantile_rule(count)
                keep = values != 0.0
                self._cache[key] = np.log(np.abs(values[keep])), weights[keep]
            else:
                self._cache[key] = self._straddling_rule(count)
        return self._cache[key]

    def _straddling_rule(self, count: int) -> tuple[FloatArray, FloatArray]:
        # 0 lies inside the support, where |x|^p is singular. Close to 0 integrate the density in
        # x, whose relative accuracy there is full; further out in the quantile, as elsewhere.
        near, _, near_weights = _double_exponential(count, 1e-120)
        pieces = []
        sides = ((self.ppf, float(self.cdf(0.0))), (self.isf, self._above(0.0)))
        for (quantile, mass), end in zip(sides, self.support(), strict=True):
            if mass < 1e-290:
                continue
            if mass < 1e-12 and np.isfinite(end):  # such a mass may be rounding of the cdf: the density alone
                pieces.append((np.abs(end) * near, np.abs(end) * near_weights * self.pdf(end * near)))
                continue
            middle = float(quantile(0.5 * mass))
            pieces.append((np.abs(middle) * near, np.abs(middle) * near_weights * self.pdf(middle * near)))
            for tail in _TAILS:
                far, _, weights = _double_exponential(count, tail)
                with np.errstate(all="ignore"):
                    x = np.abs(quantile(0.5 * mass * far))
                # out of order by rounding is no harm: the points are sorted below
                if np.all(np.isfinite(x)) and np.all(np.diff(x) <= 1e-12 * x.max()):
                    break
            else:
                raise ValidationError(f"{self!r}: its quantile function returns NaN, infinite or unordered values")
            pieces.append((x, 0.5 * mass * weights))
        # sorted by distance from 0, so that the first term is the closest and the last the furthest
        # (of equal values, which rounding makes at the end of a support, the one of least weight)
        values, weights = np.concatenate(pieces, axis=1)
        order = np.lexsort((-weights, values))
        return np.log(values[order]), weights[order]

    def scaled(self, factor):
        return Continuous(self._dist, self._factor * _check_factor(factor))

    def __repr__(self):
        if self._new:
            text = " ".join(str(self._dist).split())
        else:
            parts = [f"{a:.6g}" for a in self._dist.args]
            parts += [f"{k}={v:.6g}" for k, v in self._dist.kwds.items()]
            text = f"{self._dist.dist.name}({', '.join(parts)})"
        return text if self._factor == 1.0 else f"{self._factor:.6g} * {text}"

    def __getstate__(self):
        return {**self.__dict__, "_cache": {}}


class Mixture(Law):
    """With probability p_k a draw from law k: ``Mixture([(0.3, 0.0), (0.7, stats.norm(1, 2))])``."""

    def __init__(self, parts: Iterable[tuple[float, Any]]):
        pairs = [(float(p), as_law(law)) for p, law in parts]
        if not pairs:
            raise ValidationError("Mixture: expected at least one (probability, law) pair")
        self._probs = np.array([p for p, _ in pairs])
        _check_probabilities(self._probs, "Mixture")
        self._laws = [law for p, law in pairs if p > 0]
        self._probs = self._probs[self._probs > 0] / self._probs.sum()

    def sample(self, size, rng):
        which = np.searchsorted(np.cumsum(self._probs), rng.random(size), side="right")
        which = np.minimum(which, len(self._laws) - 1)
        out = np.empty(which.shape)
        for k, law in enumerate(self._laws):
            chosen = which == k
            out[chosen] = law.sample(int(chosen.sum()), rng)
        return out

    def mean(self):
        return float(sum(p * law.mean() for p, law in zip(self._probs, self._laws, strict=True)))

    def var(self):
        second = sum(p * law.second_moment() for p, law in zip(self._probs, self._laws, strict=True))
        return float(second - self.mean() ** 2)

    def support(self):
        ends = np.array([law.support() for law in self._laws])
        return float(ends[:, 0].min()), float(ends[:, 1].max())

    def atoms(self):
        pairs = [(law.atoms()[0], p * law.atoms()[1]) for p, law in zip(self._probs, self._laws, strict=True)]
        values, inverse = np.unique(np.concatenate([v for v, _ in pairs]), return_inverse=True)
        return values, np.bincount(inverse, weights=np.concatenate([p for _, p in pairs]), minlength=values.size)

    def pdf(self, x):
        return sum(p * law.pdf(x) for p, law in zip(self._probs, self._laws, strict=True))

    def cdf(self, x):
        return sum(p * law.cdf(x) for p, law in zip(self._probs, self._laws, strict=True))

    def _invert(self, u, quantile: str):
        u = np.asarray(u, dtype=float)
        # the quantile of a mixture lies between those of its parts
        ends = [getattr(law, quantile)(u) for law in self._laws]
        lo, hi = np.minimum.reduce(ends), np.maximum.reduce(ends)
        for _ in range(200):
            middle = 0.5 * (lo + hi)
            below = self.cdf(middle) < u if quantile == "ppf" else 1.0 - self.cdf(middle) > u
            lo, hi = np.where(below, middle, lo), np.where(below, hi, middle)
        return hi

    def ppf(self, u):
        return self._invert(u, "ppf")

    def isf(self, u):
        return self._invert(u, "isf")

    def moment(self, p):
        return sum(q * law.moment(p) for q, law in zip(self._probs, self._laws, strict=True))

    def nodes(self, n=48):
        rules = [law.nodes(n) for law in self._laws]
        values = np.concatenate([values for values, _ in rules])
        weights = np.concatenate([p * w for p, (_, w) in zip(self._probs, rules, strict=True)])
        return _read_only(values, weights)

    def scaled(self, factor):
        return Mixture([(p, law.scaled(factor)) for p, law in zip(self._probs, self._laws, strict=True)])

    def __repr__(self):
        parts = ", ".join(f"({p:.4g}, {law!r})" for p, law in zip(self._probs, self._laws, strict=True))
        return f"Mixture([{parts}])"


def _scipy_discrete(distribution: Any) -> Discrete:
    """Tabulate a discrete scipy law; the tails cut off carry less than 1e-16 each."""
    inner = getattr(distribution, "dist", distribution)
    if hasattr(inner, "xk"):  # stats.rv_discrete(values=...), whose values need not be integers
        loc = distribution.support()[0] - inner.xk[0]
        return Discrete(np.asarray(inner.xk) + loc, inner.pk)
    new = hasattr(distribution, "icdf")
    lo, hi = (float(end) for end in distribution.support())
    below, above = (distribution.cdf, distribution.ccdf if new else distribution.sf)
    middle = np.floor(float(distribution.median()))
    reach = np.append(2.0 ** np.arange(20), np.inf)
    if not np.isfinite(lo):
        lo = middle - reach[np.argmax(below(middle - reach) < 1e-16)]
    if not np.isfinite(hi):
        hi = middle + reach[np.argmax(above(middle + reach) < 1e-16)]
    if not hi - lo <= 1e6:
        raise ValidationError(f"{distribution}: a discrete law needs fewer than a million likely values; truncate it")
    values = np.arange(lo, hi + 1)
    probs = np.asarray(distribution.pmf(values), dtype=float)
    return Discrete(values, probs / probs.sum())


def as_law(x: Any) -> Law:
    """Turn `x` into a :class:`Law`.

    Parameters
    ----------
    x : number, scipy.stats distribution, 1-d array or list, or Law
        A number becomes :class:`Constant`; a frozen scipy.stats distribution, old style
        (``stats.norm(0, 1)``) or new style (``stats.Normal(sigma=2)``), :class:`Continuous` or
        :class:`Discrete`; a 1-d array or list of equally likely values :class:`Empirical`; a law
        stays itself.

    Raises
    ------
    ValidationError
        If `x` is none of these, or holds NaN, infinite or masked numbers. A tuple is refused,
        because ``(20, 30)`` may mean two values or an interval, and so is a scipy.stats family
        that is not frozen.

    Examples
    --------
    >>> from scipy import stats
    >>> from rmtlib import as_law
    >>> as_law(2)
    Constant(2)
    >>> as_law(stats.norm(0, 3)).var()
    9.0
    """
    if isinstance(x, Law):
        return x
    if isinstance(x, JointLaw):
        raise ValidationError(f"{x!r} is a joint law of (tau, gain): pass it as joint=, not as one of the two")
    if isinstance(x, (bool, np.bool_, str, bytes)) or x is None:
        raise ValidationError(f"cannot read {x!r} as a law: expected a number, a scipy.stats distribution or an array")
    if isinstance(x, tuple):
        raise ValidationError(
            f"cannot read the tuple {reprlib.repr(x)} as a law: for equally likely values give a list or an array, "
            "for an interval stats.uniform(start, length)"
        )
    if isinstance(x, (stats.rv_continuous, stats.rv_discrete)):
        # a family of scipy.stats; an rv_histogram or a table of the user's own is one distribution
        if x.numargs or getattr(stats, x.name or "", None) is x:
            raise ValidationError(f"scipy.stats.{x.name} has free parameters: freeze it, as in stats.{x.name}(...)")
        return as_law(x())
    if isinstance(x, stats.distributions.rv_frozen):
        if np.ndim(x.mean()) or np.ndim(x.support()[0]):
            raise ValidationError(f"{x.dist.name}: expected one distribution, got an array of parameters")
        if isinstance(x.dist, stats.rv_histogram):  # smooth bin by bin only
            edges = np.asarray(x.dist._hbins, dtype=float)
            bins = [stats.uniform(lo, hi - lo) for lo, hi in zip(edges[:-1], edges[1:], strict=True)]
            return Mixture(zip(np.diff(x.cdf(edges)), bins, strict=True))
        return _scipy_discrete(x) if isinstance(x.dist, stats.rv_discrete) else Continuous(x)
    if hasattr(x, "icdf") and hasattr(x, "sample"):
        if np.ndim(x.support()[0]):
            raise ValidationError(f"{x}: expected one distribution, got an array of parameters")
        discrete = any(base.__name__ == "DiscreteDistribution" for base in type(x).__mro__)
        return _scipy_discrete(x) if discrete else Continuous(x)
    if np.ma.is_masked(x):
        raise ValidationError("some values of the law are masked; leave them out, as in values.compressed()")
    try:
        array = np.asarray(x)
    except Exception:
        array = np.asarray(None)
    if array.dtype.kind in "fiu":
        if array.ndim == 0:
            return Constant(float(array))
        if array.ndim == 1:
            return Empirical(array)
        raise ValidationError(f"an array given as a law must be 1-d (equally likely values), got shape {array.shape}")
    raise ValidationError(
        f"cannot read {type(x).__name__} {x!r} as a law: expected a real number, a frozen scipy.stats "
        "distribution, a 1-d array or an rmtlib law"
    )


# ----------------------------------------------------------------------------- joint (tau, gain)


class JointLaw:
    """Law of the pair (tau, gain) of a unit; `tau` and `gain` are the marginal laws."""

    tau: Law
    gain: Law

    def sample(self, size: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """`size` independent pairs, as two arrays."""
        raise NotImplementedError

    def nodes(self, n: int = 48) -> tuple[FloatArray, FloatArray, FloatArray]:
        """(tau, gain, weights), 1-d each: E f(tau, gain) = sum weights * f(tau, gain)."""
        raise NotImplementedError

    def tau_nodes(self, n: int = 48) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """(tau, weights, E[gain | tau], E[gain^2 | tau]), 1-d each: no tensor grid."""
        raise NotImplementedError

    def scaled(self, factor: float) -> JointLaw:
        """The law of (factor * tau, gain), factor > 0: a change of the unit of time."""
        raise NotImplementedError


class Independent(JointLaw):
    """Timescale and gain independent of each other."""

    def __init__(self, tau: Any, gain: Any):
        self.tau, self.gain = as_law(tau), as_law(gain)

    def sample(self, size, rng):
        return self.tau.sample(size, rng), self.gain.sample(size, rng)

    def nodes(self, n=48):
        tau, p = self.tau.nodes(n)
        gain, q = self.gain.nodes(n)
        return np.repeat(tau, gain.size), np.tile(gain, tau.size), np.outer(p, q).ravel()

    def tau_nodes(self, n=48):
        tau, p = self.tau.nodes(n)
        # moments by the same rule as nodes(), so that both give the same numbers
        gain, q = self.gain.nodes(n)
        return tau, p, np.full(tau.size, q @ gain), np.full(tau.size, q @ gain**2)

    def scaled(self, factor):
        return Independent(self.tau.scaled(factor), self.gain)

    def __repr__(self):
        return f"Independent(tau={self.tau!r}, gain={self.gain!r})"


class GaussianCopula(JointLaw):
    """Given marginals, dependence through correlated normals.

    tau = Q_tau(Phi(z1)), gain = Q_gain(Phi(z2)), with (z1, z2) standard normal of correlation
    `correlation`. That is the correlation of the latent normals, hence of tau and gain only when
    both are Gaussian themselves.

    Raises
    ------
    ValidationError
        |correlation| > 1, or a marginal law with atoms (other than a single constant).
    """

    def __init__(self, tau: Any, gain: Any, correlation: float):
        self.tau, self.gain = as_law(tau), as_law(gain)
        self.correlation = float(correlation)
        if not abs(self.correlation) <= 1.0:
            raise ValidationError(f"GaussianCopula: correlation must lie in [-1, 1], got {correlation}")
        for name, law in (("tau", self.tau), ("gain", self.gain)):
            if law.atoms()[0].size and not isinstance(law, Constant):
                raise ValidationError(
                    f"GaussianCopula: the law of {name} has atoms ({law!r}), for which the copula is not unique; "
                    "use EmpiricalJoint, or one population per atom"
                )

    def sample(self, size, rng):
        first = rng.standard_normal(size)
        second = self.correlation * first + np.sqrt(1 - self.correlation**2) * rng.standard_normal(size)
        return self.tau.from_normal(first), self.gain.from_normal(second)

    @staticmethod
    def _normal_rule(n: int) -> tuple[FloatArray, FloatArray]:
        # trapezoidal rule: spectrally accurate for analytic functions under a Gaussian weight
        z = np.linspace(-8.5, 8.5, n)
        weights = np.exp(-0.5 * z**2)
        return z, weights / weights.sum()

    def _grid(self, n: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        z, p = self._normal_rule(n)
        rest = np.sqrt(1 - self.correlation**2)
        noise, q = (z, p) if rest > 0 else (np.zeros(1), np.ones(1))
        gain = self.gain.from_normal(self.correlation * z[:, None] + rest * noise)
        return self.tau.from_normal(z), p, gain, q

    def nodes(self, n=48):
        tau, p, gain, q = self._grid(n)
        return np.repeat(tau, q.size), gain.ravel(), np.outer(p, q).ravel()

    def tau_nodes(self, n=48):
        tau, p, gain, q = self._grid(n)
        return tau, p, gain @ q, gain**2 @ q

    def scaled(self, factor):
        return GaussianCopula(self.tau.scaled(factor), self.gain, self.correlation)

    def __repr__(self):
        return f"GaussianCopula(tau={self.tau!r}, gain={self.gain!r}, correlation={self.correlation:.4g})"


class EmpiricalJoint(JointLaw):
    """Measured pairs (tau_i, gain_i), equally likely; sampling draws pairs with replacement."""

    def __init__(self, tau: ArrayLike, gain: ArrayLike):
        self._tau = _finite_values(tau, "EmpiricalJoint tau")
        self._gain = _finite_values(gain, "EmpiricalJoint gain")
        if self._tau.shape != self._gain.shape:
            raise ValidationError(f"EmpiricalJoint: {self._tau.size} values of tau but {self._gain.size} of gain")
        self.tau, self.gain = Empirical(self._tau), Empirical(self._gain)

    def sample(self, size, rng):
        index = rng.integers(self._tau.size, size=size)
        return self._tau[index], self._gain[index]

    def nodes(self, n=48):
        return self._tau, self._gain, np.full(self._tau.size, 1.0 / self._tau.size)

    def tau_nodes(self, n=48):
        tau, inverse, counts = np.unique(self._tau, return_inverse=True, return_counts=True)
        first = np.bincount(inverse, weights=self._gain) / counts
        second = np.bincount(inverse, weights=self._gain**2) / counts
        return tau, counts / self._tau.size, first, second

    def scaled(self, factor):
        return EmpiricalJoint(_check_factor(factor) * self._tau, self._gain)

    def __repr__(self):
        return f"EmpiricalJoint({self._tau.size} pairs)"


def mixed_moment(first: Law, second: Law, correlation: float, powers: tuple[int, int] = (1, 1)) -> float:
    """E[x^p y^q] for laws of x and y joined by a Gaussian copula.

    By the trapezoidal rule in the two latent normals, exact when both laws are normal. Atoms are allowed only at
    correlation 0, where the moment factorises.
    """
    p, q = powers
    if correlation == 0.0:
        return power_mean(first, p) * power_mean(second, q)
    z, weights = GaussianCopula._normal_rule(201)
    x = first.from_normal(z)
    y = second.from_normal(correlation * z[:, None] + np.sqrt(1 - correlation**2) * z)
    return float(weights @ (x**p * (y**q @ weights)))


def power_mean(law: Law, p: int) -> float:
    """E[x^p], with the sign of x."""
    if p == 1:
        return law.mean()
    if p % 2 == 0:
        return float(np.real(law.moment(p)))
    values, weights = law.nodes(48)
    return float(weights @ values**p)

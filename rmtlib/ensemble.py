"""Laws of networks: populations, synapses between them, and how to draw a network.

An :class:`Ensemble` is a random matrix in the sense of the theory: a few populations with their
laws of timescale and gain, and for each ordered pair of populations the law of the synapses. What
the theory needs of it (variances, means, covariances of reciprocal pairs) and what a sample of it
looks like are both defined here, so that the two cannot drift apart.
"""

from __future__ import annotations

import operator
import os
import reprlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from .errors import ValidationError
from .laws import Independent, JointLaw, as_law, mixed_moment
from .network import Network

__all__ = [
    "Ensemble",
    "Population",
    "Reciprocity",
    "Synapses",
    "block",
    "core_periphery",
    "dale",
    "elliptic",
    "ginibre",
    "oriented_sparse",
    "rajan_abbott",
    "sample_many",
    "wigner",
]

FloatArray = NDArray[np.float64]


def _number(x: Any, what: str) -> float:
    try:
        if isinstance(x, (str, bytes)):  # float("4") would pass
            raise TypeError
        value = float(x)
    except (TypeError, ValueError):
        raise ValidationError(f"{what} must be a number, got {reprlib.repr(x)}") from None
    except OverflowError:  # an int too large for a float
        value = np.inf
    if not np.isfinite(value):
        raise ValidationError(f"{what} must be finite, got {value}")
    return value


def _size(n: Any, what: str = "n, the number of units,") -> int:
    if isinstance(n, (bool, np.bool_)):
        raise ValidationError(f"{what} must be an integer, got {n!r}")
    try:
        n = operator.index(n)
    except TypeError:
        raise ValidationError(f"{what} must be an integer, got {n!r}") from None
    if n <= 0:
        raise ValidationError(f"{what} must be at least 1, got {n}")
    return n


def _generator(seed: Any) -> np.random.Generator:
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        raise ValidationError(f"seed must be a non-negative integer, a numpy Generator or None: {error}") from None


# ------------------------------------------------------------------------------------ populations


@dataclass(frozen=True)
class Population:
    """A kind of unit: its share of the network and the laws of its timescale and gain.

    Parameters
    ----------
    name : str
    fraction : float
        Share of all units, in (0, 1]; the fractions of an ensemble sum to 1.
    tau : law
        Timescale, positive with probability 1 (anything :func:`~rmtlib.laws.as_law` reads). Its
        unit sets that of time.
    gain : law
        Slope of the activation at the equilibrium, not negative.
    joint : JointLaw, optional
        Law of (tau, gain) together, instead of `tau` and `gain`.
    sign : {1, -1, None}
        Dale's law: every synapse whose source is this population has weights of this sign.

    Raises
    ------
    ValidationError
        Mass of tau at or below zero, of the gain below zero, a fraction outside (0, 1], a sign
        other than +1 or -1, or `joint` together with `tau` or `gain`.

    Examples
    --------
    >>> from scipy import stats
    >>> from rmtlib import Population
    >>> Population("I", 0.2, tau=stats.uniform(20, 30)).tau.mean()
    35.0
    """

    name: str
    fraction: float = 1.0
    tau: Any = None
    gain: Any = None
    joint: Any = None
    sign: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValidationError(f"the name of a population must be a non-empty string, got {self.name!r}")
        where = f"population {self.name!r}"
        fraction = _number(self.fraction, f"{where}: fraction")
        if not 0.0 < fraction <= 1.0:
            raise ValidationError(f"{where}: fraction must lie in (0, 1], got {fraction:.6g}")
        if self.sign not in (None, 1, -1):
            raise ValidationError(f"{where}: sign must be +1, -1 or None, got {self.sign!r}")
        if self.joint is None:
            try:
                joint: JointLaw = Independent(
                    1.0 if self.tau is None else self.tau, 1.0 if self.gain is None else self.gain
                )
            except ValidationError as error:
                raise ValidationError(f"{where}: {error}") from None
        else:
            if self.tau is not None or self.gain is not None:
                raise ValidationError(f"{where}: give either joint= or tau= and gain=, not both")
            if not isinstance(self.joint, JointLaw):
                raise ValidationError(f"{where}: joint must be a joint law of (tau, gain), got {self.joint!r}")
            joint = self.joint
        below = float(joint.tau.cdf(0.0))
        if below > 0.0:
            raise ValidationError(
                f"{where}: the law of tau, {joint.tau!r}, has probability {below:.3g} at or below 0, and a timescale "
                "must be positive: use a law on positive numbers (uniform, beta, gamma, lognorm, truncnorm)"
            )
        below = float(joint.gain.cdf(np.nextafter(0.0, -1.0)))
        if below > 0.0:
            raise ValidationError(
                f"{where}: the law of the gain, {joint.gain!r}, has probability {below:.3g} below 0, and gains are "
                "slopes of an increasing activation: use a law on non-negative numbers"
            )
        for name, value in (("fraction", fraction), ("joint", joint), ("tau", joint.tau), ("gain", joint.gain)):
            object.__setattr__(self, name, value)

    def scaled_time(self, factor: float) -> Population:
        """The same population with tau multiplied by `factor` > 0."""
        if not _number(factor, "factor") > 0:
            raise ValidationError(f"a change of the unit of time needs a positive factor, got {factor}")
        return Population(self.name, self.fraction, joint=self.joint.scaled(factor), sign=self.sign)


# --------------------------------------------------------------------------------------- synapses


@dataclass(frozen=True)
class Synapses:
    """Synapses from one population (source) to another (target).

    Each possible synapse of the block is present independently of the others, with probability
    `probability`, or degree / (number of possible sources), so that the mean number of synapses a
    target unit receives is `degree` at every n and its law is Poisson as n -> infinity. There are
    no autapses. :meth:`dense` makes an all-to-all block instead.

    Parameters
    ----------
    weight : law
        Weight of a synapse that is present.
    degree, probability : float
        Exactly one of them. At fixed probability the degree grows with n.

    Raises
    ------
    ValidationError
        Both or none of degree and probability, a negative degree, a probability outside [0, 1], a
        law of weights without a finite second moment.
    """

    weight: Any
    degree: Any = None
    probability: Any = None
    # entries of a dense block are mean/n + std * xi / sqrt(n); set by dense(), refused here
    std: Any = field(default=None, repr=False)
    mean: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.std is not None or self.mean is not None:
            raise ValidationError(
                "Synapses: std and mean describe an all-to-all block, which is made by Synapses.dense(std=, mean=); "
                "the mean and spread of sparse weights are those of their law, as in Synapses(stats.norm(0, 2), degree=4)"
            )
        try:
            object.__setattr__(self, "weight", as_law(self.weight))
        except ValidationError as error:
            raise ValidationError(f"Synapses weight: {error}") from None
        if (self.degree is None) == (self.probability is None):
            raise ValidationError(
                "Synapses: give exactly one of degree= (mean number of synapses that a unit receives) and probability="
            )
        if self.degree is not None:
            object.__setattr__(self, "degree", _number(self.degree, "Synapses: degree"))
            if self.degree < 0:
                raise ValidationError(f"Synapses: degree must not be negative, got {self.degree:.6g}")
        else:
            object.__setattr__(self, "probability", _number(self.probability, "Synapses: probability"))
            if not 0.0 <= self.probability <= 1.0:
                raise ValidationError(f"Synapses: probability must lie in [0, 1], got {self.probability:.6g}")
        try:
            self.weight.second_moment()  # raises for laws without one
        except OverflowError:
            raise ValidationError(f"Synapses weight: the second moment of {self.weight!r} overflows") from None

    @classmethod
    def dense(cls, std: float, mean: float = 0.0, entries: Any = None) -> Synapses:
        """All-to-all block with entries W_ij = mean/n + std xi_ij/sqrt(n), n the number of all units.

        Parameters
        ----------
        std : float
            Not negative; sqrt(n) times the standard deviation of an entry.
        mean : float
            n times the mean of an entry.
        entries : law, optional
            Law of xi, of mean 0 and variance 1 (checked); default Gaussian. The limit
            n -> infinity does not depend on it (universality).
        """
        std = _number(std, "Synapses.dense: std")
        if std < 0:
            raise ValidationError(f"Synapses.dense: std must not be negative, got {std:.6g}")
        if std > 1e150:
            raise ValidationError(f"Synapses.dense: std must be below 1e150, or its square overflows, got {std:.6g}")
        law = as_law(stats.norm() if entries is None else entries)
        if abs(law.mean()) > 1e-8 or abs(law.var() - 1) > 1e-8:
            raise ValidationError(
                f"Synapses.dense: entries must have mean 0 and variance 1, got {law.mean():.6g} and {law.var():.6g}: "
                "standardise the law and put its scale in std= and mean="
            )
        dense = object.__new__(cls)
        values = {"weight": law, "degree": None, "probability": None}
        for name, value in {**values, "std": std, "mean": _number(mean, "Synapses.dense: mean")}.items():
            object.__setattr__(dense, name, value)
        return dense

    @property
    def is_dense(self) -> bool:
        return self.std is not None

    def _probability(self, sources: int, where: str) -> float:
        """Probability of a synapse when a target unit has `sources` possible sources."""
        if self.probability is not None:
            return self.probability
        if self.degree > sources:
            raise ValidationError(
                f"{where}: degree {self.degree:.6g} exceeds the {sources} possible sources of a unit: "
                "use a larger n or a smaller degree"
            )
        return self.degree / sources if sources else 0.0

    def __repr__(self) -> str:
        if self.is_dense:
            return f"Synapses.dense(std={self.std:.6g}, mean={self.mean:.6g})"
        size = f"degree={self.degree:.6g}" if self.degree is not None else f"probability={self.probability:.6g}"
        return f"Synapses({self.weight!r}, {size})"


@dataclass(frozen=True)
class Reciprocity:
    """How the synapses j -> i and i -> j depend on each other.

    Parameters
    ----------
    fraction : float
        Sparse blocks: fraction of the synapses (of those in the sparser direction, if the two
        differ) whose reverse is present as well. It replaces chance, so that 0 forbids reciprocal
        pairs; without a Reciprocity the two directions are independent, and the fraction is the
        connection probability, which vanishes as n -> infinity at fixed degree.
    correlation : float
        Correlation of the two weights of a reciprocal pair, through a Gaussian copula: for normal
        weights exactly their correlation, for other laws that of the underlying normals. Dense
        blocks have only this.
    """

    fraction: float = 0.0
    correlation: float = 0.0

    def __post_init__(self) -> None:
        fraction = _number(self.fraction, "Reciprocity: fraction")
        correlation = _number(self.correlation, "Reciprocity: correlation")
        if not 0.0 <= fraction <= 1.0:
            raise ValidationError(f"Reciprocity: fraction must lie in [0, 1], got {fraction:.6g}")
        if not -1.0 <= correlation <= 1.0:
            raise ValidationError(f"Reciprocity: correlation must lie in [-1, 1], got {correlation:.6g}")


# --------------------------------------------------------------------------------------- ensemble


class Ensemble:
    """The law of J = T^-1 (-leak + W H): populations and the synapses between them.

    An ensemble is immutable: its attributes and its synapses cannot be reassigned.

    Parameters
    ----------
    populations : sequence of Population, or one Population
    synapses : dict {(target, source): Synapses}, or one Synapses for a single population
        A pair that is missing has no synapses.
    reciprocity : None, number, Reciprocity, or dict {(a, b): number or Reciprocity}
        Dependence of W_ij and W_ji. A number is the correlation in dense blocks (the Gamma of the
        elliptic law). A dict names unordered pairs of populations; otherwise it holds for every
        pair connected in both directions.
    leak : float
        1 for a network of rate units (T dx/dt = -x + ...); 0 puts the spectrum of the bare random
        matrix at the origin, as the named dense ensembles do by default.
    balanced : bool
        Dense ensembles only: the random part of each row is made to sum to zero,
        A -> A (1 - u u^T / n) with u = (1, ..., 1) (Rajan and Abbott 2006). Then W u equals its
        mean part, and the outliers of W are exactly those of the mean.

    Raises
    ------
    ValidationError
        Fractions that do not sum to 1, names that repeat, synapses naming an unknown population or
        against Dale's law, reciprocity that the blocks cannot have.

    Examples
    --------
    >>> from scipy import stats
    >>> from rmtlib import Ensemble, Population, Synapses
    >>> cell = Population("cell", tau=stats.uniform(1, 2))
    >>> ens = Ensemble(cell, Synapses(stats.norm(0, 0.5), degree=4))
    >>> ens.sample(1000, seed=0).weights.shape
    (1000, 1000)
    >>> ens.input_variance().tolist()
    [[1.0]]
    """

    populations: tuple[Population, ...]
    names: tuple[str, ...]
    fractions: FloatArray
    leak: float
    balanced: bool
    _synapses: dict[tuple[str, str], Synapses]
    _pairs: dict[tuple[int, int], Reciprocity]
    _reciprocity: Any

    def __init__(
        self,
        populations: Population | Sequence[Population],
        synapses: Synapses | Mapping[tuple[str, str], Synapses],
        reciprocity: Any = None,
        leak: float = 1.0,
        balanced: bool = False,
    ):
        own = self.__dict__  # past __setattr__, which refuses
        own["populations"] = (populations,) if isinstance(populations, Population) else tuple(populations)
        if not self.populations or not all(isinstance(p, Population) for p in self.populations):
            raise ValidationError("an Ensemble needs at least one Population, and nothing else among its populations")
        own["names"] = tuple(p.name for p in self.populations)
        if len(set(self.names)) != len(self.names):
            raise ValidationError(f"populations must have different names, got {list(self.names)}")
        fractions = np.array([p.fraction for p in self.populations])
        if abs(fractions.sum() - 1.0) > 1e-9:
            raise ValidationError(
                f"the fractions of the populations must sum to 1, they sum to {fractions.sum():.9g}: "
                f"{dict(zip(self.names, fractions.tolist(), strict=True))}"
            )
        own["fractions"] = fractions / fractions.sum()
        self.fractions.setflags(write=False)
        own["leak"] = _number(leak, "leak")
        own["_synapses"] = self._read_synapses(synapses)
        own["_pairs"] = self._read_reciprocity(reciprocity)
        own["_reciprocity"] = dict(reciprocity) if isinstance(reciprocity, Mapping) else reciprocity
        own["balanced"] = bool(balanced)
        if self.balanced and not (self.is_dense and len(self.synapses) == len(self.names) ** 2 and not self._pairs):
            raise ValidationError("balanced=True needs dense synapses between all populations and no reciprocity")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"an Ensemble is immutable, {name!r} cannot be changed: make a new one")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"an Ensemble is immutable, {name!r} cannot be deleted")

    @property
    def synapses(self) -> Mapping[tuple[str, str], Synapses]:
        """The blocks, by (target, source); read-only."""
        return MappingProxyType(self._synapses)

    @property
    def reciprocity(self) -> Any:
        """What was given as `reciprocity`; a dict comes back read-only."""
        return MappingProxyType(self._reciprocity) if isinstance(self._reciprocity, dict) else self._reciprocity

    def _index(self, name: Any, where: str) -> int:
        if name not in self.names:
            raise ValidationError(f"{where} unknown population {name!r}; populations are {list(self.names)}")
        return self.names.index(name)

    def _read_synapses(self, synapses: Any) -> dict[tuple[str, str], Synapses]:
        if isinstance(synapses, Synapses):
            if len(self.names) > 1:
                raise ValidationError("with several populations, give synapses as a dict {(target, source): Synapses}")
            synapses = {(self.names[0], self.names[0]): synapses}
        if not isinstance(synapses, Mapping):
            raise ValidationError(
                f"synapses must be a dict {{(target, source): Synapses}}, got {type(synapses).__name__}"
            )
        blocks = {}
        for key, value in synapses.items():
            if not (isinstance(key, tuple) and len(key) == 2):
                raise ValidationError(f"keys of synapses are (target, source) pairs of names, got {key!r}")
            for name in key:
                self._index(name, f"synapses {key!r} name the")
            if not isinstance(value, Synapses):
                raise ValidationError(f"synapses {key!r}: expected Synapses(...), got {value!r}")
            self._check_sign(key, value)
            blocks[key] = value
        return blocks

    def _check_sign(self, key: tuple[str, str], block: Synapses) -> None:
        sign = self.populations[self.names.index(key[1])].sign
        if sign is None:
            return
        if block.is_dense:
            lo = hi = block.mean
            if block.std:
                lo, hi = -np.inf, np.inf
        else:
            lo, hi = block.weight.support()
        if (sign > 0 and lo < 0) or (sign < 0 and hi > 0):
            law = f"a law of that sign, e.g. rmtlib.laws.as_law(stats.gamma(2)).scaled({sign})"
            if block.is_dense and block.std:
                law = "sparse Synapses (entries of order 1/sqrt(n) around a mean of order 1/n have both signs)"
            elif block.is_dense:
                law = "a mean of that sign"
            raise ValidationError(
                f"synapses {key!r}: weights between {lo:.4g} and {hi:.4g}, but Dale's law (sign={sign:+d}) is set for "
                f"population {key[1]!r}: use {law}"
            )

    def _read_reciprocity(self, reciprocity: Any) -> dict[tuple[int, int], Reciprocity]:
        """Reciprocity of each pair (a <= b) of population indices that has one."""
        if reciprocity is None:
            return {}
        both = {
            (a, b)
            for a, name in enumerate(self.names)
            for b, other in enumerate(self.names)
            if a <= b and (name, other) in self.synapses and (other, name) in self.synapses
        }
        if isinstance(reciprocity, Mapping):
            given = {}
            for key, value in reciprocity.items():
                if not (isinstance(key, tuple) and len(key) == 2):
                    raise ValidationError(f"keys of reciprocity are pairs of names, got {key!r}")
                a, b = sorted(self._index(name, f"reciprocity {key!r} names the") for name in key)
                if (a, b) in given:
                    raise ValidationError(f"reciprocity {key!r}: this pair is given twice (pairs are unordered)")
                if (a, b) not in both:
                    raise ValidationError(
                        f"reciprocity {key!r}: these populations are not connected in both directions"
                    )
                given[a, b] = value
        else:
            given = dict.fromkeys(sorted(both), reciprocity)
            if not given:
                raise ValidationError("reciprocity: no two populations are connected in both directions")
        pairs = {}
        for (a, b), value in given.items():
            forward, backward = self._block(a, b), self._block(b, a)
            where = f"reciprocity of {(self.names[a], self.names[b])!r}"
            if forward.is_dense != backward.is_dense:
                raise ValidationError(f"{where}: one direction is dense and the other sparse")
            if not isinstance(value, Reciprocity):
                if not forward.is_dense:
                    raise ValidationError(
                        f"{where}: sparse synapses need a Reciprocity(fraction, correlation), got {value!r}"
                    )
                value = Reciprocity(correlation=_number(value, where))
            if forward.is_dense and value.fraction:
                raise ValidationError(f"{where}: a dense block has all its reverse synapses; give only a correlation")
            if not forward.is_dense and value.correlation and not value.fraction:
                raise ValidationError(f"{where}: a correlation of weights needs reciprocal pairs, so a fraction > 0")
            if value.correlation and any(block.weight.atoms()[0].size for block in (forward, backward)):
                raise ValidationError(f"{where}: correlated weights need laws without atoms (Gaussian copula)")
            if a == b and not forward.is_dense and forward.probability is not None:
                self._check_motif(forward.probability, forward.probability, value, where)
            pairs[a, b] = value
        return pairs

    @staticmethod
    def _check_motif(p: float, q: float, value: Reciprocity, where: str) -> float:
        """Probability of a reciprocal pair, after checking that it leaves room for the others."""
        both = value.fraction * min(p, q)
        if p + q - both > 1 + 1e-12:
            raise ValidationError(
                f"{where}: connection probabilities {p:.4g} and {q:.4g} with fraction {value.fraction:.4g} of them "
                f"reciprocated need p + q - fraction * min(p, q) <= 1, got {p + q - both:.4g}"
            )
        return both

    def _block(self, a: int, b: int) -> Synapses:
        return self.synapses[self.names[a], self.names[b]]

    # what the theory asks ---------------------------------------------------------------------

    @property
    def is_dense(self) -> bool:
        """Whether all blocks that are present are dense."""
        return bool(self.synapses) and all(block.is_dense for block in self.synapses.values())

    @property
    def is_sparse(self) -> bool:
        """Whether no block is dense."""
        return not any(block.is_dense for block in self.synapses.values())

    def sizes(self, n: int) -> NDArray[np.int64]:
        """Units of each population in a network of n, by largest remainders; they sum to n."""
        n = _size(n)
        exact = self.fractions * n
        sizes = np.floor(exact + 1e-9).astype(np.int64)
        order = np.argsort(-(exact - sizes), kind="stable")
        sizes[order[: n - sizes.sum()]] += 1
        return sizes

    def _sources(self, sizes: NDArray[np.int64], a: int, b: int) -> int:
        return int(sizes[b]) - (a == b)

    def _table(self, n: int | None, limit: Callable, finite: Callable) -> FloatArray:
        k = len(self.names)
        table = np.zeros((k, k))
        sizes = None if n is None else self.sizes(n)
        for (target, source), block in self.synapses.items():
            a, b = self.names.index(target), self.names.index(source)
            if sizes is not None:
                table[a, b] = finite(block, a, b, sizes)
            elif block.probability is not None:
                raise ValidationError(
                    f"synapses {(target, source)!r} have a fixed probability, so their inputs grow with the "
                    "size of the network: pass n="
                )
            else:
                table[a, b] = limit(block, a, b)
        return table

    def input_variance(self, n: int | None = None) -> FloatArray:
        """V_ab: summed variance of the weights that a unit of population a receives from b.

        n = None, the limit: c <w^2> at fixed degree c (the second moment, because the number of
        synapses is Poisson), f_b std^2 for dense blocks. Given n, that of networks of n units:
        S [p <w^2> - p^2 <w>^2] with S possible sources, (n_b/n) std^2 for dense blocks.

        Raises
        ------
        ValidationError
            Blocks of fixed probability have no limit: pass `n`.
        """

        def finite(block: Synapses, a: int, b: int, sizes: NDArray[np.int64]) -> float:
            if block.is_dense:
                return sizes[b] / sizes.sum() * block.std**2
            sources = self._sources(sizes, a, b)
            p = block._probability(sources, f"synapses {(self.names[a], self.names[b])!r}")
            return sources * p * (block.weight.second_moment() - p * block.weight.mean() ** 2)

        def limit(block: Synapses, a: int, b: int) -> float:
            if block.is_dense:
                return self.fractions[b] * block.std**2
            return block.degree * block.weight.second_moment()

        return self._table(n, limit, finite)

    def input_mean(self, n: int | None = None) -> FloatArray:
        """M_ab: summed mean weight that a unit of a receives from b: c <w>, S p <w> or f_b mean."""

        def finite(block: Synapses, a: int, b: int, sizes: NDArray[np.int64]) -> float:
            if block.is_dense:
                return sizes[b] / sizes.sum() * block.mean
            sources = self._sources(sizes, a, b)
            return (
                sources
                * block._probability(sources, f"synapses {(self.names[a], self.names[b])!r}")
                * block.weight.mean()
            )

        def limit(block: Synapses, a: int, b: int) -> float:
            if block.is_dense:
                return self.fractions[b] * block.mean
            return block.degree * block.weight.mean()

        return self._table(n, limit, finite)

    def reciprocal_covariance(self, n: int | None = None) -> FloatArray:
        """R_ab: sum over units j of population b of the covariance of W_ij and W_ji, i in a.

        Dense: f_b Gamma_ab std_ab std_ba. Sparse: (reciprocal partners of a unit of a in b) times
        <w_ab w_ba>, the former fraction * min(c_ab, c_ba f_b/f_a). Given n, with the numbers of
        units of that size, and for sparse blocks less S p_ab p_ba <w_ab><w_ba>.
        """
        k = len(self.names)
        table = np.zeros((k, k))
        sizes = None if n is None else self.sizes(n)
        for (a, b), value in self._pairs.items():
            for i, j in {(a, b), (b, a)}:
                forward, backward = self._block(i, j), self._block(j, i)
                product = mixed_moment(forward.weight, backward.weight, value.correlation)
                if forward.is_dense:
                    share = self.fractions[j] if sizes is None else sizes[j] / sizes.sum()
                    table[i, j] = share * product * forward.std * backward.std
                elif sizes is None:
                    if forward.degree is None or backward.degree is None:
                        raise ValidationError("reciprocal synapses of fixed probability grow with the network: pass n=")
                    ratio = self.fractions[j] / self.fractions[i]
                    table[i, j] = value.fraction * min(forward.degree, backward.degree * ratio) * product
                else:
                    p, q = self._probabilities(sizes, i, j)
                    both = self._check_motif(p, q, value, f"reciprocity of {(self.names[i], self.names[j])!r}")
                    means = forward.weight.mean() * backward.weight.mean()
                    table[i, j] = self._sources(sizes, i, j) * (both * product - p * q * means)
        return table

    def _probabilities(self, sizes: NDArray[np.int64], a: int, b: int) -> tuple[float, float]:
        pair = []
        for i, j in ((a, b), (b, a)):
            block = self._block(i, j)
            where = f"synapses {(self.names[i], self.names[j])!r}"
            pair.append(block._probability(self._sources(sizes, i, j), where))
        return pair[0], pair[1]

    def population(self, name: str) -> Population:
        """The population of that name."""
        if name not in self.names:
            raise ValidationError(f"no population {name!r}; populations are {list(self.names)}")
        return self.populations[self.names.index(name)]

    def nodes(self, name: str, n: int = 48) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Quadrature (tau, gain, weights) of the joint law of a population."""
        return self.population(name).joint.nodes(n)

    def tau_nodes(self, name: str, n: int = 48) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Quadrature (tau, weights, E[gain | tau], E[gain^2 | tau]) of a population."""
        return self.population(name).joint.tau_nodes(n)

    def scaled_time(self, factor: float) -> Ensemble:
        """The same ensemble with every tau multiplied by `factor`; eigenvalues are divided by it."""
        populations = [p.scaled_time(factor) for p in self.populations]
        return Ensemble(populations, self.synapses, self.reciprocity, self.leak, self.balanced)

    def describe(self) -> str:
        """The ensemble as a plain-text table."""
        lines = [f"Ensemble of {len(self.names)} population(s), leak {self.leak:.6g}"]
        for p in self.populations:
            sign = "" if p.sign is None else f", sign {p.sign:+d}"
            law = f"tau {p.tau!r}, gain {p.gain!r}" if isinstance(p.joint, Independent) else repr(p.joint)
            lines.append(f"  {p.name}: fraction {p.fraction:.4g}, {law}{sign}")
        for (target, source), block in self.synapses.items():
            lines.append(f"  {source} -> {target}: {block!r}")
        for (a, b), value in self._pairs.items():
            lines.append(f"  {self.names[a]} <-> {self.names[b]}: {value!r}")
        if self.balanced:
            lines.append("  the random part of each row sums to zero")
        return "\n".join(lines)

    def __repr__(self) -> str:
        kind = "dense" if self.is_dense else "sparse" if self.is_sparse else "mixed"
        return f"Ensemble({', '.join(self.names)}; {kind}, {len(self.synapses)} blocks)"

    # sampling ---------------------------------------------------------------------------------

    def sample(self, n: int, seed: Any = None, sparse: bool | str = "auto") -> Network:
        """Draw one network of n units, in time and memory of the order of its synapses.

        Parameters
        ----------
        n : int
            Units; populations follow each other in the order they were given.
        seed : int, numpy.random.Generator or None
            The global random state is neither read nor changed.
        sparse : {"auto", True, False}
            Store weights as CSR or as ndarray; "auto" takes an ndarray when all blocks are dense.

        Raises
        ------
        ValidationError
            n not a positive integer, a degree above the number of possible sources, or a dense
            result larger than the memory of this machine.
        """
        sizes = self.sizes(n)
        n = int(sizes.sum())
        if sparse not in ("auto", True, False):
            raise ValidationError(f'sparse must be "auto", True or False, got {sparse!r}')
        as_array = self.is_dense if sparse == "auto" else not sparse
        self._check_memory(sizes, as_array)
        rng = _generator(seed)
        tau, gain = np.empty(n), np.empty(n)
        start = np.append(0, np.cumsum(sizes))
        for k, p in enumerate(self.populations):
            part = slice(start[k], start[k + 1])
            tau[part], gain[part] = p.joint.sample(int(sizes[k]), rng)
        labels = np.repeat(np.array(self.names), sizes)
        draw = self._sample_dense if self.is_dense else self._sample_sparse
        weights: Any = draw(sizes, start, rng)
        if as_array and sp.issparse(weights):
            weights = weights.toarray()
        elif not as_array and not sp.issparse(weights):
            weights = sp.csr_array(weights)
        return Network._own(weights, tau, gain, labels, self.leak)

    def _check_memory(self, sizes: NDArray[np.int64], as_array: bool) -> None:
        n = int(sizes.sum())
        entries = float(n) ** 2 if as_array else 0.0
        for (target, source), block in self.synapses.items():
            if block.is_dense:
                entries += 2.0 * sizes[self.names.index(target)] * sizes[self.names.index(source)]
        try:
            memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        except (AttributeError, ValueError, OSError):
            return
        if 8.0 * entries > memory:
            raise ValidationError(
                f"n={n}: an all-to-all network needs about {8e-9 * entries:,.0f} GB and this machine has "
                f"{1e-9 * memory:,.0f} GB: use a smaller n, or sparse synapses"
            )

    def _dense_block(self, a: int, b: int, sizes: NDArray[np.int64], rng: np.random.Generator) -> FloatArray:
        block = self._block(a, b)
        return block.weight.sample((int(sizes[a]), int(sizes[b])), rng)

    def _dense_pair(
        self, a: int, b: int, sizes: NDArray[np.int64], rng: np.random.Generator, correlation: float
    ) -> tuple[FloatArray, FloatArray]:
        """Standardised entries of blocks (a, b) and (b, a), transposes correlated."""
        forward, backward = self._block(a, b), self._block(b, a)
        first = rng.standard_normal((int(sizes[a]), int(sizes[b])))
        if a == b:  # below the diagonal: the reverse of what lies above
            fresh = rng.standard_normal(first.shape)
            reverse = correlation * first.T + np.sqrt(1 - correlation**2) * fresh
            whole = forward.weight.from_normal(np.triu(first) + np.tril(reverse, -1))
            return whole, whole
        second = correlation * first.T + np.sqrt(1 - correlation**2) * rng.standard_normal(first.T.shape)
        return forward.weight.from_normal(first), backward.weight.from_normal(second)

    def _dense_parts(self, sizes: NDArray[np.int64], rng: np.random.Generator) -> dict[tuple[int, int], FloatArray]:
        """Random parts std * xi / sqrt(n) of all dense blocks."""
        n = int(sizes.sum())
        parts: dict[tuple[int, int], FloatArray] = {}
        for target, source in self.synapses:
            a, b = self.names.index(target), self.names.index(source)
            block = self._block(a, b)
            if not block.is_dense or (a, b) in parts:
                continue
            pair = self._pairs.get((min(a, b), max(a, b)))
            if pair is not None and pair.correlation:
                parts[a, b], parts[b, a] = self._dense_pair(a, b, sizes, rng, pair.correlation)
            else:
                parts[a, b] = self._dense_block(a, b, sizes, rng)
        for (a, b), part in parts.items():
            block = self._block(a, b)
            part *= block.std / np.sqrt(n)
        return parts

    def _sample_dense(self, sizes: NDArray[np.int64], start: NDArray, rng: np.random.Generator) -> FloatArray:
        n = int(sizes.sum())
        parts = self._dense_parts(sizes, rng)
        weights = np.zeros((n, n))
        for (a, b), part in parts.items():
            weights[start[a] : start[a + 1], start[b] : start[b + 1]] = part
        if self.balanced:
            weights -= weights.mean(axis=1, keepdims=True)
        for a, b in parts:
            block = self._block(a, b)
            if block.mean:
                weights[start[a] : start[a + 1], start[b] : start[b + 1]] += block.mean / n
        return weights

    def _sample_sparse(self, sizes: NDArray[np.int64], start: NDArray, rng: np.random.Generator) -> sp.csr_array:
        n = int(sizes.sum())
        dense = self._dense_parts(sizes, rng)
        # per target population: (row, column, weight) triples of each block, rows not decreasing
        blocks: list[tuple[NDArray, NDArray, FloatArray]] = []
        done = set()
        for target, source in self.synapses:
            a, b = self.names.index(target), self.names.index(source)
            if (a, b) in done:
                continue
            done.add((a, b))
            block = self._block(a, b)
            pair = self._pairs.get((min(a, b), max(a, b)))
            if (a, b) in dense:
                values = dense[a, b] + block.mean / n
                row, column = np.divmod(np.arange(values.size), values.shape[1])
                blocks.append((row + start[a], column + start[b], values.ravel()))
            elif pair is not None:
                done.add((b, a))
                blocks += self._reciprocal_blocks(a, b, sizes, start, rng, pair)
            else:
                sources = self._sources(sizes, a, b)
                p = block._probability(sources, f"synapses {(target, source)!r}")
                row, column = _bernoulli_pairs(int(sizes[a]), sources, p, rng)
                if a == b:
                    column += column >= row  # skip the diagonal
                row, column = _compact(row, start[a], n), _compact(column, start[b], n)
                blocks.append((row, column, block.weight.sample(row.size, rng)))
        return _csr(blocks, n)

    def _reciprocal_blocks(
        self, a: int, b: int, sizes: NDArray, start: NDArray, rng: np.random.Generator, value: Reciprocity
    ) -> list[tuple[NDArray, NDArray, FloatArray]]:
        """Blocks (a, b) and (b, a) with the given share of reciprocal pairs.

        Each unordered pair of units is, independently, connected one way, the other way, both ways
        or not at all; a first pass of skips finds the connected pairs, a uniform number says how.
        """
        n = int(sizes.sum())
        p, q = self._probabilities(sizes, a, b)
        both = self._check_motif(p, q, value, f"reciprocity of {(self.names[a], self.names[b])!r}")
        any_way = p + q - both
        if a == b:
            size = int(sizes[a])
            flat = _bernoulli_positions(size * (size - 1) // 2, any_way, rng)
            i, j = _triangle(flat)
        else:
            i, j = _bernoulli_pairs(int(sizes[a]), int(sizes[b]), any_way, rng)
        # i in a, j in b; "forward" is the synapse j -> i
        i, j = _compact(i, start[a], n), _compact(j, start[b], n)
        draw = rng.random(i.size) * any_way
        forward, backward = draw < p, (draw >= p - both) if both > 0 else draw >= p
        law_forward, law_backward = self._block(a, b).weight, self._block(b, a).weight
        if value.correlation:
            z = rng.standard_normal(i.size)
            w_forward = law_forward.from_normal(z)
            z = value.correlation * z + np.sqrt(1 - value.correlation**2) * rng.standard_normal(i.size)
            w_backward = law_backward.from_normal(z)
        else:
            w_forward, w_backward = law_forward.sample(i.size, rng), law_backward.sample(i.size, rng)
        return [
            _sorted_rows(i[forward], j[forward], w_forward[forward]),
            _sorted_rows(j[backward], i[backward], w_backward[backward]),
        ]


# ------------------------------------------------------------------------------ sampling machinery


def _bernoulli_positions(total: int, p: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Sorted positions of successes among `total` independent trials of probability p.

    Gaps between successes are geometric, so the cost is that of the successes, not of the trials,
    and the statistics are exactly binomial (Batagelj and Brandes 2005).
    """
    if total <= 0 or p <= 0.0:
        return np.empty(0, dtype=np.int64)
    if p >= 1.0:
        return np.arange(total, dtype=np.int64)
    pieces, last = [], -1
    # gaps are cut at total + 1, which ends the walk, and summed in chunks that cannot pass 2^63
    longest = 2**62 // (total + 1) + 1
    while True:
        expected = (total - 1 - last) * p
        size = min(int(expected + 4.0 * np.sqrt(expected) + 16.0), longest)
        gaps = np.minimum(rng.geometric(p, size=size), total + 1)
        positions = np.cumsum(gaps, out=gaps)
        positions += last
        if positions[-1] >= total:
            pieces.append(positions[: np.searchsorted(positions, total)])
            return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        pieces.append(positions)
        last = int(positions[-1])


def _bernoulli_pairs(rows: int, columns: int, p: float, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Row and column of the successes in a rows x columns table of independent trials."""
    row = _bernoulli_positions(rows * columns, p, rng)
    if columns == 0:
        return row, row.copy()
    row, column = np.divmod(row, columns)
    return row, column


def _triangle(flat: NDArray[np.int64]) -> tuple[NDArray, NDArray]:
    """Pairs i < j numbered k = j (j - 1)/2 + i, from k."""
    j = ((1.0 + np.sqrt(1.0 + 8.0 * flat)) / 2.0).astype(np.int64)
    j = j - (j * (j - 1) // 2 > flat)  # the square root may round across an integer
    j = j + ((j + 1) * j // 2 <= flat)
    return flat - j * (j - 1) // 2, j


def _compact(index: NDArray, offset: int, n: int) -> NDArray:
    """Index plus offset, as int32 when n allows."""
    dtype = np.int32 if n < 2**31 else np.int64
    return np.add(index.astype(dtype), dtype(offset), dtype=dtype)


def _sorted_rows(row: NDArray, column: NDArray, weight: FloatArray) -> tuple[NDArray, NDArray, FloatArray]:
    matrix_order = np.lexsort((column, row))
    return row[matrix_order], column[matrix_order], weight[matrix_order]


def _csr(blocks: list[tuple[NDArray, NDArray, FloatArray]], n: int) -> sp.csr_array:
    """CSR matrix of blocks of triples with sorted rows, columns in order within a row.

    One pass a block: its entries go where the row starts plus what earlier blocks put in that row.
    """
    blocks = sorted((block for block in blocks if block[0].size), key=lambda block: int(block[1][0]))
    counts = np.zeros(n, dtype=np.int64)
    per_block = []
    for row, _, _ in blocks:
        in_block = np.bincount(row, minlength=n)
        per_block.append(in_block)
        counts += in_block
    indptr = np.append(0, np.cumsum(counts))
    total = int(indptr[-1])
    index_type = np.int32 if max(total, n) < 2**31 else np.int64
    if len(blocks) == 1:
        row, column, weight = blocks[0]
        matrix = sp.csr_array((weight, column.astype(index_type, copy=False), indptr.astype(index_type)), shape=(n, n))
    else:
        data, indices = np.empty(total), np.empty(total, dtype=index_type)
        filled = indptr[:-1].copy()
        for (row, column, weight), in_block in zip(blocks, per_block, strict=True):
            # entry k of the block is number k - (first of its row) within its row
            where = np.arange(row.size) - np.repeat(np.cumsum(in_block) - in_block, in_block)
            where += filled[row]
            data[where], indices[where] = weight, column
            filled += in_block
        matrix = sp.csr_array((data, indices, indptr.astype(index_type)), shape=(n, n))
    matrix.sort_indices()
    return matrix


def _one(ens: Ensemble, n: int, func: Callable[[Network], Any], seed: np.random.SeedSequence) -> Any:
    return func(ens.sample(n, seed=np.random.default_rng(seed)))


def sample_many(
    ens: Ensemble,
    n: int,
    count: int,
    seed: Any,
    func: Callable[[Network], Any],
    executor: Executor | None = None,
    progress: bool = True,
) -> list[Any]:
    """Draw `count` networks and return ``[func(net), ...]``.

    Every network has its own stream, spawned from `seed`, so the result does not depend on the
    executor or on the order in which it works.

    Parameters
    ----------
    ens : Ensemble
    n : int
        Units of each network.
    count : int
        Networks.
    seed : int, numpy.random.Generator or None
    func : callable
        Takes a :class:`~rmtlib.network.Network`; what it returns is collected.
    executor : concurrent.futures.Executor, optional
        A process pool, ``dask.distributed``'s ``client.get_executor()``, ``mpi4py.futures``...;
        `func` must then be picklable. Default: one after the other, here.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    list
        `count` results, in the order of the streams.

    Raises
    ------
    ValidationError
        `ens` not an Ensemble, `n` or `count` not a positive integer, `func` not callable, an
        `executor` without ``map``. Whatever `func` raises passes through.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib import ginibre, sample_many
    >>> def rightmost(net):
    ...     return np.linalg.eigvals(net.weights).real.max()
    >>> values = sample_many(ginibre(), 50, 4, seed=0, func=rightmost, progress=False)
    >>> len(values), all(0.5 < value < 1.5 for value in values)
    (4, True)
    """
    if not isinstance(ens, Ensemble):
        raise ValidationError(f"sample_many draws from an Ensemble, got {type(ens).__name__}")
    if not callable(func):
        raise ValidationError(f"func must be a function of one Network, got {reprlib.repr(func)}")
    if executor is not None and (isinstance(executor, type) or not callable(getattr(executor, "map", None))):
        raise ValidationError(
            f"executor must be a concurrent.futures.Executor, e.g. ProcessPoolExecutor(4), got {reprlib.repr(executor)}"
        )
    count = _size(count, "count, the number of networks,")
    if isinstance(seed, np.random.Generator):
        seeds: Any = [child.bit_generator.seed_seq for child in seed.spawn(count)]
    else:
        try:
            seeds = np.random.SeedSequence(seed).spawn(count)
        except (TypeError, ValueError) as error:
            raise ValidationError(f"seed must be a non-negative integer, a numpy Generator or None: {error}") from None
    work = partial(_one, ens, _size(n), func)
    results: Any = map(work, seeds) if executor is None else executor.map(work, seeds)
    if progress:
        from tqdm import tqdm

        results = tqdm(results, total=count)
    return list(results)


# ------------------------------------------------------------------------------- named ensembles


def ginibre(std: float = 1.0, leak: float = 0.0) -> Ensemble:
    """Independent entries of variance std^2/n: the circular law, radius std (Ginibre 1965, Girko 1984).

    Parameters
    ----------
    std : float
        sqrt(n) times the standard deviation of an entry of W.
    leak : float
        The disc is centred at -leak (tau = 1 and gain = 1).

    Examples
    --------
    >>> from rmtlib import ginibre
    >>> ginibre(2.0).input_variance().tolist()
    [[4.0]]
    """
    return Ensemble(Population("all"), Synapses.dense(std), leak=leak)


def elliptic(correlation: float, std: float = 1.0, leak: float = 0.0) -> Ensemble:
    """W_ij and W_ji correlated: uniform on an ellipse of semi-axes std (1 ± correlation).

    Sommers, Crisanti, Sompolinsky and Stein, PRL 60, 1895 (1988). The diagonal has the variance
    std^2/n of the other entries.

    Parameters
    ----------
    correlation : float
        Of W_ij and W_ji, in [-1, 1]: -1 antisymmetric, 0 Ginibre, 1 symmetric.
    std : float
        sqrt(n) times the standard deviation of an entry of W.
    leak : float
        The ellipse is centred at -leak (tau = 1 and gain = 1).
    """
    return Ensemble(Population("all"), Synapses.dense(std), reciprocity=correlation, leak=leak)


def wigner(std: float = 1.0) -> Ensemble:
    """Symmetric: the elliptic ensemble at correlation 1, semicircle on [-2 std, 2 std].

    Parameters
    ----------
    std : float
        sqrt(n) times the standard deviation of an entry of W.
    """
    return elliptic(1.0, std)


def rajan_abbott(
    fraction_excitatory: float,
    mean_excitatory: float,
    mean_inhibitory: float,
    std_excitatory: float,
    std_inhibitory: float,
    leak: float = 0.0,
    balanced: bool = False,
) -> Ensemble:
    """Excitatory and inhibitory columns of different mean and variance (PRL 97, 188104, 2006).

    Columns of E have entries mean_excitatory/n + std_excitatory xi/sqrt(n), columns of I likewise,
    whatever the row. The bulk has radius sqrt(f std_E^2 + (1-f) std_I^2), and the mean part, of
    rank one, puts one outlier at f mean_E + (1-f) mean_I if that lies outside.

    Means are scaled by 1/n, as everywhere in this package; the paper's entries have mean mu/sqrt(n),
    which is mean = mu sqrt(n) here. With f mu_E + (1-f) mu_I = 0 the mean part then has norm of
    order sqrt(n) though its eigenvalues vanish, and the random part mixes with it into stray
    eigenvalues outside the bulk. The paper's remedy is ``balanced=True``: the random part of each
    row is made to sum to zero, A -> A (1 - u u^T/n), u = (1, ..., 1). As W = A + u m^T/n, then
    W u = (m.u/n) u: one eigenvalue is exactly the mean of m over columns, and the others are those
    of A (1 - u u^T/n) alone, whatever the size of the means.

    Parameters
    ----------
    fraction_excitatory : float
        f, in (0, 1).
    mean_excitatory, mean_inhibitory : float
        n times the mean of an entry of a column of E or I; usually of opposite signs.
    std_excitatory, std_inhibitory : float
        sqrt(n) times its standard deviation.
    leak : float
        The bulk is centred at -leak (tau = 1 and gain = 1).
    balanced : bool
        The constraint on rows above.
    """
    fraction = _number(fraction_excitatory, "fraction_excitatory")
    populations = [Population("E", fraction), Population("I", 1.0 - fraction)]
    columns = {
        "E": Synapses.dense(std_excitatory, mean_excitatory),
        "I": Synapses.dense(std_inhibitory, mean_inhibitory),
    }
    synapses = {(target, source): columns[source] for target in "EI" for source in "EI"}
    return Ensemble(populations, synapses, leak=leak, balanced=balanced)


def block(fractions: ArrayLike, std: ArrayLike, mean: ArrayLike | None = None, leak: float = 0.0) -> Ensemble:
    """Dense blocks: entries of block (a, b) have mean mean_ab/n and variance std_ab^2/n.

    Aljadeff, Stern and Sharpee, PRL 114, 088101 (2015): the squared radius of the bulk is the largest
    eigenvalue of std_ab^2 f_b. Populations are called "0", "1", ...

    Parameters
    ----------
    fractions : (K,) array_like
        Shares of the populations; they sum to 1.
    std, mean : (K, K) array_like
        [target, source]: sqrt(n) times the standard deviation, and n times the mean, of an entry.
    leak : float
        The bulk is centred at -leak (tau = 1 and gain = 1).
    """
    shares = np.asarray(fractions, dtype=float)
    spread = np.asarray(std, dtype=float)
    centre = np.zeros_like(spread) if mean is None else np.asarray(mean, dtype=float)
    if shares.ndim != 1 or spread.shape != (shares.size, shares.size) or centre.shape != spread.shape:
        raise ValidationError(
            f"block: fractions of shape (K,) need std and mean of shape (K, K); got {shares.shape}, {spread.shape} "
            f"and {centre.shape}"
        )
    names = [str(k) for k in range(shares.size)]
    populations = [Population(name, share) for name, share in zip(names, shares, strict=True)]
    synapses = {
        (target, source): Synapses.dense(spread[a, b], centre[a, b])
        for a, target in enumerate(names)
        for b, source in enumerate(names)
    }
    return Ensemble(populations, synapses, leak=leak)


def oriented_sparse(degree: float, weight: Any, tau: Any = 1.0, gain: Any = 1.0, leak: float = 1.0) -> Ensemble:
    """One population on an oriented Erdos-Renyi graph of mean in-degree `degree`.

    Parameters
    ----------
    degree : float
        Mean number of synapses that a unit receives.
    weight : law
        Weight of a synapse.
    tau, gain : law
        As for :class:`Population`; the unit of `tau` is that of time.
    leak : float
        1 for a network of rate units.
    """
    return Ensemble(Population("all", tau=tau, gain=gain), Synapses(weight, degree=degree), leak=leak)


def dale(
    degree_excitatory: float,
    degree_inhibitory: float,
    weight_excitatory: Any,
    weight_inhibitory: Any,
    fraction_excitatory: float = 0.8,
    tau: Any = 1.0,
    gain: Any = 1.0,
    leak: float = 1.0,
) -> Ensemble:
    """Sparse network under Dale's law: columns of E are positive, columns of I negative.

    Every unit receives `degree_excitatory` synapses from E and `degree_inhibitory` from I on
    average. Weights are signed: ``as_law(stats.gamma(2)).scaled(-1)`` is a negative law.

    Parameters
    ----------
    degree_excitatory, degree_inhibitory : float
        Mean numbers of synapses that a unit receives from E and from I.
    weight_excitatory, weight_inhibitory : law
        Weights of synapses from E (positive) and from I (negative).
    fraction_excitatory : float
        Share of E, in (0, 1).
    tau, gain : law
        Of both populations; the unit of `tau` is that of time.
    leak : float
        1 for a network of rate units.
    """
    fraction = _number(fraction_excitatory, "fraction_excitatory")
    populations = [
        Population("E", fraction, tau=tau, gain=gain, sign=1),
        Population("I", 1.0 - fraction, tau=tau, gain=gain, sign=-1),
    ]
    columns = {
        "E": Synapses(weight_excitatory, degree=degree_excitatory),
        "I": Synapses(weight_inhibitory, degree=degree_inhibitory),
    }
    synapses = {(target, source): columns[source] for target in "EI" for source in "EI"}
    return Ensemble(populations, synapses, leak=leak)


def core_periphery(
    degree: float = 6.0,
    weight: Any = None,
    fraction_inhibitory: float = 0.2,
    tau_e: Any = None,
    tau_i: Any = None,
    gain_e: Any = None,
    gain_i: Any = None,
    degree_e: float | None = None,
    leak: float = 1.0,
) -> Ensemble:
    """Inhibitory core, excitatory periphery: the network after training on working memory.

    The columns of E are pruned, so that E units only listen: E and I both receive `degree` synapses
    from I on average (E `degree_e`, if given), with the same law of weights. The core I -> I makes
    the planar part of the spectrum, the E units the real segment of eigenvalues -1/tau.

    Defaults, timescales in milliseconds: weights N(-1.5, 3.2^2); tau of E 20 + 30 Beta(2, 2), of I
    20 + 105 Beta(2, 2), slower and broader; gains Beta(2, 3)/4, the range of the slope of the
    logistic function. The stability margin c <w^2> <h^2>_I is 0.937: stable, close to marginal.

    Parameters
    ----------
    degree : float
        Mean number of synapses that a unit receives from I.
    weight : law
        Weight of a synapse from I.
    fraction_inhibitory : float
        Share of I, in (0, 1).
    tau_e, tau_i, gain_e, gain_i : law
        Timescales and gains of E and I; the unit of tau (milliseconds by default) is that of time.
    degree_e : float, optional
        Mean number of synapses that a unit of E receives, if not `degree`.
    leak : float
        1 for a network of rate units.

    Examples
    --------
    >>> from rmtlib import core_periphery
    >>> ens = core_periphery()
    >>> margin = ens.input_variance()[1, 1] * ens.population("I").gain.second_moment()
    >>> print(f"{margin:.3f}")
    0.937
    """
    weight = stats.norm(-1.5, 3.2) if weight is None else weight
    tau_e = stats.beta(2, 2, loc=20, scale=30) if tau_e is None else tau_e
    tau_i = stats.beta(2, 2, loc=20, scale=105) if tau_i is None else tau_i
    gain_e = stats.beta(2, 3, scale=0.25) if gain_e is None else gain_e
    gain_i = stats.beta(2, 3, scale=0.25) if gain_i is None else gain_i
    fraction = _number(fraction_inhibitory, "fraction_inhibitory")
    populations = [
        Population("E", 1.0 - fraction, tau=tau_e, gain=gain_e),
        Population("I", fraction, tau=tau_i, gain=gain_i),
    ]
    synapses = {
        ("E", "I"): Synapses(weight, degree=degree if degree_e is None else degree_e),
        ("I", "I"): Synapses(weight, degree=degree),
    }
    return Ensemble(populations, synapses, leak=leak)

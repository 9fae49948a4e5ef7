r"""Which parameter moves the edge, and which value of it alone brings a network to marginality.

The rightmost point ``alpha`` of the bulk solves ``rho(K(alpha)) = 1`` on the real axis, with

.. math:: K_{ab}(x) = V_{ab}\,\varphi_b(x), \qquad \varphi_b(x) = \Big\langle \frac{h^2}{(leak + x\tau)^2} \Big\rangle_b .

With the left and right Perron vectors of ``K(alpha)``, scaled to ``l.r = 1``, the share of the loops that use the block
``a <- b`` is ``s_ab = l_a K_ab r_b`` (they sum to 1), and implicit differentiation gives for any parameter ``p``

.. math:: \frac{d\alpha}{dp} = \frac{1}{t_\circ} \sum_{ab} s_{ab} \Big( \frac{\partial \log V_{ab}}{\partial p}
          + \frac{\partial \log \varphi_b}{\partial p} \Big), \qquad
          t_\circ = 2 \sum_{ab} s_{ab} \frac{\langle \tau h^2/(leak+\alpha\tau)^3 \rangle_b}{\langle h^2/(leak+\alpha\tau)^2 \rangle_b} .

At ``x = 0`` no timescale is left, ``phi_b = <h^2>_b/leak^2``, and because one block or one column of ``K`` is a matrix of rank one,
``rho(K(0)) = 1`` is a linear equation for its size: :func:`marginality` solves it for every parameter.

Symbolic counterpart: :mod:`rmtlib.symbolic.memory`. The edge is that of Neri and Metz, Phys. Rev. Lett. 117, 224101 (2016), and
Ahmadian, Fumarola and Miller, Phys. Rev. E 91, 012820 (2015).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ensemble import Ensemble
from ..errors import NotApplicableError, ValidationError
from ..laws import Independent
from ..network import Network
from . import dense as _dense
from .edge import EdgeFunction, _axis_root, _root, bulk_abscissa, find_outliers

__all__ = ["Change", "Marginality", "Sensitivities", "Sensitivity", "marginality", "sensitivities"]

_LEVELS = (12, 24, 48, 96, 160)
_ENDS = (80, 160, 320, 640)
_WIRING = ("degree", "probability")


# --- what comes back -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sensitivity:
    """One parameter: its value, ``d alpha/d parameter``, and ``d log|alpha| / d log parameter`` (None where alpha is 0)."""

    parameter: str
    value: float
    derivative: float
    elasticity: float | None


@dataclass(frozen=True)
class Sensitivities:
    """Derivatives of the bulk abscissa, see :func:`sensitivities`; iterable, ``s["degree[I<-I]"]`` is one row.

    Attributes
    ----------
    abscissa : float
        ``alpha``, the rightmost point of the bulk.
    point : complex
        Where on the edge it lies; real, because other cases are refused.
    loop_time : float
        ``-d log rho(K(x))/dx`` at ``alpha``: twice the mean filtered timescale along a loop. 0 where the bulk ends at the tip of
        the bar, see :func:`sensitivities`.
    rows : tuple of Sensitivity
    wiring : str
    """

    abscissa: float
    point: complex
    loop_time: float
    rows: tuple[Sensitivity, ...]
    wiring: str = "degree"

    def __iter__(self) -> Iterator[Sensitivity]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, parameter: str) -> Sensitivity:
        return _row(self.rows, parameter)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, ready for JSON."""
        return {
            "abscissa": self.abscissa,
            "point": [self.point.real, self.point.imag],
            "loop_time": self.loop_time,
            "wiring": self.wiring,
            "parameters": [vars(row) for row in self.rows],
        }

    def __str__(self) -> str:
        lines = [
            f"bulk abscissa {self.abscissa:.6g}, loop time {self.loop_time:.6g}",
            f"{'parameter':<22}{'value':>12}{'d alpha/d p':>14}{'elasticity':>12}",
        ]
        for row in self.rows:
            size = "" if row.elasticity is None else f"{row.elasticity:12.4g}"
            lines.append(f"{row.parameter:<22}{row.value:>12.6g}{row.derivative:>14.4g}{size}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Change:
    """One parameter: its value, the value that alone makes the bulk marginal (or None), the relative change, and why not."""

    parameter: str
    value: float
    marginal: float | None
    relative: float | None
    reason: str = ""


@dataclass(frozen=True)
class Marginality:
    """How far the bulk is from marginality, see :func:`marginality`.

    Attributes
    ----------
    edge_at_zero : float
        ``rho(K(0))``: below 1 the bulk is stable, whatever the timescales.
    margin : float
        ``rho(K(0))**-0.5``: the factor on all weights that makes the bulk marginal.
    abscissa : float
    memory_time : float
        ``-1/abscissa``; ``inf`` if the bulk is marginal or unstable.
    changes : tuple of Change
    nearest : Change or None
        The single parameter with the smallest relative change, the common scales left out.
    wiring : str
    outlier : complex or None
        The rightmost isolated eigenvalue, if it lies to the right of the bulk.
    outlier_margin : float
        The smallest factor on all weights at which an isolated eigenvalue reaches the imaginary axis; ``inf`` if none does. Where it is
        below `margin`, the network becomes unstable before the bulk does, and the changes above are too large.
    first : float
        The smaller of both margins.
    """

    edge_at_zero: float
    margin: float
    abscissa: float
    memory_time: float
    changes: tuple[Change, ...]
    wiring: str = "degree"
    outlier: complex | None = None
    outlier_margin: float = np.inf

    @property
    def first(self) -> float:
        return min(self.margin, self.outlier_margin)

    @property
    def nearest(self) -> Change | None:
        able = [c for c in self.changes if c.relative is not None and not c.parameter.startswith("all ")]
        return min(able, key=lambda c: abs(c.relative), default=None)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def __getitem__(self, parameter: str) -> Change:
        return _row(self.changes, parameter)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings and None, ready for JSON (an infinite memory time is None)."""
        near = self.nearest
        return {
            "edge_at_zero": self.edge_at_zero,
            "margin": self.margin if np.isfinite(self.margin) else None,
            "abscissa": self.abscissa if np.isfinite(self.abscissa) else None,
            "memory_time": self.memory_time if np.isfinite(self.memory_time) else None,
            "wiring": self.wiring,
            "outlier": None if self.outlier is None else [self.outlier.real, self.outlier.imag],
            "outlier_margin": self.outlier_margin if np.isfinite(self.outlier_margin) else None,
            "first": self.first if np.isfinite(self.first) else None,
            "nearest": None if near is None else near.parameter,
            "parameters": [vars(row) for row in self.changes],
        }

    def __str__(self) -> str:
        lines = [
            f"rho(K(0)) = {self.edge_at_zero:.6g}, margin {self.margin:.6g}, memory time {self.memory_time:.6g}",
            f"{'parameter':<22}{'value':>12}{'marginal at':>14}{'change':>10}",
        ]
        if self.outlier is not None:
            place = f"{self.outlier.real:.6g}" + (f" ± {abs(self.outlier.imag):.6g}i" if self.outlier.imag else "")
            lines.insert(1, f"this is the bulk; an outlier of the mean weights lies to its right, at {place}")
        if self.outlier_margin < self.margin:
            lines.insert(1, f"an outlier of the mean weights is marginal before the bulk: at {self.outlier_margin:.6g} times all weights")
        for row in self.changes:
            end = f"{'never':>14}  {row.reason}" if row.marginal is None else f"{row.marginal:>14.6g}"
            if row.relative is not None:
                end += f"{100 * row.relative:>+9.1f}%" if abs(row.relative) < 10 else f"{row.marginal / row.value:>+12.3g}x"
            lines.append(f"{row.parameter:<22}{row.value:>12.6g}{end}")
        return "\n".join(lines)


def _row(rows, parameter):
    for row in rows:
        if row.parameter == parameter:
            return row
    raise ValidationError(f"no parameter {parameter!r}; there are: {', '.join(row.parameter for row in rows)}")


# --- the parameters of an ensemble ---------------------------------------------------------------------


@dataclass(frozen=True)
class _Block:
    """What one block contributes, as functions of its own parameters; ``inverse`` is 1/S, 0 in the limit."""

    a: int
    b: int
    arrow: str
    dense: bool
    size: float  # degree of a sparse block
    mean: float
    sd: float
    inverse: float
    by_probability: bool = False

    @property
    def second(self) -> float:
        return self.mean**2 + self.sd**2

    def variance(self) -> float:
        """V as the ensemble gives it: c (<w^2> - c <w>^2/S), or share * std^2 with the share in ``size``."""
        return self.size * (self.sd**2 if self.dense else self.second - self.size * self.mean**2 * self.inverse)

    def d_size(self) -> float:
        return self.sd**2 if self.dense else self.second - 2 * self.size * self.mean**2 * self.inverse

    def d_mean(self) -> float:
        return 0.0 if self.dense else 2 * self.size * self.mean * (1 - self.size * self.inverse)

    def d_sd(self) -> float:
        return 2 * self.size * self.sd

    def d_sources(self) -> float:
        """dV/dS at fixed degree."""
        return 0.0 if self.dense else (self.size * self.mean * self.inverse) ** 2


def _blocks(ens: Ensemble, n: int | None) -> list[_Block]:
    sizes = None if n is None else ens.sizes(n)
    out = []
    for (target, source), syn in ens.synapses.items():
        a, b = ens.names.index(target), ens.names.index(source)
        arrow = f"[{target}<-{source}]"
        if syn.is_dense:
            share = ens.fractions[b] if sizes is None else sizes[b] / sizes.sum()
            out.append(_Block(a, b, arrow, True, float(share), syn.mean, syn.std, 0.0))
            continue
        sources = None if sizes is None else ens._sources(sizes, a, b)
        degree = syn.degree if syn.degree is not None else sources * syn.probability
        mean, sd = syn.weight.mean(), float(np.sqrt(syn.weight.var()))
        inverse = 1.0 / sources if sources else 0.0
        out.append(_Block(a, b, arrow, False, float(degree), mean, sd, inverse, syn.degree is None))
    return out


def _spread(law) -> float:
    return float(np.sqrt(max(law.var(), 0.0)))


def _checked(ens, n, wiring, what) -> tuple[Ensemble, int | None]:
    if isinstance(ens, Network):
        raise NotApplicableError(f"{what} needs the law of a network, an Ensemble: rmt.fit(network).ensemble is one")
    if not isinstance(ens, Ensemble):
        raise ValidationError(f"{what} takes an Ensemble, got {type(ens).__name__}")
    if wiring not in _WIRING:
        raise ValidationError(f"wiring says what a change of fractions keeps: {' or '.join(_WIRING)}, got {wiring!r}")
    return ens, n


# --- averages over tau and gain ------------------------------------------------------------------------


def _nodes(sys, law, k, step):
    """Joint rule number ``step`` of population k, tau in units of ``sys.scale``; None when there is none left."""
    if step < len(_LEVELS):
        return sys.rule(k, _LEVELS[step])
    step -= len(_LEVELS)
    if not isinstance(law, Independent) or step >= len(_ENDS):
        return None
    lo = law.tau.support()[0]  # a rule dense at both ends: the pole lies just outside one of them
    parts = [(o[0] + lo, w[0]) for o, w in _dense.split_tau(law.tau, np.array([lo]), _ENDS[step])]
    tau, weight = (np.concatenate(p) for p in zip(*parts, strict=True))
    gain, share = law.gain.nodes(48)
    return (
        np.repeat(tau / sys.scale, gain.size),
        np.tile(gain, tau.size),
        np.outer(weight, share).ravel(),
    )


def _averages(sys, law, k, x, theta) -> dict[str, float]:
    """Averages of population k at the real point x, with ``g = 1/(leak + x tau - h theta)``; refined until they agree."""
    mean_tau, mean_gain = law.tau.mean() / sys.scale, law.gain.mean()
    last, size = None, 0
    for step in range(len(_LEVELS) + len(_ENDS)):
        nodes = _nodes(sys, law, k, step)
        if nodes is None:
            break
        tau, h, w = nodes
        a = sys.leak + x * tau
        g = 1 / (a - h * theta)
        terms = np.array(
            [
                h**2 * g**2, h**3 * g**3, tau * h**2 * g**3, h * g, tau * h * g**2,
                # a shift of tau, its spread, a shift of the gain, its spread: in h^2 g^2 and in h g
                -2 * x * h**2 * g**3, -x * h * g**2,
                -2 * x * (tau - mean_tau) * h**2 * g**3, -x * (tau - mean_tau) * h * g**2,
                2 * h * a * g**3, a * g**2,
                2 * (h - mean_gain) * h * a * g**3, (h - mean_gain) * a * g**2,
            ]
        )  # fmt: skip
        value, weight = terms @ w, np.abs(terms) @ w
        if last is not None and (len(w) == size or np.all(np.abs(value - last) <= 1e-10 * weight)):
            break
        if step == len(_LEVELS) - 1:
            last = None  # the next family of rules is judged by itself
            size = 0
        else:
            last, size = value, len(w)
    names = (
        "phi", "h3g3", "th2g3", "gamma", "thg2", "phi tau mean", "gamma tau mean", "phi tau sd", "gamma tau sd",
        "phi gain mean", "gamma gain mean", "phi gain sd", "gamma gain sd",
    )  # fmt: skip
    return dict(zip(names, value.tolist(), strict=True))


# --- sensitivities -------------------------------------------------------------------------------------


def sensitivities(ens: Ensemble, n: int | None = None, wiring: str = "degree") -> Sensitivities:
    r"""Derivative of the bulk abscissa with respect to every parameter, in closed form.

    .. math:: \frac{d\alpha}{dp} = -\frac{l^T\,\partial_p K(\alpha)\,r}{l^T\,\partial_x K(\alpha)\,r}, \qquad
              \varrho(K(\alpha)) = 1 ,

    ``l`` and ``r`` the Perron vectors of ``K`` (see the module for ``K`` and for the sum over loops that this is). Parameters, for
    populations ``a`` and ``b``:

    * ``degree[a<-b]`` (``probability[a<-b]`` where that is fixed), ``weight mean[a<-b]``, ``weight sd[a<-b]``: the law of weights is
      shifted, or stretched about its mean. For a dense block mean and standard deviation are those of ``Synapses.dense``.
    * ``fraction[b]``: the other fractions shrink in proportion. What else is held is `wiring`.
    * ``tau mean[b]``, ``tau sd[b]``: every timescale ``tau -> tau + delta``, or ``tau -> m + s (tau - m)``, each unit keeping its gain;
      ``gain mean[b]``, ``gain sd[b]`` likewise.
    * ``all weights`` and ``all tau``: one factor on all of them (value 1).

    Where the density of ``tau`` vanishes so fast at its upper end that the support narrows to the tip of the bar, at
    ``-leak/max(tau)``, the abscissa is that tip: only the law of this ``tau`` moves it.

    With reciprocity ``leak + x tau`` becomes ``leak + x tau - h theta``, and ``theta`` is differentiated along. That is the
    large-degree approximation of :func:`~rmtlib.theory.spectral_abscissa`.

    Parameters
    ----------
    ens : Ensemble
    n : int, optional
        Network size, with the meaning that it has for :func:`~rmtlib.theory.spectral_abscissa`: needed for a fixed probability; gives fixed
        degrees their correction ``c (<w^2> - c <w>^2/S)``. In the derivatives by fractions the number of sources S is continuous.
    wiring : {"degree", "probability"}
        What a change of fractions leaves alone in a sparse block of given mean degree: the degree (then the limit of the edge does not
        depend on fractions), or the probability of a synapse, so that ``c_ab`` grows with ``f_b``.

    Returns
    -------
    Sensitivities
        Units: those of ``1/tau`` per unit of the parameter.

    Raises
    ------
    NotApplicableError
        A Network; no bulk; a symmetric ensemble; reciprocity that puts the rightmost point off the real axis, or between two sparse
        populations.
    ValidationError
        Not an Ensemble; a fixed probability without `n`; an unknown `wiring`.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> s = rmt.sensitivities(rmt.core_periphery())
    >>> print(f"{s.abscissa:.6f} {s['degree[I<-I]'].derivative:.6f} {s['tau mean[I]'].elasticity:.4f}")
    -0.000441 0.001101 -0.9897
    """
    ens, n = _checked(ens, n, wiring, "sensitivities")
    sys = _dense.system(ens, n)
    _dense.refuse_lines(sys, "sensitivities", "its ends have no loop to differentiate")
    laws = [pop.joint for pop in ens.populations]
    edge = EdgeFunction(sys, laws)
    if not sys.classes:
        raise NotApplicableError("sensitivities: no population takes part in a cycle, so the ensemble has no bulk")
    blocks = _blocks(ens, n)
    ends = [_end_of_class(edge, members) for members in sys.classes]
    x, theta, members = max(ends, key=lambda e: e[0])
    tip, owner = _tip(sys, laws, members)
    alpha = x / sys.scale
    k = len(sys.fractions)
    if x == tip and not sys.has_reciprocity(members):
        loop_time, moves = 0.0, None
    else:
        means = [_averages(sys, laws[b], b, x, theta[b]) if b in members else None for b in range(k)]
        respond = _Response(sys, members, means)
        loop_time, moves = respond.rate * sys.scale, respond
    reciprocal = _reciprocal_parameters(ens, n, members, blocks) if sys.has_reciprocity(members) else None

    rows: list[Sensitivity] = []

    def add(name, value, derivative):
        derivative = float(derivative) + 0.0  # no -0.0
        size = None if alpha == 0 else derivative * float(value) / float(alpha) + 0.0
        rows.append(Sensitivity(name, float(value), derivative, size))

    def by_block(entries, reciprocal_entries=()):
        """d alpha when V_ab (and R_ab) change by the given amounts."""
        if moves is None:
            return 0.0
        return moves.entries(entries, reciprocal_entries) / sys.scale

    for block in blocks:
        heard = sys.variance[block.a, block.b] > 0 or block.variance() == 0
        ix = (block.a, block.b)
        r = (lambda kind, block=block: reciprocal(kind, block)) if reciprocal else (lambda kind: ())
        on = 1.0 if heard else 0.0
        if not block.dense:
            unit = 1.0 if not block.by_probability else (1 / block.inverse if block.inverse else 0.0)
            name = "probability" if block.by_probability else "degree"
            got = by_block([(ix, on * block.d_size())], r("size"))
            add(f"{name}{block.arrow}", block.size / unit if unit else 0.0, unit * got)
        add(f"weight mean{block.arrow}", block.mean, by_block([(ix, on * block.d_mean())], r("mean")))
        add(f"weight sd{block.arrow}", block.sd, by_block([(ix, on * block.d_sd())], r("sd")))
    if k > 1:
        for b, name in enumerate(ens.names):
            change = _fraction_change(ens.fractions, b)
            entries, more = [], []
            for block in blocks:
                entries.append(((block.a, block.b), _by_fraction(block, change, ens.fractions[block.b], n, wiring)))
                if reciprocal:
                    more += reciprocal(("fraction", change), block)
            add(f"fraction[{name}]", ens.fractions[b], by_block(entries, more))
    for b, name in enumerate(ens.names):
        law = laws[b]
        tau, gain = (law.tau.mean(), _spread(law.tau)), (law.gain.mean(), _spread(law.gain))
        for label, (mean, sd), unit in (("tau", tau, sys.scale), ("gain", gain, 1.0)):
            if moves is None:
                end = law.tau.support()[1]
                on = float(b == owner and label == "tau")
                add(f"{label} mean[{name}]", mean, on * sys.leak / end**2)
                add(f"{label} sd[{name}]", sd, on * sys.leak / end**2 * (end - mean) / sd if sd else 0.0)
                continue
            add(f"{label} mean[{name}]", mean, moves.unit(b, f"{label} mean") / sys.scale / unit)
            got = moves.unit(b, f"{label} sd") / sys.scale / sd if sd and b in members else 0.0
            add(f"{label} sd[{name}]", sd, got)
    full = [((block.a, block.b), 2 * sys.variance[block.a, block.b]) for block in blocks]
    also = [((i, j), 2 * sys.reciprocal[i, j]) for i in range(k) for j in range(k) if sys.reciprocal[i, j]]
    add("all weights", 1.0, by_block(full, also))
    add("all tau", 1.0, -alpha)
    return Sensitivities(float(alpha), complex(alpha), float(loop_time), tuple(rows), wiring)


def _tip(sys, laws, members):
    """Right end of the segment of -leak/tau of a class (dimensionless), and the population it belongs to."""
    ends = [laws[b].tau.support()[1] / sys.scale for b in members]
    tips = [-sys.leak / end if np.isfinite(end) else 0.0 for end in ends]
    best = int(np.argmax(tips))
    return tips[best], members[best]


def _end_of_class(edge, members):
    """Rightmost point of one class, theta there, and the class."""
    sys = edge.sys
    theta = np.zeros(len(sys.fractions))
    if not sys.has_reciprocity(members):
        return _axis_root(edge, members), theta, members
    x = bulk_abscissa(_Only(edge, members))
    nodes = [sys.rule(b, 80) for b in members]
    got = _dense.outside_theta(sys, members, np.array([x + 0j]), nodes)[0][0]
    value = float(edge.of_class(members, np.array([x + 0j]), 1e-12)[0])
    if not (abs(value - 1) < 1e-6 and np.all(np.abs(got.imag) < 1e-8 * (1 + np.abs(got)))):
        raise NotApplicableError(
            "sensitivities: with this reciprocity the rightmost point of the bulk is not on the real axis "
            f"(the edge function at its abscissa is {value:.6g} there); differentiate rmt.spectral_abscissa numerically"
        )
    theta[members] = got.real
    return x, theta, members


class _Only(EdgeFunction):
    """One class on its own, also for ``bulk_abscissa``."""

    def __init__(self, edge, members):
        super().__init__(edge.sys, edge.laws)
        self.sys = _dense.System(
            edge.sys.populations, edge.sys.fractions, np.zeros_like(edge.sys.variance), edge.sys.mean,
            edge.sys.reciprocal, edge.sys.leak, edge.sys.scale, edge.sys._cache,
        )  # fmt: skip
        ix = np.ix_(members, members)
        self.sys.variance[ix] = edge.sys.variance[ix]
        self.sys.classes = [members]


class _Response:
    """d x for small changes of V, R and of the laws, from the linearised edge condition (dimensionless)."""

    def __init__(self, sys, members, means):
        self.sys, self.members, self.means = sys, list(members), means
        ix = np.ix_(members, members)
        self.v, self.r = sys.variance[ix], sys.reciprocal[ix]
        col = {name: np.array([means[b][name] for b in members]) for name in means[members[0]]}
        self.col = col
        _, right, left = _dense.perron(self.v * col["phi"])
        self.left = left / (left @ right)
        self.right = right
        # theta = R gamma: (1 - R <h^2 g^2>) d theta = (changes of R gamma at fixed theta)
        self.solve = np.linalg.inv(np.eye(len(members)) - self.r * col["phi"])
        drift = self.solve @ (self.r @ -col["thg2"])
        self.rate = -self._log_rho(-2 * col["th2g3"] + 2 * col["h3g3"] * drift)

    def _log_rho(self, d_phi):
        """d rho(K) when phi changes."""
        return float(self.left @ (self.v * d_phi) @ self.right)

    def _from(self, d_rho, source):
        """d x, given d rho at fixed theta and the change of R gamma."""
        return (d_rho + self._log_rho(2 * self.col["h3g3"] * (self.solve @ source))) / self.rate

    def entries(self, entries, reciprocal_entries=()):
        place = {b: i for i, b in enumerate(self.members)}
        d_rho, source = 0.0, np.zeros(len(self.members))
        for (a, b), change in entries:
            if a in place and b in place and change:
                i, j = place[a], place[b]
                d_rho += self.left[i] * change * self.col["phi"][j] * self.right[j]
        for (a, b), change in reciprocal_entries:
            if a in place and b in place:
                source[place[a]] += change * self.col["gamma"][place[b]]
        return self._from(d_rho, source)

    def unit(self, b, name):
        if b not in self.members:
            return 0.0
        pick = np.zeros(len(self.members))
        pick[self.members.index(b)] = 1.0
        at = self.means[b]
        return self._from(self._log_rho(at[f"phi {name}"] * pick), self.r @ (at[f"gamma {name}"] * pick))


def _fraction_change(fractions, b):
    """d f when f_b grows and the others shrink in proportion."""
    change = -fractions / (1 - fractions[b])
    change[b] = 1.0
    return change


def _by_fraction(block, change, fraction, n, wiring):
    """dV_ab/df for the change of fractions ``change`` (per unit of the fraction that grows)."""
    d = change[block.b]
    if block.dense:
        return d * block.sd**2
    if not (block.by_probability or wiring == "probability"):
        return 0.0 if n is None else d * n * block.d_sources()
    # at fixed probability p, V = S p (<w^2> - p <w>^2) is proportional to the number of sources S
    if n is None:
        return d * block.variance() / fraction
    return d * n * block.variance() * block.inverse


def _reciprocal_parameters(ens, n, members, blocks):
    """Changes of R_ab with the parameters of a block, or a refusal."""
    table = {(block.a, block.b): block for block in blocks}
    for (a, b), value in ens._pairs.items():
        if a in members and b in members and a != b and not table[a, b].dense and value.fraction:
            raise NotApplicableError(
                f"sensitivities: sparse reciprocal synapses between {ens.names[a]!r} and {ens.names[b]!r}: their number is a "
                "minimum over the two directions, which has a kink where these agree; use finite differences of "
                "rmt.spectral_abscissa"
            )
    matrix = ens.reciprocal_covariance(n)

    def changes(kind, block):
        a, b = block.a, block.b
        value = ens._pairs.get((min(a, b), max(a, b)))
        if value is None or not matrix[a, b]:
            return []
        if block.dense:  # R_ab = f_b Gamma std_ab std_ba
            if kind == "sd":
                factor = 2.0 if a == b else 1.0
                pairs = {(a, b), (b, a)}
                return [(ij, factor * matrix[ij] / block.sd) for ij in pairs] if block.sd else []
            if isinstance(kind, tuple):
                return [((a, b), matrix[a, b] * kind[1][b] / block.size)]
            return []
        # a == b: R = share c <w w'> - c^2 <w>^2/S
        c, m, inv, share = block.size, block.mean, block.inverse, value.fraction
        pair = (matrix[a, a] + c**2 * m**2 * inv) / (share * c) if share and c else 0.0
        if kind == "size":
            return [((a, a), share * pair - 2 * c * m**2 * inv)]
        if kind == "mean":
            return [((a, a), 2 * share * c * m - 2 * c**2 * m * inv)]
        if kind == "sd":
            return [((a, a), 2 * share * c * (pair - m**2) / block.sd if block.sd else 0.0)]
        return []

    return changes


# --- marginality ---------------------------------------------------------------------------------------


def marginality(ens: Ensemble, n: int | None = None, wiring: str = "degree") -> Marginality:
    r"""How far the bulk is from marginality, and for each parameter the value that alone brings it there, in closed form.

    .. math:: \varrho(K(0)) = 1, \qquad K_{ab}(0) = V_{ab} \langle h^2 \rangle_b / leak^2 .

    Write ``Q`` for ``K(0)`` without the part that depends on a parameter, and ``G = (1 - Q)^-1``, a sum over paths, which exists if
    ``rho(Q) < 1``. A single block enters as ``K_ab e_a e_b^T`` and a gain as ``<h^2>_b V_{.b} e_b^T / leak^2``, of rank one both, so that

    .. math:: K_{ab}^* = 1 / G_{ba}, \qquad \langle h^2 \rangle_b^* = leak^2 / \sum_a G_{ba} V_{ab} .

    From ``V = c (mu^2 + sigma^2)`` and ``<h^2> = mean^2 + sd^2`` follow degree, mean and standard deviation. For one core population
    ``c* = leak^2/(<w^2><h^2>)``, ``sigma*^2 = leak^2/(c <h^2>) - mu^2``, and so on. At ``x = 0`` only these moments count, so any law that has
    them will do. A fraction is a root of the polynomial ``det(1 - K(0))`` in it. Timescales are not in ``K(0)``: never.

    This is the bulk. Outliers of the mean weights, see :func:`~rmtlib.theory.outliers`, may reach the imaginary axis before it: `outlier` names
    one that lies further right than the bulk, `outlier_margin` is the factor on all weights that makes one marginal, from
    ``det(1 - s M <h/(leak + i omega tau)>) = 0``.

    Parameters
    ----------
    ens : Ensemble
        Without reciprocity in its bulk, with a positive leak.
    n : int, optional
        As in :func:`sensitivities`.
    wiring : {"degree", "probability"}
        As in :func:`sensitivities`.

    Returns
    -------
    Marginality

    Raises
    ------
    NotApplicableError
        A Network; a leak that is not positive; reciprocal synapses, with which ``K(0)`` depends on the solution ``theta(0)`` and the first
        contact with the imaginary axis need not be at 0.
    ValidationError
        Not an Ensemble; a fixed probability without `n`; an unknown `wiring`.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> m = rmt.marginality(rmt.core_periphery())
    >>> print(f"{m.edge_at_zero:.5f} {m.margin:.5f} {m.memory_time:.0f}; {m.nearest.parameter} {m.nearest.marginal:.4f}")
    0.93675 1.03321 2267; weight sd[I<-I] 3.3292
    >>> print(round(m["degree[I<-I]"].marginal, 6), m["tau mean[I]"].marginal)
    6.405124 None
    """
    ens, n = _checked(ens, n, wiring, "marginality")
    if not ens.leak > 0:
        raise NotApplicableError(
            f"marginality: with leak {ens.leak:g} the point 0 is not where units without synapses decay to; set leak=1"
        )
    sys = _dense.system(ens, n)
    if any(sys.has_reciprocity(members) for members in sys.classes):
        raise NotApplicableError(
            "marginality: reciprocal synapses move the edge by theta, K(0) is not linear in the parameters, and the edge may first "
            "touch the imaginary axis away from 0; use rmt.spectral_abscissa"
        )
    laws = [pop.joint for pop in ens.populations]
    second = np.array([_spread(law.gain) ** 2 + law.gain.mean() ** 2 for law in laws])
    scale = second / ens.leak**2
    matrix = sys.variance * scale
    radius = float(_root(matrix[None])[0]) if sys.classes else 0.0
    alpha = bulk_abscissa(EdgeFunction(sys, laws)) / sys.scale if sys.classes else -np.inf
    if radius == 0:
        margin = np.inf
    else:
        margin = radius**-0.5
    rows: list[Change] = []

    def add(name, value, target, reason=""):
        value = float(value)
        if target is None:
            rows.append(Change(name, value, None, None, reason))
        else:
            rows.append(Change(name, value, float(target), float(target / value - 1) if value else None))

    def moments(name, value, square, held, reason):
        """The parameter whose square makes up ``square`` together with the square of what is held."""
        if square is None:
            add(name, value, None, reason)
        elif square < held:
            add(name, value, None, "its square would be negative")
        else:
            add(name, value, np.copysign(np.sqrt(square - held), value))

    for block in _blocks(ens, n):
        target, reason = _critical_entry(matrix, block.a, block.b)
        v = None if target is None or scale[block.b] == 0 else target / scale[block.b]
        if v is None and not reason:
            reason = "the gain of its source is 0"
        c, m, sd, inverse = block.size, block.mean, block.sd, block.inverse
        if block.dense:
            add(f"weight mean{block.arrow}", m, None, "the mean is not in a dense edge")
            moments(f"weight sd{block.arrow}", sd, None if v is None else v / c, 0.0, reason)
            continue
        unit = (1 / inverse if inverse else 1.0) if block.by_probability else 1.0
        size = None
        if v is not None and block.second > 0:
            size = _degree_for(v, block)
            reason = reason or "even probability 1 is not enough"
        name = "probability" if block.by_probability else "degree"
        add(f"{name}{block.arrow}", c / unit, None if size is None else size / unit, reason or "its weights are 0")
        ratio = None if v is None or c == 0 else v / c
        reason = reason if ratio is None else ""
        left = 1 - c * inverse
        if ratio is None or left <= 0:
            add(f"weight mean{block.arrow}", m, None, reason or "there are no such synapses")
        else:
            moments(f"weight mean{block.arrow}", m, ratio / left, sd**2 / left, reason)
        moments(f"weight sd{block.arrow}", sd, ratio, m**2 * left, reason or "there are no such synapses")
    if len(ens.names) > 1:
        for b, name in enumerate(ens.names):
            target, reason = _critical_fraction(ens, n, wiring, b, scale)
            add(f"fraction[{name}]", ens.fractions[b], target, reason)
    for b, name in enumerate(ens.names):
        law = laws[b]
        for label, value in (("mean", law.tau.mean()), ("sd", _spread(law.tau))):
            add(f"tau {label}[{name}]", value, None, "timescales do not enter")
        square, reason = _critical_gain(sys.variance, matrix, ens.leak, b)
        mean, sd = law.gain.mean(), _spread(law.gain)
        moments(f"gain mean[{name}]", mean, square, sd**2, reason)
        moments(f"gain sd[{name}]", sd, square, mean**2, reason)
    add("all weights", 1.0, margin if np.isfinite(margin) else None, "no population takes part in a cycle")
    add("all tau", 1.0, None, "timescales do not enter")
    memory = -1 / alpha if alpha < 0 else np.inf
    ahead = find_outliers(EdgeFunction(sys, laws)) / sys.scale  # rightmost first
    outlier = complex(ahead[0]) if ahead.size and ahead[0].real > alpha else None
    return Marginality(radius, float(margin), float(alpha), float(memory), tuple(rows), wiring, outlier, _outlier_margin(sys))


def _outlier_margin(sys):
    """Smallest s > 0 for which ``det(1 - s M <h/(leak + i omega tau)>) = 0`` at some real omega: 1/s is an eigenvalue that is real."""
    if not np.any(sys.mean):
        return np.inf
    rules = [sys.tau_rule(b, 192) for b in range(len(sys.fractions))]

    def values(omega):
        average = np.stack([(w * h / (sys.leak + 1j * np.multiply.outer(omega, tau))).sum(-1) for tau, w, h, _ in rules], -1)
        return np.linalg.eigvals(sys.mean * average[..., None, :])

    still = values(np.zeros(1))[0]
    found = [v.real for v in still if v.real > 0 and abs(v.imag) <= 1e-12 * abs(v)]
    if len(sys.fractions) > 1:  # one population alone has no oscillating outlier: the imaginary part of its average has one sign
        omega = sys.leak * np.geomspace(1e-4, 1e4, 1600)
        branches = values(omega)
        for k in range(1, len(omega)):  # each eigenvalue continued from one frequency to the next
            left = list(range(branches.shape[1]))
            order = [left.pop(int(np.argmin(np.abs(branches[k, left] - v)))) for v in branches[k - 1]]
            branches[k] = branches[k, order]
        turned = (np.sign(branches.imag[1:]) * np.sign(branches.imag[:-1]) < 0) & (branches.real[1:] > 0)
        for k, j in zip(*np.nonzero(turned), strict=True):
            ends, at = [branches[k, j], branches[k + 1, j]], [np.log(omega[k]), np.log(omega[k + 1])]
            for _ in range(50):  # bisection: the branch is the eigenvalue nearest to the middle of its ends
                middle = values(np.exp([np.mean(at)]))[0]
                v = middle[np.argmin(np.abs(middle - np.mean(ends)))]
                side = int(v.imag * ends[0].imag <= 0)
                ends[side], at[side] = v, np.mean(at)
            found.append(ends[1].real)
    return float(1 / max(found)) if found else np.inf


def _paths(matrix):
    """(1 - Q)^-1 = sum over paths, or None if rho(Q) >= 1."""
    if _root(matrix[None])[0] >= 1:
        return None
    return np.linalg.inv(np.eye(len(matrix)) - matrix)


def _critical_entry(matrix, a, b):
    """The value of K_ab(0) at which rho = 1, all other entries held; or None and why."""
    rest = matrix.copy()
    rest[a, b] = 0.0
    paths = _paths(rest)
    if paths is None:
        return None, "unstable without these synapses"
    if not paths[b, a] > 0:
        return None, "these synapses are on no cycle"
    return 1 / paths[b, a], ""


def _critical_gain(variance, matrix, leak, b):
    """The second moment of the gain of b at which rho(K(0)) = 1; or None and why."""
    rest = matrix.copy()
    rest[:, b] = 0.0
    paths = _paths(rest)
    if paths is None:
        return None, "unstable without this population"
    loop = float(paths[b] @ variance[:, b])
    if not loop > 0:
        return None, "this population is on no cycle"
    return leak**2 / loop, ""


def _degree_for(v, block):
    """Smallest c with c (<w^2> - c <w>^2/S) = v, or None if a connection probability of 1 does not reach it."""
    q, k = block.second, block.mean**2 * block.inverse
    if k == 0:
        c = v / q
    else:
        root = q**2 - 4 * k * v
        if root < 0:
            return None
        c = 2 * v / (q + np.sqrt(root))
    return c if c * block.inverse <= 1 else None


def _critical_fraction(ens, n, wiring, b, scale):
    """The fraction of population b nearest to the present one at which rho(K(0)) = 1; or None and why."""
    k, f = len(ens.names), ens.fractions
    blocks = _blocks(ens, n)
    if not any(block.dense or block.by_probability or wiring == "probability" for block in blocks):
        return None, "not in the edge at fixed degrees"
    if n is not None and any(not block.dense and not block.by_probability and wiring == "degree" for block in blocks):
        return None, "no closed form at fixed degree and n"
    # V is affine in the fraction x: present value + (x - f_b) dV/dx, so that det(1 - K(0)) is a polynomial
    change = _fraction_change(f, b)
    base, slope = np.zeros((k, k)), np.zeros((k, k))
    for block in blocks:
        base[block.a, block.b] = block.variance() * scale[block.b]
        slope[block.a, block.b] = _by_fraction(block, change, f[block.b], n, wiring) * scale[block.b]

    def at(x):
        return base + (x - f[b]) * slope

    x = 0.5 - 0.5 * np.cos(np.pi * (np.arange(k + 1) + 0.5) / (k + 1))
    values = [np.linalg.det(np.eye(k) - at(point)) for point in x]
    poly = np.polynomial.Polynomial.fit(x, values, k, domain=[0, 1])
    # where K has rank one the polynomial is of degree one, and higher coefficients are rounding, which would spoil its root
    roots = poly.trim(1e-12 * np.abs(poly.coef).max()).roots()
    roots = roots[np.abs(roots.imag) < 1e-9].real
    good = []
    for root in roots[(roots > 0) & (roots < 1)]:
        entries = at(root)
        if np.all(entries >= 0) and abs(_root(entries[None])[0] - 1) < 1e-8:
            good.append(float(root))
    if not good:
        return None, "no fraction between 0 and 1 does it"
    return min(good, key=lambda root: abs(root - f[b])), ""

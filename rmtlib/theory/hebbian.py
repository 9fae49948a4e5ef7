r"""Spectra of deep-Hebbian couplings, which store sequences: support with voids, edges, density.

Patterns :math:`\xi^\mu`, :math:`\mu` cyclic in :math:`P = \alpha n`, are stored by

.. math:: W = \frac1n \sum_\mu \Big( c\, \xi^\mu + \gamma \sum_{r=1}^{d} \xi^{\mu+r} \Big) (\xi^\mu)^{\mathsf T},
   \qquad L(\vartheta) = c + \gamma \sum_{r=1}^d e^{-i r \vartheta} .

``W`` is a random matrix of patterns around a circulant one, whose eigenvalues are the symbol ``L``. With ``a = leak + z tau`` and
``D = h^2 u + |a - h Sigma|^2`` the Hermitized resolvent at ``eta -> 0`` is given by

.. math::
   \alpha \Big\langle \frac{|L|^2}{\Delta} \Big\rangle_\vartheta \Big\langle \frac{h^2}{D} \Big\rangle = 1, \qquad
   \Sigma = \alpha \Big\langle \frac{L\,(1 - \bar G \bar L)}{\Delta} \Big\rangle_\vartheta, \qquad
   G = \Big\langle \frac{h\,(\bar a - h \bar \Sigma)}{D} \Big\rangle, \qquad
   g(z) = \Big\langle \frac{\tau\,(\bar a - h \bar \Sigma)}{D} \Big\rangle,

with :math:`\Delta = |1 - G L|^2 + u\, \langle h^2/D \rangle^2 |L|^2`. Where the solution has ``u = 0`` the density vanishes; the support ends where

.. math:: E(z) = \alpha \Big\langle \frac{|L|^2}{|1 - L G|^2} \Big\rangle_\vartheta \Big\langle \frac{h^2}{|a - h\Sigma|^2} \Big\rangle = 1,
   \qquad \Sigma = \alpha \Big\langle \frac{L}{1 - L G} \Big\rangle_\vartheta, \qquad G = \Big\langle \frac{h}{a - h \Sigma} \Big\rangle .

Sources: Jiang, Chen, Hou and Huang, arXiv:2208.11411, for equal units; the equations above, with gains and timescales, are derived in the chapter on
deep-Hebbian sequences. Averages over ``theta`` are trapezoidal sums, over units Gauss rules, both refined until the answer settles; edges use exact averages over theta (:mod:`rmtlib.theory.hebbian_edges`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..ensemble import Population
from ..errors import ValidationError
from ..network import Network
from ..solve import Solution, Status, finish

__all__ = ["DeepHebbian", "abscissa", "density", "edge_function", "edges", "resolvent"]

_NODES = (6, 16, 40)  # Gauss nodes in tau and in gain
_START = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003)  # regularisers of the continuation, in units of the size of W
_DENSE = 1e-9  # u below this (in units of its natural size) counts as 0


@dataclass(frozen=True)
class DeepHebbian:
    r"""Couplings that store a cyclic sequence of random patterns, and the units that carry them.

    Parameters
    ----------
    load : float
        alpha, patterns per unit, positive.
    c : float
        Strength of each pattern with itself.
    gamma : float
        Strength with each of the `depth` patterns that follow.
    depth : int
        d, how many following patterns are stored; at least 1 (with gamma 0 it does not matter).
    tau, gain : law or number
        As for :class:`~rmtlib.ensemble.Population`.
    leak : float

    Raises
    ------
    ValidationError
        A load that is not positive, strengths that are not finite or both 0, a depth that is not a positive integer, bad laws.

    Examples
    --------
    >>> from rmtlib.theory.hebbian import DeepHebbian
    >>> ens = DeepHebbian(load=0.5, c=0.0, gamma=1.2)
    >>> net = ens.sample(200, seed=0)
    >>> net.n, ens.symbol([0.0]).round(2)
    (200, array([1.2+0.j]))
    """

    load: float
    c: float = 1.0
    gamma: float = 0.0
    depth: int = 1
    tau: Any = 1.0
    gain: Any = 1.0
    leak: float = 1.0
    units: Population = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("load", "c", "gamma", "leak"):
            try:
                value = float(getattr(self, name))
            except (TypeError, ValueError):
                raise ValidationError(f"{name} must be a number, got {getattr(self, name)!r}") from None
            if not np.isfinite(value):
                raise ValidationError(f"{name} must be finite, got {value}")
            object.__setattr__(self, name, value)
        if not self.load > 0:
            raise ValidationError(f"load is a number of patterns per unit, positive; got {self.load}")
        if self.c == 0 and self.gamma == 0:
            raise ValidationError("c and gamma are both 0: nothing is stored")
        if isinstance(self.depth, bool) or self.depth != int(self.depth) or self.depth < 1:
            raise ValidationError(f"depth must be a positive integer, got {self.depth!r}")
        object.__setattr__(self, "depth", int(self.depth))
        object.__setattr__(self, "units", Population("units", 1.0, tau=self.tau, gain=self.gain))

    def symbol(self, theta: ArrayLike) -> NDArray[np.complex128]:
        """L at angles, the eigenvalues of the circulant matrix of strengths."""
        theta = np.asarray(theta, float)
        return self.c + self.gamma * sum(np.exp(-1j * r * theta) for r in range(1, self.depth + 1))

    @property
    def scale(self) -> float:
        """Root mean square sum of the weights that a unit receives, times its gain: the size of W H."""
        theta = 2 * np.pi * np.arange(64) / 64
        gain = self.units.joint.gain
        square = float(np.mean(np.abs(self.symbol(theta)) ** 2))
        return float(np.sqrt(self.load * (1 + self.load) * square * (gain.var() + gain.mean() ** 2)))

    def patterns(self, n: int, seed: Any = None, kind: str = "binary") -> NDArray[np.float64]:
        """Independent patterns, one a column: (n, P) array of signs, or of standard normal numbers (`kind="gaussian"`)."""
        count = round(self.load * n)
        if n < 1 or count <= self.depth:
            raise ValidationError(f"n = {n} units at load {self.load} store {count} patterns; more than depth = {self.depth} are needed")
        rng = np.random.default_rng(seed)
        if kind == "binary":
            return rng.choice([-1.0, 1.0], size=(n, count))
        if kind == "gaussian":
            return rng.standard_normal((n, count))
        raise ValidationError(f'kind must be "binary" or "gaussian", got {kind!r}')

    def couplings(self, patterns: NDArray[np.float64]) -> NDArray[np.float64]:
        """W of given patterns, (n, n)."""
        patterns = np.asarray(patterns, float)
        if patterns.ndim != 2 or not np.isfinite(patterns).all():
            raise ValidationError(f"patterns must be a finite (n, P) array, got shape {patterns.shape}")
        sent = self.c * patterns
        for r in range(1, self.depth + 1):
            sent = sent + self.gamma * np.roll(patterns, -r, axis=1)
        return sent @ patterns.T / len(patterns)

    def sample(self, n: int, seed: Any = None, kind: str = "binary") -> Network:
        """One network of n units.

        Examples
        --------
        >>> from rmtlib.theory.hebbian import DeepHebbian
        >>> DeepHebbian(load=0.1, c=0.5, gamma=1.0, depth=2).sample(50, seed=1).weights.shape
        (50, 50)
        """
        rng = np.random.default_rng(seed)
        weights = self.couplings(self.patterns(n, rng, kind))
        tau, gain = self.units.joint.sample(n, rng)
        return Network(weights, tau, gain, leak=self.leak)


def _angles(ens: DeepHebbian, level: int) -> NDArray[np.float64]:
    """Points of the trapezoidal sums: their error is exp(-count * distance), and poles lie about load/2 off the circle."""
    count = 2 ** int(np.clip(np.ceil(np.log2(60 / ens.load)), 6, 12) + level)
    return 2 * np.pi * (np.arange(count) + 0.5) / count


class _System:
    """The equations at one level of quadrature, on arrays of z."""

    def __init__(self, ens: DeepHebbian, level: int):
        theta = _angles(ens, level)
        self.load, self.leak = ens.load, ens.leak
        self.L = ens.symbol(theta)
        self.L2 = np.abs(self.L) ** 2
        self.tau, self.h, self.w = ens.units.joint.nodes(_NODES[level])
        self.count = len(self.tau)

    def units(self, z, sigma, u=0.0, eta=0.0, x=None, y=None):
        """a - h Sigma and D; with x, y given also at eta > 0."""
        b = self.leak + z[:, None] * self.tau - self.h * sigma[:, None]
        if x is None:
            return b, self.h**2 * np.asarray(u)[..., None] + np.abs(b) ** 2
        return b, x[:, None] * (eta + self.h**2 * y[:, None]) + np.abs(b) ** 2

    def angles(self, G, v):
        """alpha <|L|^2/Delta> and alpha <L (1 - G* L*)/Delta>."""
        s = 1 - G[:, None] * self.L
        delta = np.abs(s) ** 2 + np.asarray(v)[:, None] * self.L2
        return self.load * np.mean(self.L2 / delta, 1), self.load * np.mean(self.L * s.conj() / delta, 1)

    def residual(self, z, u, sigma):
        """Of the equations at eta = 0 with u >= 0: E - 1 (real) and that of Sigma (complex)."""
        b, D = self.units(z, sigma, u)
        G = (self.h * b.conj() / D) @ self.w
        Q = (self.h**2 / D) @ self.w
        kappa, image = self.angles(G, u * Q**2)
        return kappa * Q - 1, image - sigma

    def resolvent(self, z, u, sigma):
        b, D = self.units(z, sigma, u)
        return (self.tau * b.conj() / D) @ self.w

    def relax(self, z, state, eta, sweeps=60):
        """Damped sweeps at eta > 0 on (X, Y, Sigma)."""
        x, y, sigma = state
        for _ in range(sweeps):
            b, D = self.units(z, sigma, eta=eta, x=x, y=y)
            p = ((eta + self.h**2 * y[:, None]) / D) @ self.w
            q = (self.h**2 * x[:, None] / D) @ self.w
            G = (self.h * b.conj() / D) @ self.w
            kappa, image = self.angles(G, p * q)
            new = eta + q * kappa, p * kappa, image
            change = max(np.max(np.abs(n - o)) for n, o in zip(new, (x, y, sigma), strict=True))
            x, y, sigma = (0.5 * (n + o) for n, o in zip(new, (x, y, sigma), strict=True))
            if change < 1e-6:
                break
        return x, y, sigma


def _newton(func, x, tol=1e-12, steps=40):
    """Newton's method for many small real systems at once, x of shape (points, k); ``func(x, rows)`` gives the residuals of these rows.

    A step is halved until the residual falls; a point where that does not help stays where it is. Returns x and the largest residual.
    """
    x = np.array(x)
    rows = np.arange(len(x))
    r = func(x, rows)
    size = np.where(np.isfinite(r).all(1), np.max(np.abs(r), 1), np.inf)
    stuck = np.zeros(len(x), bool)
    for _ in range(steps):
        rows = np.flatnonzero(np.isfinite(size) & (size > tol) & ~stuck)
        if not rows.size:
            break
        at, k = x[rows], x.shape[1]
        jac = np.empty((len(rows), k, k))
        for j in range(k):
            step = np.zeros_like(at)
            step[:, j] = 1e-6 * np.maximum(np.abs(at[:, j]), 1e-3)
            jac[:, :, j] = (func(at + step, rows) - func(at - step, rows)) / (2 * step[:, j, None])
        fine = np.isfinite(jac).all((1, 2))
        jac[~fine] = np.eye(k)
        jac += 1e-13 * np.max(np.abs(jac), (1, 2), keepdims=True) * np.eye(k)
        move = -np.linalg.solve(jac, r[rows][..., None])[..., 0]
        todo, factor = np.flatnonzero(fine), 1.0
        stuck[rows[~fine]] = True
        for _ in range(8):
            trial = at[todo] + factor * move[todo]
            new = func(trial, rows[todo])
            big = np.where(np.isfinite(new).all(1), np.max(np.abs(new), 1), np.inf)
            good = big < size[rows[todo]]
            put = rows[todo[good]]
            x[put], r[put], size[put] = trial[good], new[good], big[good]
            todo, factor = todo[~good], 0.5 * factor
            if not todo.size:
                break
        stuck[rows[todo]] = True
    return x, size


def _inside(system: _System, z, u, sigma):
    """Solution with u > 0 from a start: u, Sigma, residual."""

    def func(x, rows):
        e, s = system.residual(z[rows], np.exp(np.minimum(x[:, 0], 300)), x[:, 1] + 1j * x[:, 2])
        return np.column_stack([e, s.real, s.imag])

    x, left = _newton(func, np.column_stack([np.log(u), sigma.real, sigma.imag]))
    return np.exp(np.minimum(x[:, 0], 300)), x[:, 1] + 1j * x[:, 2], left


def _outside(system: _System, z, sigma):
    """Solution with u = 0 from a start: E, Sigma, residual."""

    def func(x, rows):
        _, s = system.residual(z[rows], np.zeros(len(rows)), x[:, 0] + 1j * x[:, 1])
        return np.column_stack([s.real, s.imag])

    x, left = _newton(func, np.column_stack([sigma.real, sigma.imag]))
    sigma = x[:, 0] + 1j * x[:, 1]
    e, _ = system.residual(z, np.zeros(len(z)), sigma)
    return e + 1, sigma, left


@dataclass
class _State:
    """One solution for each point: u (0 outside), Sigma, E (1 inside), residual, and whether there is one."""

    u: NDArray
    sigma: NDArray
    e: NDArray
    residual: NDArray
    found: NDArray


def _settle(system: _System, z, u, sigma):
    """The solution next to a start: with u > 0, or with u = 0 where that one is stable (E < 1)."""
    with np.errstate(all="ignore"):
        e, outer, left_out = _outside(system, z, sigma)
        ui, inner, left_in = _inside(system, z, np.maximum(u, 1e-12), sigma)
        # next to the edge u is small, and E > 1 on the branch u = 0 the better place to start from
        for share in (1e-1, 1e-2, 1e-3, 1e-4):
            again = np.flatnonzero((left_out < 1e-9) & (e > 1) & ~(left_in < 1e-9))
            if again.size:
                start = np.full(again.size, share * max(float(np.median(u)), 1e-12))
                ui[again], inner[again], left_in[again] = _inside(system, z[again], start, outer[again])
    out = (left_out < 1e-9) & (e < 1)
    within = (left_in < 1e-9) & (ui > _DENSE)
    nearer = np.abs(inner - sigma) + np.abs(np.sqrt(ui) - np.sqrt(u)) < np.abs(outer - sigma) + np.sqrt(u)
    use = within & (~out | nearer)
    return _State(
        np.where(use, ui, 0.0), np.where(use, inner, outer), np.where(use, 1.0, e), np.where(use, left_in, left_out), out | within
    )


def _solve(ens: DeepHebbian, z, levels=len(_NODES)) -> tuple[list[_System], list[_State]]:
    """States at flat z, level by level: continued from large eta on the first, refined on the others."""
    z = np.asarray(z, complex).ravel()
    size = ens.scale
    systems, states = [], []
    system = _System(ens, 0)
    state = np.full(len(z), size), np.full(len(z), size), np.zeros(len(z), complex)
    for step in _START:
        state = system.relax(z, state, step * size)
    now = _settle(system, z, state[0] * state[1], state[2])
    systems.append(system)
    states.append(now)
    for level in range(1, levels):
        finer = _System(ens, level)
        rows = np.flatnonzero(now.found)
        if level == 2:  # only where the last refinement still changed something
            coarse, fine = (m.resolvent(z, t.u, t.sigma) for m, t in zip(systems, states, strict=True))
            rows = np.flatnonzero(~(np.abs(fine - coarse) < 1e-9 * np.abs(fine)) | ~now.found)
        new = _settle(finer, z[rows], now.u[rows], now.sigma[rows])
        parts = {name: np.array(value) for name, value in vars(now).items()}
        for name, value in vars(new).items():
            parts[name][rows] = value
        now = _State(**parts)
        systems.append(finer)
        states.append(now)
    return systems, states


# --- questions -----------------------------------------------------------------------------------------


def _points(ens, z) -> NDArray[np.complex128]:
    if not isinstance(ens, DeepHebbian):
        raise ValidationError(f"a DeepHebbian is needed, got {type(ens).__name__}; other ensembles: rmtlib.theory")
    try:
        z = np.asarray(z, complex)
    except (TypeError, ValueError) as error:
        raise ValidationError(f"z cannot be read as complex numbers: {error}") from None
    if not np.isfinite(z).all():
        raise ValidationError("z holds NaN or infinite values")
    return z


def _answer(z, values, states, tol, throw, scale):
    """A Solution from the answers on the last two levels."""
    coarse, fine = values
    last = states[-1]
    error = np.abs(fine - coarse) + 1e2 * last.residual * scale
    ok = last.found & states[-2].found & np.isfinite(fine)
    status = np.where(ok, np.where(error <= tol * scale, int(Status.CONVERGED), int(Status.QUADRATURE)), int(Status.NOT_CONVERGED))
    fine, error = np.where(ok, fine, 0.0), np.where(ok, error, np.inf)
    sweeps = np.full(z.size, len(_START))
    parts = (p.reshape(z.shape)[()] for p in (fine, error, last.residual, sweeps, status))
    return finish(Solution(*parts, "hebbian"), throw)


def resolvent(ens: DeepHebbian, z: ArrayLike, tol: float = 1e-6, throw: bool = True) -> Solution:
    r"""Mean resolvent :math:`g(z) = \langle \tau(\bar a - h\bar\Sigma)/D\rangle`, the limit of tr (z - J)^-1 / n.

    Parameters
    ----------
    ens : DeepHebbian
    z : array_like of complex
    tol : float
        Relative to <tau>/leak, or to 1/scale without a leak.
    throw : bool
        Raise where a point does not converge.

    Raises
    ------
    ValidationError
        Another ensemble; z that is not finite.
    ConvergenceError
        A point without a solution (at an atom of the spectrum, as -leak/tau of equal units at load below 1), or with a larger error.

    Examples
    --------
    >>> from rmtlib.theory.hebbian import DeepHebbian, resolvent
    >>> ens = DeepHebbian(load=0.5, c=0.0, gamma=1.0, leak=0.0)
    >>> print(resolvent(ens, [3.0, 0.2]).value.round(6) + 0.0)  # 1/z far away, (1 - load)/z in the void
    [0.333333+0.j 2.5     +0.j]
    """
    z = _points(ens, z)
    upper = z.ravel().real + 1j * np.abs(z.ravel().imag)
    systems, states = _solve(ens, upper)
    law = ens.units.joint
    if ens.load < 1 and law.tau.var() == 0:  # n - P eigenvalues
        states[-1].found &= np.abs(upper + ens.leak / law.tau.mean()) > 1e-12 * ens.scale
    values = [m.resolvent(upper, s.u, s.sigma) for m, s in zip(systems[-2:], states[-2:], strict=True)]
    values = [np.where(z.ravel().imag < 0, v.conj(), v) for v in values]
    unit = ens.units.joint.tau.mean() / (ens.leak or ens.scale)
    return _answer(z, values, states, tol, throw, unit)


def density(ens: DeepHebbian, z: ArrayLike, tol: float = 1e-4, throw: bool = True) -> Solution:
    r"""Planar density of eigenvalues, :math:`\varrho = \partial_{\bar z}\, g/\pi`, atoms left out.

    The derivative is a central difference of solutions that are exact to rounding.

    Parameters
    ----------
    ens : DeepHebbian
    z : array_like of complex
    tol : float
        Relative to the inverse area of a disc of the size of W H/tau.
    throw : bool

    Raises
    ------
    ValidationError
        Another ensemble; z that is not finite.
    ConvergenceError
        As :func:`resolvent`; also within a step of the edge, where the density jumps.

    Examples
    --------
    >>> from rmtlib.theory.hebbian import DeepHebbian, density
    >>> ens = DeepHebbian(load=0.5, c=0.0, gamma=1.0, leak=0.0)
    >>> print(density(ens, [0.2, 0.8, 3.0]).value.round(4) + 0.0)  # void, annulus, outside
    [0.     0.1129 0.    ]
    """
    z = _points(ens, z)
    flat = z.ravel().real + 1j * np.abs(z.ravel().imag)
    systems, states = _solve(ens, flat)
    tau = ens.units.joint.tau.mean()
    step, last = 1e-4 * ens.scale / tau, states[-1]
    values = [np.zeros(flat.size), np.zeros(flat.size)]
    rows = np.flatnonzero(last.found & (last.u > 0))
    for value, system, state in zip(values, systems[-2:], states[-2:], strict=True):
        g = []
        for shift in (step, -step, 1j * step, -1j * step):
            with np.errstate(all="ignore"):
                u, sigma, left = _inside(system, flat[rows] + shift, np.maximum(state.u[rows], 1e-300), state.sigma[rows])
            last.found[rows] &= (left < 1e-9) & (np.abs(u - state.u[rows]) < 0.5 * state.u[rows])  # else over the edge
            g.append(system.resolvent(flat[rows] + shift, u, sigma))
        value[rows] = (g[0] - g[1] + 1j * (g[2] - g[3])).real / (4 * step * np.pi)
    return _answer(z, values, states, tol, throw, tau**2 / (np.pi * ens.scale**2))


def edge_function(ens: DeepHebbian, z: ArrayLike, throw: bool = True) -> Solution:
    r"""E(z) of the module's equations on the physical branch: below 1 outside the support and in its voids, 1 inside.

    Examples
    --------
    >>> from rmtlib.theory.hebbian import DeepHebbian, edge_function
    >>> ens = DeepHebbian(load=0.5, c=0.0, gamma=1.0, leak=0.0)
    >>> edge_function(ens, [0.2, 0.8, 3.0]).value < 1
    array([ True, False,  True])
    """
    z = _points(ens, z)
    flat = z.ravel().real + 1j * np.abs(z.ravel().imag)
    _, states = _solve(ens, flat)
    return _answer(z, [s.e for s in states[-2:]], states, 1e-4, throw, 1.0)


def edges(ens: DeepHebbian, points: int = 120) -> list[NDArray[np.complex128]]:
    r"""Closed curves E(z) = 1 that bound the support: outer boundary, voids, islands; void is on their left.

    Followed by :func:`~rmtlib.theory.hebbian_edges.trace_edges`, which also gives the self-energy, the share enclosed and residuals.

    Parameters
    ----------
    ens : DeepHebbian
    points : int
        Lines of the grids on which curves are looked for. What is thinner than a cell may be missed, for equal units only where no ray
        from the curve L meets it.

    Returns
    -------
    list of (k,) complex arrays
        Closed (last point = first); the one that reaches furthest right first.

    Raises
    ------
    ValidationError
        Another ensemble, fewer than 20 points.
    NotApplicableError
        gamma = 0, with a real spectrum.
    ConvergenceError
        A curve that cannot be followed, or does not settle as the averages over units are refined; shares that show that one is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.theory.hebbian import DeepHebbian, edges
    >>> outer, inner = edges(DeepHebbian(load=0.5, c=0.0, gamma=1.0, leak=0.0), points=60)
    >>> print(np.abs(outer).mean().round(6), np.abs(inner).mean().round(6))  # sqrt(1 + load), (1 - load)^(3/2)
    1.224745 0.353553
    """
    from .hebbian_edges import trace_edges

    return [b.z for b in trace_edges(ens, points)]


def abscissa(ens: DeepHebbian, points: int = 120) -> float:
    """Right end of the support, in inverse units of tau; an eigenvalue of one network may lie beyond it.

    The largest real part among the points of :func:`edges`: exact on the real axis, elsewhere too small by a term of second order in their spacing.

    Examples
    --------
    >>> from rmtlib.theory.hebbian import DeepHebbian, abscissa
    >>> print(round(abscissa(DeepHebbian(load=0.5, c=0.0, gamma=1.0)), 3))  # sqrt(1.5) - 1
    0.225
    """
    from .hebbian_edges import trace_edges

    _points(ens, 0.0)
    return float(max(b.z.real.max() for b in trace_edges(ens, points, complete=False)))

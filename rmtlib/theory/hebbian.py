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
deep-Hebbian sequences. Averages over ``theta`` are trapezoidal sums, over units Gauss rules, both refined until the answer settles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..ensemble import Population
from ..errors import NotApplicableError, ValidationError
from ..network import Network
from ..solve import Solution, Status, finish

__all__ = ["DeepHebbian", "abscissa", "branches", "density", "edge_function", "edges", "resolvent"]

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
    r"""Closed curves E(z) = 1 that bound the support: outer boundary, voids, islands.

    For equal units the curves are those of :func:`branches`, followed in the plane of G over all branches, and of each the parts that
    have support on one side and none on the other. For other units the physical branch is continued on a grid, on which u tells
    support from void, and the vertices of its contour are moved onto the curve.

    Parameters
    ----------
    ens : DeepHebbian
    points : int
        Resolution. For units that differ, a structure thinner than a cell of the grid is missed.

    Returns
    -------
    list of (k,) complex arrays
        Closed (last point = first) but for parts of a curve of which another part is no boundary; the one that reaches furthest right first.

    Raises
    ------
    ValidationError
        Another ensemble, fewer than 20 points.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.theory.hebbian import DeepHebbian, edges
    >>> outer, inner = edges(DeepHebbian(load=0.5, c=0.0, gamma=1.0, leak=0.0), points=60)
    >>> print(np.abs(outer).mean().round(6), np.abs(inner).mean().round(6))  # sqrt(1 + load), (1 - load)^(3/2)
    1.224745 0.353553
    """
    _points(ens, 0.0)
    if points < 20:
        raise ValidationError(f"a grid of {points} points sees nothing; use at least 20")
    law = ens.units.joint
    curves = []
    if law.tau.var() == 0 and law.gain.var() == 0:
        for curve, sigma in _branches(ens, 3 * points):
            curves += _physical(ens, curve, sigma)
    else:
        curves = _from_grid(ens, points)
    return sorted(curves, key=lambda c: -c.real.max())


def _physical(ens, curve, sigma):
    """The parts of a closed curve next to which the physical solution has u = 0 and the Sigma of the curve on one side."""
    if curve[0] == curve[-1]:
        curve, sigma = curve[:-1], sigma[:-1]
    normal = 1j * (np.roll(curve, -1) - np.roll(curve, 1))
    normal = 1e-3 * ens.scale / ens.units.joint.tau.mean() * normal / np.maximum(np.abs(normal), 1e-300)
    good = np.zeros(len(curve), bool)
    for z in (curve + normal, curve - normal):
        state = _solve(ens, z.real + 1j * np.abs(z.imag), levels=2)[1][-1]
        found = np.where(z.imag < 0, state.sigma.conj(), state.sigma)
        good |= state.found & (state.u == 0) & (np.abs(found - sigma) < 0.05 * ens.scale)
    good = np.convolve(np.r_[good[-2:], good, good[:2]], np.ones(5), "valid") >= 3  # single vertices, as at cusps, follow their neighbours
    if good.all():
        return [np.append(curve, curve[0])]
    if not good.any():
        return []
    first = np.flatnonzero(~good)[0]
    curve, good = np.roll(curve, -first), np.roll(good, -first)
    cuts = np.flatnonzero(np.diff(good.astype(int))) + 1
    return [part for part, ok in zip(np.split(curve, cuts), np.split(good, cuts), strict=True) if ok[0] and len(part) > 3]


def _from_grid(ens, points):
    """Contours of the physical branch on a grid, each vertex then moved onto the curve."""
    from contourpy import contour_generator

    x, y = _window(ens, points)
    half = x[None, :] + 1j * y[:, None]
    last = _solve(ens, half, levels=2)[1][-1]
    height = np.where(last.u > 0, np.sqrt(last.u) / ens.scale, np.log(np.minimum(last.e, 1)))
    height = np.where(last.found, height, -1.0).reshape(half.shape)
    system = _System(ens, len(_NODES) - 1)
    spacing, curves = max(x[1] - x[0], y[1] - y[0]), []
    for line in contour_generator(x, np.concatenate([-y[::-1], y]), np.concatenate([height[::-1], height])).lines(0.0):
        if len(line) < 4:
            continue
        z = line[:, 0] + 1j * line[:, 1]
        z = _onto_edge(ens, system, z[:-1] if abs(z[0] - z[-1]) < 1e-9 * spacing else z, spacing)
        if len(z) > 3:
            curves.append(np.append(z, z[0]))
    return curves


def _window(ens, points):
    """Grid lines that hold the upper half of the support, off the real axis: by the largest strength, then tightened."""
    reach = np.max(np.abs(ens.symbol(2 * np.pi * np.arange(64) / 64))) * (1 + np.sqrt(ens.load)) ** 2
    tau, gain, _ = ens.units.joint.nodes(12)
    size = reach * np.max(gain / tau)
    slow, fast = -ens.leak / np.max(tau), -ens.leak / np.min(tau)
    x, y = np.linspace(fast - size, slow + size, 48), size * (np.arange(24) + 0.5) / 24
    z = x[None, :] + 1j * y[:, None]
    state = _solve(ens, z, levels=1)[1][-1]
    near = ((state.u > 0) | (state.e > 0.6)).reshape(z.shape)
    if not near.any():
        return x, y
    columns, rows = np.flatnonzero(near.any(0)), np.flatnonzero(near.any(1))
    x = np.linspace(x[columns[0]] - (x[1] - x[0]), x[columns[-1]] + (x[1] - x[0]), points)
    top = y[rows[-1]] + (y[1] - y[0])
    count = max(int(np.ceil(top / (x[1] - x[0]))), 10)
    return x, top * (np.arange(count) + 0.5) / count


def _onto_edge(ens, system, z, spacing):
    """Vertices moved across the curve until E = 1 on the branch u = 0 next to the solution found there."""
    across = np.roll(z, -1) - np.roll(z, 1)
    across = 1j * across / np.maximum(np.abs(across), 1e-300)
    upper = np.where(z.imag < 0, z.conj(), z)
    across = np.where(z.imag < 0, across.conj(), across)
    start = _solve(ens, upper, levels=1)[1][-1].sigma

    def func(x, rows):
        e, s = system.residual(upper[rows] + x[:, 2] * across[rows], np.zeros(len(rows)), x[:, 0] + 1j * x[:, 1])
        return np.column_stack([s.real, s.imag, e])

    with np.errstate(all="ignore"):
        x, left = _newton(func, np.column_stack([start.real, start.imag, np.zeros(len(z))]))
    keep = (left < 1e-9) & (np.abs(x[:, 2]) < 3 * spacing)
    moved = upper + x[:, 2] * across
    return np.where(z.imag < 0, moved.conj(), moved)[keep]


def branches(ens: DeepHebbian, points: int = 400) -> list[NDArray[np.complex128]]:
    r"""All curves on which some solution with u = 0 has E = 1, for equal units: boundaries of the support and others.

    .. math:: \alpha \Big\langle \frac{|L G|^2}{|1 - L G|^2} \Big\rangle_\vartheta = 1 \quad\text{in the plane of } G, \qquad
       \text{leak} + z\tau = h\,\big(1/G + \Sigma(G)\big) .

    Raises
    ------
    NotApplicableError
        Timescales or gains that are spread out: z is then no explicit function of G; use :func:`edges`.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.theory.hebbian import DeepHebbian, branches
    >>> found = branches(DeepHebbian(load=0.5, c=0.0, gamma=1.0, leak=0.0))
    >>> print(sorted(float(np.abs(c).mean().round(4)) for c in found))
    [0.3536, 1.2247]
    """
    _points(ens, 0.0)
    law = ens.units.joint
    if law.tau.var() > 0 or law.gain.var() > 0:
        raise NotApplicableError("branches: timescales and gains must be constants, so that z is a function of G; use edges")
    return [curve for curve, _ in _branches(ens, points)]


def _branches(ens, points):
    """Curves and their Sigma."""
    from contourpy import contour_generator

    law = ens.units.joint
    tau, h = law.tau.mean(), law.gain.mean()
    coarse, L = (ens.symbol(_angles(ens, level)) for level in (0, 2))

    def level(G, L=L):
        return ens.load * np.mean(np.abs(L * G[..., None] / (1 - L * G[..., None])) ** 2, -1)

    # in the plane of 1/G the curve lies within the disc |1/G - L| <= |L| sqrt(load) around the values of L, or the like
    reach = np.max(np.abs(L)) * (1 + np.sqrt(max(ens.load, 1.0))) * 1.2
    axis = np.linspace(-reach, reach, points)
    inverse = axis[None, :] + 1j * axis[:, None] + 1e-9j
    with np.errstate(all="ignore"):
        values = np.log(np.stack([level(1 / row, coarse) for row in inverse]))
    curves = []
    for line in contour_generator(axis, axis, values).lines(0.0):
        w = line[:, 0] + 1j * (line[:, 1] + 1e-9)
        if len(w) < 8:
            continue
        # onto the curve by Newton's method along the gradient of log level
        for _ in range(6):
            step = 1e-6 * reach
            f = np.log(level(1 / w))
            grad = (np.log(level(1 / (w + step))) - f + 1j * (np.log(level(1 / (w + 1j * step))) - f)) / step
            w = w - f * grad / np.maximum(np.abs(grad) ** 2, 1e-300)
        G = 1 / w
        sigma = ens.load * np.mean(L / (1 - L * G[:, None]), -1)
        curves.append(((h * (w + sigma) - ens.leak) / tau, sigma))
    curves.sort(key=lambda c: -c[0].real.max())
    return curves


def abscissa(ens: DeepHebbian, points: int = 120) -> float:
    """Right end of the support, in inverse units of tau; an eigenvalue of one network may lie beyond it.

    Examples
    --------
    >>> from rmtlib.theory.hebbian import DeepHebbian, abscissa
    >>> print(round(abscissa(DeepHebbian(load=0.5, c=0.0, gamma=1.0)), 3))  # sqrt(1.5) - 1
    0.225
    """
    return float(max(c.real.max() for c in edges(ens, points)))

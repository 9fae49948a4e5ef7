r"""Effective medium and single defect: two approximations for sparse ensembles without reciprocity.

Both keep the cavity equations of a unit and simplify the law of its neighbours. With
``B = |leak + z tau|/h`` and the messages ``mu_b`` (to a target) and ``nu_b`` (to a source) of the mean unit,

.. math::
   \mu_b &= \Big\langle \frac{1}{Y_b + B^2/X_b} \Big\rangle_b, \qquad
   \nu_b = \Big\langle \frac{1}{X_b + B^2/Y_b} \Big\rangle_b, \\
   X_a &= \sum_b c_{ab} \langle w_{ab}^2 \rangle \mu_b, \qquad
   Y_a = \sum_b d_{ab} \langle w_{ba}^2 \rangle \nu_b, \qquad d_{ab} = c_{ba} f_b / f_a .

* **Effective medium**: every unit sees these sums. These are the dense self-consistent equations, so the
  effective medium *is* ``method="dense"``.
* **Single defect** (``method="single-defect"``): one unit has its true synapses, Poisson in number, each with its own
  weight, and its neighbours are units of the medium. Its self-energies are compound Poisson,

.. math::
   f_a(s) = E\, e^{-s X} = \exp \sum_b c_{ab} \big( \langle e^{-s w_{ab}^2 \mu_b} \rangle - 1 \big), \qquad
   F_a(s) = E\, e^{-s Y} = \exp \sum_b d_{ab} \big( \langle e^{-s w_{ba}^2 \nu_b} \rangle - 1 \big),

and the resolvent is the one functional of ``f, F`` that also closes the exact theory
(:mod:`rmtlib.theory.saddle`). The density is its derivative, by implicit differentiation of the medium.

**What they miss.** The support is that of the medium, bounded by ``spectral_edge``, which for these ensembles is exact
(above freezing). And ``g`` no longer derives from a potential: ``dg/dconj(z)`` has an imaginary part, of the size of
the error that the approximation makes; the density returned is the real part.

A reconstruction: the names are those of Rouault and Druckmann, arXiv:1509.01893, whose own formulas were not
available; the single defect goes back to Biroli and Monasson, J. Phys. A 32, L255 (1999), for symmetric matrices.
"""

from __future__ import annotations

import numpy as np

from ..errors import NotApplicableError
from ..solve import PointSum, Solution, Status
from . import dense as _dense
from . import saddle as _saddle
from .edge import EdgeFunction

__all__ = ["solve"]

_START_NODES = 40  # of the dense solution from which Newton starts


def solve(x, z, quantity="resolvent", eta=0.0, tol=1e-8, n=None) -> Solution:
    """Single-defect resolvent or density of a sparse Ensemble at the points ``z`` (1-d complex array).

    Called by ``rmt.resolvent(ens, z, method="single-defect")`` and ``rmt.density``; parameters, units and
    errors as there. ``eta`` must be 0 and ``n`` None: the limit.

    Examples
    --------
    >>> import numpy as np
    >>> import rmtlib as rmt
    >>> from scipy import stats
    >>> ens = rmt.oriented_sparse(5.0, stats.norm(0, 5**-0.5), leak=0.0)
    >>> print(rmt.resolvent(ens, [0.5j, 2.0], method="single-defect").value.round(6) + 0.0)
    [0. -0.854546j 0.5+0.j      ]
    """
    if eta != 0:
        raise NotApplicableError('method="single-defect" is for eta = 0; for finite eta use "population-dynamics" or "dense"')
    if n is not None:
        raise NotApplicableError('method="single-defect" is a limit of infinite size: leave n out')
    sys, classes = _saddle._classes(x)
    flat = np.asarray(z, complex).ravel()
    flip = flat.imag < 0
    points = np.where(flip, flat.conj(), flat) * sys.scale
    total = PointSum(len(points))
    edge = EdgeFunction(sys, [pop.joint for pop in x.populations])
    for cls in classes:
        atom = cls.on_atom(points)
        inside = edge.of_class(cls.members, points, 1e-10) > 1
        rows = np.flatnonzero(inside & ~atom)
        if rows.size:
            total.add(rows, *_solve_class(cls, points[rows], quantity, tol))
        total.status[atom] = Status.SINGULAR
        rows = np.flatnonzero(~inside)
        if rows.size and quantity == "resolvent":
            for k in cls.members:
                total.add(rows, *_dense._refine(sys, np.array([k]), points[rows], "resolvent", 0.0, tol, False))
    if quantity == "resolvent":
        for k in sys.trivial:
            total.add(slice(None), *_dense._refine(sys, np.array([k]), points, "resolvent", 0.0, tol, False))
    value, error, status = total.value, total.error, total.status
    bad = (status == Status.SINGULAR) | ~np.isfinite(value)
    unit = sys.scale if quantity == "resolvent" else sys.scale**2
    value = np.where(flip, value.conj(), value) * unit
    value[bad], error[bad], status[bad] = np.inf, np.inf, Status.SINGULAR
    if quantity == "density":
        value = value.real
    return Solution(value, error * unit, total.residual, total.iterations, status, "single-defect")


def _solve_class(cls, z, quantity, tol):
    """One irreducible class at points inside the support of the medium, on grids refined until the answer settles."""
    count = len(z)
    nodes = _dense._class_rule(cls.sys, cls.members, _START_NODES, True)
    first = _dense._solve_class(cls.sys, cls.members, z, 0.0, nodes, None)
    state = np.log(np.stack([first.x.real, first.y.real]))
    value, error = np.zeros(count, complex), np.full(count, np.inf)
    residual, steps = np.zeros(count), np.zeros(count, int)
    status = np.full(count, int(Status.QUADRATURE))
    todo, previous = np.arange(count), np.full(count, np.nan, complex)
    for level, (size, _) in enumerate(_saddle._GRIDS):
        grid = _saddle._Grid(level)
        batch = max(1, _saddle._BATCH // (2 * len(cls.members) * size))
        scale = np.empty(len(todo))
        for low in range(0, len(todo), batch):
            rows = todo[low : low + batch]
            medium = _Medium(cls, grid, z[rows])
            state[:, rows], residual[rows], used = medium.newton(state[:, rows])
            steps[rows] += used
            value[rows] = medium.observable(state[:, rows], quantity)
            bound = _saddle._size_of(cls, z[rows], np.exp(state[:, rows].sum(0)[:, 0]))
            size_here = bound if quantity == "resolvent" else np.abs(value[rows].real) + 1e-6 * bound**2
            scale[low : low + batch] = size_here
        change = np.abs(value[todo] - previous[todo])
        error[todo] = _saddle._estimate(change, scale, level) + 1e3 * residual[todo] * scale
        previous[todo] = value[todo]
        done = error[todo] <= tol * scale
        status[todo[done]] = Status.CONVERGED
        todo = todo[~done]
        if not todo.size:
            break
    status[todo[residual[todo] > 1e-3 * tol]] = Status.NOT_CONVERGED
    return value, error, residual, steps, status


class _Medium:
    """The mean unit of one class at a batch of points, on one grid. States: log X and log Y, (2, points, members)."""

    def __init__(self, cls, grid, z):
        self.cls, self.grid = cls, grid
        gaps = cls.gap_multipliers(z, grid)
        self.map = _saddle._Map(cls, grid, gaps)
        one = grid.forward(-np.exp(grid.u - np.exp(np.minimum(grid.u, 600.0))))
        # E exp(-s B^2) and s d/ds E (tau/conj a) exp(-s B^2), (points, members, grid)
        self.gap = np.moveaxis(grid.integral(one * gaps[0].conj(), 1.0), 0, 1)
        pull = grid.back(one * gaps[1].conj()) - 1j * grid.back(one * gaps[2].conj())
        self.pull = np.moveaxis(pull, 0, 1)
        v = cls.sys.variance[np.ix_(cls.members, cls.members)]
        self.v = v, v.T * cls.fractions[None, :] / cls.fractions[:, None]

    def averages(self, u):
        """``E 1/(B^2 + u)``, ``E 1/(B^2 + u)^2`` and ``d/dconj(z) E 1/(B^2 + u)``, from Laplace transforms in u."""
        s = np.exp(np.minimum(self.grid.u, 600.0))
        weight = self.grid.step * s * np.exp(-u[..., None] * s)
        return (weight * self.gap).sum(-1), (weight * s * self.gap).sum(-1), (weight * self.pull).sum(-1)

    def linear(self, state):
        """Right sides minus left sides, the Jacobian and the derivative with respect to conj(z), all in logarithms."""
        x, y = np.exp(state)
        phi, square, pull = self.averages(x * y)
        rate = -square * x * y / phi
        size = x.shape[1]
        value, jacobian = np.empty((len(x), 2 * size)), np.zeros((len(x), 2 * size, 2 * size))
        source = np.empty((len(x), 2 * size), complex)
        for side, part in enumerate((x, y)):
            at = slice(side * size, (side + 1) * size)
            terms = self.v[side] * (phi * part)[:, None, :]
            total = terms.sum(-1)
            share = terms / total[..., None]
            value[:, at] = np.log(total / part)
            source[:, at] = np.einsum("pab,pb->pa", share, pull / phi)
            jacobian[:, at] = np.concatenate([share * rate[:, None, :]] * 2, -1)
            jacobian[:, at, at] += share - np.eye(size)
        return value, jacobian, source, (phi, square, pull)

    def newton(self, state, limit=30):
        """``state`` at the solution, residual, steps. The gauge X -> kX, Y -> Y/k is left where the start had it."""
        steps = 0
        while steps < limit:
            steps += 1
            value, jacobian, _, _ = self.linear(state)
            residual = np.max(np.abs(value), -1)
            if np.all(residual < 1e-13):
                break
            change = -(np.linalg.pinv(jacobian, rcond=1e-12) @ value[..., None])[..., 0]
            change /= np.maximum(1.0, np.max(np.abs(change), -1))[:, None]
            state = state + np.moveaxis(change.reshape(len(change), 2, -1), 1, 0)
        if self.map.sides == 1:  # one population: the gauge X = Y
            state = np.broadcast_to(state.mean(0), state.shape)
        return state, residual, steps

    def observable(self, state, quantity):
        """``g``, or its derivative over pi."""
        grid, cls = self.grid, self.cls
        x, y = np.exp(state)
        _, jacobian, source, (phi, square, pull) = self.linear(state)
        mean = [np.log(phi * x), np.log(phi * y)]
        members, sides = len(cls.members), self.map.sides
        log = np.zeros((members, sides, len(x), len(grid.omega)), complex)
        change = np.zeros((2,) + x.shape, complex)
        if quantity == "density":
            got = -(np.linalg.pinv(jacobian, rcond=1e-12) @ source[..., None])[..., 0]
            got = np.moveaxis(got.reshape(len(got), 2, members), 1, 0)
            both = pull / phi - square * x * y / phi * got.sum(0)
            change = got + both  # of log mu and log nu
        moved = np.zeros(log.shape, complex), np.zeros(log.shape, complex)
        for side in range(sides):
            table = cls.weight_multipliers(grid)[side].conj() * grid.kernel  # c E|w|^(2 i omega), kernel undone
            for b in range(members):
                shifted = grid.u + mean[side][:, b, None]
                hat = grid.forward(-np.exp(shifted - np.exp(np.minimum(shifted, 600.0))))
                for a in range(members):
                    part = table[a, b] * hat
                    log[a, side] += part
                    for store, unit in zip(moved, (change.real, change.imag), strict=True):
                        store[a, side] += unit[side][:, b, None] * part
        f = np.exp(np.minimum(grid.integral(log), 0.0))
        dlog = grid.back(log)
        slope = f * dlog
        if quantity == "resolvent":
            return self.map.resolvent(slope)
        rows = [slope * grid.back(part) + f * grid.back(part * grid.derive) for part in moved]
        return _saddle._Linear(self.map, slope).density(np.concatenate(rows, 2)) / np.pi

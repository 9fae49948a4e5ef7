r"""Cavity equations on the edges of one network: its Hermitized resolvent as if the graph were a tree.

With ``B(z) = leak + z T - W H``, ``b_ij = W_ij h_j`` and ``a_i = leak + z tau_i - b_ii``, the Hermitization
``M = [[eta, i B], [i B^dagger, eta]]`` has a 2 x 2 block for every pair of units,

.. math::
   M_{ii} = \begin{pmatrix} \eta & i a_i \\ i \bar a_i & \eta \end{pmatrix}, \qquad
   M_{ij} = -i \begin{pmatrix} 0 & b_{ij} \\ b_{ji} & 0 \end{pmatrix} .

On a tree the branches at unit i are independent once i is taken out, and the inverse of a block matrix gives
``G_ii = [M_ii - sum_j M_ij G_jj^(i) M_ji]^-1``, ``G_jj^(i)`` the block of j with i taken out:

.. math::
   G_{ii}^{-1} &= \begin{pmatrix} X_i & i A_i \\ i A'_i & Y_i \end{pmatrix}, \qquad D = A A' + X Y, \\
   X_i &= \eta + \sum_j b_{ij}^2\, \frac{X_{j\setminus i}}{D_{j\setminus i}}, \qquad
   Y_i = \eta + \sum_j b_{ji}^2\, \frac{Y_{j\setminus i}}{D_{j\setminus i}}, \\
   A_i &= a_i - \sum_j b_{ij} b_{ji} \frac{A'_{j\setminus i}}{D_{j\setminus i}}, \qquad
   A'_i = \bar a_i - \sum_j b_{ij} b_{ji} \frac{A_{j\setminus i}}{D_{j\setminus i}} .

The fields of j without i are those of j less the one term that comes from i. A synapse j -> i that is not answered
by one from i to j leaves ``X_j`` and ``A_j`` as they are and takes one term from ``Y_j``: its messages are two
numbers, ``u = b^2 X_j/(A_j A'_j + X_j (Y_j - v))`` for ``X_i`` and ``v = b^2 Y_i/(A_i A'_i + Y_i (X_i - u))`` for
``Y_j``. Reciprocal pairs carry all four entries.

The resolvent and what else is read off the diagonal blocks:

.. math:: g(z) = \frac1n \sum_i \frac{\tau_i A'_i}{D_i}, \qquad g^{(1)}_i = \frac{Y_i}{D_i}, \qquad
          g^{(2)}_i = \frac{X_i}{D_i}, \qquad \varrho = \frac1\pi \frac{\partial g}{\partial\bar z},

the last from the differentiated equations, which are linear: no finite differences.

**The limit eta = 0.** J is block triangular in its strongly connected components, so each is solved by itself:
messages between components are dropped. A unit on no cycle contributes exactly ``tau_i/a_i``. A component that is
one directed cycle (or one reciprocal pair) has ``(B^-1)_ii = 1/(a_i (1 - prod_k b_k/a_k))``, used as it is. In every
other one ``X -> k X, Y -> Y/k`` is a zero mode; it is fixed in each sweep by ``sum g1 = sum g2``, which holds exactly
for eta > 0 (there for the components of the undirected graph). Each component has an edge of its own, where small X
and Y neither grow nor decay from sweep to sweep (without pairs: spectral radius of ``b_ij^2/|a_j|^2`` equal to 1). A
power iteration tells on which side z is: outside ``X Y = 0`` and the component contributes ``tau/a`` (with pairs
``tau/A``); inside ``X = Y = 0`` is a solution too, which is avoided.

**How.** A sweep updates the u, then the v, in time linear in the number of synapses; Anderson mixing accelerates
it. It stops when the residual of the equations times the amplification seen on the way, ``|g_k - g|/residual_k`` at its
largest, is below the tolerance; a few plain sweeps must then confirm that the equations keep the solution. That is the
error stated. *It is the error of the iteration and does not include what the loops of the graph do*: on trees and
forests the result is exact; on a random graph of n units the resolvent differs from the exact one by O(1/n) at fixed
eta > 0, and as eta -> 0 the theory gives a smooth density where the exact spectrum is a set of points.

**Where it fails**, with the status that says so: near the edge of a component, within the tolerance times its
amplification; and where one cycle alone is supercritical, at mean degrees below 2 or so (freezing): X Y
grows without bound on it, as it does on the ring. There eta > 0 has an answer.

Sources: Rogers and Perez Castillo, Phys. Rev. E 79, 012101 (2009), for the equations; Metz, Neri and Rogers, J. Phys. A
52, 434003 (2019), for a review with reciprocal pairs; Walker and Ni, SIAM J. Numer. Anal. 49, 1715 (2011), for Anderson
mixing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.sparse as sp
from scipy.sparse import csgraph
from tqdm import tqdm

from ..errors import ValidationError
from ..network import Network
from ..solve import Solution, Status, finish

__all__ = ["LocalResolvent", "local", "solve"]

_DEPTH = 6  # images kept by the mixing
_ROWS = 1 << 18  # numbers in one array of the state, over all points solved together
_PATIENCE = 40, 400  # sweeps without halving the residual: until plain sweeps, until a point is given up
_BLOCK = 1 << 15  # numbers handled at a time: what stays in the cache


# --- the graph -----------------------------------------------------------------------------------------


class _Sum:
    """Sums over the edges at each unit of arrays (edges, points)."""

    def __init__(self, unit, n):
        count = len(unit)
        parts = (np.ones(count), unit, np.arange(count + 1, dtype=unit.dtype))
        self.matrix = sp.csc_array(parts, shape=(n, count))
        if count and np.all(unit[1:] >= unit[:-1]):
            self.matrix = self.matrix.tocsr()  # edges in the order of their units: no scattered writes

    def __call__(self, values):
        if np.iscomplexobj(values):
            return (self.matrix @ np.ascontiguousarray(values).view(float)).view(complex)
        return self.matrix @ values


class _Graph:
    """Units that exchange messages, ordered by class, and their synapses: plain ones first, then reciprocal ones.

    ``split``: the limit eta = 0, where classes are strongly connected components and units on no cycle, or
    on a single one, are left out. Otherwise all units, by component of the undirected graph.
    """

    def __init__(self, net: Network, split: bool):
        n = net.n
        b = sp.csr_array(net.weights, dtype=float)
        b = sp.csr_array((b.data * net.gain[b.indices], b.indices, b.indptr), shape=b.shape)
        self.loops = b.diagonal()
        target = np.repeat(np.arange(n, dtype=np.int32), np.diff(b.indptr))
        source, value = b.indices.astype(np.int32), b.data
        use = (target != source) & (value**2 > 0)
        target, source, value = target[use], source[use], value[use]
        b = sp.csr_array((value, (target, source)), shape=(n, n))
        count, label = csgraph.connected_components(b, directed=True, connection="strong" if split else "weak")
        single = np.zeros(count, bool)
        if split:
            use = label[target] == label[source]
            target, source, value = target[use], source[use], value[use]
            edges = np.bincount(label[target], minlength=count)
            single = edges <= np.bincount(label, minlength=count)
            use = single[label[target]]
            self.cycles = np.flatnonzero(single & (edges > 0)), label, label[target[use]], value[use]
            target, source, value = target[~use], source[~use], value[~use]
        self.left_out = np.flatnonzero(single[label])
        units = np.flatnonzero(~single[label])
        self.units = units[np.argsort(label[units], kind="stable")]
        self.n = len(units)
        member = label[self.units]
        self.start = np.flatnonzero(np.diff(member, prepend=-1))
        self.size = np.diff(self.start, append=self.n)
        place = np.zeros(n, np.int32)
        place[self.units] = np.arange(self.n)
        self._edges(sp.csr_array((value, (place[target], place[source])), shape=(self.n, self.n)))

    def _edges(self, b):
        b.sort_indices()
        target = np.repeat(np.arange(self.n), np.diff(b.indptr))
        both = b.multiply(b.T).tocsr()
        both.sort_indices()
        first = np.repeat(np.arange(self.n), np.diff(both.indptr))
        key = first * self.n + both.indices
        mutual = np.searchsorted(target * self.n + b.indices, key) if both.nnz else np.zeros(0, int)
        order = np.arange(b.nnz)
        if both.nnz:
            plain = np.ones(b.nnz, bool)
            plain[mutual] = False
            order = np.concatenate([order[plain], mutual])
        self.plain = b.nnz - both.nnz
        self.target, self.source = target[order].astype(np.int32), b.indices[order].astype(np.int32)
        self.b2 = b.data[order, None] ** 2
        self.product = both.data[:, None]  # b_ij b_ji
        self.back = np.searchsorted(key, both.indices.astype(np.int64) * self.n + first)  # of i <- j: j <- i
        k = self.plain
        self.into, self.out = _Sum(self.target[:k], self.n), _Sum(self.source[:k], self.n)
        self.into_pair, self.out_pair = _Sum(self.target[k:], self.n), _Sum(self.source[k:], self.n)

    def per_class(self, values):
        """Sums over the units of each class."""
        return np.add.reduceat(values, self.start, axis=0)

    def spread(self, values):
        """One row a class -> one row a unit (or one for all)."""
        return values if len(values) == 1 else np.repeat(values, self.size, axis=0)

    def on_edges(self, values, unit):
        return values if len(values) == 1 else values.take(unit, axis=0)


# --- the equations -------------------------------------------------------------------------------------


def _message(b2, ratio, field, eta, unit, old, out):
    """``b^2/(ratio + field - old)``, ratio and field at the unit, a block of edges at a time."""
    step = max(1, _BLOCK // max(1, field.shape[1]))
    for low in range(0, len(unit), step):
        at = slice(low, low + step)
        part = field.take(unit[at], axis=0)
        part -= old[at]
        if np.imag(eta) == 0:
            np.maximum(part, eta, out=part)  # all that is left of a unit with one synapse is rounding
        part += ratio.take(unit[at], axis=0)
        np.divide(b2[at], part, out=out[at])


def _message_slope(b2, message, field, unit, old, out):
    """Derivative of ``_message``: ``-(message^2/b^2)(field' at the unit - old')``."""
    step = max(1, _BLOCK // max(1, field.shape[1]))
    for low in range(0, len(unit), step):
        at = slice(low, low + step)
        part = field.take(unit[at], axis=0)
        np.subtract(old[at], part, out=part)
        part *= message[at] ** 2 / b2[at]
        out[at] = part


class _Cavity:
    """One sweep of the cavity equations. State: X, Y (units, points), v of plain synapses; u, v, c, c' of pairs.

    ``c`` and ``c'`` are what j sends to A_i and A'_i.
    """

    def __init__(self, graph, tau, a, conj, eta, relative):
        self.graph, self.tau, self.a, self.conj, self.eta = graph, tau, a, conj, eta
        self.least = np.zeros((len(graph.start), a.shape[1]))  # of sum X Y/D in a class: below it has fallen to 0
        self.relative = relative  # residual: per class, relative to X Y; otherwise relative to |a|^2 + X Y
        self.real = np.imag(eta) == 0

    def take(self, keep):
        new = _Cavity(self.graph, self.tau, self.a[:, keep], self.conj[:, keep], self.eta, self.relative)
        new.least = self.least[:, keep]
        return new

    def start(self):
        g, count = self.graph, self.a.shape[1]
        gap = np.mean(np.abs(self.a) ** 2, axis=0) + np.abs(self.eta) ** 2
        strength = np.sum(g.b2) / max(g.n, 1)
        # X Y of units that are all alike, kept off 0
        level = np.sqrt(np.maximum(strength - gap, 0.1 * strength))
        first = (g.b2 / strength * level).astype(float if self.real else complex)
        k = g.plain
        x = g.into(first[:k]) + g.into_pair(first[k:]) + self.eta
        y = g.out(first[:k]) + g.out_pair(first[k:]) + self.eta
        state = [x, y, first[:k]]
        if len(g.product):
            zero = np.zeros((len(g.product), count), complex)
            state += [first[k:], first[k:].copy(), zero, zero.copy()]
        return state

    def gaps(self, c=None, conj=None):
        """A, A' and A A' at the units."""
        a, ac = self.a, self.conj
        if len(self.graph.product):
            a, ac = a - self.graph.into_pair(c), ac - self.graph.into_pair(conj)
        return a, ac, self.size(a, ac)

    def size(self, a, ac):
        return (a * ac).real if self.real else a * ac

    def pair(self, x, y, a, ac, u, v, c, cc):
        """Fields of j without i, for each reciprocal synapse j -> i."""
        g = self.graph
        j = g.source[g.plain :]
        at = partial(np.take, indices=j, axis=0)
        back = partial(np.take, indices=g.back, axis=0)
        x, y, a, ac = at(x) - back(u), at(y) - v, at(a) + back(c), at(ac) + back(cc)
        if self.real:  # rounding
            x, y = np.maximum(x, self.eta), np.maximum(y, self.eta)
        return x, y, a, ac, self.size(a, ac) + x * y

    def sweep(self, state, out):
        """New state in ``out``; by point: value, its scale, residual; and the residual of each unit."""
        g, k = self.graph, self.graph.plain
        x, y = state[:2]
        pairs = len(g.product) > 0
        a, ac, d = old = self.gaps(*state[5:])
        u = self.u = np.empty_like(state[2])
        _message(g.b2[:k], d / x, y, self.eta, g.source[:k], state[2], u)
        x1 = g.into(u) + self.eta
        if pairs:
            v, u2, c, cc = state[3:]
            xj, yj, aj, acj, dj = self.pair(x, y, a, ac, u2, v, c, cc)
            u2, c, cc = g.b2[k:] * xj / dj, g.product * acj / dj, g.product * aj / dj
            out[4][:], out[5][:], out[6][:] = u2, c, cc
            x1 += g.into_pair(u2)
            a, ac, d = self.gaps(c, cc)
        _message(g.b2[:k], d / y, x1, self.eta, g.target[:k], u, out[2])
        y1 = g.out(out[2]) + self.eta
        if pairs:
            xj, yj, aj, acj, dj = self.pair(x1, y, a, ac, u2, v, c, cc)
            out[3][:] = g.b2[k:] * (yj / dj)[g.back]
            y1 += g.out_pair(out[3])
        self.fields = x1, y1, a, ac, d + x1 * y1
        if self.real:
            self.gauge(x1, y1, out)
        out[0][:], out[1][:] = x1, y1
        full = d + x1 * y1
        g1, g2 = y1 / full, x1 / full
        defect = [(x1 - x) * g1, (y1 - y) * g2]
        size = g.per_class(np.abs(x1 * g1))
        if self.relative:
            size = np.maximum(size, 1e-300)
            change = np.max([np.max(g.per_class(np.abs(part)) / size, axis=0) for part in defect], axis=0)
        else:
            change = np.max([np.mean(np.abs(part), axis=0) for part in defect], axis=0)
        if pairs:
            defect += [(a - old[0]) * ac / full, (ac - old[1]) * a / full]
            change = change + sum(np.mean(np.abs(part), axis=0) for part in defect[2:])
        change = np.where(np.any(size < self.least, axis=0), np.inf, change)
        value = np.mean(self.tau * ac / full, axis=0)
        return value, np.mean(self.tau / np.sqrt(np.abs(full)), axis=0), change, defect

    def settle(self, state):
        """g, g1, g2 of each unit at the solution."""
        self.sweep(state, [np.empty_like(p) for p in state])
        x, y, _, ac, full = self.fields
        return self.tau * ac / full, y / full, x / full

    def gauge(self, x, y, out):
        """X -> k X, Y -> Y/k for each class, such that sum g1 = sum g2."""
        g, full = self.graph, self.fields[4]
        factor = np.sqrt(g.per_class(y / full) / g.per_class(x / full))
        factor = np.where(np.isfinite(factor) & (factor > 0), factor, 1.0)
        self.rescale([x, y, *out[2:5]], factor, 1 / factor)

    def rescale(self, state, up, down):
        """Multiplies X and u by ``up``, Y and v by ``down``, one number a class and point."""
        g = self.graph
        state[0] *= g.spread(up)
        state[1] *= g.spread(down)
        state[2] *= g.on_edges(g.spread(down), g.source[: g.plain])
        if len(state) > 3:
            j = g.source[g.plain :]
            state[3] *= g.on_edges(g.spread(down), j)
            state[4] *= g.on_edges(g.spread(up), j)

    def onset(self, sweeps=300):
        """Where a run at eta = 0 starts: state, and what g loses if a class is put outside wrongly, by point.

        Small solutions of a class grow as r^k in sweep k; r comes from a power iteration of X and Y with a shift.
        A class with r < 1 is outside the support and starts at 0, where it stays. With r > 1, 0 is a solution
        too, but the wrong one: the start has the amplitude of the onset, X Y/|a|^2 ~ r - 1.
        """
        g, state = self.graph, self.start()
        for part in state[:5]:
            part *= 1e-9
        out = [np.empty_like(part) for part in state]
        radius = np.ones((len(g.start), self.a.shape[1]))
        calm, step = np.zeros(radius.shape, int), np.ones(radius.shape)
        size = g.per_class(state[0] * state[1] / self.gaps(*state[5:])[2])
        for _ in range(sweeps):
            self.sweep(state, out)
            self.rescale(out, 1 / radius, 1 / radius)
            state[:5] = (0.5 * (old + new) for old, new in zip(state[:5], out[:5], strict=True))
            state[5:] = (new.copy() for new in out[5:])
            small = state[0] * state[1] / self.gaps(*state[5:])[2]
            growth = np.sqrt(g.per_class(small) / size)
            self.rescale(state, 1 / growth, 1 / growth)
            last, step = step, radius * np.maximum(2 * growth - 1, 0.1) - radius
            radius = radius + step
            # what a geometric series of steps has still to come must not change the side
            rest = np.abs(step) / (1 - np.minimum(np.abs(step / last), 0.999))
            started = (radius < 1) | (np.abs(step) < 0.02 * np.abs(radius - 1))  # a good start takes more
            calm = np.where(started & (5 * rest < np.abs(radius - 1)), calm + 1, 0)
            if np.all((calm > 2) | ~np.isfinite(radius)):
                break
        level = g.per_class(small**2) / g.per_class(small) / growth**2
        # from above: mixing that starts low may fall to 0, and few units may carry most of the mode
        scale = np.sqrt(6 * np.where(radius > 1, np.minimum(radius - 1, 3.0), 0.0) / level)
        self.rescale(state, scale, scale)
        self.least = np.where(scale > 0, 1e-4 * g.per_class(small) / growth**2 * scale**2, 0.0)
        unclear = ~np.all([np.all(np.isfinite(part), axis=0) for part in state], axis=0)
        if np.any(unclear):
            for part, new in zip(state, self.start(), strict=True):
                part[:, unclear] = new[:, unclear]
            self.least[:, unclear] = 0.0
        doubt = np.where((radius < 1) & (calm < 3), 50 * np.abs(step), 0.0)
        return state, np.max(doubt, axis=0)


class _Slope:
    """One sweep of the cavity equations differentiated with respect to conj(z), at their solution.

    a and conj(a) are independent: da = 0, d conj(a) = tau.
    """

    def __init__(self, base: _Cavity, state):
        self.base, self.state = base, state
        base.settle(state)
        self.u, self.fields = base.u, base.fields

    def take(self, keep):
        new = object.__new__(_Slope)
        new.base, new.state = self.base.take(keep), [p[:, keep] for p in self.state]
        new.u, new.fields = self.u[:, keep], tuple(p[:, keep] for p in self.fields)
        return new

    def start(self):
        return [np.zeros(p.shape, complex) for p in self.state]

    def gaps(self, dc=None, dcc=None):
        g, a, ac = self.base.graph, self.fields[2], self.fields[3]
        da, dac = np.zeros_like(self.base.a), np.broadcast_to(self.base.tau, a.shape).astype(complex)
        if len(g.product):
            da, dac = -g.into_pair(dc), dac - g.into_pair(dcc)
        return da, dac, da * ac + a * dac

    def pair(self, dx, dy, da, dac, du, dv, dc, dcc):
        """Derivatives of X/D, Y/D, A/D, A'/D of j without i, for each reciprocal synapse j -> i."""
        g, (x, y, a, ac, _) = self.base.graph, self.fields
        j = g.source[g.plain :]
        x, y, a, ac, full = self.base.pair(x, y, a, ac, self.state[4], self.state[3], *self.state[5:])
        at = partial(np.take, indices=j, axis=0)
        back = partial(np.take, indices=g.back, axis=0)
        dx, dy, da, dac = at(dx) - back(du), at(dy) - dv, at(da) + back(dc), at(dac) + back(dcc)
        rate = (da * ac + a * dac + dx * y + x * dy) / full
        return tuple((slope - value * rate) / full for value, slope in ((x, dx), (y, dy), (a, da), (ac, dac)))

    def sweep(self, state, out):
        g, k = self.base.graph, self.base.graph.plain
        x, y, a, ac, full = self.fields
        d = full - x * y
        pairs = len(g.product) > 0
        dx, dy = state[:2]
        da, dac, dd = old = self.gaps(*state[5:])

        def field(size, slope):
            return np.where(size == 0, 0.0, (dd - d * slope / size) / size)

        du = np.empty_like(out[2])
        _message_slope(g.b2[:k], self.u, field(x, dx) + dy, g.source[:k], state[2], du)
        dx1 = g.into(du)
        if pairs:
            dv, du2, dc, dcc = state[3:]
            qx, _, qa, qac = self.pair(dx, dy, da, dac, du2, dv, dc, dcc)
            du2, dc, dcc = g.b2[k:] * qx, g.product * qac, g.product * qa
            out[4][:], out[5][:], out[6][:] = du2, dc, dcc
            dx1 += g.into_pair(du2)
            da, dac, dd = self.gaps(dc, dcc)
        _message_slope(g.b2[:k], self.state[2], field(y, dy) + dx1, g.target[:k], du, out[2])
        dy1 = g.out(out[2])
        if pairs:
            qy = self.pair(dx1, dy, da, dac, du2, dv, dc, dcc)[1]
            out[3][:] = g.b2[k:] * qy[g.back]
            dy1 += g.out_pair(out[3])
        if self.base.real:
            self.gauge(dx1, dy1, dd, out)
        out[0][:], out[1][:] = dx1, dy1
        self.unit = self.base.tau * (dac - ac * (dd + dx1 * y + x * dy1) / full) / full
        defect = [(dx1 - dx) * (y / full), (dy1 - dy) * (x / full)]
        if pairs:
            defect += [(da - old[0]) * ac / full, (dac - old[1]) * a / full]
        change = sum(np.mean(np.abs(part), axis=0) for part in defect)
        value = np.mean(self.unit, axis=0)
        bound = np.mean(self.base.tau / np.sqrt(np.abs(full)), axis=0)
        return value, np.abs(value) + 1e-3 * bound**2, change, defect

    def settle(self, state):
        """dg/dconj(z) of each unit at the solution."""
        self.sweep(state, [np.empty_like(p) for p in state])
        return self.unit

    def gauge(self, dx, dy, dd, out):
        """The zero mode (X, -Y) taken out such that the derivative of sum g1 - sum g2 vanishes for each class."""
        g, (x, y, _, _, full) = self.base.graph, self.fields
        rate = (dd + dx * y + x * dy) / full
        excess = g.per_class((dx - dy - (x - y) * rate) / full)
        shift = excess / np.maximum(g.per_class((x + y) / full), 1e-300)
        at = g.spread(shift)
        dx -= at * x
        dy += at * y
        out[2] += g.on_edges(at, g.source[: g.plain]) * self.state[2]
        if len(g.product):
            at = g.on_edges(at, g.source[g.plain :])
            out[3] += at * self.state[3]
            out[4] -= at * self.state[4]


# --- the iteration -------------------------------------------------------------------------------------


@dataclass
class _Run:
    """What came out, by point."""

    state: list
    value: np.ndarray
    error: np.ndarray
    scale: np.ndarray
    residual: np.ndarray
    sweeps: np.ndarray


def _inner(ring, new):
    """<ring_k, new> for each k and point."""
    if new.shape[-1] == 1:  # one point: a matrix-vector product
        ring, new = ring.reshape(len(ring), -1), new.reshape(-1)
        return (ring.view(float) @ new.view(float))[:, None]
    return np.stack([np.einsum("lb,lb->b", old.conj(), new).real for old in ring])


def _combine(ring, weights):
    if weights.shape[-1] == 1:
        flat = ring.reshape(len(ring), -1)
        return (weights[:, 0] @ flat.view(float)).view(ring.dtype).reshape(ring.shape[1:])
    total = weights[0] * ring[0]
    for k in range(1, len(ring)):
        total += weights[k] * ring[k]
    return total


def _weights(gram, slot, valid):
    """Weights, adding to 1, of the images whose combined residual is least, for each point: (images, points)."""
    own = gram[:, slot]
    table = gram - own[:, :, None] - own[:, None, :] + gram[:, slot, slot][:, None, None]
    right = gram[:, slot, slot][:, None] - own
    use = valid.copy()
    use[:, slot] = False
    table = np.where(use[:, :, None] & use[:, None, :], table, 0.0)
    scale = np.sqrt(np.maximum(np.einsum("bkk->bk", table), 1e-300))
    table = table / scale[:, :, None] / scale[:, None, :]
    index = np.arange(table.shape[1])
    table[:, index, index] = 1 + 1e-13
    share = np.linalg.solve(table, np.where(use, right / scale, 0.0)[..., None])[..., 0] / scale
    share = np.where(use, share, 0.0)
    share[:, slot] = 1 - share.sum(1)
    return share.T


def _iterate(problem, x, tol, sweeps, report=None, limit=np.inf, nonlinear=False) -> _Run:
    """Anderson mixing of a sweep for many points; ``error`` is twice the residual times the largest amplification.

    Least squares sees the residual at the units alone. A point that gains nothing goes on by plain sweeps. They also
    confirm a solution: mixing may find one that the equations leave (the limit eta -> 0 selects the one they keep).
    """
    count, past = x[0].shape[1], _DEPTH + 1
    images, defects = [np.zeros((past, *p.shape), p.dtype) for p in x], None
    gram, valid = np.zeros((count, past, past)), np.zeros((count, past), bool)
    values, sizes = np.zeros((sweeps, count), complex), np.zeros((sweeps, count))
    result = _Run([np.empty_like(p) for p in x], *(np.zeros(count, t) for t in (complex, float, float, float, int)))
    rows, plain, mark, since = np.arange(count), np.zeros(count, bool), np.full(count, np.inf), np.zeros(count, int)
    held, first = np.zeros(count, int), np.zeros(count)  # sweeps of confirmation, residual before them
    for k in range(sweeps):
        slot = k % past
        image = [ring[slot] for ring in images]
        values[k], scale, sizes[k], defect = problem.sweep(x, image)
        gain = np.abs(values[:k] - values[k]) / sizes[:k]
        error = 2 * np.max(gain, axis=0, initial=0.0) * sizes[k] + 1e-14 * scale
        lost = ~np.isfinite(values[k]) | ~np.isfinite(sizes[k])
        error[lost], sizes[k, lost] = np.inf, np.inf
        halved = sizes[k] < 0.5 * mark
        mark[halved], since[halved] = sizes[k, halved], k
        small = sizes[k] <= np.clip(1e-3 * np.max(sizes[: k + 1], axis=0), 1e-13, limit)
        settled = (k >= 4) & small & (error <= tol * scale)
        held = np.where(settled, held + 1, 0)
        first = np.where(held == 1, sizes[k], first)
        # a mode that grows, r^6 or more in six sweeps, has overtaken the others by now
        away = (held > 0) & (sizes[k] > np.maximum(2 * first, 1e-13))
        held[away] = 0
        idle = k - since >= np.where(plain, _PATIENCE[1], _PATIENCE[0])
        done = (held > (6 if nonlinear else 0)) | (sizes[k] == 0) | (plain & (lost | idle)) | (k == sweeps - 1)
        if report:
            report(k + 1, np.max(sizes[k]))
        if np.any(done):
            at = rows[done]
            for whole, part in zip(result.state, image, strict=True):
                whole[:, at] = part[:, done]
            result.value[at], result.error[at], result.scale[at] = values[k, done], error[done], scale[done]
            result.residual[at], result.sweeps[at] = sizes[k, done], k + 1
            if np.all(done):
                break
            keep = ~done
            problem, images = problem.take(keep), [ring[..., keep] for ring in images]
            defect, defects = [p[:, keep] for p in defect], defects and [ring[..., keep] for ring in defects]
            x, image = [p[:, keep] for p in x], [ring[slot] for ring in images]
            rows, plain, mark, since, idle, lost = (p[keep] for p in (rows, plain, mark, since, idle, lost))
            held, first, away = (p[keep] for p in (held, first, away))
            gram, valid, values, sizes = gram[keep], valid[keep], values[:, keep], sizes[:, keep]
        turn = ~plain & (idle | lost | away)
        plain[turn], since[turn], mark[turn] = True, k, np.inf
        if defects is None:
            defects = [np.zeros((past, *p.shape), p.dtype) for p in defect]
        for ring, new in zip(defects, defect, strict=True):
            ring[slot] = new
        # an extrapolation that led away: forget the past
        valid[plain | (held > 0) | (sizes[k] > 10 * np.min(sizes[: k + 1], axis=0))] = False
        valid[:, slot] = k >= 3
        if np.any(lost):
            for new, fresh in zip(image, problem.start(), strict=True):
                new[:, lost] = fresh[:, lost]
            for ring in defects:
                ring[slot][:, lost] = 0.0
        gram[:, slot, :] = gram[:, :, slot] = sum(_inner(ring, ring[slot]) for ring in defects).T
        weights = _weights(gram, slot, valid)
        x = [_combine(ring, weights) for ring in images]
        if nonlinear:
            for mixed, new in zip(x[:5], image[:5], strict=True):
                np.maximum(mixed, 0.1 * new, out=mixed)
    return result


# --- the solver ----------------------------------------------------------------------------------------


def _alone(graph, tau, a):
    """tau_i (B^-1)_ii of the units that exchange no messages at eta = 0: on no cycle, or on a single one."""
    value = tau / a
    cycles, label, member, weight = graph.cycles
    if len(cycles):
        rank = np.full(len(label), -1)
        rank[cycles] = np.arange(len(cycles))
        mine = rank[label]
        on = mine >= 0
        log = np.zeros((len(cycles), a.shape[1]), complex)
        np.add.at(log, rank[member], np.log(weight.astype(complex))[:, None])
        np.add.at(log, mine[on], -np.log(a[on]))
        value[on] /= (1 - np.exp(log))[mine[on]]
    return value[graph.left_out]


class _Part:
    """The answer at some of the points; ``units`` holds g, g1, g2 and the density of each unit if they are asked for."""

    def __init__(self, net, graph, z, eta, tol, quantity, sweeps, report):
        count, tau, share = len(z), net.tau[:, None], graph.n / net.n
        a, conj = (net.leak + point * tau - graph.loops[:, None] for point in (z, z.conj()))
        value, density = np.zeros(count, complex), np.zeros(count)
        self.residual, self.iterations = np.zeros(count), np.zeros(count, int)
        alone = np.zeros((0, count))
        if len(graph.left_out):
            alone = _alone(graph, tau, a)
            value = np.sum(alone, axis=0) / net.n
        error = 1e-14 * np.sum(np.abs(alone), axis=0) / net.n
        wrong, failed, units, slopes = np.zeros(count), np.zeros(count, bool), None, None
        if graph.n:
            at = graph.units
            cavity = _Cavity(graph, tau[at], a[at], conj[at], eta, quantity != "resolvent")
            start, doubt = cavity.onset() if eta == 0 else (cavity.start(), 0.0)
            # what the first iteration leaves is amplified by the second
            resolvent = quantity == "resolvent"
            goal, limit = (tol, np.inf) if resolvent else (min(1e-3 * tol, 1e-10), 1e-3 * tol)
            run = _iterate(cavity, start, goal, sweeps, report, limit, nonlinear=True)
            run.error += doubt * run.scale
            self.residual, self.iterations = run.residual, run.sweeps
            failed |= ~(run.error <= goal * run.scale)
            value, error = value + share * run.value, error + share * run.error
            if not (resolvent and cavity.real):
                units = cavity.settle(run.state)
                # complex eta: the physical branch has positive real parts
                failed |= np.any(np.minimum(units[1].real, units[2].real) < -1e-6, axis=0)
            good = np.flatnonzero(~failed)
            if not resolvent and cavity.real:
                slopes = np.zeros(units[0].shape, complex)
                wrong[failed] = np.inf
            if not resolvent and cavity.real and good.size:
                slope = _Slope(cavity.take(good), [part[:, good] for part in run.state])
                run = _iterate(slope, slope.start(), tol, sweeps, report)
                self.residual[good] = np.maximum(self.residual[good], run.residual)
                self.iterations[good] += run.sweeps
                failed[good] = ~(run.error <= tol * run.scale)
                density[good] = share * run.value.real / np.pi
                wrong[good] = share * (run.error + np.abs(run.value.imag)) / np.pi
                slopes[:, good] = slope.settle(run.state)
        self.status = np.where(failed, Status.NOT_CONVERGED, Status.CONVERGED)
        if quantity == "density":
            value, error = np.where(np.abs(density) <= wrong, np.maximum(density, 0.0), density), wrong
        self.status[~np.isfinite(value)] = Status.SINGULAR
        self.value, self.error = np.where(np.isfinite(value), value, np.inf), np.where(error >= 0, error, np.inf)
        if quantity == "local":
            self.units = self._units(net.n, graph, alone, units, slopes)

    def _units(self, n, graph, alone, units, slopes):
        count = len(self.value)
        out = [np.zeros((n, count), complex) for _ in range(3)] + [np.zeros((n, count))]
        out[0][graph.left_out] = alone
        for whole, part in zip(out, units or (), strict=False):
            whole[graph.units] = part
        if slopes is not None:
            out[3][graph.units] = slopes.real / np.pi
        return out


def _solve(net, z, quantity, eta, tol, sweeps, progress):
    if not isinstance(net, Network):
        raise ValidationError(f"the cavity method needs the graph of one Network, got {type(net).__name__}")
    if isinstance(sweeps, bool) or not isinstance(sweeps, (int, np.integer)) or sweeps < 1:
        raise ValidationError(f"sweeps must be a positive integer, got {sweeps!r}")
    graph = _Graph(net, split=eta == 0)
    size = max(1, _ROWS // (2 * graph.n + len(graph.b2) + 1))
    with tqdm(total=len(z), unit="point", disable=not progress) as bar:
        parts = []
        for low in range(0, max(len(z), 1), size):

            def report(sweep, residual):
                bar.set_postfix(sweep=sweep, residual=f"{residual:.0e}")

            with np.errstate(all="ignore"):  # a point that overflows gets its status, not a warning
                shown = report if progress else None
                parts.append(_Part(net, graph, z[low : low + size], eta, tol, quantity, sweeps, shown))
            bar.update(len(z[low : low + size]))
    return parts


def _joined(parts):
    return (
        np.concatenate([getattr(p, k) for p in parts]) for k in ("value", "error", "residual", "iterations", "status")
    )


def solve(net: Network, z, quantity, eta=0.0, tol=None, n=None, *, sweeps=3000, progress=False) -> Solution:
    """The route ``method="cavity"``; arguments as for :func:`rmtlib.theory.resolvent`, ``z`` a flat array.

    Parameters
    ----------
    net : Network
    z : (points,) complex array
    quantity : {"resolvent", "density"}
    eta : float or complex
        Real part >= 0; ``density`` takes real ones.
    tol : float, optional
        Relative to ``<tau/sqrt|D|>`` (default 1e-8) or to the density (default 1e-6; where the density is below
        a thousandth of ``<tau/sqrt|D|>^2``, to that).
    n : None
        A network has its size.
    sweeps : int
        Sweeps allowed for a point (as many again for the derivative).
    progress : bool
        Show a bar, on stderr. The solver may be interrupted; it changes nothing outside itself.

    Returns
    -------
    Solution
        ``error`` is that of the iteration: loops of the graph are not included.

    Notes
    -----
    Points are solved together while the state, ``2 n + synapses`` numbers a point (six more for a reciprocal
    synapse), stays below 262144 numbers, else one by one. About 15 states exist at a time (for the density 30), so
    that memory is linear in the synapses: 8 million take 2 GB (4 GB).

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib import Network
    >>> chain = Network([[0, 2.0, 0], [0, 0, 1.5], [0, 0, 0]], leak=0.0)  # a tree: exact
    >>> print(solve(chain, np.array([0.5 + 0.5j]), "resolvent", eta=0.1).value.round(6))
    [0.551876-0.551876j]
    """
    tol = (1e-8 if quantity == "resolvent" else 1e-6) if tol is None else tol
    return Solution(*_joined(_solve(net, z, quantity, eta, tol, sweeps, progress)), "cavity")


@dataclass(frozen=True, eq=False)
class LocalResolvent:
    """What each unit contributes, from :func:`local`: arrays in the shape of ``z`` with one more axis, the units.

    Attributes
    ----------
    g : ndarray of complex
        ``tau_i (B^-1)_ii``, whose mean over the units is the resolvent; units of tau.
    g1, g2 : ndarray
        ``G_ii`` of the first and of the second block, ``eta (eta^2 + B B^+)^-1_ii`` and ``eta (eta^2 + B^+ B)^-1_ii``.
        Real for real eta. At small eta ``g2`` weighs units as the right eigenvectors r of J with eigenvalues near z
        do, ``|r_i|^2``, and ``tau_i^2 g1`` as the left ones do. At eta = 0 only their product has a scale:
        ``sum g1 = sum g2`` in each strongly connected component, and 0 outside its support. Units in no such component
        have 0 there; which of them are driven, or drive, a component shows at small eta > 0.
    density : ndarray of float, or None
        ``(1/pi) dg_i/dconj(z)``, whose mean is the density; units of tau^2. None for complex eta.
    solution : Solution
        The mean of ``g``, with the error and the status of the iteration.
    """

    g: np.ndarray
    g1: np.ndarray
    g2: np.ndarray
    density: np.ndarray | None
    solution: Solution


def local(net, z, eta=0.0, tol=1e-6, throw=True, sweeps=3000, progress=False) -> LocalResolvent:
    r"""Resolvent, eigenvector weights and density of each unit,

    .. math:: g_i = \tau_i (B^{-1})_{ii} = \frac{\tau_i A'_i}{D_i}, \qquad g^{(1)}_i = \frac{Y_i}{D_i}, \qquad
              g^{(2)}_i = \frac{X_i}{D_i}, \qquad \varrho_i = \frac1\pi \frac{\partial g_i}{\partial\bar z} .

    Parameters
    ----------
    net : Network or square matrix
    z : array_like of complex
    eta : float or complex
        Regulariser, real part >= 0; 0 is the limit from above.
    tol : float
        Relative tolerance of the mean density (of the mean resolvent, for complex eta); the resolvent itself is
        solved to a thousandth of it.
    throw : bool
        Raise if a point fails; otherwise see ``.solution.status``.
    sweeps, progress
        As for :func:`solve`.

    Returns
    -------
    LocalResolvent

    Raises
    ------
    ValidationError
        NaN in ``z``, ``eta`` with negative real part, an Ensemble.
    ConvergenceError
        With ``.solution``, if ``throw``.

    Examples
    --------
    The weights of a right eigenvector: unit 1 drives unit 0, which drives nothing.

    >>> import numpy as np
    >>> from rmtlib import Network
    >>> pair = local(Network([[0, 2.0], [0, 0]], tau=[1.0, 3.0]), -0.34, eta=1e-4)
    >>> print((pair.g2 / pair.g2.sum()).round(3), (pair.g1 / pair.g1.sum()).round(3))
    [0.902 0.098] [0. 1.]
    """
    from . import _eta, _points, _subject, _tolerance

    net, points, eta, tol = _subject(net), _points(z), _eta(eta), _tolerance(tol)
    parts = _solve(net, points.ravel(), "local", eta, tol, sweeps, progress)
    units = [np.concatenate([p.units[k] for p in parts], axis=1).T.reshape(*points.shape, net.n) for k in range(4)]
    if np.imag(eta) == 0:
        units[1:3] = units[1].real, units[2].real
    else:
        units[3] = None
    solution = Solution(*(p.reshape(points.shape)[()] for p in _joined(parts)), "cavity")
    return LocalResolvent(*units, finish(solution, throw))

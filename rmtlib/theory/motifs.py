r"""Edge of sparse ensembles with reciprocal synapses, to first order in 1/degree.

Without reciprocity the edge of a sparse network is that of a dense one with the same second moments. A synapse that is
answered by another closes a loop of length two, which changes the edge at order 1/c. Let a unit of population ``a`` have on
average ``m_ab`` reciprocal partners in ``b``, with weights ``w`` (inwards) and ``w'`` (outwards), and

.. math:: R_{ab} = m_{ab} \langle w w' \rangle, \quad v_{ab} = m_{ab} \langle w^2 w'^2 \rangle, \quad
          r_{ab} = m_{ab} \langle w^3 w' \rangle .

*Outside* the support ``G_i = 1/(a_i - h_i T_i)`` with ``T_i = sum_j w_ij w_ji h_j G_j``: a sum of ``m`` terms of order 1/c, hence with
mean ``theta`` and a variance of order 1/c. To that order

.. math:: g = \frac{1}{a - h\theta_b - h^2 s_b\, g}, \qquad \theta_a = \sum_b R_{ab} \langle h g \rangle_b, \qquad
          s_a = \sum_b v_{ab} \langle h^2 g^2 \rangle_b, \qquad \bar s_a = \sum_b v_{ab} \langle h^2 |g|^2 \rangle_b .

*The edge* is where the mean growth of ``|G_ij|^2`` along a path of synapses is 1. A step has the factor
``V_ab <h^2 |G|^2>_b``, with ``<|G|^2> = |g|^2 (1 + h^2 |g|^2 \bar s)``; and where the synapse is answered, ``G`` at its target
contains the loop back, which ties two steps together:

.. math:: \rho(V_{ab} A_b) + 2\, \frac{\sum_{ab} l_a x_b\, r_{ab}\, \mathrm{Re}(C_a C_b)}{\sum_a l_a \langle h^2 |g|^2 \rangle_a x_a} = 1, \qquad
          A_b = \langle h^2 |g|^2 (1 + h^2 |g|^2 \bar s_b) \rangle_b, \quad C_b = \langle h^3 |g|^2 g \rangle_b ,

``x_b`` and ``l_b <h^2 |g|^2>_b`` being the right and left eigenvectors of ``V_ab <h^2 |g|^2>_b``. For one population of equal units this is

.. math:: z = \frac1G + RG + vG^3, \qquad V|G|^2 (1 + v|G|^4) + 2 r |G|^2\, \mathrm{Re}\, G^2 = 1 .

Sources: the expansion for equal units is that of Baron, arXiv:2308.13605, in substance; several populations, timescales and
gains derived here.
"""

from __future__ import annotations

import numpy as np

from ..ensemble import Ensemble
from ..errors import ValidationError
from ..laws import mixed_moment
from .dense import perron, system
from .edge import _BIG, EdgeFunction, _root

__all__ = ["MotifEdge", "motif_edge", "pair_moments"]

_LEVEL = 24


def pair_moments(ens: Ensemble, powers: tuple[int, int], n: int | None = None) -> np.ndarray:
    """``m_ab <w^p w'^q>``: reciprocal partners of a unit of ``a`` in ``b`` times a mixed moment of the two weights.

    ``w`` is the weight towards the unit. Dense blocks count as 0: their motifs are of order 1/n.
    """
    names = ens.names
    table = np.zeros((len(names), len(names)))
    for (a, b), value in ens._pairs.items():
        for i, j in {(a, b), (b, a)}:
            forward, backward = ens._block(i, j), ens._block(j, i)
            if forward.is_dense or not value.fraction:
                continue
            if n is not None:
                sizes = ens.sizes(n)
                partners = value.fraction * min(ens._probabilities(sizes, i, j)) * ens._sources(sizes, i, j)
            elif forward.degree is None or backward.degree is None:
                raise ValidationError("reciprocal synapses of fixed probability grow with the network: pass n=")
            else:
                back = backward.degree * ens.fractions[j] / ens.fractions[i]
                partners = value.fraction * min(forward.degree, back)
            table[i, j] = partners * mixed_moment(forward.weight, backward.weight, value.correlation, powers)
    return table


class MotifEdge(EdgeFunction):
    """The edge function with its first correction in 1/degree, for classes with sparse reciprocal synapses."""

    def __init__(self, system, laws, square: np.ndarray, cubic: np.ndarray):
        super().__init__(system, laws)
        self.square, self.cubic = square, cubic

    def of_class(self, members, z, rtol, plan=None):
        return self._with_motifs(members, z)[0] if self._paired(members) else super().of_class(members, z, rtol, plan)

    def fixed(self, *samples):
        return lambda z: self(z)

    def on_grid(self, x, y):
        z = x[None, :] + 1j * y[:, None]
        out = np.zeros(z.shape)
        for members in self.members():
            if not self._paired(members):
                part = _Single(self.sys, self.laws, members).on_grid(x, y)
                out = np.maximum(out, part)
                continue
            state = None
            for j in range(len(y) - 1, -1, -1):  # from outside the support downwards
                value, state = self._with_motifs(members, z[j], state)
                out[j] = np.maximum(out[j], value)
        return out

    def _paired(self, members):
        return bool(np.any(self.square[np.ix_(members, members)]))

    def _with_motifs(self, members, z, state=None):
        """Values, and (theta, s) as a start for points near by."""
        ix = np.ix_(members, members)
        tables = self.sys.reciprocal[ix], self.square[ix]
        nodes = [self.sys.rule(k, _LEVEL) for k in members]
        zero = np.zeros((2, len(z), len(members)), complex)
        state, residual = _outside(self.sys.leak, tables, nodes, z, zero if state is None else state)
        again = ~(residual < 1e-10)
        if np.any(again):
            state[:, again], residual[again] = _outside(
                self.sys.leak, tables, nodes, z[again], zero[:, again], sweeps=400
            )
        hg = [_inverse(self.sys.leak, z, node, state[:, :, i]) for i, node in enumerate(nodes)]
        with np.errstate(all="ignore"):
            size = [np.abs(p) ** 2 for p in hg]
            first = np.stack([p @ w for p, (_, _, w) in zip(size, nodes, strict=True)], -1)
            bar = first @ self.square[ix].T
            rest = np.stack([p**2 @ w for p, (_, _, w) in zip(size, nodes, strict=True)], -1)
            growth = first + bar * rest
            loop = np.stack([(p * q) @ w for p, q, (_, _, w) in zip(size, hg, nodes, strict=True)], -1)
            good = (residual < 1e-8) & np.all(np.isfinite(growth), -1)
            growth[~good], first[~good], loop[~good] = 1.0, 1.0, 0.0
            variance = self.sys.variance[ix]
            radius = _root(variance * np.minimum(growth, _BIG)[:, None, :])
            _, right, left = perron(variance * np.minimum(first, _BIG)[:, None, :])
            left = left / first  # the left eigenvector is l A
            pairs = self.cubic[ix] * np.real(loop[:, :, None] * loop[:, None, :])
            shift = 2 * np.einsum("za,zab,zb->z", left, pairs, right) / np.sum(left * first * right, -1)
        # no solution with X Y = 0: inside the support
        value = np.where(good & np.isfinite(shift), np.clip(radius + shift, 0.0, _BIG), _BIG)
        state[:, ~good] = 0.0
        return value, state


class _Single(EdgeFunction):
    """The edge function of one class on its own."""

    def __init__(self, system, laws, members):
        super().__init__(system, laws)
        self._only = members

    def members(self):
        return [self._only]


def _inverse(leak, z, node, state):
    """``h g`` at the nodes, the root that is ``h/(a - h theta)`` for small s."""
    tau, h, _ = node
    theta, s = state
    a = leak + np.multiply.outer(z, tau) - theta[:, None] * h
    with np.errstate(all="ignore"):
        return 2 * h / (a * (1 + np.sqrt(1 - 4 * h**2 * s[:, None] / a**2)))


def _outside(leak, tables, nodes, z, state, sweeps=60):
    """theta and s of the module docstring by iteration, and the last relative change."""
    state, residual = state.copy(), np.full(len(z), np.inf)
    todo = np.arange(len(z))
    for _ in range(sweeps):
        old = state[:, todo]
        new = np.empty_like(old)
        hg = [_inverse(leak, z[todo], node, old[:, :, i]) for i, node in enumerate(nodes)]
        with np.errstate(all="ignore"):
            for k, table in enumerate(tables):
                moment = np.stack([p ** (k + 1) @ w for p, (_, _, w) in zip(hg, nodes, strict=True)], -1)
                new[k] = moment @ table.T
            change = np.max(np.abs(new - old), axis=(0, 2)) / (np.max(np.abs(new), axis=(0, 2)) + 1e-300)
        state[:, todo] = 0.5 * (old + new)
        residual[todo] = np.where(np.isfinite(change), change, np.inf)
        todo = todo[~(residual[todo] < 1e-12)]
        if not todo.size:
            break
    return state, residual


def motif_edge(ens: Ensemble, n: int | None = None) -> MotifEdge:
    """The edge function of an ensemble with the corrections of its reciprocal motifs."""
    moments = (pair_moments(ens, powers, n) for powers in ((2, 2), (3, 1)))
    return MotifEdge(system(ens, n), [pop.joint for pop in ens.populations], *moments)

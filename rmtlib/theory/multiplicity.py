r"""Eigenvalues of positive weight: the exact multiplicity of ``-leak/t`` in a sparse core.

If ``tau`` takes the value ``t`` with positive probability, ``-leak/t`` is an eigenvalue of multiplicity

.. math:: \min_{\text{covers}} \#\{ i : i \text{ is left out}, \tau_i = t \} ,

the minimum over sets of vertex-disjoint cycles of the network: in ``det(z - J)`` a unit left out contributes
``z + leak/tau_i``, which vanishes at ``z = -leak/t``, a unit on a cycle a product of weights, which does not.
(That holds for weights with a density. For other laws cancellations on a few units do not change the limit,
which depends on the weights through the graph alone.)

For ``B = |leak + z tau|/h -> 0`` the cavity self-energies are powers, ``X ~ B^(2 xi)``, ``Y ~ B^(2 ups)``: a sum goes
with its smallest exponent, and ``w^2/(Y + B^2/X)`` has exponent ``max(-ups, xi - kappa)`` with ``kappa = 1`` where
``tau = t``, 0 elsewhere. With ``F_a(k) = P(xi_a >= k)``, ``G_a(k) = P(ups_a >= k)`` on the integers, ``p_b`` the share of
``tau = t`` and Poisson degrees,

.. math::
   \log F_a(k) &= -\sum_b c_{ab}\, G_b(1-k)\, [1 - p_b F_b(k+1) - (1-p_b) F_b(k)] , \\
   \log G_a(k) &= -\sum_b d_{ab}\, F_b(1-k)\, [1 - p_b G_b(k+1) - (1-p_b) G_b(k)] ,

and the mass is the expected exponent of ``det`` (half of that of ``|det|^2``), a site term less a synapse term,

.. math:: m = \sum_a f_a \Big\{ \langle \min(\kappa, \xi_a + \upsilon_a) \rangle
          - \sum_b c_{ab} \langle \min(0, m_b + m'_a) \rangle \Big\} ,

with ``m_b = max(-ups_b, xi_b - kappa_b)`` the message to the target and ``m'_a`` the one to the source. It is stationary in
the laws of the messages. There is a solution for each parity of the gauge; the larger value counts, as in the dual of a
minimisation (seen numerically, not proved).

New here as far as we know; the linear-programming dual of an assignment problem as a cavity recursion is that of
Mezard and Parisi, J. Physique Lett. 46, L771 (1985). Tested against assignments on sampled networks.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import maximum_bipartite_matching, min_weight_full_bipartite_matching

from ..errors import ConvergenceError

__all__ = ["atom_mass", "units_left_out"]

_SWEEPS, _BLOCKS = 100, 100  # sweeps between looks at the mass, and looks
_REACH = 512  # exponents kept at most, to either side of 0


def atom_mass(degree, fractions, share) -> tuple[float, float]:
    r"""Mass of the eigenvalue ``-leak/t`` in one irreducible class of sparse populations (equations above).

    Parameters
    ----------
    degree : (K, K) array_like
        Mean numbers of synapses ``c_ab`` that a unit of ``a`` receives from ``b``.
    fractions : (K,) array_like
        Shares of the populations among all units.
    share : (K,) array_like
        Probability that ``tau = t``, by population.

    Returns
    -------
    mass, error : float
        Share of all eigenvalues; bound of what cutting the exponents and stopping the iteration left out.

    Raises
    ------
    ConvergenceError
        Just above the percolation threshold, where the exponents spread without bound.

    Examples
    --------
    >>> mass, error = atom_mass([[3.0]], [1.0], [1.0])
    >>> print(round(mass, 6), error < 1e-9)
    0.167106 True
    """
    c, f, p = (np.asarray(x, float) for x in (degree, fractions, share))
    if not np.any(p):
        return 0.0, 0.0
    d = c.T * f[None, :] / f[:, None]
    found = []
    # xi + ups is an integer, and so are xi and ups in a suitable gauge, but for one parity: two starting points
    for shift in (0, 1):
        reach, k = 32, np.arange(-32, 33)
        table = np.where(k + shift * np.arange(2)[:, None, None] > 0, 0.5, 1.0) * np.ones((len(p), 1))
        while True:
            table, mass, error = _solve(c, d, f, p, table, reach)
            cut = max(1 - table[..., 0].min(), np.max(table[..., -2] - table[..., -1]))
            if cut < 1e-11 or reach >= _REACH:
                break
            side = np.ones((2, len(p), reach))
            table = np.concatenate([side, table, side * table[..., -1:]], -1)
            reach *= 2
        found.append((mass, error + 4 * (c.sum() + 1) * reach * cut))
    mass, error = max(found)
    if not error < 1e-6:
        raise ConvergenceError(
            f"the mass of an atom is uncertain by {error:.1g}: the mean degree is too close to the percolation "
            "threshold; count it in samples with bar(ensemble.sample(n))"
        )
    return float(np.clip(mass, 0.0, np.dot(f, p))), float(error)


def _solve(c, d, f, p, table, reach):
    """Iterate F and G, shape (2, K, exponents), until the functional rests: it is flat in the slow direction, the gauge."""
    mass = _functional(c, f, p, table, reach)
    for _ in range(_BLOCKS):
        for _ in range(_SWEEPS):
            messages = _messages(table, p)
            new = np.stack([np.exp(-c @ (1 - messages[0])), np.exp(-d @ (1 - messages[1]))])
            residual = float(np.max(np.abs(new - table)))
            table = 0.5 * (table + new)  # damped: the map alternates
        last, mass = mass, _functional(c, f, p, table, reach)
        if residual < 1e-5 and abs(mass - last) < 1e-12:
            break
    return table, mass, 10 * abs(mass - last) + (c.sum() + 1) * residual**2 + 1e-13


def _messages(table, p):
    """``P(m >= k)`` for messages to targets and to sources, in the shape of ``table``."""
    own, other = table, table[::-1]
    up = np.concatenate([own[..., 1:], own[..., -1:]], -1)  # at k + 1: constant beyond the end
    # at 1 - k: the reversed table moved by one
    back = np.concatenate([other[..., -1:], other[..., :0:-1]], -1)
    return 1 - back * (1 - p[:, None] * up - (1 - p[:, None]) * own)


def _functional(c, f, p, table, reach):
    xi, ups = (_laws(t) for t in table)
    out, back = (_laws(t) for t in _messages(table, p))
    total = 0.0
    for a in range(len(f)):
        for kappa, weight in ((1, p[a]), (0, 1 - p[a])):
            total += f[a] * weight * _capped(xi[a], ups[a], reach, kappa)
        for b in range(len(f)):
            if c[a, b]:
                total -= f[a] * c[a, b] * _capped(out[b], back[a], reach, 0)
    return total


def _laws(tails):
    """For each population the probabilities of the exponents ``-reach - 1, ...`` and of infinity."""
    return [(-np.diff(t, prepend=1.0), t[-1]) for t in tails]


def _capped(one, two, reach, cap):
    """``E min(cap, s + t)`` of independent exponents."""
    (p, p_inf), (q, q_inf) = one, two
    both = np.convolve(p, q)
    value = np.arange(len(both)) - 2 * (reach + 1)
    return float(both @ np.minimum(value, cap) + cap * (1 - (1 - p_inf) * (1 - q_inf)))


# --- one network ---------------------------------------------------------------------------------------


def units_left_out(synapses, counted) -> int:
    r"""The minimum over sets of vertex-disjoint cycles of the number of ``counted`` units that are on none of them.

    An assignment problem: each unit is assigned to the source of one of its synapses, at no cost, or to itself, at cost
    1 if it is counted. For weights in general position it is the multiplicity of the eigenvalue ``-leak/t`` of a network
    whose ``counted`` units have ``tau = t``.

    Parameters
    ----------
    synapses : (n, n) sparse array
        Non-zero where unit j projects to unit i.
    counted : (n,) array of bool

    Examples
    --------
    A cycle of three units with a side arm of two:

    >>> import scipy.sparse as sp
    >>> ring = sp.coo_array(([1.0] * 5, ([1, 2, 0, 3, 4], [0, 1, 2, 0, 3])), shape=(5, 5))
    >>> units_left_out(ring, [True] * 5), units_left_out(ring, [False, True, False, True, False])
    (2, 1)
    """
    n = synapses.shape[0]
    row, column = sp.coo_array(synapses).coords
    off = row != column
    loop = np.zeros(n, bool)
    loop[row[~off]] = True  # a synapse onto itself is a cycle
    counted = np.asarray(counted, bool) & ~loop
    pattern = sp.csr_matrix((np.ones(len(row)), (row, column)), shape=(n, n))
    if np.all(maximum_bipartite_matching(pattern, perm_type="column") >= 0):
        return 0  # cycles through every unit
    row, column = np.append(row[off], np.arange(n)), np.append(column[off], np.arange(n))
    # costs 1 and 2 for 0 and 1: a stored zero would be no edge
    cost = np.append(np.ones(np.count_nonzero(off)), 1.0 + counted)
    rows, columns = min_weight_full_bipartite_matching(sp.csr_matrix((cost, (row, column)), shape=(n, n)))
    return int(np.count_nonzero(counted[rows[rows == columns]]))

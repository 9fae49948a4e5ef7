r"""Edge of sparse networks whose in- and out-degrees depend on each other.

In a directed graph that is random but for its degrees, a synapse leads to a unit with probability proportional to the number of
synapses that leave it (read from target to source). What the mean growth along a path of synapses sees is therefore not the mean
degree but the mean of ``k_in`` weighted with ``k_out``, and the edge of one population with independent weights is

.. math:: \frac{\langle k_{in} k_{out} \rangle}{\langle k \rangle}\, \langle w^2 \rangle
          \Big\langle \frac{h^2}{|leak + z\tau|^2} \Big\rangle = 1 .

Poisson degrees have ``<k_in k_out>/<k> = c``. With several populations, and degrees that also depend on tau and gain, growth is
counted from block to block of synapses,

.. math:: \rho(K) = 1, \qquad K_{(ab),(bc)}(z) = \langle w_{bc}^2 \rangle
          \frac{\sum_{j \in b} k^{out}_{aj}\, k^{in}_{jc}\, h_j^2/|leak + z\tau_j|^2}{\sum_{j \in b} k^{out}_{aj}} ,

``k^out_aj`` the number of synapses from unit j to population a, ``k^in_jc`` that from c to j.

Source: Neri and Metz, Phys. Rev. Research 2, 033313 (2020), for equal units; heterogeneous units and populations derived here.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ..ensemble import Ensemble
from ..errors import NotApplicableError, ValidationError
from ..laws import as_law
from ..network import Network
from .dense import system
from .edge import EdgeFunction

__all__ = ["configuration_network", "degree_edge_function"]


def degree_edge_function(x, z, degrees=None) -> np.ndarray:
    r"""Edge function of a network, or of an ensemble with given degrees: 1 on the edge, greater inside (equations above).

    Parameters
    ----------
    x : Network or Ensemble
        A Network gives its own degrees, tau, gain and mean squared weights, by pairs of labels. Of an Ensemble (one
        sparse population) the laws of weights, tau and gain are taken.
    z : array_like of complex
    degrees : (2, m) array_like, with an Ensemble only
        Pairs ``(k_in, k_out)``, equally likely: their joint law.

    Returns
    -------
    ndarray of float, in the shape of ``z``; infinite at ``-leak/tau`` of a unit on a path.

    Raises
    ------
    ValidationError
        Degrees that are negative, or whose sums differ by more than their sampling error.
    NotApplicableError
        An Ensemble with several populations, dense or reciprocal synapses.

    Examples
    --------
    Degrees equal at each unit, 2 or 8: ``<k^2>/<k> = 6.8`` where the mean degree is 5.

    >>> import rmtlib as rmt
    >>> ens = rmt.oriented_sparse(5.0, 1.0, leak=0.0)
    >>> k = [2, 8]
    >>> print(rmt.degree_edge_function(ens, 2.0, degrees=(k, k)), rmt.edge_function(ens, 2.0))
    1.7 1.25
    """
    points = np.asarray(z)
    if points.dtype.kind not in "biufc" or not np.all(np.isfinite(points)):
        raise ValidationError("z must hold finite numbers only")
    flat = points.astype(complex).ravel()
    if isinstance(x, Ensemble):
        value = _of_law(x, flat, degrees)
    elif isinstance(x, Network):
        if degrees is not None:
            raise ValidationError("a Network has its own degrees: leave degrees out")
        value = _of_network(x, flat)
    else:
        raise ValidationError(f"degree_edge_function takes a Network or an Ensemble, got {type(x).__name__}")
    return value.reshape(points.shape)[()]


def _of_law(ens, z, degrees):
    block = ens.synapses.get((ens.names[0], ens.names[0]))
    if len(ens.names) != 1 or block is None or block.is_dense or ens._pairs:
        raise NotApplicableError(
            "degrees are given for one population with sparse synapses that are not reciprocated; otherwise build the network "
            "and pass that"
        )
    if degrees is None:
        raise ValidationError("pass degrees=(k_in, k_out), pairs of equal probability")
    into, out = _degree_pairs(*degrees)
    sys = system(ens, None if block.degree is not None else 1000)
    gap = EdgeFunction(sys, [pop.joint for pop in ens.populations])(z * sys.scale) / sys.variance[0, 0]
    mean = 0.5 * (into.mean() + out.mean())
    return np.mean(into * out) / mean * block.weight.second_moment() * gap


def _degree_pairs(into, out):
    into, out = np.atleast_1d(np.asarray(into, float)), np.atleast_1d(np.asarray(out, float))
    if into.shape != out.shape or into.ndim != 1 or not np.all(np.isfinite(into) & np.isfinite(out)):
        raise ValidationError("degrees are two lists of numbers of the same length: k_in and k_out")
    if np.any(into < 0) or np.any(out < 0) or not np.any(into) or not np.any(out):
        raise ValidationError("degrees must be 0 or more, and not all 0")
    spread = np.sqrt((into.var() + out.var()) / len(into))
    if abs(into.mean() - out.mean()) > 6 * spread + 1e-12 * into.mean():
        raise ValidationError(
            f"the mean in-degree {into.mean():.4g} and out-degree {out.mean():.4g} differ, but each synapse has two ends"
        )
    return into, out


def _of_network(net, z):
    weights = sp.csr_array(net.weights, copy=True)
    weights.eliminate_zeros()
    weights = sp.coo_array(weights)
    index = np.zeros(net.n, int) if net.labels is None else np.unique(net.labels, return_inverse=True)[1]
    size = index.max() + 1
    row, column = weights.coords
    into = np.zeros((size, net.n))  # synapses that unit j receives from population c
    out = np.zeros((size, net.n))  # synapses that unit j sends to population a
    np.add.at(into, (index[column], row), 1.0)
    np.add.at(out, (index[row], column), 1.0)
    square, count = np.zeros((2, size, size))
    np.add.at(square, (index[row], index[column]), weights.data**2)
    np.add.at(count, (index[row], index[column]), 1.0)
    blocks = [(a, b) for a in range(size) for b in range(size) if count[a, b]]
    matrix = np.zeros((len(z), len(blocks), len(blocks)))
    with np.errstate(divide="ignore", over="ignore"):
        for b in range(size):
            units = index == b
            gap = np.abs(net.leak + z[:, None] * net.tau[units]) ** 2
            factor = np.minimum(net.gain[units] ** 2 / np.maximum(gap, 1e-300), 1e100)
            for i, (a, source) in enumerate(blocks):
                for j, (target, c) in enumerate(blocks):
                    if source == b == target:
                        mean = factor @ (out[a, units] * into[c, units]) / out[a, units].sum()
                        matrix[:, i, j] = mean * square[b, c] / count[b, c]
    if not blocks:
        return np.zeros(len(z))
    value = np.max(np.abs(np.linalg.eigvals(matrix)), -1)
    return np.where(value >= 1e90, np.inf, value)


def configuration_network(k_in, k_out, weight, tau=1.0, gain=1.0, leak: float = 1.0, seed=None) -> Network:
    """A network that is random but for the degrees of its units.

    Ends of synapses are joined at random; synapses of a unit onto itself and doubled ones, a finite number however large the
    network is, are dropped, and so are ends in excess on one side.

    Parameters
    ----------
    k_in, k_out : (n,) array_like of int
        In- and out-degree of each unit.
    weight, tau, gain : law or, for tau and gain, (n,) array_like
        Laws are sampled independently of the degrees; an array gives a value for each unit, so that it can depend on them.
    leak : float
    seed : int, Generator or None

    Examples
    --------
    >>> import rmtlib as rmt
    >>> net = rmt.configuration_network([1, 2, 3, 2] * 50, [3, 2, 1, 2] * 50, weight=1.0, seed=0)
    >>> net.n, net.weights.nnz > 380
    (200, True)
    """
    into, out = _degree_pairs(k_in, k_out)
    if np.any(into != np.round(into)) or np.any(out != np.round(out)):
        raise ValidationError("degrees must be whole numbers")
    rng, n = np.random.default_rng(seed), len(into)
    target = rng.permutation(np.repeat(np.arange(n), into.astype(int)))
    source = rng.permutation(np.repeat(np.arange(n), out.astype(int)))
    length = min(len(target), len(source))
    pair = np.unique(target[:length] * n + source[:length])
    target, source = pair // n, pair % n
    keep = target != source
    target, source = target[keep], source[keep]
    values = as_law(weight).sample(len(target), rng)

    def per_unit(x):
        return np.asarray(x, float) if np.ndim(x) == 1 else as_law(x).sample(n, rng)

    return Network(sp.csr_array((values, (target, source)), shape=(n, n)), per_unit(tau), per_unit(gain), leak=leak)

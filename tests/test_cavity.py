"""The cavity equations of one network: exact on trees, against dense linear algebra elsewhere, laws and limits."""

import doctest

import numpy as np
import pytest
from scipy import stats

import rmtlib as rmt
from rmtlib.theory import cavity, exact

BETA = {"tau": stats.beta(2, 2, loc=0.5, scale=1.5), "gain": stats.beta(2, 3, loc=0.3, scale=0.7)}
Z = np.array([-0.8 + 0.3j, 0.2 - 0.7j, -1.4, 0.4 + 0.1j])


def tree(n, reciprocal, seed, symmetric=False):
    """A random tree; each edge a pair with probability ``reciprocal``, else one synapse of random direction."""
    rng = np.random.default_rng(seed)
    weights = np.zeros((n, n))
    for i in range(1, n):
        j = rng.integers(max(0, i - 6), i)
        both, forward = rng.random() < reciprocal, rng.random() < 0.5
        if both or forward:
            weights[i, j] = rng.normal(0, 2)
        if both or not forward:
            weights[j, i] = weights[i, j] if symmetric else rng.normal(0, 2)
    weights[np.diag_indices(n)] = rng.normal(0, 0.3, n)  # autapses
    if symmetric:
        return rmt.Network(weights, leak=0.0)
    return rmt.Network(weights, tau=rng.uniform(0.5, 2, n), gain=rng.uniform(0.3, 1, n))


def test_doctests():
    assert doctest.testmod(cavity).failed == 0


@pytest.mark.parametrize("reciprocal", [0.0, 0.4, 1.0])
def test_trees_are_exact(reciprocal):
    net = tree(50, reciprocal, seed=1)
    for eta in (0.0, 0.3, 1e-3, 0.2 + 0.5j, 0.1 - 0.8j):
        got = cavity.solve(net, Z, "resolvent", eta, tol=1e-12)
        # the two routes agree to the tolerance of the iteration; |g| is about 1
        assert np.max(np.abs(got.value - exact.solve(net, Z, "resolvent", eta).value)) < 1e-11
        if eta and np.imag(eta) == 0:
            got = cavity.solve(net, Z, "density", eta, tol=1e-10)
            assert np.max(np.abs(got.value - exact.solve(net, Z, "density", eta).value)) < 1e-10

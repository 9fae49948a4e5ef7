"""Lyapunov exponents: linear networks, fixed points, the sum rule, the zero exponent, chaos against mean-field theory."""

from __future__ import annotations

import numpy as np
import pytest

import rmtlib as rmt
from rmtlib.dynamics.lyapunov import Lyapunov, lyapunov_exponents
from rmtlib.dynamics.meanfield import mean_field
from rmtlib.errors import ConvergenceError, ValidationError


def dense(g, n, seed):
    return rmt.Ensemble(rmt.Population("all"), rmt.Synapses.dense(std=g)).sample(n, seed)


def test_linear_network_with_timescales():
    """Real parts of the eigenvalues, whatever the timescales; complex pairs count twice."""
    rng = np.random.default_rng(0)
    net = rmt.Network(rng.standard_normal((6, 6)) / 6, tau=rng.uniform(0.5, 2, 6))
    found = lyapunov_exponents(net, "linear", count=6, duration=400, settle=100, progress=False)
    assert np.allclose(found.exponents, rmt.eigenvalues(net).real, atol=5e-3)  # rotation of a pair, seen over 400 time units
    assert found.exponents.sum() == pytest.approx(found.mean_trace, abs=1e-6)


def test_stable_fixed_point():
    net = dense(0.6, 80, 1)
    found = lyapunov_exponents(net, count=2, duration=150, settle=60, progress=False)
    assert found.exponents[0] == pytest.approx(rmt.spectral_abscissa(net), abs=5e-3)
    assert found.dimension == 0
    assert found.entropy_rate == 0


def test_whole_spectrum_of_a_chaotic_network():
    net = dense(6.0, 150, 4)
    found = lyapunov_exponents(net, count=150, duration=100, settle=60, step=0.05, progress=False)
    assert found.exponents[0] > 0.05  # about 0.3; that of another run of the same network scatters by 0.05
    # the sum is the mean trace, up to the trapezoid between decompositions: the trace is read off every tenth step
    assert found.exponents.sum() == pytest.approx(found.mean_trace, rel=2e-3)
    assert 5 < found.dimension < 30  # about 12
    assert found.entropy_rate == pytest.approx(found.exponents[found.exponents > 0].sum())


def test_a_cycle_has_one_exponent_zero():
    """Two units that rotate and saturate: along the cycle nothing grows, across it differences decay."""
    net = rmt.Network(np.array([[2.0, -2.0], [2.0, 2.0]]))
    found = lyapunov_exponents(net, count=2, duration=400, settle=50, progress=False)
    assert abs(found.exponents[0]) < 2e-3  # a bounded quantity over 400 time units
    assert found.exponents[1] < -0.2
    assert found.exponents.sum() == pytest.approx(found.mean_trace, abs=1e-3)
    assert found.dimension == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    "exponents, dimension", [([-0.1, -1], 0), ([0.2, 0, -0.5, -1], 2.4), ([0.5, -0.25, -1], 2.25), ([0.3, -0.1], np.nan)]
)
def test_dimension_of_given_exponents(exponents, dimension):
    e = np.array(exponents)
    found = Lyapunov(e, np.full(e.size, 1e-6), np.zeros((10, e.size)), 0.0, np.zeros(1))
    assert found.dimension == pytest.approx(dimension, nan_ok=True)


def test_against_mean_field():
    """At g = 3 the largest exponent approaches the mean-field value from below, with 1/n."""
    theory = mean_field(3.0).lyapunov
    small, large = (
        np.mean([lyapunov_exponents(dense(3.0, n, s), duration=150, settle=60, step=0.1, progress=False).exponents[0] for s in range(3)])
        for n in (150, 500)
    )
    assert small < large
    assert abs(large - theory) < 0.03  # scatter of three networks 0.006, finite size about 0.02


def test_bad_input():
    net = dense(1.0, 10, 0)
    for bad in ({"count": 0}, {"count": 11}, {"duration": -1}, {"step": np.nan}, {"renew": 0}, {"start": np.zeros(3)}):
        with pytest.raises(ValidationError):
            lyapunov_exponents(net, progress=False, **bad)
    with pytest.raises(ValidationError, match="Network"):
        lyapunov_exponents(np.eye(3))
    with pytest.raises(ConvergenceError, match="not finite"):
        lyapunov_exponents(dense(30.0, 20, 0), "linear", duration=100, settle=0, progress=False)

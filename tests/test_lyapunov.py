"""Lyapunov exponents: linear networks, fixed points, the sum rule, the zero exponent, noise, errors, chaos against mean-field theory."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

import rmtlib as rmt
from rmtlib.dynamics.lyapunov import Lyapunov, lyapunov_exponents, lyapunov_sample
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


def one_unit(weight, noise):
    """Exponent of dx = (-x + w tanh x) dt + nu dbeta: the slope averaged over the stationary density exp(-2 V/nu^2)."""

    def density(x):
        return np.exp(-2 * (x * x / 2 - weight * np.log(np.cosh(x))) / noise**2)

    return -1 + weight * quad(lambda x: density(x) / np.cosh(x) ** 2, -12, 12)[0] / quad(density, -12, 12)[0]


def test_one_unit_under_noise_and_the_error_of_its_exponent():
    """Exact exponent of a bistable unit; its error bars cover it as often as they say."""
    net, exact = rmt.Network(np.array([[1.7]])), one_unit(1.7, 0.9)
    runs = [lyapunov_exponents(net, duration=300, settle=20, step=0.4, noise=0.9, seed=s, progress=False) for s in range(48)]
    value, error = (np.array([getattr(r, name)[0] for r in runs]) for name in ("exponents", "error"))
    assert abs(value.mean() - exact) < 4 * value.std(ddof=1) / 48**0.5
    score = (value - exact) / error  # Student's law with 9 degrees of freedom: standard deviation 1.13, of 48 of them +-0.13
    assert 0.7 < score.std() < 1.6
    assert np.mean(np.abs(score) < 2.26) > 0.83  # 95% expected; 48 runs scatter by 3%
    drift = np.array([r.drift[0] for r in runs])  # Student's law with about 8 degrees of freedom
    assert np.mean(np.abs(drift) < 2.3) > 0.8
    assert "10 blocks of 30 mean" in runs[0].statement
    assert f"{value[0]:.4f} ± {error[0]:.4f}" in runs[0].statement
    # noise smooths the kink of the exponent: without it the unit sits in a well
    assert lyapunov_exponents(net, duration=50, settle=30, progress=False).exponents[0] < exact - 0.2


def test_noise_does_not_touch_the_tangent_of_a_linear_network():
    net = rmt.Network(np.array([[0.5, 0.3], [0.0, -0.4]]), tau=[1.0, 2.0])
    quiet, noisy = (lyapunov_exponents(net, "linear", count=2, duration=60, settle=60, noise=v, progress=False) for v in (0.0, [0.5, 2.0]))
    assert np.allclose(quiet.exponents, noisy.exponents, atol=1e-12)
    assert not np.allclose(quiet.state, noisy.state)


def test_sum_rule_under_noise():
    """Units that feed themselves: the trace depends on the state."""
    rng = np.random.default_rng(3)
    net = rmt.Network(np.diag(rng.uniform(1, 2, 8)) + 0.3 * rng.standard_normal((8, 8)))
    found = lyapunov_exponents(net, count=8, duration=300, settle=20, step=0.1, renew=1, noise=0.8, progress=False)
    # trapezoid of steps of 0.1 whose starts were kicked; the trace is read at every step
    assert found.exponents.sum() == pytest.approx(found.mean_trace, rel=2e-3)


def test_noise_delays_chaos():
    """At g = 1.7 and noise 1 the frozen Jacobian is unstable and the exponent negative, in theory and in networks of 300 units."""
    theory, ens = mean_field(1.7, noise=1.0), rmt.Ensemble(rmt.Population("all"), rmt.Synapses.dense(std=1.7))
    assert 1.7 * theory.mean_square_slope**0.5 > 1.05
    assert theory.lyapunov < -0.05
    found = lyapunov_sample(ens, 300, 3, seed=5, duration=120, settle=30, step=0.1, noise=1.0, progress=False)
    assert found.mean[0] + 4 * found.error[0] < 0
    assert abs(found.mean[0] - theory.lyapunov) < 4 * found.error[0] + 0.02  # finite size: some 0.01 at n = 300


def test_errors_over_networks_and_over_time():
    ens = rmt.Ensemble(rmt.Population("all"), rmt.Synapses.dense(std=0.6))
    quiet = lyapunov_sample(ens, 60, 6, seed=1, duration=150, settle=60, progress=False)
    edges = [rmt.spectral_abscissa(ens.sample(60, np.random.default_rng(c.spawn(2)[0]))) for c in np.random.SeedSequence(1).spawn(6)]
    assert np.allclose(quiet.exponents[:, 0], edges, atol=0.01)  # at rest: rightmost eigenvalues of the same six networks
    assert quiet.spread[0] == pytest.approx(np.std(edges, ddof=1), rel=0.15)
    assert quiet.time[0] < 0.2 * quiet.spread[0]
    assert quiet.error[0] ** 2 == pytest.approx((quiet.spread[0] ** 2 + quiet.time[0] ** 2) / 6, rel=1e-9)
    assert "6 networks of 60 units" in quiet.statement
    # the same network in all: nothing is left for the scatter between networks
    net = rmt.Network(np.array([[1.7]]))
    runs = [lyapunov_exponents(net, duration=100, settle=20, step=0.4, noise=0.9, seed=s, progress=False) for s in range(12)]
    same = np.var([r.exponents[0] for r in runs], ddof=1) / np.mean([r.error[0] ** 2 for r in runs])
    assert 0.3 < same < 3  # F with 11 and some 50 degrees of freedom, blocks of ten time units
    again = lyapunov_sample(ens, 60, 2, seed=1, duration=150, settle=60, progress=False)
    assert np.array_equal(again.exponents, quiet.exponents[:2])


def test_bad_input():
    net = dense(1.0, 10, 0)
    for bad in ({"count": 0}, {"count": 11}, {"duration": -1}, {"step": np.nan}, {"renew": 0}, {"start": np.zeros(3)}, {"noise": -1.0}, {"noise": [1, 2]}):
        with pytest.raises(ValidationError):
            lyapunov_exponents(net, progress=False, **bad)
    with pytest.raises(ValidationError, match="Network"):
        lyapunov_exponents(np.eye(3))
    with pytest.raises(ConvergenceError, match="not finite"):
        lyapunov_exponents(dense(30.0, 20, 0), "linear", duration=100, settle=0, progress=False)
    ens = rmt.Ensemble(rmt.Population("all"), rmt.Synapses.dense(std=1.0))
    with pytest.raises(ValidationError, match="networks"):
        lyapunov_sample(ens, 20, 1)
    with pytest.raises(ValidationError, match="Ensemble"):
        lyapunov_sample(net, 20)


def test_gains_are_told_and_the_result_is_one_line():
    with pytest.warns(UserWarning, match="gains"):
        found = lyapunov_exponents(rmt.Network(np.zeros((3, 3)), gain=0.5), duration=20, settle=1, progress=False)
    assert repr(found) == f"Lyapunov({found.statement})"

"""Mean-field theory: reference values, limits, residuals, two routes, samples, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

import rmtlib as rmt
from rmtlib.dynamics import meanfield
from rmtlib.dynamics.activations import shifted
from rmtlib.dynamics.covariance import state_variance
from rmtlib.dynamics.meanfield import mean_field, potential, solve_ensemble
from rmtlib.errors import ConvergenceError, NotApplicableError, ValidationError


def dense(g, **law):
    return rmt.Ensemble(rmt.Population("all", **law), rmt.Synapses.dense(std=g))


@pytest.mark.parametrize("g, variance, coupling", [(1.2, 0.2426, 0.9962), (1.5, 0.7477, 0.9869), (2, 1.9248, 0.9736), (3, 5.4463, 0.9583)])
def test_chaotic_state_without_noise(g, variance, coupling):
    """Values of the literature, and the variance by another formula (the variance of log cosh)."""
    m = mean_field(g)
    assert m.variance == pytest.approx(variance, abs=6e-5)
    assert m.coupling == pytest.approx(coupling, abs=6e-5)
    assert m.variance == pytest.approx(state_variance(g), rel=1e-7)
    assert m.residual < 1e-6


@settings(max_examples=15, deadline=None)
@given(g=st.floats(0, 2.5), noise=st.floats(0.2, 2))
def test_noise_driven_state(g, noise):
    m = mean_field(g, noise=noise)
    assert m.residual < 2e-6
    assert m.variance == pytest.approx(state_variance(g, noise), rel=1e-6)
    assert m.coupling < g + 1e-12
    slope = (m.delta[1] - m.delta[0]) / m.time[1]
    bend = m.variance - g**2 * m.rates[0]  # second derivative after the kink
    assert slope == pytest.approx(-(noise**2) / 2 + 0.5 * bend * m.time[1], abs=2 * m.time[1] ** 2 * (1 + g**2))
    assert np.all(np.diff(m.delta) <= 1e-12)


def test_linear_units():
    """Delta = nu^2/2 exp(-k t)/k with k^2 = 1 - g^2, from the linear equation; the exponent is that of the spectral edge, g - 1."""
    m = mean_field(0.6, "linear", noise=1.0)
    assert m.variance == pytest.approx(0.5 / 0.8, rel=1e-9)
    assert np.allclose(m.delta, 0.5 / 0.8 * np.exp(-0.8 * m.time), atol=1e-6)
    assert m.lyapunov == pytest.approx(-0.4, abs=2e-3)  # a flat well in a box of 34 units: (pi/68)^2/2


@pytest.mark.parametrize("g, noise", [(0.5, 1e-3), (0.9, 2e-3)])
def test_weak_noise(g, noise):
    """Linear: nu^2 / (2 sqrt(1 - g^2)), however small."""
    assert mean_field(g, noise=noise).variance == pytest.approx(noise**2 / (2 * np.sqrt(1 - g**2)), rel=1e-3)


def test_limits():
    assert mean_field(0.99).variance == 0
    assert mean_field(0.7).lyapunov == pytest.approx(-0.3)
    near = mean_field(1.02)
    assert near.variance == pytest.approx(0.02, rel=0.1)  # Delta_0 = g - 1 + O((g-1)^2) for tanh
    assert near.lyapunov == pytest.approx(0.02**2 / 2, rel=0.15)
    # erf saturates like tanh; for large g, sigma is a sign and g <sigma'> tends to 1/sqrt(pi - 2)
    assert mean_field(6).coupling == pytest.approx(1 / np.sqrt(np.pi - 2), rel=0.01)


def test_hermite_series_against_quadrature():
    series = meanfield._series(np.tanh, 0.3, 2.0)
    rho = 0.4

    def f(y, x):
        density = stats.multivariate_normal.pdf([x, y], [0, 0], [[1, rho], [rho, 1]])
        return np.tanh(0.3 + 2**0.5 * x) * np.tanh(0.3 + 2**0.5 * y) * density

    direct = integrate.dblquad(f, -7, 7, -7, 7, epsabs=1e-7)[0]
    assert meanfield._at(series, rho) == pytest.approx(direct, abs=1e-6)
    assert np.sum(series) == pytest.approx(meanfield._mean(lambda x: np.tanh(x) ** 2, 0.3, 2.0), rel=1e-12)


def test_potential_has_the_force_as_derivative():
    d, h = np.array([0.2, 0.9, 1.5]), 1e-5
    slope = (potential(2.0, 1.9248, d + h) - potential(2.0, 1.9248, d - h)) / (2 * h)
    rates = meanfield._at(meanfield._series(np.tanh, 0.0, 1.9248), d / 1.9248)
    assert np.allclose(slope, -d + 4 * rates, atol=1e-8)


@pytest.mark.parametrize("g", [1.5, 2.0, 3.0])
def test_two_routes(g):
    """Iteration in frequency finds the solution of the potential, without being told its energy."""
    found = solve_ensemble(dense(g), grid_error=False)
    assert found.variance() == pytest.approx(mean_field(g).variance, rel=1e-6)
    noisy = solve_ensemble(dense(g), noise=0.8)
    assert abs(noisy.variance() - mean_field(g, noise=0.8).variance) < 3 * noisy.error + 1e-6
    assert noisy.error < 1e-3


def test_silence():
    assert solve_ensemble(dense(0.8)).variance() < 1e-8


def test_populations_that_are_alike_are_one():
    e, i = rmt.Population("E", 0.5), rmt.Population("I", 0.5)
    block = rmt.Synapses.dense(std=2.0)
    two = rmt.Ensemble([e, i], {(a, b): block for a in "EI" for b in "EI"})
    found = solve_ensemble(two, grid_error=False)
    assert found.variance(0) == pytest.approx(found.variance(1), rel=1e-9)
    assert found.variance(0) == pytest.approx(mean_field(2.0).variance, rel=1e-6)


def test_unit_of_time_and_timescales():
    slow = solve_ensemble(dense(2.0, tau=30.0), grid_error=False)
    assert slow.variance() == pytest.approx(mean_field(2.0).variance, rel=1e-6)
    wide = solve_ensemble(dense(2.0, tau=stats.uniform(0.2, 1.6)), grid_error=False)
    fast, slowest = wide.delta[0][0, 0], wide.delta[0][-1, 0]
    assert fast > slowest  # slow units average their input
    assert solve_ensemble(dense(0.9, tau=stats.uniform(0.2, 1.6))).variance() < 1e-6  # the transition does not see timescales


def test_static_part_against_a_frozen_network():
    """Below the transition a shifted activation has a fixed point: its states are normal with the static variance."""
    sigma = shifted("tanh", 0.7)
    found = solve_ensemble(dense(0.9), sigma, grid_error=False)
    delta = found.delta[0][0]
    assert delta[-1] == pytest.approx(delta[0], rel=1e-4)  # nothing decays
    x = np.zeros(3000)
    W = dense(0.9).sample(3000, seed=0).weights
    for _ in range(200):
        x = 0.5 * (x + W @ sigma(x))
    assert np.var(x) == pytest.approx(delta[0], rel=5 * np.sqrt(2 / 3000))


def test_bad_input():
    for bad in ({"g": -1.0}, {"g": np.nan}, {"g": 1.0, "noise": -1.0}, {"g": 1.0, "leak": 0.0}):
        with pytest.raises(ValidationError):
            mean_field(**bad)
    with pytest.raises(NotApplicableError, match="odd"):
        mean_field(1.0, "relu")
    with pytest.raises(ConvergenceError, match="grows too fast"):
        mean_field(1.5, "linear", noise=1.0)
    with pytest.raises(ValidationError, match="Ensemble"):
        solve_ensemble(dense(1.0).sample(20, 0))
    with pytest.raises(NotApplicableError, match="gains"):
        solve_ensemble(dense(1.0, gain=0.5))
    with pytest.raises(NotApplicableError, match="reciprocal"):
        solve_ensemble(rmt.Ensemble(rmt.Population("all"), rmt.Synapses.dense(std=1.0), reciprocity=0.3))
    with pytest.raises(NotApplicableError, match="leak"):
        solve_ensemble(rmt.ginibre())
    with pytest.raises(ConvergenceError, match="residual"):
        solve_ensemble(dense(1.2), sweeps=5)
    with pytest.raises(ValidationError):
        solve_ensemble(dense(1.2), drive=np.inf)

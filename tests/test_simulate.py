"""Simulation of rate networks, and covariances of one network: exact results, orders of convergence, independent routes."""

from __future__ import annotations

import signal
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

import rmtlib as rmt
from rmtlib import datasets
from rmtlib.dynamics.activations import Activation, shifted
from rmtlib.dynamics.covariance import (
    Decomposition,
    decompose,
    dimension,
    effective_coupling,
    equal_time,
    equilibrium,
    mean_slope,
    potentials,
    rates,
    state_variance,
    unbiased_moments,
    whiten,
    window_covariance,
    zero_frequency,
)
from rmtlib.dynamics.simulate import (
    Autocorrelation,
    Moments,
    Simulation,
    Trace,
    Windows,
    choose_step,
    integrate,
    step_error,
)
from rmtlib.errors import ConvergenceError, NotApplicableError, ValidationError


def couplings(n, seed, g=1.0):
    return g * np.random.default_rng(seed).standard_normal((n, n)) / np.sqrt(n)


# simulation


def test_sparse_and_dense_weights_take_the_same_path():
    w = couplings(30, 0) * (np.random.default_rng(1).random((30, 30)) < 0.2)
    tau = np.linspace(0.5, 2, 30)
    runs = [
        Simulation(m, tau=tau, drive=0.3, noise=0.5, trials=4, step=0.02, seed=3).run(5)
        for m in (w, sp.csr_array(w), rmt.Network(sp.csr_array(w), tau=tau))
    ]
    for other in runs[1:]:
        assert np.allclose(runs[0].x, other.x, atol=1e-12)  # sums in another order


@pytest.mark.parametrize("enters", ["inside", "outside"])
def test_noise_enters_where_it_is_said_to(enters):
    tau = np.array([0.5, 1.0, 3.0])
    moments = Moments(every=0.5)
    sim = Simulation(np.zeros((3, 3)), tau=tau, noise=0.7, enters=enters, trials=400, step=0.01, seed=5).run(20)
    sim.run(100, moments)
    exact = 0.7**2 / (2 * tau) if enters == "inside" else 0.7**2 * tau / 2
    exact = exact / (1 - 0.01 / (2 * tau))  # stationary variance of the scheme itself, geometric series
    # independent samples: about trials * time / (2 tau); five standard errors of a variance
    error = np.sqrt(2 / (400 * 100 / (2 * tau)))
    assert np.all(np.abs(np.diag(moments.x) / exact - 1) < 5 * error)
    assert np.allclose(np.diag(equal_time(np.zeros((3, 3)), 0.7, tau=tau, enters=enters)), exact * (1 - 0.01 / (2 * tau)))


def test_strong_order_is_one():
    sim = Simulation(couplings(20, 2, 1.5), noise=1.0, trials=40, seed=1).run(5)
    errors = [step_error(sim, 4.0, step, trials=40).strong for step in (0.2, 0.1, 0.05, 0.025)]
    order = np.polyfit(np.log([0.2, 0.1, 0.05, 0.025]), np.log(errors), 1)[0]
    assert 0.9 < order < 1.15  # 1/2 for noise that depends on the state; higher orders bend it by a few percent


def test_error_estimates_cover_the_true_errors():
    # a leaky integrator: the variance of the scheme is s^2/(2 - step), exactly
    sim = Simulation(np.zeros((10, 10)), noise=1.0, trials=100, seed=1).run(10)
    for step in (0.1, 0.2):
        found = step_error(sim, 60, step, trials=100)
        true = 1 / (1 - step / 2) - 1
        # extrapolation at order 1 leaves a relative rest of order step; 4 standard errors of noise
        assert abs(found.variance - true) < step * true + 4 * found.noise


def test_step_chosen_meets_the_tolerance():
    sim = Simulation(couplings(20, 3, 1.2), noise=1.0, trials=50, seed=1).run(10)
    for tol in (0.05, 0.01):
        found = choose_step(sim, tol, 20, trials=50)
        assert sim.dt == found.step
        assert found.statistics <= tol
        again = step_error(sim, 20, sim.dt, trials=50, seed=99)  # another path
        assert again.statistics < tol + 4 * again.noise
    assert 0.001 < sim.dt < 0.1
    along = choose_step(sim, 0.05, 5, trials=50, strong=True)
    assert along.strong <= 0.05
    assert sim.dt == along.step


def test_step_control_says_what_it_cannot_do():
    sim = Simulation(couplings(5, 1), noise=1.0, trials=4, seed=1)
    with pytest.raises(ConvergenceError, match="cannot resolve"):
        choose_step(sim, 1e-6, 5, trials=4)
    with pytest.raises(ValidationError, match="four steps"):
        step_error(sim, 0.1, 0.05)


def test_statistics_in_pieces_are_those_in_one(tmp_path):
    def fresh():
        return (
            Simulation(couplings(6, 1), noise=1.0, trials=3, step=0.05, seed=7),
            (Moments(0.5), Windows(2.0, pairs=True), Autocorrelation(5, 0.25), Trace([0, 2], 0.5)),
        )

    whole, a = fresh()
    whole.run(30, *a)
    part, b = fresh()
    part.run(11.35, *b)
    part.save(tmp_path / "state.npz", *b)
    rest, c = fresh()
    rest.resume(tmp_path / "state.npz", *c)
    rest.run(30 - rest.time, *c)
    assert np.array_equal(whole.x, rest.x)
    assert rest.steps == whole.steps
    assert np.array_equal(a[0].x, c[0].x)
    assert np.array_equal(a[0].slope, c[0].slope)
    assert np.array_equal(a[1].joint(), c[1].joint())
    assert np.array_equal(a[1].extrapolated, c[1].extrapolated)
    assert np.array_equal(a[2].value, c[2].value)
    assert np.array_equal(a[3].x, c[3].x)
    assert len(a[3].time) == 60
    with pytest.raises(ValidationError, match="shape"):
        Simulation(couplings(6, 1), trials=2, step=0.05).resume(tmp_path / "state.npz")


def test_interruption_loses_nothing():
    class Stop(Moments):
        def step(self, x, rate, dt):
            super().step(x, rate, dt)
            if self._tick == 37 and not stopped:
                stopped.append(True)
                raise KeyboardInterrupt

    stopped = []
    sim = Simulation(couplings(6, 1), noise=1.0, trials=3, step=0.05, seed=7)
    gathered = Stop(0.05)
    sim.run(10, gathered)
    assert sim.interrupted
    assert sim.steps == 37
    sim.run(10 - sim.time, gathered)
    other, whole = Simulation(couplings(6, 1), noise=1.0, trials=3, step=0.05, seed=7), Moments(0.05)
    other.run(10, whole)
    assert np.array_equal(sim.x, other.x)
    assert np.array_equal(gathered.x, whole.x)
    assert not sim.interrupted


def test_ctrl_c_waits_for_the_end_of_the_step():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    try:
        interrupted_run()
    finally:
        signal.signal(signal.SIGINT, before)


def interrupted_run():
    class Press(Moments):
        def step(self, x, rate, dt):
            if self._tick == 36 and not pressed:
                pressed.append(True)
                signal.raise_signal(signal.SIGINT)  # before the sums: the step must still be counted whole
            super().step(x, rate, dt)

    pressed, options = [], {"noise": 1.0, "trials": 3, "step": 0.05, "seed": 7}
    sim, gathered, later = Simulation(couplings(6, 1), **options), Press(0.05), Moments(0.05)
    sim.run(10, gathered, later)
    assert sim.interrupted
    assert sim.steps == 37
    assert gathered.count == later.count == 3 * 37
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    sim.run(10 - sim.time, gathered, later)
    other, whole = Simulation(couplings(6, 1), **options), Moments(0.05)
    other.run(10, whole)
    assert np.array_equal(sim.x, other.x)
    assert np.array_equal(gathered.x, whole.x)
    assert np.array_equal(later.x, whole.x)


def test_accumulators_against_the_stored_trajectory():
    w = couplings(5, 4, 1.3)
    sim = Simulation(w, shifted("tanh", 0.4), noise=1.0, trials=1, step=0.05, seed=2)
    moments, windows, correlation = Moments(0.05), Windows(1.0), Autocorrelation(4, 0.05)
    trace = Trace(range(5), 0.05)
    sim.run(50, moments, windows, correlation, trace)
    x, f = trace.x, shifted("tanh", 0.4)
    assert np.allclose(moments.x, np.cov(x.T, bias=True))
    assert np.allclose(moments.rates, np.cov(f(x).T, bias=True))
    assert np.allclose(moments.slope, f.slope(x).mean(0))
    assert np.allclose(moments.slope_square, (f.slope(x) ** 2).mean(0))
    y = np.concatenate([x, f(x)], axis=1).reshape(50, 20, 10).sum(1) * 0.05
    assert np.allclose(windows.joint(), np.cov(y.T))
    assert np.allclose(windows.cross, np.diag(np.cov(y.T)[5:, :5]))
    direct = [np.mean(x[k:] * x[: len(x) - k]) for k in range(5)]
    assert np.allclose(correlation.value, direct)


def test_autocorrelation_of_a_linear_network():
    w = couplings(15, 5, 0.5)
    sim = Simulation(w, "linear", noise=1.0, trials=300, step=0.02, seed=4).run(15)
    found = Autocorrelation(6, 0.5)
    sim.run(60, found)
    a, sigma = np.eye(15) - w, equal_time(w)
    exact = np.array([np.trace(linalg.expm(-a * t) @ sigma) / 15 for t in found.time])
    # four standard errors over trials, and the step: order step
    assert np.all(np.abs(found.value - exact) < 4 * found.error + 0.02 * exact[0])


def test_deterministic_route():
    w = couplings(8, 6, 1.5)
    start = np.linspace(-1, 1, 8)
    _, x = integrate(w, duration=3.0, start=start, tau=2.0, drive=0.2)
    ends = [Simulation(w, tau=2.0, drive=0.2, start=start, step=h).run(3.0).x[0] for h in (0.01, 0.005)]
    assert np.allclose(2 * ends[1] - ends[0], x[-1], atol=1e-4)  # extrapolated: second order left, 0.01^2
    assert np.abs(ends[1] - x[-1]).max() > 1e-4  # and the extrapolation is needed
    a = np.eye(8) - w
    t, y = integrate(w, "linear", duration=2.0, start=start, times=[0.5, 2.0])
    assert np.allclose(y, [linalg.expm(-a * s) @ start for s in t], atol=1e-7)


def test_a_step_at_zero_frequency_is_exact_for_linear_networks():
    # x(t+d) = x + d(-Ax) + noise: summed over a window the increments telescope, whatever the step
    a, d, s2 = 1.5, 0.4, 1.0
    variance = s2 * d / (1 - (1 - d * a) ** 2)
    lags = np.arange(1, 200)
    total = d * variance * (1 + 2 * np.sum((1 - d * a) ** lags))
    assert abs(total - s2 / a**2) < 1e-12
    assert abs(variance - s2 / (2 * a)) > 0.1  # while the variance is far off


def test_statistics_far_from_zero_keep_their_digits():
    # a saturated unit: its rate is 1 - 1e-7 and moves by 1e-9; nothing of that survives a difference of large sums
    far = Simulation(np.zeros((1, 1)), noise=0.01, drive=8.0, start=np.array([8.0]), trials=200, step=0.1, seed=1)
    windows, moments, trace = Windows(10.0), Moments(0.1), Trace([0], 0.1)
    far.run(100, windows, moments, trace)
    slope = 4 * np.exp(-16.0)
    assert np.isclose(moments.slope[0], slope, rtol=1e-3)
    # rates are the line to a relative order of the state's own deviation, 0.007
    assert np.isclose(windows.rates[0, 0], slope**2 * windows.x[0, 0], rtol=0.02)
    assert np.isclose(moments.rates[0, 0], slope**2 * moments.x[0, 0], rtol=0.02)
    assert np.isclose(moments.regression[0], slope, rtol=0.01)


def test_divergence_is_noticed():
    with pytest.raises(ConvergenceError, match="unit 1 has left"):
        Simulation(np.diag([0.0, 3.0]), "linear", start=np.ones(2)).run(30)
    with pytest.raises(ConvergenceError, match="time"):
        integrate(np.diag([0.0, 3.0]), "linear", duration=30, start=np.ones(2))
    stiff = np.array([[-50.0]])  # Euler unstable beyond 2/51, the leak alone would allow it
    with pytest.raises(ConvergenceError, match="halve"):
        Simulation(stiff, "linear", start=np.ones(1), step=0.1).run(30)
    broken = Activation("broken", lambda x: np.full_like(x, np.nan), lambda x: x)
    with pytest.raises(ConvergenceError):
        Simulation(np.ones((2, 2)), broken, start=np.ones(2)).run(1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tau": -1.0}, "tau must be positive"),
        ({"tau": [1.0, 2.0]}, "tau has shape"),
        ({"noise": -0.1}, "cannot be negative"),
        ({"noise": np.nan}, "NaN"),
        ({"enters": "before"}, "inside"),
        ({"trials": 0}, "positive integer"),
        ({"trials": 1.5}, "positive integer"),
        ({"step": 2.0}, "too large"),
        ({"step": 0.0}, "positive"),
        ({"start": np.ones(2)}, "start has shape"),
        ({"start": np.full(3, np.inf)}, "start holds"),
        ({"leak": -1.0}, "leak"),
    ],
)
def test_bad_simulation(arguments, message):
    with pytest.raises(ValidationError, match=message):
        Simulation(np.zeros((3, 3)), **arguments)


def test_bad_statistics():
    sim = Simulation(np.zeros((3, 3)), step=0.1)
    with pytest.raises(ValidationError, match="at least one step"):
        sim.run(1, Windows(0.01))
    with pytest.raises(ValidationError, match="duration"):
        sim.run(-1)
    with pytest.raises(ValidationError, match="do not all exist"):
        sim.run(1, Trace([3]))
    windows = Windows(5.0)
    sim.run(1, windows)
    with pytest.raises(NotApplicableError, match="run longer"):
        _ = windows.x
    with pytest.raises(NotApplicableError, match="one trial without noise"):
        integrate(np.zeros((2, 2)), duration=1, start=np.zeros(2), noise=1.0)


# covariances


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 8), st.sampled_from(["inside", "outside"]))
def test_linear_covariances_agree(seed, n, enters):
    rng = np.random.default_rng(seed)
    w, tau, h, s = couplings(n, seed), rng.uniform(0.5, 3, n), rng.uniform(0.2, 1, n), rng.uniform(0.1, 2, n)
    w *= 0.8 / max(1.0, np.abs(np.linalg.eigvals(w * h)).max(), np.linalg.eigvals(w * h).real.max())
    options = {"gain": h, "tau": tau, "enters": enters}
    sigma = equal_time(w, s, **options)
    a = (np.eye(n) - w * h) / tau[:, None]
    q = s / tau if enters == "inside" else s
    # rounding; the spectra of A here stay away from the imaginary axis by 0.2/3
    assert np.allclose(a @ sigma + sigma @ a.T, np.diag(q**2), atol=1e-8)
    assert np.linalg.eigvalsh(sigma)[0] > 0
    c = zero_frequency(w, s, **options)
    half = np.linalg.solve(a, sigma)  # the integral of the correlation function over positive times
    assert np.allclose(half + half.T, c, rtol=1e-6, atol=1e-8)
    assert np.allclose(zero_frequency(w, s, of="rates", **options), h[:, None] * c * h)
    # windows: biased low by 1/L to leading order, in the trace
    slow = 1 / np.linalg.eigvals(a).real.min()
    first, second = (np.trace(c - window_covariance(w, length, s, **options)) for length in (60 * slow, 120 * slow))
    assert first > 0
    assert abs(first / second - 2) < 1e-3


def test_gains_of_a_network_are_used():
    net = rmt.Network(couplings(4, 1, 0.5), tau=[1.0, 2, 3, 4], gain=[0.1, 0.5, 1.0, 0.7])
    assert np.allclose(equal_time(net), equal_time(net.weights, gain=net.gain, tau=net.tau))
    assert np.allclose(zero_frequency(net, enters="outside"), zero_frequency(net, net.tau))


def test_windows_of_a_simulated_linear_network():
    w = couplings(12, 8, 0.6)
    sim = Simulation(w, "linear", noise=1.0, trials=400, step=0.02, seed=1).run(20)
    windows = Windows(5.0, pairs=True)
    sim.run(200, windows)
    exact, biased = zero_frequency(w), window_covariance(w, 5.0)
    m = windows.count - 1
    error = np.sqrt((biased**2 + np.outer(np.diag(biased), np.diag(biased))) / m)  # of a Wishart element
    z = (windows.x - biased) / error
    # 78 different elements, nearly independent normal numbers; the step of 0.02 and the correlation of neighbouring windows
    # leave less than a third of an error
    assert np.abs(z).max() < 5
    assert abs(np.sqrt(np.mean(z**2)) - 1) < 0.4
    assert np.max(np.abs(exact - biased) / error) > 10  # the bias is seen
    left = np.diag(windows.extrapolated[:12, :12] - exact) / np.diag(exact)
    assert abs(left.mean()) < 0.02 < np.mean(np.diag(exact - biased) / np.diag(exact))


def test_wishart_corrections():
    c = zero_frequency(couplings(20, 3, 0.6))
    root, rng = np.linalg.cholesky(c), np.random.default_rng(0)
    got, plain = [], []
    for _ in range(400):
        y = root @ rng.standard_normal((20, 31))
        sample = np.cov(y)
        got.append(unbiased_moments(sample, 31))
        plain.append(dimension(sample))
    got = np.array(got)
    error = got.std(0) / 20
    exact = np.array(unbiased_moments(c))
    assert np.all(np.abs(got.mean(0) - exact) < 4 * error)
    # without the correction: the ratio of the two expectations with m = 30; a ratio of means is biased by about 1/m
    expected = (exact[0] + 2 / 30 * exact[1]) / ((1 + 1 / 30) * exact[1] + exact[0] / 30)
    assert abs(np.mean(plain) / expected - 1) < 0.05
    assert expected < 0.85 * dimension(c)
    assert abs(got[:, 0].mean() / got[:, 1].mean() / dimension(c) - 1) < 0.05


def test_noise_floor_of_whitening():
    w, rng = couplings(30, 3, 0.6), np.random.default_rng(2)
    parts = Decomposition(rng.uniform(0.5, 1, 30), rng.uniform(0, 0.3, 30), np.ones(30))
    y = np.linalg.cholesky(rates(w, parts)) @ rng.standard_normal((30, 2000))
    white = whiten(np.cov(y), w, parts, 2000)
    # 435 elements: their root mean square is known to 1/sqrt(870) = 3.4%; four of these
    assert abs(white.off_diagonal / white.floor - 1) < 0.14
    # the spread of 30 chi-squared numbers is known to about 1/sqrt(58) = 13%
    assert abs(white.spread / (np.sqrt(2) * white.floor) - 1) < 0.5
    wrong = whiten(np.cov(y), w, parts.scalar(), 2000)
    assert wrong.off_diagonal > 1.5 * wrong.floor  # fifteen times the 3.4%
    # eigenvalues of the whitened matrix: Marchenko and Pastur
    q = np.sqrt(30 / 1999)
    values = np.linalg.eigvalsh(white.matrix)
    assert (1 - q) ** 2 * 0.97 < values[0]
    assert values[-1] < (1 + q) ** 2 * 1.03


def test_rates_and_potentials_are_one_linear_system():
    rng = np.random.default_rng(4)
    w, leak = couplings(6, 2, 0.6), 1.3
    parts = Decomposition(rng.uniform(0.3, 1, 6), rng.uniform(0, 1, 6), rng.uniform(0, 1, 6), leak)
    # leak x = W f + s, f = H x + r, solved as one system of 12 unknowns
    h = np.diag(parts.gain)
    system = np.block([[leak * np.eye(6), -w], [-h, np.eye(6)]])
    inverse = np.linalg.inv(system)
    c = inverse @ np.diag(np.concatenate([parts.noise**2, parts.residual])) @ inverse.T
    assert np.allclose(c[:6, :6], potentials(w, parts))
    assert np.allclose(c[6:, 6:], rates(w, parts))


def test_gaussian_decomposition():
    rng = np.random.default_rng(0)
    chol = np.linalg.cholesky(np.array([[1.0, 0.6], [0.6, 1.0]]))
    x, y = chol @ rng.standard_normal((2, 400_000))
    f = shifted("tanh", 0.7)
    slope = f.slope(x).mean()
    # slopes and covariances are known to about 1/sqrt(400000) = 0.0016
    assert abs(np.cov(f(x), x)[0, 1] - slope) < 0.01
    assert abs(np.cov(f(x), y)[0, 1] - 0.6 * slope) < 0.01
    apart = []
    for n in (40, 160):  # states are nearly Gaussian, the more so the larger the network
        moments = Moments(0.5, covariance=False)
        Simulation(couplings(n, 1, 1.2), noise=1.0, trials=200, step=0.05, seed=1).run(10).run(60, moments)
        apart.append(np.sqrt(np.mean((moments.regression / moments.slope - 1) ** 2)))
    assert apart[1] < 0.7 * apart[0] < 0.02


def test_linear_units_leave_nothing_over():
    w = couplings(10, 1, 0.6)
    windows = Windows(15.0)
    Simulation(w, "linear", noise=0.8, trials=50, step=0.05, seed=1).run(20).run(300, windows)
    parts = decompose(windows, 1.0, 0.8)
    assert np.allclose(parts.residual, 0, atol=1e-9)
    assert np.allclose(rates(w, parts), zero_frequency(w, 0.8))
    assert np.allclose(potentials(w, parts), zero_frequency(w, 0.8))


def test_a_nonlinear_network_is_a_linear_one_with_its_gains():
    w = couplings(60, 2, 1.2)
    f = shifted("tanh", 0.7)
    sim = Simulation(w, f, noise=1.0, trials=100, start=0.5, step=0.05, seed=1).run(40)
    windows, moments = Windows(30.0), Moments(1.0, covariance=False)
    sim.run(1200, windows, moments)
    parts = decompose(windows, moments.slope, 1.0)
    unit, one = (whiten(windows.rates, w, p, windows.count) for p in (parts, parts.scalar()))
    assert unit.off_diagonal < 1.2 * unit.floor < 2 * unit.floor < one.off_diagonal
    assert unit.spread < 0.06 < 0.2 < one.spread
    # dimension: its error from 4000 windows is about 1%; finite windows and residual correlations do the rest
    assert abs(dimension(windows.rates, windows.count) / dimension(rates(w, parts)) - 1) < 0.1
    assert abs(np.trace(windows.x) / np.trace(potentials(w, parts)) - 1) < 0.1


def test_mean_field_variance():
    # values of an independent solution of the mean-field equation, to the digits given
    for g, noise, value in ((1.2, 0, 0.2426), (1.5, 0, 0.7477), (2, 0, 1.9248), (3, 0, 5.446)):
        assert abs(state_variance(g, noise) - value) < 6e-4 * value
    for g, value in ((1.2, 0.9962), (1.5, 0.9869), (2, 0.9736), (3, 0.958)):
        assert abs(g * mean_slope(state_variance(g)) - value) < 3e-4
    assert abs(400 * mean_slope(state_variance(400.0)) - 1 / np.sqrt(np.pi - 2)) < 0.01  # many saturated units
    assert state_variance(0.0, 0.6) == pytest.approx(0.18)
    moments = Moments(1.0, covariance=False)
    Simulation(couplings(300, 1, 1.2), noise=1.0, trials=20, step=0.05, seed=1).run(20).run(50, moments)
    # one network of 300 units: order 1/sqrt(n) = 6%
    assert abs(moments.x.mean() / state_variance(1.2, 1.0) - 1) < 0.1


def test_two_couplings_and_a_frozen_state():
    n, w = 400, couplings(400, 1, 1.4)
    u = np.random.default_rng(3).normal(0, 2, n)
    x = equilibrium(w, drive=u)
    slope = 1 - np.tanh(x) ** 2
    found = effective_coupling(1.4, slope)
    radius = np.abs(np.linalg.eigvals(w * slope)).max()
    assert abs(radius / found["frozen"] - 1) < 0.08
    assert found["frozen"] > 1.2 * found["covariance"]
    assert np.allclose(w @ np.tanh(x) + u, x)


def test_covariance_of_bad_input():
    with pytest.raises(NotApplicableError, match="unstable"):
        equal_time(np.array([[1.5]]))
    with pytest.raises(NotApplicableError, match="unstable"):
        zero_frequency(np.array([[1.5]]))
    with pytest.raises(ValidationError, match="gain has shape"):
        equal_time(np.zeros((3, 3)), gain=[1.0, 2.0])
    with pytest.raises(ValidationError, match="square matrix"):
        dimension(np.ones(3))
    with pytest.raises(ValidationError, match="finite"):
        dimension(np.full((2, 2), np.nan))
    with pytest.raises(ValidationError, match="three windows"):
        dimension(np.eye(2), 2)
    with pytest.raises(ValidationError, match="square of the mean"):
        effective_coupling(1.0, [0.5], [0.1])
    with pytest.raises(ValidationError, match="two windows"):
        whiten(np.eye(2), np.zeros((2, 2)), Decomposition(np.ones(2), np.ones(2), np.ones(2)), 1)
    with pytest.raises(ConvergenceError, match="no fixed point"):
        equilibrium(np.array([[1.0]]), Activation("step", lambda x: -np.sign(x + 0.5) * 2 - x, lambda x: -np.ones_like(x)))




def test_stored_runs_are_what_the_recipe_gives():
    stored = datasets.load("nonlinear.json")
    assert len(stored["long"]) == 1
    assert len(stored["activations"]) == 3
    assert len(stored["sizes"]) == 7 * (12 + 8 + 5)  # values of g and noise, networks of each size
    row = next(r for r in stored["sizes"] if (r["noise"], r["g"], r["n"], r["seed"]) == (1.0, 1.2, 100, 10))
    sim = Simulation(couplings(100, 10, 1.2), noise=1.0, trials=20, start=1.0, step=0.05, seed=1).run(50)
    moments = Moments(2.0, covariance=False)
    sim.run(200, moments)
    # the same network, another path: 20 * 200 / 4 independent samples and 100 units leave about 0.3%
    assert abs(1.2 * moments.slope.mean() / row["g_eff"] - 1) < 0.015
    assert abs(moments.x.mean() / row["variance"] - 1) < 0.05


def test_statistics_without_data_and_files_that_do_not_fit(tmp_path):
    for call in (
        lambda: Moments().x,
        lambda: Moments().mean,
        lambda: Windows(5.0).rates,
        lambda: Windows(5.0).cross,
        lambda: Autocorrelation(3, 0.1).value,
        lambda: Autocorrelation(3, 0.1).time,
    ):
        with pytest.raises(NotApplicableError, match="no simulation yet|run longer"):
            call()
    for make in (lambda: Moments(0.5), lambda: Windows(1.0), lambda: Autocorrelation(3, 0.5)):
        used = make()
        Simulation(couplings(4, 1), noise=1.0).run(4, used)
        with pytest.raises(ValidationError, match="another simulation"):
            Simulation(couplings(5, 1), noise=1.0).run(4, used)
    with pytest.raises(ValidationError, match="empty"):
        Simulation(couplings(4, 1)).run(1, Trace(()))
    with pytest.raises(ValidationError, match="statistics are"):
        Simulation(couplings(4, 1)).run(1, "moments")
    with pytest.raises(ValidationError, match="half a step"):
        Simulation(couplings(4, 1), step=0.1).run(0.01)
    sim, moments = Simulation(couplings(4, 1), noise=1.0), Moments(0.5)
    sim.run(2, moments).save(tmp_path / "state.npz", moments)
    for wrong in (Moments(1.0), Moments(0.5, covariance=False), Windows(1.0)):
        with pytest.raises(ValidationError, match="same kinds"):
            Simulation(couplings(4, 1), noise=1.0).resume(tmp_path / "state.npz", wrong)
    back = Moments(0.5)
    Simulation(couplings(4, 1), noise=1.0).resume(tmp_path / "state.npz", back)
    assert np.array_equal(back.x, moments.x)
    (tmp_path / "text").write_text("no arrays")
    with pytest.raises(ValidationError, match="Simulation.save"):
        sim.resume(tmp_path / "text")


@pytest.mark.parametrize("times", [[0.0, 2.0], [-1.0, 0.5], [0.5, 0.1], [np.nan], []])
def test_integrate_refuses_times_outside(times):
    with pytest.raises(ValidationError, match="times must increase"):
        integrate(couplings(4, 1), duration=1, start=1.0, times=times)


def test_gains_that_play_no_part_are_told():
    net = rmt.Network(np.zeros((3, 3)), gain=0.5)
    with pytest.warns(UserWarning, match="gains of this network are not used"):
        Simulation(net)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Simulation(rmt.Network(np.zeros((3, 3))))


def test_steps_are_those_of_a_simulation():
    for call in (step_error, choose_step):
        with pytest.raises(ValidationError, match="takes a Simulation, got Network"):
            call(rmt.Network(np.zeros((3, 3))), 1.0)

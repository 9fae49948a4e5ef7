"""Skew and partly skew couplings: the energy, what decays, the balance of the first harmonic, and what simulations settle into."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special

import rmtlib as rmt
from rmtlib import datasets
from rmtlib.dynamics.activations import Activation, activation, shifted
from rmtlib.dynamics.covariance import equilibrium
from rmtlib.dynamics.cycles import (
    behaviour,
    describing_function,
    energy,
    energy_rate,
    first_harmonic,
    harmonic_balance,
    leading_pair,
    symmetric_abscissa,
    thresholds,
)
from rmtlib.dynamics.simulate import Simulation, integrate
from rmtlib.errors import NotApplicableError, ValidationError


def skew(n, seed, g=1.0):
    a = g * np.random.default_rng(seed).standard_normal((n, n)) / np.sqrt(2 * n)
    return a - a.T


def elliptic(correlation, n, seed, g=1.0):
    return g * (rmt.elliptic(correlation, leak=1.0).sample(n, seed=seed).dense_jacobian() + np.eye(n))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["tanh", "erf", "relu", "linear"]), st.floats(0, 2))
def test_energy_rate_is_the_derivative_along_the_motion(seed, name, leak):
    rng = np.random.default_rng(seed)
    w, tau, x = rng.standard_normal((6, 6)), rng.uniform(0.5, 2, 6), rng.normal(0, 1.5, 6)
    sim = Simulation(w, name, tau=tau, leak=leak, step=0.01)
    v = sim.drift(x[None])[0]
    step = 1e-5
    slope = (energy(x + step * v, name, tau=tau) - energy(x - step * v, name, tau=tau)) / (2 * step)
    # a kink of relu within the step changes nothing: the energy is once differentiable
    assert abs(slope - energy_rate(w, x, name, leak=leak)) < 1e-6 * (1 + abs(slope) + v @ v)
    assert energy(x, name, tau=tau) >= 0


def test_skew_networks_with_a_leak_decay_to_their_one_fixed_point():
    w, f = skew(30, 1, 6.0), shifted("tanh", 0.7)  # strong, and not odd
    u = np.random.default_rng(2).normal(0, 1, 30)
    at = equilibrium(w, f, drive=u)
    rng = np.random.default_rng(3)
    for _ in range(3):
        t, x = integrate(w, f, duration=40, start=rng.normal(0, 3, 30), drive=u)
        e = energy(x, f, at=at)
        assert np.all(np.diff(e) < 1e-6)
        assert e[-1] < 1e-6 * e[0]
        assert np.allclose(x[-1], at, atol=1e-3)
        assert np.all(energy_rate(w, x, f, at=at) <= 1e-9)


def test_without_leak_the_energy_is_conserved():
    for name, n in (("tanh", 12), ("relu", 6), ("erf", 12)):
        w = skew(n, 4, 2.0)
        t, x = integrate(w, name, leak=0, duration=50, start=np.random.default_rng(5).normal(0, 1, n), rtol=1e-10)
        e = energy(x, name)
        assert np.ptp(e) < 1e-5 * e[0]  # local errors of 1e-10 over some thousand steps, and kinks of relu
    # not isolated: a whole family of amplitudes
    w = np.array([[0.0, -2.0], [2.0, 0.0]])
    kept = [behaviour(w, leak=0, start=np.array([a, 0.0]), settle=20) for a in (0.5, 1.0)]
    assert [b.kind for b in kept] == ["cycle", "cycle"]
    assert kept[1].amplitude > 1.5 * kept[0].amplitude
    assert kept[1].period > kept[0].period > np.pi  # slower where the activation saturates


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_everything_decays_below_the_symmetric_threshold(seed):
    rng = np.random.default_rng(seed)
    w = skew(10, seed, 5.0) + 0.5 * rng.standard_normal((10, 10))
    s = symmetric_abscissa(w)
    w = w - (s - 0.8) * np.eye(10)  # symmetric part below the leak, diagonal included
    x = rng.normal(0, 2, (50, 10))
    assert abs(symmetric_abscissa(w) - 0.8) < 1e-9
    assert np.all(energy_rate(w, x) < 0)
    assert behaviour(w, settle=150, seed=seed).kind == "quiet"  # slowest decay here: rate 0.2 or more


def test_thresholds_of_large_networks():
    for correlation in (-0.9, -0.5, 0.0, 0.7):
        w = elliptic(correlation, 700, 1)
        found = thresholds(correlation)
        # the edge of a symmetric matrix is known to n^(-2/3), here 1.3%; that of an elliptic one to about 1/sqrt(n)
        assert abs(symmetric_abscissa(w) * found["all motions"] - 1) < 0.03
        assert abs(np.linalg.eigvals(w).real.max() * found["linear"] - 1) < 0.08
        assert found["all motions"] <= found["linear"]
    assert thresholds(-1) == {"all motions": np.inf, "linear": np.inf}
    assert thresholds(1)["linear"] == thresholds(1)["all motions"] == 0.5


def test_spectrum_of_a_skew_network_is_a_semicircle_on_a_line():
    w = elliptic(-1.0, 500, 2, 1.5)
    w -= np.diag(np.diag(w))  # the named ensemble has a random diagonal
    values = np.linalg.eigvals(w - np.eye(500))
    assert np.allclose(w, -w.T)
    assert np.abs(values.real + 1).max() < 1e-9
    y = np.sort(values.imag) / 3.0
    law = 0.5 + (y * np.sqrt(np.clip(1 - y**2, 0, 1)) + np.arcsin(np.clip(y, -1, 1))) / np.pi
    assert np.abs(law - (np.arange(500) + 0.5) / 500).max() < 0.01  # eigenvalues are rigid: order log(n)/n


def test_describing_function():
    a = np.array([0.0, 0.1, 1.0, 3.0])
    theta = (np.arange(4000) + 0.5) * 2 * np.pi / 4000
    direct = [np.mean(np.tanh(v * np.cos(theta)) * np.cos(theta)) * 2 / v for v in a[1:]]
    assert np.allclose(describing_function("tanh", a), [1.0, *direct], atol=1e-10)
    # erf: exp(-y)(I0 + I1)(y) with y = k^2 a^2 / 2
    y = (np.sqrt(np.pi) / 2 * a) ** 2 / 2
    assert np.allclose(describing_function("erf", a), special.ive(0, y) + special.ive(1, y), atol=1e-10)
    assert np.allclose(describing_function("linear", a), 1)
    cubic = Activation("cubic", lambda x: x - x**3 / 3, lambda x: 1 - x**2, odd=True)
    assert np.allclose(describing_function(cubic, a), 1 - a**2 / 4)


def test_two_units_exactly():
    # W = [[p, -q], [q, p]] with erf or tanh: N = leak/p and frequency q/p
    p, q = 1.3, 2.0
    found = harmonic_balance(np.array([[p, -q], [q, p]]))
    a = optimize.brentq(lambda a: describing_function("tanh", a) - 1 / p, 0.1, 5)
    assert abs(found.amplitude - a / np.sqrt(2)) < 1e-9
    assert abs(found.frequency - q / p) < 1e-9
    seen = behaviour(np.array([[p, -q], [q, p]]))
    # the third harmonic, which is left out, is a ninth of a square wave's at most
    assert abs(seen.amplitude / found.amplitude - 1) < 0.02
    assert abs(seen.period / found.period - 1) < 0.02


def test_cycles_just_above_threshold():
    errors = []
    for excess in (0.1, 0.025):
        w = elliptic(-0.5, 60, 3)
        w *= (1 + excess) / np.linalg.eigvals(w).real.max()
        assert leading_pair(w).value.imag > 0.1
        one, full, seen = first_harmonic(w), harmonic_balance(w), behaviour(w, start=0.1, settle=600)
        assert seen.kind == "cycle"
        assert seen.first > 0.99
        errors.append([abs(c.amplitude / seen.amplitude - 1) for c in (one, full)])
        assert abs(full.period / seen.period - 1) < 0.02 * excess / 0.1
        assert errors[-1][1] < errors[-1][0] < excess
    # both are exact at threshold: errors fall with the excess
    assert np.all(np.array(errors[1]) < 0.5 * np.array(errors[0]))


def test_balance_with_timescales():
    w, tau = elliptic(-0.5, 40, 5), np.random.default_rng(1).uniform(0.5, 2, 40)
    lead = leading_pair(w, tau=tau)
    for _ in range(40):  # scale to an excess of 0.05 in this network
        w = w * (1 + 0.5 * (0.05 - lead.value.real))
        lead = leading_pair(w, tau=tau)
    assert abs(lead.value.real - 0.05) < 1e-3
    assert lead.value.imag > 0.1
    j = (w - np.eye(40)) / tau[:, None]
    assert np.allclose(j @ lead.right, lead.value * lead.right)
    assert np.allclose(np.conj(lead.left) @ j, lead.value * np.conj(lead.left))
    assert np.isclose(np.vdot(lead.left, lead.right), 1)
    found, seen = harmonic_balance(w, tau=tau), behaviour(w, tau=tau, start=0.1, settle=600)
    assert found.residual < 1e-8
    assert seen.kind == "cycle"
    assert abs(found.period / seen.period - 1) < 0.01
    assert abs(found.amplitude / seen.amplitude - 1) < 0.03


def test_kinds():
    assert behaviour(np.array([[2.0, 0.0], [0.0, 0.5]])).kind == "fixed point"
    assert behaviour(0.5 * np.eye(2)).kind == "quiet"
    chaotic = behaviour(elliptic(0.0, 100, 1, 3.0), settle=100)
    assert chaotic.kind == "chaos"
    assert chaotic.exponent > 0.05
    # two cycles of incommensurate frequency: neither closed nor chaotic
    blocks = np.zeros((4, 4))
    blocks[:2, :2], blocks[2:, 2:] = [[1.3, -2], [2, 1.3]], [[1.3, -2 * np.sqrt(2)], [2 * np.sqrt(2), 1.3]]
    torus = behaviour(blocks, tol=1e-4, longest=60, settle=200)
    assert torus.kind == "undecided"
    assert abs(torus.exponent) < 0.01


def test_bad_input():
    with pytest.raises(NotApplicableError, match="stable"):
        first_harmonic(0.5 * np.eye(2))
    with pytest.raises(NotApplicableError, match="real"):
        first_harmonic(2.0 * np.eye(2))
    with pytest.raises(NotApplicableError, match="odd"):
        first_harmonic(np.array([[1.1, -3.0], [3.0, 1.1]]), shifted("tanh", 0.5))
    with pytest.raises(ValidationError, match="negative"):
        describing_function("tanh", -1.0)
    with pytest.raises(ValidationError, match="correlation"):
        thresholds(1.2)
    with pytest.raises(ValidationError, match="settle"):
        behaviour(0.5 * np.eye(2), settle=-1.0)
    with pytest.raises(ValidationError, match="2 units"):
        energy_rate(np.zeros((2, 2)), np.zeros(3))
    with pytest.raises(NotApplicableError, match="one trial"):
        behaviour(np.zeros((2, 2)), noise=1.0)
    assert activation("tanh").odd


def test_stored_networks_are_what_the_recipe_gives():
    stored = datasets.load("cycles.json")
    assert len(stored["rows"]) == 256
    assert stored["units"] == 100
    row = next(r for r in stored["rows"] if (r["correlation"], r["excess"], r["seed"]) == (-0.5, 0.05, 0))
    w = elliptic(-0.5, 100, 0)
    w *= 1.05 / np.linalg.eigvals(w).real.max()
    seen, balance = behaviour(w, start=0.1, seed=0), harmonic_balance(w)
    assert seen.kind == row["kind"] == "cycle"
    # an attractor: other processors change the way there, not the cycle
    assert np.allclose([seen.period, seen.amplitude], [row["period"], row["amplitude"]], rtol=1e-3)
    assert np.allclose([balance.period, balance.amplitude], row["balance"], rtol=1e-5)

"""Mean-field theory as sympy objects, and the numerical kernels against them."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy import integrate

from rmtlib.dynamics import meanfield
from rmtlib.dynamics.activations import Activation
from rmtlib.dynamics.meanfield import mean_field, solve_ensemble
from rmtlib.errors import ValidationError
from rmtlib.symbolic import accept
from rmtlib.symbolic import meanfield as sym

S = sym.meanfield_symbols
CUBIC = {1: sp.Rational(6, 5), 3: -sp.Rational(1, 10)}


def cubic(x):
    return 1.2 * x - 0.1 * x**3


def test_identities_of_the_derivation():
    assert sym.first_integral() == 0
    assert sym.zero_mode_residual() == 0
    assert sym.price_residual({0: 1, 1: 2, 2: -3, 5: sp.Rational(1, 7)}) == 0
    accept(sym.level_of_exponent(), S.ell**2 - (S.ell + S.lam) ** 2)
    accept(sym.level_of_exponent().subs(S.lam, sym.exponent_of_level()), S.E)
    tau, omega = sp.symbols("tau omega", real=True)
    assert sym.growth_residual((S.ell + S.lam * tau) ** 2 + omega**2 * tau**2) == 0
    assert sym.growth_residual((S.ell + S.lam * tau) ** 2) != 0


@pytest.mark.parametrize("a, b", [(1, 1), (2, 2), (3, 1), (3, 3), (5, 1), (2, 1)])
def test_gaussian_pairs_against_quadrature(a, b):
    variance, rho = 1.3, 0.6
    value = float(sym.gaussian_pair(a, b).subs({S.D0: variance, S.D: rho * variance}))

    def f(v, u):
        x, y = variance**0.5 * u, variance**0.5 * (rho * u + (1 - rho**2) ** 0.5 * v)
        return x**a * y**b * np.exp(-(u * u + v * v) / 2) / (2 * np.pi)

    assert integrate.dblquad(f, -9, 9, -9, 9, epsabs=1e-8)[0] == pytest.approx(value, abs=1e-6)


def test_hermite_series_and_potential_of_a_polynomial():
    """The kernel's series and potential against the exact polynomials."""
    D, D0 = np.array([0.0, 0.3, 0.9, 1.7]), 1.7
    exact = sym.polynomial_correlation(CUBIC)
    rates = sp.lambdify((S.D, S.D0), exact)(D, D0)
    assert np.allclose(meanfield._at(meanfield._series(cubic, 0.0, D0), D / D0), rates, atol=1e-12)
    slope = Activation("cubic", cubic, lambda x: 1.2 - 0.3 * x**2, odd=True)
    U = sp.lambdify((S.D, S.D0, S.g, S.ell), sym.potential(exact))(D, D0, 0.8, 1.1)
    assert np.allclose(meanfield.potential(0.8, D0, D, slope, 1.1), U, atol=1e-12)
    products = sp.lambdify((S.D, S.D0), exact.diff(S.D))(D, D0)  # Price
    assert np.allclose(meanfield._slopes(slope, D0)[1](D / D0), products, atol=1e-12)


@pytest.mark.parametrize("g, noise, leak", [(1.5, 0.0, 1.0), (2.0, 0.7, 1.0), (0.8, 1.0, 1.4)])
def test_solution_obeys_energy_and_kink(g, noise, leak):
    m = mean_field(g, noise=noise, leak=leak)
    right = float(sym.energy_condition().rhs.subs(S.nu, noise))
    assert meanfield.potential(g, m.variance, m.variance, leak=leak) == pytest.approx(right, abs=1e-10)
    # the first integral at later times: velocity by differences of the lags, which are equal
    speed = np.gradient(m.delta, m.time, edge_order=2)[1:60]
    whole = 0.5 * speed**2 + meanfield.potential(g, m.variance, m.delta[1:60], leak=leak)
    assert np.max(np.abs(whole)) < 0.02 * m.variance**2  # second-order differences at a 400th of the window
    green = sym.green_function()
    if noise == 0.7:  # extrapolated velocity at 0+
        h = m.time[1]
        start = (-3 * m.delta[0] + 4 * m.delta[1] - m.delta[2]) / (2 * h)
        assert start == pytest.approx(float(green["kink"].subs(S.nu, noise)), abs=2 * h**2)
    accept(S.ell**2 * green["green"] - green["green"].diff(S.t, 2), 0)


def test_level_and_exponent_of_the_kernel():
    for g, noise in ((2.0, 0.0), (1.3, 0.8)):
        m = mean_field(g, noise=noise)
        assert float(sym.exponent_of_level().subs({S.ell: 1, S.E: m.level})) == pytest.approx(m.lyapunov, abs=1e-12)
        condition = sym.chaos_condition().subs(S.C(S.D0), m.rates[0])
        assert float(condition.subs({S.D0: m.variance, S.g: g, S.ell: 1})) == pytest.approx(-m.acceleration, abs=1e-12)


def test_rest_loses_stability_at_unit_effective_coupling():
    c = sp.Symbol("c", positive=True)
    at_rest = sym.instability(sym.polynomial_correlation({1: c, 3: -1})).subs(S.D0, 0)
    assert sp.solve(at_rest, S.g) == [S.ell / c]
    slow = Activation("0.8 tanh", lambda x: 0.8 * np.tanh(x), lambda x: 0.8 * (1 - np.tanh(x) ** 2), odd=True)
    assert mean_field(1.3 / 0.8 - 1e-3, slow, leak=1.3).variance == 0
    above = mean_field(1.3 / 0.8 + 1e-3, slow, leak=1.3)
    assert 0 < above.variance < 2e-3
    assert above.coupling < 1.3  # g <sigma'> lies below the leak once there is activity


@pytest.mark.parametrize("excess", [1e-3, 3e-4])
def test_expansion_at_the_transition(excess):
    a1, a2 = (float(x) for x in sym.critical_expansion())
    m, found = mean_field(1 + excess), sym.critical_levels()
    assert m.variance == pytest.approx(a1 * excess + a2 * excess**2, abs=2 * excess**3)  # third coefficient -0.78
    assert m.lyapunov == pytest.approx(float(found["exponent"].subs(S.epsilon, excess)), rel=5 * excess)
    assert m.level == pytest.approx(float(found["ground"].subs(S.epsilon, excess)), rel=5 * excess)
    shape = sp.lambdify((S.t, S.epsilon), found["delta"])(m.time[:200], excess)
    assert np.allclose(m.delta[:200] / m.variance, shape / excess, atol=5 * excess)
    assert found["excited"] == 0


def test_expansion_of_another_activation():
    """erf with unit slope: its own Taylor coefficients give its own slope of the variance."""
    series = {1: sp.Integer(1), 3: -sp.pi / 12, 5: sp.pi**2 / 160}
    a1, a2 = (float(x) for x in sym.critical_expansion(series))
    assert mean_field(1.001, "erf").variance == pytest.approx(a1 * 1e-3 + a2 * 1e-6, abs=5e-9)
    for bad in ({1: 1, 2: 1}, {1: 2, 3: -1}):
        with pytest.raises(ValidationError, match="odd with slope 1"):
            sym.critical_expansion(bad)
    with pytest.raises(ValidationError, match="powers"):
        sym.gaussian_pair(-1, 2)


def test_population_equations_hold_for_the_solution():
    import rmtlib as rmt

    pops = [rmt.Population("E", 0.8), rmt.Population("I", 0.2)]
    std, mean = {"EE": 1.6, "EI": 2.5, "IE": 1.9, "II": 2.0}, {"EE": 2.0, "EI": -9.0, "IE": 2.5, "II": -6.0}
    ens = rmt.Ensemble(pops, {(k[0], k[1]): rmt.Synapses.dense(std[k], mean[k]) for k in std})
    positive = Activation("1 + tanh", lambda x: 1 + np.tanh(x), lambda x: 1 - np.tanh(x) ** 2)
    drive, noise = np.array([1.0, 0.6]), 0.3
    found = solve_ensemble(ens, positive, noise=noise, drive=drive, grid_error=False)
    assert found.residual < 1e-8
    equation = sym.population_equations()
    N = sp.Symbol("N", integer=True, positive=True)
    numbers = {}
    for i in (1, 2):
        numbers |= {sp.IndexedBase("m")[i]: found.mean[i - 1], sp.IndexedBase("u")[i]: drive[i - 1], sp.IndexedBase("phi")[i]: found.mean_rate[i - 1]}
        for j in (1, 2):
            numbers |= {sp.IndexedBase("M")[i, j]: ens.input_mean()[i - 1, j - 1], sp.IndexedBase("V")[i, j]: ens.input_variance()[i - 1, j - 1]}
    a = sp.Symbol("a", integer=True, positive=True)
    for i in (1, 2):
        gap = (equation["mean"].lhs - equation["mean"].rhs).subs({N: 2, S.ell: 1, a: i}).doit().subs(numbers)
        assert abs(float(gap)) < 1e-9
    # the spectrum at zero frequency: areas under the autocovariances, static parts taken off on both sides (they are solved alike)
    rates = found.rates - found.rates[:, -1:]
    deltas = np.array([found.autocovariance(i) for i in (0, 1)])
    area = 2 * integrate.simpson(deltas - deltas[:, -1:], x=found.time, axis=1)
    chat = 2 * integrate.simpson(rates, x=found.time, axis=1)
    omega, tau = sp.Symbol("omega", real=True), sp.Symbol("tau", positive=True)
    for i in (1, 2):
        right = equation["spectrum"].rhs.subs({N: 2, S.ell: 1, S.nu: noise, omega: 0, tau: 1, a: i}).doit()
        right = right.replace(sp.Function("Chat"), lambda b, w: sp.Float(chat[int(b) - 1])).subs(numbers)
        assert area[i - 1] == pytest.approx(float(right), rel=2e-3)  # Simpson's rule over the kink of the noise, step 0.08

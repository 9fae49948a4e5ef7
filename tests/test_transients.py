"""Two resolvents, mean squared response, power spectra, edges of Dyson equations and linear memory."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg as la
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad
from scipy.special import iv, ive

import rmtlib as rmt
from rmtlib import symbolic
from rmtlib.errors import ConvergenceError, NotApplicableError, ValidationError
from rmtlib.symbolic import transients as sym
from rmtlib.theory import transients as tr
from rmtlib.theory.linear_memory import kernel_memory, laguerre_modes, memory_curve

TIMES = np.linspace(0, 6, 13)


def core():
    """A sparse core of two populations with non-zero means, heterogeneous in tau and gain."""
    E = rmt.Population("E", 0.7, tau=stats.uniform(0.5, 1), gain=stats.beta(2, 2))
    I = rmt.Population("I", 0.3, tau=stats.beta(2, 2, loc=0.5, scale=2), gain=stats.uniform(0.5, 0.5))
    w = stats.norm(-0.15, 0.4)
    blocks = {("E", "I"): w, ("I", "I"): w, ("E", "E"): stats.norm(0.1, 0.3)}
    return rmt.Ensemble([E, I], {pair: rmt.Synapses(law, degree=6) for pair, law in blocks.items()})


def dense():
    unit = rmt.Population("N", 1.0, tau=stats.uniform(0.5, 1.5), gain=stats.uniform(0.4, 0.6))
    return rmt.Ensemble(unit, rmt.Synapses.dense(std=1.1))


def sampled(ens, f, n=500, count=6, seed=100):
    values = np.array([f(ens.sample(n, seed=seed + k)) for k in range(count)])
    return values.mean(0), values.std(0, ddof=1) / np.sqrt(count)


# ------------------------------------------------------------------------------------- symbolic


def test_ladder_is_the_product_of_two_resolvents():
    """The symbolic formula with a discrete law put in, against the numerical kernel at random complex points."""
    taus, gains, p = [0.5, 2.0], [0.4, 0.9], [0.3, 0.7]
    f = symbolic.lambdify((symbolic.symbols.z, sym.transient_symbols.w, symbolic.symbols.ell, symbolic.symbols.V),
                          sym.two_resolvents(), list(zip(taus, gains, p, strict=True)))  # fmt: skip
    unit = tr._Unit(np.array(taus), np.array(p), np.array(gains), np.array(gains) ** 2)
    sys = tr._Linear(("N",), np.ones(1), np.array([[0.6]]), np.zeros((1, 1)), 1.3, (unit,))
    z, w = np.array([0.4 + 1j, 1 - 2j]), np.array([0.2 - 0.3j, 0.7j])
    got = tr._two_point(sys, z, w, np.ones(1), np.zeros(1), 2, tr._Readout(np.ones(1)), False)
    assert np.allclose(got, f(z, w, 1.3, 0.6), rtol=1e-13, atol=0)  # same formula, rounding only


def test_two_resolvents_of_samples():
    ens, z, w = core(), np.array([0.4 + 0.5j, 0.2]), np.array([0.3 - 0.2j, 0.1 + 1j])

    def product(net):
        J, one = net.dense_jacobian(), np.eye(net.n)
        return [np.sum(np.linalg.inv(a * one - J) * np.linalg.inv(b * one - J)) / net.n for a, b in zip(z, w, strict=True)]

    mean, error = sampled(ens, product, n=300)
    assert np.all(np.abs(mean - tr.two_resolvents(ens, z, w)) < 4 * error + 0.005)
    with pytest.raises(NotApplicableError, match="support"):
        tr.two_resolvents(ens, -1.0, 0.5)
    with pytest.raises(ValidationError, match="broadcast"):
        tr.two_resolvents(ens, z, np.zeros(3))


def test_two_populations_are_the_symbolic_matrix():
    E, I = sym.two_resolvents(("E", "I"))
    laws = {"E": [(0.5, 0.8, 1.0)], "I": [(2.0, 0.6, 1.0)]}
    V = np.array([[0.3, 0.5], [0.2, 0.7]])
    names = [sp.Symbol(f"V_{a}{b}", nonnegative=True) for a in "EI" for b in "EI"]
    f = symbolic.lambdify((symbolic.symbols.z, sym.transient_symbols.w, symbolic.symbols.ell, *names), sp.Tuple(E, I), laws)
    units = tuple(tr._Unit(*(np.array([x]) for x in (t, 1.0, h, h * h))) for t, h in ((0.5, 0.8), (2.0, 0.6)))
    sys = tr._Linear(("E", "I"), np.full(2, 0.5), V, np.zeros((2, 2)), 1.0, units)
    z, w = np.array([0.4 + 1j]), np.array([0.2 - 0.3j])
    for k, want in enumerate(f(0.4 + 1j, 0.2 - 0.3j, 1.0, *V.ravel())):
        read = tr._Readout(np.eye(2)[k])
        assert abs(tr._two_point(sys, z, w, np.ones(2), np.zeros(2), 2, read, False)[0] - want) < 1e-13 * abs(want)


def test_bessel_solves_the_transport_equation():
    assert sym.transport_residual() == 0
    C = sym.two_time()
    P = sym.transient_symbols
    assert sp.simplify(C.subs(P.s, 0).limit(P.t, 0) - 1) == 0


def test_symbolic_modes_are_those_of_the_kernel():
    found = sym.laguerre_parameters()
    modes = laguerre_modes(1.3, 0.9)
    at = {sym.transient_symbols.ell: 1.3, sym.transient_symbols.g: np.sqrt(0.9)}
    for name, value in (("b", modes.rate), ("q", modes.ratio), ("nu_0", modes.first)):
        assert abs(float(found[name].subs(at)) - value) < 1e-13


def test_symbolic_arguments():
    with pytest.raises(ValidationError, match="noise"):
        sym.two_resolvents(noise="white")


# --------------------------------------------------------------------------------- mean square


@settings(max_examples=12, deadline=None)
@given(st.floats(0.05, 1.3), st.floats(0.2, 5.0), st.floats(0.5, 2.0))
def test_homogeneous_law(g, tau, leak):
    """exp(-2 leak t/tau) I_0(2 g t/tau) for any tau, leak, strength, also past the edge of stability; sparse is dense."""
    t = np.array([0.0, 0.7, 3.0, 8.0]) * tau
    ens = rmt.Ensemble(rmt.Population("N", tau=tau), rmt.Synapses(stats.norm(0, g / 2), degree=4), leak=leak)
    want = np.exp(-2 * (leak - g) * t / tau) * ive(0, 2 * g * t / tau)
    got = tr.mean_squared_response(ens, t)
    assert np.allclose(got.value, want, rtol=3e-8)  # tol of the contour is 1e-8
    assert np.allclose(tr.homogeneous_response(t / tau, leak, g * g), want, rtol=1e-12)


def test_no_synapses():
    ens = rmt.Ensemble(rmt.Population("N", tau=stats.uniform(0.5, 1)), {})
    want = [quad(lambda x, s=s: np.exp(-2 * s / x), 0.5, 1.5)[0] for s in (0.0, 1.0, 4.0)]
    assert np.allclose(tr.mean_squared_response(ens, [0.0, 1.0, 4.0]).value, want, rtol=1e-8)


@pytest.mark.parametrize("kick", [{"kick": None}, {"kick": "I"}, {"mean_kick": {"I": 1.0}}, {"kick": None, "inside": True}])
@pytest.mark.parametrize("readout", [None, "E"])
def test_contour_against_march(kick, readout):
    """Two routes that share no code beyond the law of tau: double contour integral, and marching in the time domain."""
    one = tr.mean_squared_response(core(), TIMES, readout=readout, **kick)
    two = tr.mean_squared_response(core(), TIMES, readout=readout, method="volterra", **kick)
    # the march extrapolates a second-order scheme twice: 1e-9 of the scale is what 240 steps leave
    assert np.abs(one.value - two.value).max() < 1e-8 * one.value.max()
    assert np.all(np.abs(one.value - two.value) <= one.error + two.error + 1e-10)


@pytest.mark.parametrize(
    "tau, t",
    [
        (stats.lognorm(0.5), [0.0, 1.0, 5.0]),
        (stats.uniform(0.05, 3), [0.0, 0.1, 1.0, 5.0, 20.0]),
        ([1.0, 100.0], [0.0, 1.0, 50.0, 400.0]),
    ],
)
def test_timescales_over_orders_of_magnitude(tau, t):
    ens = rmt.Ensemble(rmt.Population("N", tau=tau), rmt.Synapses(stats.norm(0, 0.4), degree=4))
    one, two = tr.mean_squared_response(ens, t), tr.mean_squared_response(ens, t, method="volterra")
    assert np.all(np.abs(one.value - two.value) <= one.error + two.error)
    assert np.allclose(one.value, two.value, rtol=1e-4)  # what the march keeps of a stiff pair of timescales
    assert np.all(one.error < 1e-7 * one.value)


def test_stated_error_of_the_contour():
    ens = dense()
    loose = tr.mean_squared_response(ens, TIMES, tol=1e-3)
    tight = tr.mean_squared_response(ens, TIMES, tol=1e-11)
    assert np.all(np.abs(loose.value - tight.value) <= loose.error + tight.error)


def test_samples_of_a_sparse_core():
    ens = core()
    for kwargs in ({"kick": "I", "readout": "E"}, {"inside": True}):
        want = tr.mean_squared_response(ens, TIMES, **kwargs).value
        mean, error = sampled(ens, lambda net, k=kwargs: tr.mean_squared_response(net, TIMES, **k).value)
        # six networks: 4 standard errors, and 1% for corrections of order 1/n
        assert np.all(np.abs(mean - want) < 4 * error + 0.01 * want.max())
        assert error[6] < 0.1 * want[6]  # the comparison means something


def test_common_kick_sees_the_mean_weights():
    ens, t = core(), np.array([1.0, 3.0])

    def common(net):
        v, J = (net.labels == "I").astype(float), net.dense_jacobian()
        return [np.mean((la.expm(s * J) @ v)[net.labels == "E"] ** 2) for s in t]

    want = tr.mean_squared_response(ens, t, mean_kick={"I": 1.0}, readout="E").value
    blind = tr.mean_squared_response(ens, t, kick="I", readout="E").value
    mean, error = sampled(ens, common, n=300)
    assert np.all(np.abs(mean - want) < 4 * error + 0.01 * want)
    assert np.all(np.abs(mean - blind) > np.abs(mean - want))  # without the means it is another number


def test_class_of_one_timescale():
    ens, t = core(), np.array([0.0, 1.0, 3.0])
    want = tr.mean_squared_response(ens, t, kick="I", readout=("I", 1.0)).value

    def one(net):
        v = net.labels == "I"
        near, J = v & (np.abs(net.tau - 1) < 0.1), net.dense_jacobian()
        return [np.sum(la.expm(s * J)[near][:, v] ** 2) / near.sum() for s in t]

    mean, error = sampled(ens, one, n=300)
    assert np.all(np.abs(mean - want) < 4 * error + 0.02)  # width of the class: tau within 10%
    # averaged over the law of tau, the classes give the population
    nodes, weight = stats.beta(2, 2, loc=0.5, scale=2), np.polynomial.legendre.leggauss(12)
    taus = 0.5 + (weight[0] + 1)  # the support is (0.5, 2.5)
    parts = [tr.mean_squared_response(ens, t, kick="I", readout=("I", s)).value for s in taus]
    total = np.einsum("k,kt->t", weight[1] * nodes.pdf(taus), np.array(parts))
    assert np.allclose(total, tr.mean_squared_response(ens, t, kick="I", readout="I").value, rtol=1e-6)


def test_readouts_add_up():
    ens = core()
    whole = tr.mean_squared_response(ens, TIMES).value
    parts = [tr.mean_squared_response(ens, TIMES, readout=name).value for name in ens.names]
    kicks = [tr.mean_squared_response(ens, TIMES, kick=name).value for name in ens.names]
    assert np.allclose(whole, ens.fractions @ np.array(parts), rtol=1e-7)
    assert np.allclose(whole, np.sum(kicks, axis=0), rtol=1e-7)


def test_two_time_is_symmetric_and_its_diagonal_is_the_response():
    ens = core()
    C, error = tr.two_time(ens, TIMES[1:], TIMES[1:], tol=1e-10)
    assert np.allclose(C, C.T, atol=1e-10)
    assert np.all(error < 1e-8)
    assert np.allclose(np.diagonal(C), tr.mean_squared_response(ens, TIMES[1:]).value, rtol=1e-6)
    assert np.linalg.eigvalsh(C).min() > -1e-9  # a covariance


def test_time_units():
    t = np.array([0.5, 2.0, 5.0])
    one = tr.mean_squared_response(core(), t).value
    other = tr.mean_squared_response(core().scaled_time(20.0), 20 * t).value
    assert np.allclose(one, other, rtol=1e-9)


def test_probes_agree_with_the_exact_sum():
    net = core().sample(300, seed=1)
    exact = tr.mean_squared_response(net, [1.0, 3.0], method="exact")
    probe = tr.mean_squared_response(net, [1.0, 3.0], method="probes", probes=200)
    assert np.all(np.abs(probe.value - exact.value) < 4 * probe.error)
    assert np.all(probe.error < 0.05 * exact.value)


def test_probes_do_not_share_the_stream_of_the_network():
    """A network sampled with the same seed as the probes: its first entries must not be the probes."""
    net = rmt.ginibre(0.9, leak=1.0).sample(150, seed=3)
    v = tr._apart(3).standard_normal(150)
    assert abs(net.weights[0] @ v) < 4 * np.linalg.norm(v) * 0.9 / np.sqrt(150)
    assert np.linalg.norm(net.weights[0] / np.abs(net.weights[0]).max() - v / np.abs(v).max()) > 1


# ------------------------------------------------------------------------------- power spectra


def test_power_spectrum_of_samples():
    ens, omega = core(), np.array([0.0, 0.5, 1.0, 3.0])
    for noise in ("inside", "outside"):
        want = tr.power_spectrum(ens, omega, noise=noise)
        mean, error = sampled(ens, lambda net, k=noise: tr.power_spectrum(net, omega, noise=k), n=250)
        assert np.all(np.abs(mean - want) < 4 * error + 0.03 * want)  # 6 networks of 250: corrections of order 1/n
        variance = tr.equal_time_variance(ens, noise=noise)
        mean, error = sampled(ens, lambda net, k=noise: tr.equal_time_variance(net, noise=k), n=250)
        assert abs(mean - variance) < 4 * error + 0.03 * variance


def test_variance_is_the_integral_of_the_response():
    """<x^2> = int S(t) dt for unit noise: the two transforms of one function."""
    ens = core()
    horizon = 60.0
    x, w = np.polynomial.legendre.leggauss(80)
    t = horizon * ((x + 1) / 2) ** 2
    weight = horizon * w * (x + 1) / 2
    response = tr.mean_squared_response(ens, t).value
    assert abs(weight @ response - tr.equal_time_variance(ens)) < 1e-6


def test_network_spectrum_by_probes():
    net = core().sample(900, seed=2)
    want = np.linalg.inv(0.5j * np.eye(900) - net.dense_jacobian())
    want = np.sum(np.abs(want) ** 2) / 900
    assert abs(tr.power_spectrum(net, 0.5, probes=100) / want - 1) < 0.1  # probes: about 2% here


def test_homogeneous_spectrum_and_variance():
    omega = np.array([0.0, 1.0, 4.0])
    assert np.allclose(tr.power_spectrum(rmt.ginibre(0.5, leak=1.0), omega), 1 / (1 + omega**2 - 0.25), rtol=1e-12)
    value = float(sym.equal_time_variance().subs({sym.transient_symbols.ell: 1, sym.transient_symbols.g: sp.Rational(4, 5)}))
    assert abs(tr.equal_time_variance(rmt.ginibre(0.8, leak=1.0)) - value) < 1e-8


# -------------------------------------------------------------------------- edges of two problems


def test_numerical_abscissa_limits():
    for g in (0.3, 0.9):
        assert abs(tr.numerical_abscissa(rmt.ginibre(g, leak=1.0)) - (np.sqrt(2) * g - 1)) < 1e-8
    # a rank-one mean beside a semicircle: omega = m/2 + g^2/m - 1 for m > sqrt(2) g, from two orthogonal directions
    m, g = 4.0, 0.7
    ens = rmt.rajan_abbott(0.5, m, -m, g, g, leak=1.0)
    assert abs(tr.numerical_abscissa(ens) - (m / 2 + g**2 / m - 1)) < 1e-7
    assert abs(tr.numerical_abscissa(rmt.rajan_abbott(0.5, 0.5, -0.5, g, g, leak=1.0)) - (np.sqrt(2) * g - 1)) < 1e-7


def test_numerical_abscissa_of_samples():
    ens = dense()
    want = tr.numerical_abscissa(ens)
    gaps = []
    for n, count in ((150, 12), (600, 3)):
        mean, error = sampled(ens, rmt.numerical_abscissa, n, count)
        gaps.append(want - mean)
        assert -3 * error < gaps[-1] < 3 * n ** (-2 / 3)  # Tracy-Widom: below by O(n^(-2/3)), the radius being about 1
    assert gaps[1] < 0.75 * gaps[0]  # 4^(-2/3) = 0.40


def test_smallest_singular_value_limits():
    r = np.array([1.2, 1.5, 2.0])
    want = np.sqrt((8 * r**4 + 20 * r**2 - 1 - (8 * r**2 + 1) ** 1.5) / (8 * r**2))
    assert np.allclose(tr.smallest_singular_value(rmt.ginibre(1.0), r), want, rtol=1e-7)
    assert np.allclose(tr.smallest_singular_value(rmt.ginibre(1.0), r * np.exp(0.7j)), want, rtol=1e-7)
    assert tr.smallest_singular_value(rmt.ginibre(1.0), 0.9) == 0
    ens = dense()
    alpha = rmt.spectral_abscissa(ens)
    assert tr.smallest_singular_value(ens, alpha - 1e-3) == 0 < tr.smallest_singular_value(ens, alpha + 1e-3)


def test_smallest_singular_value_of_samples():
    ens, z = dense(), np.array([0.3, 0.6, 0.3 + 0.8j])
    want = tr.smallest_singular_value(ens, z)
    gaps = []
    for n, count in ((150, 8), (500, 2)):
        mean, _ = sampled(ens, lambda net: rmt.pseudospectrum(net, z), n, count)
        gaps.append(np.abs(mean - want))
    assert gaps[1].max() < gaps[0].max()
    assert np.all(gaps[1] < 0.04)  # n^(-2/3) = 0.016 at n = 500


def test_pseudospectral_abscissa_inverts():
    ens = dense()
    x = tr.pseudospectral_abscissa(ens, 0.2)
    assert abs(tr.smallest_singular_value(ens, x) - 0.2) < 1e-6


# ---------------------------------------------------------------------------------------- memory


def bessel_kernel(t, s, g):
    """exp(-(t + s)) I_0(2 g sqrt(ts)), without overflow."""
    return np.exp(2 * g * np.sqrt(t * s) - t - s) * ive(0, 2 * g * np.sqrt(t * s))


@pytest.mark.parametrize("k", [0, 1, 4])
def test_laguerre_functions_are_eigenfunctions(k):
    modes, t = laguerre_modes(1.0, 0.64), 1.7

    def psi(s):
        return np.sqrt(modes.rate) * np.exp(-modes.rate * s / 2) * np.polynomial.laguerre.lagval(modes.rate * s, np.eye(6)[k])

    got = quad(lambda s: bessel_kernel(t, s, 0.8) * psi(s), 0, 120, limit=400)[0]
    assert abs(got - modes.first * modes.ratio**k * psi(t)) < 1e-8  # quad's own tolerance is 1.5e-8


@settings(max_examples=6, deadline=None)
@given(st.floats(0.1, 0.9), st.floats(-3.5, 0.0))
def test_closed_capacity_against_nystrom(g, log_noise):
    noise, t = 10**log_noise, np.array([0.0, 0.5, 2.0])
    modes = laguerre_modes(1.0, g * g)
    curve = kernel_memory(lambda a, b: bessel_kernel(a[:, None], b, g), t, noise, 30 / (1 - g))
    assert abs(curve.capacity - modes.capacity(noise)) < 1e-5 * curve.capacity
    assert np.allclose(curve.memory, modes.memory(t, noise), rtol=1e-5, atol=1e-8)
    assert abs(curve.fisher_total - 1 / (modes.rate * noise)) < 1e-5 * curve.fisher_total  # trace: int S dt = 1/b


def test_ensemble_route_is_the_closed_form():
    t = np.linspace(0, 5, 6)
    modes = laguerre_modes(1.0, 0.64)
    curve = memory_curve(rmt.ginibre(0.8, leak=1.0), t, 0.01)
    assert abs(curve.capacity - modes.capacity(0.01)) < 1e-6
    near = memory_curve(rmt.ginibre(0.99, leak=1.0), [0.0], 0.01)
    assert abs(near.capacity / laguerre_modes(1.0, 0.99**2).capacity(0.01) - 1) < 1e-6
    assert np.allclose(curve.memory, modes.memory(t, 0.01), atol=1e-6)
    assert np.allclose(curve.fisher, np.exp(-2 * t) * iv(0, 1.6 * t) / 0.01, rtol=1e-7)


def test_integral_of_the_memory_curve_is_the_capacity():
    modes = laguerre_modes(1.0, 0.64)
    assert abs(quad(lambda t: modes.memory(t, 0.01)[()], 0, 60, limit=400)[0] - modes.capacity(0.01)) < 1e-6
    net = rmt.ginibre(0.6, leak=1.0).sample(40, seed=1)
    t = np.linspace(0, 40, 8001)
    for where in ("readout", "state"):
        curve = memory_curve(net, t, 0.05, where=where)
        # trapezoidal rule of step 0.005 on a curve that starts at about 1/step^0: relative error (step x slope)/12
        assert abs(np.trapezoid(curve.memory, t) - curve.capacity) < 1e-2 * curve.capacity
        assert abs(np.trapezoid(curve.fisher, t) - curve.fisher_total) < 1e-2 * curve.fisher_total


def test_memory_of_samples():
    t = np.array([0.0, 1.0, 3.0])
    unit = rmt.Population("N", 1.0, tau=stats.uniform(0.3, 1.4), gain=stats.uniform(0.4, 0.7))
    ens = rmt.Ensemble(unit, rmt.Synapses(stats.norm(0, 0.4), degree=6))
    want = memory_curve(ens, t, 0.01, inside=True)
    curves = [memory_curve(ens.sample(300, seed=k), t, 0.01, inside=True, seed=k) for k in range(6)]
    capacity = np.array([c.capacity for c in curves])
    assert abs(capacity.mean() - want.capacity) < 4 * capacity.std(ddof=1) / np.sqrt(6) + 0.05
    memory = np.array([c.memory for c in curves])
    assert np.all(np.abs(memory.mean(0) - want.memory) < 4 * memory.std(0, ddof=1) / np.sqrt(6) + 0.02 * want.memory)


def test_random_network_is_a_delay_line():
    """The kernel of a random network with a random input is that of a long feedforward chain driven at its first unit."""
    n, g, t = 60, 0.8, np.array([0.0, 1.0, 4.0])
    chain = rmt.Network(g * np.eye(n, k=-1), tau=np.ones(n), gain=np.ones(n))
    curve = memory_curve(chain, t, 0.01, v=np.eye(n)[0])
    modes = laguerre_modes(1.0, g * g)
    assert abs(curve.capacity - modes.capacity(0.01)) < 1e-8
    assert np.allclose(curve.memory, modes.memory(t, 0.01), atol=1e-8)


def test_state_noise_total_fisher_memory():
    """Averaged over an orthonormal set of inputs it is 1/noise for every network; normal networks have it for each input."""
    net = rmt.ginibre(0.8, leak=1.0).sample(25, seed=2)
    totals = [memory_curve(net, [0.0], 0.3, where="state", v=v).fisher_total for v in np.eye(25)]
    assert abs(np.mean(totals) - 1 / 0.3) < 1e-8
    assert np.ptp(totals) > 0.1
    symmetric = rmt.elliptic(1.0, 0.3, leak=1.0).sample(25, seed=2)
    totals = [memory_curve(symmetric, [0.0], 0.3, where="state", v=v).fisher_total for v in np.eye(25)[:4]]
    assert np.allclose(totals, 1 / 0.3, rtol=1e-9)


def test_chain_beats_normal_networks():
    n = 12
    chain = rmt.Network(2.0 * np.eye(n, k=-1), tau=np.ones(n), gain=np.ones(n))
    first = memory_curve(chain, [0.0], 1.0, where="state", v=np.eye(n)[0])
    last = memory_curve(chain, [0.0], 1.0, where="state", v=np.eye(n)[-1])
    assert first.fisher_total > 2 > 1 > last.fisher_total
    assert first.fisher_total < n


def test_capacity_is_bounded_by_the_units():
    net = rmt.ginibre(0.5, leak=1.0).sample(6, seed=1)
    capacity = [memory_curve(net, [0.0], noise).capacity for noise in (1.0, 1e-3, 1e-6)]
    assert np.all(np.diff(capacity) > 0)
    assert capacity[-1] < 6


def test_capacity_near_the_edge():
    """C sqrt(1 - g/l) -> log(1 + 1/(l noise))/(2 sqrt 2)."""
    noise = 0.01
    limit = np.log1p(1 / noise) / (2 * np.sqrt(2))
    found = [laguerre_modes(1.0, g * g).capacity(noise) * np.sqrt(1 - g) for g in (0.99, 0.9999, 0.999999)]
    assert np.all(np.abs(np.array(found) / limit - 1) < [0.1, 0.02, 0.002])


# ------------------------------------------------------------------------------------- bad input


def test_refusals():
    good = core()
    with pytest.raises(NotApplicableError, match="reciprocal"):
        tr.mean_squared_response(rmt.elliptic(0.3, 0.5, leak=1.0), [1.0])
    with pytest.raises(ValidationError, match="Ensemble or a Network"):
        tr.mean_squared_response(np.eye(3), [1.0])
    for bad in ([-1.0], [np.nan], ["a"]):
        with pytest.raises(ValidationError):
            tr.mean_squared_response(good, bad)
    with pytest.raises(ValidationError, match="unknown population"):
        tr.mean_squared_response(good, [1.0], kick={"X": 1.0})
    with pytest.raises(ValidationError, match="not negative"):
        tr.mean_squared_response(good, [1.0], kick=-1.0)
    with pytest.raises(ValidationError, match="tol must be"):
        tr.mean_squared_response(good, [1.0], tol=-1.0)
    with pytest.raises(ValidationError, match="zero everywhere"):
        tr.mean_squared_response(good, [1.0], kick=0.0)
    with pytest.raises(ValidationError, match="readout"):
        tr.mean_squared_response(good, [1.0], readout="X")
    with pytest.raises(ValidationError, match="positive timescale"):
        tr.mean_squared_response(good, [1.0], readout=("E", -1.0))
    with pytest.raises(ValidationError, match="method"):
        tr.mean_squared_response(good, [1.0], method="fft")
    with pytest.raises(NotApplicableError, match="balanced"):
        tr.mean_squared_response(rmt.rajan_abbott(0.5, 1, -1, 0.5, 0.5, leak=1.0, balanced=True), [1.0], mean_kick=1.0)
    with pytest.raises(NotApplicableError, match="mean_kick"):
        tr.mean_squared_response(good.sample(50, seed=0), [1.0], mean_kick=1.0)
    with pytest.raises(ValidationError, match="largest number"):
        tr.mean_squared_response(rmt.ginibre(2.0, leak=1.0), [1000.0])
    with pytest.raises(ValidationError, match="noise"):
        tr.power_spectrum(good, 0.0, noise="white")
    for what in (rmt.ginibre(1.1, leak=1.0), rmt.ginibre(1.6, leak=1.0).sample(60, seed=0)):
        with pytest.raises(ValidationError, match="not stable"):
            tr.power_spectrum(what, 0.0)
        with pytest.raises(ValidationError, match="not stable"):
            memory_curve(what, [0.0])
    with pytest.raises(NotApplicableError, match="Lifshitz"):
        tr.numerical_abscissa(good)
    with pytest.raises(NotApplicableError, match="independent"):
        tr.smallest_singular_value(rmt.elliptic(0.3, 0.5), 2.0)
    with pytest.raises(NotApplicableError, match="unbounded"):
        tr.numerical_abscissa(rmt.Ensemble(rmt.Population("N", tau=stats.gamma(3)), rmt.Synapses.dense(std=0.5)))
    with pytest.raises(NotApplicableError, match="state"):
        memory_curve(good, [0.0], where="state")
    with pytest.raises(ValidationError, match="positive number"):
        memory_curve(good, [0.0], noise=0.0)
    with pytest.raises(ValidationError, match="finite numbers"):
        memory_curve(good.sample(50, seed=0), [0.0], v=np.ones(3))
    with pytest.raises(ValidationError, match="variance"):
        laguerre_modes(1.0, 1.0)
    with pytest.raises(ConvergenceError, match="horizon"):
        kernel_memory(lambda a, b: np.exp(-0.1 * np.add.outer(a, b)), [0.0], 0.01, 1.0)


def test_memory_curve_at_long_delays_does_not_underflow():
    """exp(-x/2) underflows from a delay of 53000 on, where the curve is still far from zero; it is smooth across that point."""
    t = np.array([50000.0, 52000.0, 54000.0, 56000.0])
    slope = np.diff(np.log(laguerre_modes(1.0, 0.9999**2).memory(t, 0.01))) / 2000
    assert np.all(slope < 0)
    assert np.ptp(slope) < 0.02 * abs(slope[0])
    assert np.all(np.abs(slope / -2e-4 - 1) < 0.1)

"""Bar and blob with weak columns, and the closed forms of the edge, against independent routes."""

import numpy as np
import pytest
import sympy as sp
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import brentq, minimize_scalar

import rmtlib as rmt
from rmtlib.errors import NotApplicableError, ValidationError
from rmtlib.symbolic import memory_edge as closed
from rmtlib.theory import periphery
from rmtlib.theory.loops import loops_beyond

C = closed.memory_edge_symbols


def weak(s, tau_e=None, degree=24.0):
    """The reference ensemble with excitatory columns of strength s; fast E units, whose bar is clear of the blob."""
    ref = rmt.core_periphery()
    unit, weight = ref.population("I"), ref.synapses["I", "I"].weight
    pops = [
        rmt.Population("E", 0.8, tau=tau_e or stats.beta(2, 2, loc=7, scale=9), gain=unit.gain),
        rmt.Population("I", 0.2, tau=unit.tau, gain=unit.gain),
    ]
    blocks = {(a, "I"): rmt.Synapses(weight, degree=6.0) for a in "EI"}
    blocks |= {(a, "E"): rmt.Synapses(stats.expon(scale=0.5 * s), degree=degree) for a in "EI"}
    return rmt.Ensemble(pops, blocks)


# ---------------------------------------------------------------- one network
def small(s, seed=3, n=60):
    net = weak(1.0).sample(n, seed=seed)
    return rmt.Network(net.weights.toarray() * np.where(net.labels == "E", s, 1.0), net.tau, net.gain, net.labels)


def test_bar_shifts_have_the_right_order():
    """What is left after the second order falls as s^3, eigenvalue by eigenvalue."""
    full = small(1.0)
    first, second = periphery.bar_shifts(full)
    start = -1 / full.tau[full.labels == "E"]
    quiet = np.argsort(np.abs(second))[:12]
    left = []
    for s in (4e-4, 2e-4):
        values = np.linalg.eigvals(small(s).jacobian().toarray())
        guess = (start + s * first + s**2 * second)[quiet]
        left.append(np.array([np.abs(values - g).min() for g in guess]))
    enough = left[1] > 1e-15 / 2e-2  # above rounding
    assert enough.sum() >= 4
    assert np.median(left[0][enough] / left[1][enough]) == pytest.approx(8, rel=0.2)


def test_bar_shifts_of_two_units_exactly():
    """(leak + z tau_1)(leak + z tau_2) = s h_1 h_2 w_12 w_21: no first order, second order from the pair."""
    W = np.array([[0.0, 0.7], [-0.4, 0.0]])
    net = rmt.Network(W, tau=[1.0, 3.0], gain=[0.5, 0.8], labels=["E", "E"])
    first, second = periphery.bar_shifts(net)
    assert np.allclose(first, 0)
    for i, (t, other) in enumerate(((1.0, 3.0), (3.0, 1.0))):
        assert second[i] == pytest.approx(0.5 * 0.8 * 0.7 * -0.4 / t / (1 - other / t), rel=1e-12)


def test_bar_shifts_through_a_core_of_one_unit_exactly():
    """(1 + z tau_E)(1 + z tau_I) = s k: here the second order is the derivative of Sigma alone."""
    W, t, u = np.array([[0.0, 3.0], [0.5, 0.0]]), 2.0, 0.7
    net = rmt.Network(W, tau=[t, u], gain=[0.2, 0.4], labels=["E", "I"])
    k, D = 3.0 * 0.5 * 0.2 * 0.4, 1 - u / t
    first, second = periphery.bar_shifts(net)
    assert first[0] == pytest.approx(k / (t * D), rel=1e-12)
    # 1 + z tau_E = s k/(D + tau_I s z_1 + ...) gives z_2 = -k tau_I z_1/(tau_E D^2)
    assert second[0] == pytest.approx(-k * u * first[0] / (t * D**2), rel=1e-12)


def test_bar_shifts_refuse():
    net = small(1.0)
    with pytest.raises(ValidationError, match="label"):
        periphery.bar_shifts(net, "X")
    with pytest.raises(ValidationError, match="Network"):
        periphery.bar_shifts(np.eye(3))
    same = rmt.Network(np.zeros((3, 3)), tau=[1.0, 1.0, 2.0], gain=1.0, labels=["E", "E", "I"])
    with pytest.raises(ValidationError, match="share a tau"):
        periphery.bar_shifts(same)
    inside = rmt.Network(np.zeros((2, 2)), tau=[2.0, 2.0], gain=1.0, labels=["E", "I"])
    with pytest.raises(NotApplicableError, match="eigenvalue of the core"):
        periphery.bar_shifts(inside)


# ---------------------------------------------------------------- the lens
@pytest.mark.parametrize("x", [-0.07, -0.095, -0.12])
def test_lens_is_the_edge_for_weak_columns(x):
    """Relative difference to the edge of the package, falling with the height of the lens."""
    difference = []
    for s in (0.04, 0.01):
        law = weak(s)
        height = brentq(lambda y, law=law: float(rmt.edge_function(law, x + 1j * y)) - 1, 1e-9, 0.02)
        difference.append(abs(float(periphery.bar_half_width(law, x)) / height - 1))
    assert difference[1] < 0.02
    assert difference[1] < 0.5 * difference[0]


def test_self_coupling_gives_the_edge_outside_the_blob():
    """S phi_E = 1 is the edge at any strength, and off the axis."""
    law = weak(0.7)
    z = -0.09 + 0.05j
    tau, p = law.population("E").tau.nodes(96)
    phi = np.sum(p / np.abs(1 + z * tau) ** 2) * law.population("E").gain.second_moment()
    phi_I = float(rmt.edge_function(rmt.core_periphery(), z)) / law.input_variance()[1, 1]
    K = law.input_variance() * np.array([phi, phi_I])
    assert np.max(np.linalg.eigvals(K).real) == pytest.approx(float(rmt.edge_function(law, z)), rel=1e-9)
    coupling = float(periphery.self_coupling(law, z))
    V = law.input_variance()
    assert coupling == pytest.approx(V[0, 0] + V[0, 1] * phi_I * V[1, 0] / (1 - V[1, 1] * phi_I), rel=1e-8)
    inside = float(rmt.edge_function(law, z)) > 1
    assert inside == (coupling * phi > 1)
    assert np.isinf(periphery.self_coupling(law, -0.01))


def test_lens_refuses():
    law = weak(0.1)
    with pytest.raises(ValidationError, match="negative"):
        periphery.bar_half_width(law, 0.1)
    with pytest.raises(ValidationError, match="population"):
        periphery.self_coupling(law, -0.1, "X")
    with pytest.raises(ValidationError, match="Ensemble"):
        periphery.self_coupling(3.0, -0.1)
    with pytest.raises(ValidationError, match="NaN"):
        periphery.self_coupling(law, np.nan)
    with pytest.raises(NotApplicableError, match="atoms"):
        periphery.bar_half_width(weak(0.1, tau_e=10.0), -0.1)
    assert periphery.bar_half_width(law, -0.5) == 0


def test_a_sparse_bar_is_frozen():
    """The bound on the lens lies far inside the edge from second moments when columns are few and weak."""
    law = weak(0.02 * np.sqrt(8), degree=3.0)
    z = -0.095 + 1e-7j
    assert rmt.edge_function(law, z) > 100
    assert rmt.support_bound(law, z) < 1


def test_share_of_a_slow_mode_in_the_periphery():
    """Mean over modes near the edge, against the ratio at the edge with its standard error."""
    ens = rmt.core_periphery(degree=20.0, weight=stats.norm(0, np.sqrt(74.94 / 20)))
    alpha = rmt.spectral_abscissa(ens, parts=("bulk",))
    moment = {p: np.sum(q / np.abs(1 + alpha * t) ** 2) for p in "EI" for t, q in [ens.population(p).tau.nodes(96)]}
    ratio = 4 * moment["E"] / moment["I"]
    found = []
    for seed in range(6):
        net = ens.sample(1000, seed=seed)
        values, right, _ = rmt.eigenvectors(net.subnetwork("I"))
        outside = net.labels == "E"
        into = net.weights[outside][:, ~outside] * net.gain[~outside]
        k = 0
        shown = (into @ right[:, k]) / (1 + values[k] * net.tau[outside])
        found.append(np.linalg.norm(shown) ** 2 / (np.linalg.norm(shown) ** 2 + 1))
    error = np.std(found, ddof=1) / 6**0.5
    assert abs(np.mean(found) - ratio / (1 + ratio)) < 4 * error + 0.01


# ---------------------------------------------------------------- closed forms
LAWS = {
    "constant": (rmt.as_law(40.0), {C.tau0: 40}),
    "two-point": (rmt.Discrete([25.0, 310.0], [0.7, 0.3]), {C.p1: 0.7, C.tau1: 25, C.tau2: 310}),
    "uniform": (rmt.as_law(stats.uniform(20, 105)), {C.tau0: 20, C.width: 105}),
    "beta": (rmt.as_law(stats.beta(1.5, 3.2, loc=20, scale=105)), {C.tau0: 20, C.width: 105, C.a: 1.5, C.b: 3.2}),
}


def average(law, f):
    where, mass = law.atoms()
    if where.size:
        return np.sum(mass * f(where))
    return quad(lambda t: law.pdf(t) * f(t), *law.support(), points=[30, 60, 90], limit=400, epsabs=1e-13, epsrel=1e-12)[0]


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("z", [-0.02 + 0.004j, -0.2 + 0.05j, 0.03j, -0.009 + 0.0005j])
def test_transform_against_quadrature(name, z):
    law, values = LAWS[name]
    value = complex(sp.N(closed.timescale_transform(name).subs(values).subs(C.z, z)))
    assert value == pytest.approx(
        average(law, lambda t: (1 / (1 + z * t)).real) + 1j * average(law, lambda t: (1 / (1 + z * t)).imag), rel=1e-9
    )
    assert (z * value).imag / z.imag == pytest.approx(average(law, lambda t: 1 / abs(1 + z * t) ** 2), rel=1e-8)
    formula = float(sp.N(closed.transfer_average(name).subs(values).subs({C.x: z.real, C.y: z.imag})))
    assert formula == pytest.approx((z * value).imag / z.imag, rel=1e-9)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("x", [-0.002, 0.01])
def test_real_average_against_quadrature(name, x):
    law, values = LAWS[name]
    formula = float(sp.N(closed.real_average(name).subs(values).subs(C.x, x)))
    assert formula == pytest.approx(average(law, lambda t: 1 / (1 + x * t) ** 2), rel=1e-10)


def test_closed_abscissa_against_the_package():
    for name, (law, values) in LAWS.items():
        ens = rmt.Ensemble(rmt.Population("I", tau=law), rmt.Synapses(stats.norm(0, 0.8 / 20**0.5), degree=20.0))
        end = rmt.spectral_abscissa(ens, parts=("bulk",))
        assert 0.64 * float(sp.N(closed.real_average(name).subs(values).subs(C.x, end))) == pytest.approx(1, rel=1e-8)
        if name == "uniform":
            root = float(closed.uniform_abscissa().subs(values).subs(C.d, 0.64))
            assert root == pytest.approx(end, rel=1e-9)


def test_the_bar_is_seen_under_the_angle():
    ens = rmt.Ensemble(rmt.Population("I", tau=stats.uniform(1, 4)), rmt.Synapses.dense(std=0.7**0.5))
    for curve in rmt.spectral_edge(ens):
        z = curve[np.abs(curve.imag) > 1e-4]
        seen = np.abs(np.angle((z + 1 / 5) / (z + 1)))
        assert np.allclose(seen, 4 / 0.7 * np.abs(z.imag), rtol=1e-7)


@pytest.mark.parametrize("p1, t1, t2", [(0.5, 1.0, 4.0), (0.9, 2.0, 30.0), (0.1, 1.0, 3.0)])
def test_ovals_merge(p1, t1, t2):
    drive, where = (float(e.subs({C.p1: p1, C.tau1: t1, C.tau2: t2})) for e in closed.two_point_merge())
    low, high = -1 / t1, -1 / t2
    gap = high - low
    found = minimize_scalar(
        lambda x: p1 / (1 + x * t1) ** 2 + (1 - p1) / (1 + x * t2) ** 2,
        bounds=(low + 1e-3 * gap, high - 1e-3 * gap),
        method="bounded",
        options={"xatol": 1e-12},
    )
    assert where == pytest.approx(found.x, rel=1e-5)
    assert drive == pytest.approx(1 / found.fun, rel=1e-9)
    for factor, curves in ((0.98, 2), (1.02, 1)):
        ens = rmt.Ensemble(
            rmt.Population("I", tau=rmt.Discrete([t1, t2], [p1, 1 - p1])), rmt.Synapses.dense(std=(factor * drive) ** 0.5)
        )
        assert len(rmt.spectral_edge(ens)) == curves


def test_gain_square():
    for h0, width, a, b in ((0.0, 0.25, 2, 3), (0.3, 0.7, 2, 3), (0.1, 2.0, 0.7, 4.5)):
        value = float(closed.beta_gain_square().subs({C.h0: h0, C.h_width: width, C.a: a, C.b: b}))
        assert value == pytest.approx(rmt.as_law(stats.beta(a, b, loc=h0, scale=width)).second_moment(), rel=1e-10)


@pytest.mark.parametrize("z", [-0.042 + 1e-4j, -0.042 + 1e-6j, -0.0202 + 2e-5j, -0.012 + 0.004j])
def test_edge_function_of_tied_gains_next_to_the_bar(z):
    """<h^2/|1 + z tau|^2> under a Gaussian copula where it is a narrow peak, against pieces refined around the pole."""
    tau, gain, tie = stats.beta(2, 2, loc=20, scale=105), stats.beta(2, 3, scale=0.25), 0.9
    ens = rmt.Ensemble(
        rmt.Population("I", joint=rmt.GaussianCopula(tau, gain, tie)), rmt.Synapses(stats.norm(0, 1), degree=1.0)
    )
    noise, mass = np.polynomial.hermite_e.hermegauss(60)
    x, w = np.polynomial.legendre.leggauss(24)

    def integrand(t):
        latent = tie * stats.norm.ppf(tau.cdf(t))[:, None] + np.sqrt(1 - tie**2) * noise
        square = gain.ppf(stats.norm.cdf(latent)) ** 2 @ mass / mass.sum()
        return tau.pdf(t) * square / np.abs(1 + z * t) ** 2

    pole = -1 / z.real
    step = np.geomspace(1e-6, 1, 36)
    ends = np.unique(np.r_[20.0, pole - step * (pole - 20), pole, pole + step * (125 - pole), 125.0])
    direct = sum(np.sum(w * integrand((a + b) / 2 + (b - a) / 2 * x)) * (b - a) / 2 for a, b in zip(ends, ends[1:], strict=False))
    # both rules are good to about 1e-9; the rule in the latent normal alone is wrong by factors here
    assert float(rmt.edge_function(ens, z)) == pytest.approx(direct, rel=1e-7)


def test_a_copula_without_correlation_is_independence_next_to_the_bar():
    tau, gain = stats.beta(2, 2, loc=20, scale=105), stats.beta(2, 3, scale=0.25)
    block = rmt.Synapses(stats.norm(0, 4), degree=6.0)
    z = np.array([-0.03 + 1e-5j, -0.03 + 1e-3j, -0.049 + 1e-4j])
    tied, free = (
        rmt.edge_function(rmt.Ensemble(rmt.Population("I", **law), block), z)
        for law in ({"joint": rmt.GaussianCopula(tau, gain, 0.0)}, {"tau": tau, "gain": gain})
    )
    assert np.allclose(tied, free, rtol=1e-9)


def test_transfer_of_variance():
    """Mean squared response of sampled cores to noise of complex frequency z, outside the support."""
    ref = rmt.core_periphery()
    core = rmt.Ensemble(
        rmt.Population("I", joint=ref.population("I").joint), rmt.Synapses(stats.norm(0, (74.94 / 20) ** 0.5), degree=20.0)
    )
    tau, p = ref.population("I").tau.nodes(96)
    for z in (0.01, -0.01 + 0.02j):
        theory = np.sum(p / np.abs(1 + z * tau) ** 2) / (1 - float(rmt.edge_function(core, z)))
        found = []
        for seed in range(12):
            net = core.sample(300, seed=seed)
            B = np.diag(1 + z * net.tau) - net.weights.toarray() * net.gain
            found.append(np.linalg.norm(np.linalg.inv(B)) ** 2 / net.n)
        # the prediction is that of n -> infinity: corrections of a few per cent of it at 300 units
        assert abs(np.mean(found) - theory) < 4 * np.std(found, ddof=1) / 12**0.5 + 0.02 * theory


def test_edge_reaches_the_end_of_the_bar():
    d0 = (105 / 125) ** 2 * 3 * 2 / (5 * 4)
    for factor, at_end in ((0.9, True), (1.1, False)):
        ens = rmt.Ensemble(
            rmt.Population("I", tau=stats.beta(2, 4, loc=20, scale=105)), rmt.Synapses.dense(std=(factor * d0) ** 0.5)
        )
        gap = 1 + 125 * rmt.spectral_abscissa(ens, parts=("bulk",))
        assert at_end == (gap < 1e-6)


def test_outlier_of_inhibition_leaves_the_bar():
    threshold = 105 / 20 * (2 - 1) / (2 + 2 - 1)
    for factor, count in ((0.9, 0), (1.1, 1)):
        mean = -factor * threshold / 6 / 0.1
        ens = rmt.Ensemble(
            rmt.Population("I", tau=stats.beta(2, 2, loc=20, scale=105), gain=0.1),
            rmt.Synapses.dense(std=0.05, mean=6 * mean),
        )
        found = rmt.outliers(ens)
        assert found.size == count
        assert np.all(found.real < -1 / 20)


def test_unknown_law_is_refused():
    with pytest.raises(ValidationError, match="uniform"):
        closed.timescale_transform("gamma")


# ---------------------------------------------------------------- loops
def test_loops_against_drawing_them():
    """Expected number of loops with a real eigenvalue beyond x: contour integral against loops of 2 to 7 units, drawn."""
    ens = rmt.core_periphery(degree=3.0, weight=stats.norm(-1.5, 4.5))
    unit, rng, draws = ens.population("I"), np.random.default_rng(5), 400_000
    for x in (0.0, 0.003):
        product, number, variance = np.ones(draws), 0.0, 0.0
        for k in range(1, 8):
            t, h = unit.tau.sample(draws, rng), unit.gain.sample(draws, rng)
            product = product * rng.normal(-1.5, 4.5, draws) * h / (1 + x * t)
            if k > 1:
                share = np.mean(product > 1)
                number += 3.0**k / k * share
                variance += (3.0**k / k) ** 2 * share / draws
        # longer loops than seven are left out of the drawing: rarer by the smallest spectral radius to that power
        assert abs(loops_beyond(ens, x) - number) < 4 * variance**0.5 + 0.01 * number


def test_loops_do_not_depend_on_the_line_of_integration(monkeypatch):
    from rmtlib.theory import loops

    ens, values = rmt.core_periphery(), []
    for s in (2.6, 3.4):
        monkeypatch.setattr(loops, "_abscissa", lambda ens, x, s=s: s)
        values.append(loops_beyond(ens, 0.001))
    assert values[0] == pytest.approx(values[1], rel=1e-9)
    monkeypatch.undo()
    scaled = rmt.core_periphery(
        tau_e=rmt.as_law(stats.beta(2, 2, loc=20, scale=30)).scaled(10.0),
        tau_i=rmt.as_law(stats.beta(2, 2, loc=20, scale=105)).scaled(10.0),
    )
    assert loops_beyond(scaled, 0.0001) == pytest.approx(values[0], rel=1e-7)  # unit of time


def test_loops_refuse():
    ens = rmt.core_periphery()
    with pytest.raises(ValidationError, match="right of"):
        loops_beyond(ens, -0.01)
    with pytest.raises(ValidationError, match="Ensemble"):
        loops_beyond(None, 0.0)
    with pytest.raises(NotApplicableError, match="atoms"):
        loops_beyond(rmt.core_periphery(weight=1.0), 0.0)
    with pytest.raises(NotApplicableError, match="fixed degree"):
        loops_beyond(rmt.ginibre(leak=1.0), 0.5)
    with pytest.raises(NotApplicableError, match="inside the edge"):
        loops_beyond(rmt.core_periphery(weight=stats.norm(0, 20)), 0.0)

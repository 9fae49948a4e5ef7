"""The functional saddle point against closed forms, population dynamics, samples, the dense limit and itself."""

import doctest

import numpy as np
import pytest
from scipy import special, stats

import rmtlib as rmt
from rmtlib.errors import ConvergenceError, NotApplicableError, ValidationError
from rmtlib.laws import Discrete, GaussianCopula
from rmtlib.theory import saddle
from rmtlib.theory.divergence import divergence

BETA = {"tau": stats.beta(2, 2, loc=0.5, scale=1.5), "gain": stats.beta(2, 3, loc=0.3, scale=0.7)}
WEIGHTS = {
    "gaussian": stats.norm(0, 0.9),
    "two-valued": Discrete([-1.0, 1.0], [0.5, 0.5]),
    "lognormal": stats.lognorm(0.8, scale=0.6),
    "exponential": stats.expon(0, 0.7),
}


def one(weight, degree, **laws):
    return rmt.Ensemble(rmt.Population("unit", **(laws or BETA)), rmt.Synapses(weight, degree=degree))


def two(degree, first, second):
    e = rmt.Population("E", 0.6, tau=stats.uniform(0.5, 1.0), gain=stats.beta(2, 3, loc=0.3, scale=0.7))
    i = rmt.Population("I", 0.4, tau=stats.beta(2, 2, loc=0.5, scale=1.5), gain=0.8)
    degrees = {("E", "E"): degree, ("E", "I"): 1.5 * degree, ("I", "E"): 0.5 * degree, ("I", "I"): degree}
    synapses = {k: rmt.Synapses(first if k[1] == "E" else second, degree=c) for k, c in degrees.items()}
    return rmt.Ensemble([e, i], synapses)


ENSEMBLES = {
    **{f"{name} c=4": one(w, 4) for name, w in WEIGHTS.items()},
    "gaussian c=1.5": one(stats.norm(0, 1.8), 1.5),
    "gaussian c=20": one(stats.norm(0, 0.4), 20),
    "gaussian c=50": one(stats.norm(0, 0.25), 50),
    "copula": one(stats.norm(0, 0.9), 4, joint=GaussianCopula(BETA["tau"], BETA["gain"], 0.6)),
    "two gaussian": two(4, stats.norm(0.3, 0.3), stats.norm(-0.6, 0.5)),
    "two lognormal": two(2, stats.lognorm(0.5, scale=0.6), stats.norm(-1, 0.8)),
    "two two-valued": two(3, Discrete([0.4, 0.9], [0.5, 0.5]), -0.9),
    "two exponential": two(6, stats.expon(0, 0.3), Discrete([-0.4, -0.9], [0.5, 0.5])),
}


def inside(ens, count, seed, margin=1.05):
    rng = np.random.default_rng(seed)
    z = rng.uniform(-2, 0.2, 400) + 1j * rng.uniform(0.02, 1.2, 400)
    return z[rmt.theory.edge_function(ens, z) > margin][:count]


def test_doctests():
    assert doctest.testmod(saddle).failed == 0


def test_kernel_on_an_exponential_variable():
    # E exp(-k/x) = 2 sqrt(k) K_1(2 sqrt k) for x ~ Exp(1), whose transform is 1/(1+t)
    grid = saddle._Grid(0)
    t = np.exp(grid.u)
    hat = grid.forward(-t / (1 + t) ** 2)
    got = grid.integral(np.conj(hat * grid.kernel), 1.0)
    root = 2 * np.sqrt(t)
    # Fourier coefficients cut off at omega = 12.6 leave exp(-pi omega/2) = 2e-9 of their sum
    assert np.max(np.abs(got - root * special.kv(1, root))) < 1e-8


def test_known_values():
    # five values found by an independent prototype (second-order quadrature, error 5e-6), rounded to 5 digits
    z = [-0.8 + 0.3j, -0.8 + 0.8j, -0.5 + 0.2j, -0.3 + 0.5j, -1.5 + 0.5j]
    known = [-0.03645 - 0.99971j, 0.04780 - 1.07915j, 0.82175 - 0.78474j, 0.80033 - 0.86272j, -0.73454 - 0.68822j]
    got = rmt.resolvent(ENSEMBLES["gaussian c=4"], z)
    assert np.max(np.abs(got.value - known)) < 1.5e-5
    assert np.max(got.error) < 1e-8 * 2
    mirrored = rmt.resolvent(ENSEMBLES["gaussian c=4"], np.conj(z)).value
    assert np.allclose(mirrored, got.value.conj(), rtol=0, atol=1e-12)


def disc(ens, centre, radius, points=16):
    # (1/2 pi i) times the contour integral of g; trapezoidal, by symmetry over the upper half
    z = centre + radius * np.exp(1j * np.pi * (np.arange(points) + 0.5) / points)
    return float(np.mean((rmt.resolvent(ens, z, tol=1e-7).value * (z - centre)).real))


def test_homogeneous_discs_and_density():
    ens = rmt.oriented_sparse(5.0, stats.norm(0, 5**-0.5))
    shares = [disc(ens, -1, r, 4) for r in (0.4, 0.6, 0.8)]
    # fractions of sampled eigenvalues within |z + 1| = 0.4, 0.6, 0.8, known to 4 digits
    assert np.allclose(shares, [0.3196, 0.5320, 0.7726], atol=6e-5)
    # the density by implicit differentiation integrates to the difference of the contour integrals
    x, w = np.polynomial.legendre.leggauss(8)
    r = 0.6 + 0.2 * x
    mass = 0.2 * w @ (2 * np.pi * r * rmt.density(ens, -1 + 1j * r).value)
    assert mass == pytest.approx(shares[2] - shares[0], abs=1e-6)  # 8 Gauss nodes: 2e-7 by comparison with 12


@pytest.mark.parametrize("name", ["gaussian c=4", "two gaussian"])
def test_density_is_the_derivative(name):
    ens, e = ENSEMBLES[name], 1e-3
    z = inside(ens, 2, 1, 1.3)

    def slope(step):  # fourth-order central difference
        near = [rmt.resolvent(ens, z + k * step, tol=1e-9).value for k in (-2, -1, 1, 2)]
        return (near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (12 * e)

    numeric = (slope(e) + 1j * slope(1j * e)) / (2 * np.pi)
    # e^4 = 1e-12 times fifth derivatives, and 1e-10/e from the stated error of the resolvent
    assert np.max(np.abs(rmt.density(ens, z).value - numeric)) < 1e-6


def population_dynamics(ens, z, size=8000, burn=40, sweeps=60, seed=0):
    """Cavity equations by sampling: g and its statistical error, from g1, g2 and |B|^2 with no reduction to b."""
    rng = np.random.default_rng(seed)
    names, f = ens.names, ens.fractions
    x, y = {k: np.ones(size) for k in names}, {k: np.ones(size) for k in names}
    seen = []
    for sweep in range(burn + sweeps):
        g1, g2, h2, total = {}, {}, {}, 0.0
        for k, share in zip(names, f, strict=True):
            tau, gain = ens.population(k).joint.sample(size, rng)
            a, h2[k] = 1 + z * tau, gain**2
            d = np.abs(a) ** 2 + x[k] * h2[k] * y[k]
            g1[k], g2[k] = h2[k] * y[k] / d, x[k] / d
            total += share * np.mean(tau * a.conj() / d)
        if sweep >= burn:
            seen.append(total)
        new = {k: np.zeros(size) for k in names}, {k: np.zeros(size) for k in names}
        for (target, source), block in ens.synapses.items():
            out = block.degree * f[names.index(target)] / f[names.index(source)]
            for side, mean, at, other in ((0, block.degree, target, source), (1, out, source, target)):
                count = rng.poisson(mean, size)
                pick = rng.integers(size, size=count.sum())
                message = h2[other][pick] * g2[other][pick] if side == 0 else g1[other][pick]
                w2 = block.weight.sample(len(pick), rng) ** 2
                new[side][at] += np.bincount(np.repeat(np.arange(size), count), w2 * message, size)
        x, y = new
        ratio = np.sqrt(sum(np.mean(y[k]) for k in names) / sum(np.mean(x[k]) for k in names))
        for k in names:  # the gauge would drift
            x[k], y[k] = x[k] * ratio, y[k] / ratio
    blocks = np.array(seen).reshape(6, -1).mean(1)  # successive sweeps are correlated
    return blocks.mean(), np.sqrt((np.var(blocks.real) + np.var(blocks.imag)) / 5)


@pytest.mark.parametrize("name", list(ENSEMBLES))
def test_population_dynamics(name):
    ens = ENSEMBLES[name]
    z = inside(ens, 1, 5, 1.3)[0]
    sampled, error = population_dynamics(ens, z, seed=7)
    # 4.5 standard errors, themselves known from 6 blocks; 2e-4 for the bias 1/size of a finite population
    assert error < 4e-3
    assert abs(rmt.resolvent(ens, z).value - sampled) < 4.5 * error + 2e-4


def test_two_populations_against_samples():
    ens = ENSEMBLES["two gaussian"]
    centre, radii = -1.0 + 0j, (0.3, 0.6)
    theory = [disc(ens, centre, r, 24) for r in radii]
    n, count = 700, 8
    shares = []
    for seed in range(count):
        values = np.linalg.eigvals(ens.sample(n, seed=seed).jacobian().toarray())
        shares.append([np.mean(np.abs(values - centre) < r) for r in radii])
    error = np.std(shares, axis=0, ddof=1) / np.sqrt(count)
    # statistical error, and edge effects of order 1/n
    assert np.all(np.abs(np.mean(shares, axis=0) - theory) < 4 * error + 2 / n)


def test_dense_limit():
    z = np.array([-0.8 + 0.3j, -0.5 + 0.5j])
    limit = rmt.resolvent(one(stats.norm(0, 0.5), 10), z, method="dense").value
    off = {}
    for c in (40, 80, 160):
        ens = one(stats.norm(0, 0.5 * np.sqrt(10 / c)), c)
        off[c] = rmt.resolvent(ens, z).value - limit
    # corrections 1/c: doubling c halves them, up to the next order (relative 1/c times a constant of order 1 to 10)
    assert np.all(np.abs(off[40] / off[80] - 2) < 0.25)
    assert np.all(np.abs(off[80] / off[160] - 2) < 0.12)
    assert np.all(np.abs(off[160]) < 1e-2)


def test_two_halves_are_one_population():
    z = inside(ENSEMBLES["gaussian c=4"], 4, 2)
    halves = [rmt.Population(k, f, **BETA) for k, f in (("a", 0.3), ("b", 0.7))]
    block = {k: rmt.Synapses(WEIGHTS["gaussian"], degree=4 * f) for k, f in (("a", 0.3), ("b", 0.7))}
    synapses = {(target, source): block[source] for target in "ab" for source in "ab"}
    got = rmt.resolvent(rmt.Ensemble(halves, synapses), z)
    ref = rmt.resolvent(ENSEMBLES["gaussian c=4"], z)
    assert np.all(np.abs(got.value - ref.value) <= got.error + ref.error)


def test_core_and_periphery():
    # pruned columns: the spectrum is that of the core and -1/tau of the periphery
    laws = {"tau": stats.beta(2, 2, loc=1, scale=2), "gain": 0.7}
    core = one(stats.norm(-0.8, 0.6), 4, **laws)
    pops = [rmt.Population("E", 0.8, tau=stats.uniform(0.5, 1)), rmt.Population("I", 0.2, **laws)]
    weight = core.synapses["unit", "unit"].weight
    ens = rmt.Ensemble(pops, {(k, "I"): rmt.Synapses(weight, degree=4) for k in "EI"})
    z = inside(core, 3, 0)
    got, ref = rmt.resolvent(ens, z), rmt.resolvent(core, z)
    # tau uniform on [0.5, 1.5]: <tau/(1 + z tau)> = 1/z - log((1 + 1.5 z)/(1 + 0.5 z))/z^2
    free = 1 / z - np.log((1 + 1.5 * z) / (1 + 0.5 * z)) / z**2
    assert np.all(np.abs(got.value - 0.8 * free - 0.2 * ref.value) <= got.error + ref.error + 1e-12)


def test_change_of_the_unit_of_time():
    z, s = inside(ENSEMBLES["gaussian c=4"], 3, 4), 7.0
    ens = ENSEMBLES["gaussian c=4"]
    got = rmt.resolvent(ens.scaled_time(s), z / s)
    ref = rmt.resolvent(ens, z)
    assert np.all(np.abs(got.value - s * ref.value) <= got.error + s * ref.error)


def test_outside():
    ens = ENSEMBLES["gaussian c=4"]
    z = np.array([1.0 + 0.5j, 3.0, -3.0])
    tau, w = ens.populations[0].joint.tau.nodes(60)
    assert np.allclose(rmt.resolvent(ens, z).value, (tau / (1 + z[:, None] * tau)) @ w, rtol=1e-10)
    assert np.all(rmt.density(ens, z).value == 0)
    # below percolation there is no planar spectrum, however strong the weights
    assert rmt.density(one(stats.norm(0, 5), 0.9), -1 + 0.5j).value == 0


def test_real_axis():
    ens = ENSEMBLES["gaussian c=4"]
    on, above = rmt.resolvent(ens, -0.8, tol=1e-7), rmt.resolvent(ens, -0.8 + 1e-9j, tol=1e-5, throw=False)
    assert on.value.imag == 0  # the mean of the two sides
    assert abs(on.value - above.value.real) < 1e-5
    # the jump is the line density, up to the planar density between the axis and the point (1e-5 at 1e-8 above it)
    assert -above.value.imag / np.pi == pytest.approx(rmt.bar(ens).density(-0.8), rel=1e-4)


def test_density_diverges_on_the_bar():
    # the law of the divergence, |y|^-(1 - 2 gamma), against slopes measured between y = 1e-11 and 1e-12
    laws = {"tau": BETA["tau"], "gain": BETA["gain"]}
    low = one(Discrete([-1.0, 1.0], [0.5, 0.5]), 2, **laws)
    for ens, logs in ((low, 1), (two(2, Discrete([-0.6, 0.6], [0.5, 0.5]), stats.norm(-0.8, 0.2)), 0)):
        y = np.array([1e-11, 1e-12])
        rho = rmt.density(ens, -0.8 + 1j * y, tol=1e-4, throw=False).value
        # one population has a factor log(1/y), whose slope is 1/log(1/y); several have different gamma for X and Y
        slope = np.log(rho[1] / rho[0]) / np.log(10) - logs / np.log(1e11)
        assert slope == pytest.approx(divergence(ens, -0.8), abs=0.02)  # the next terms fall as powers of y
        assert rmt.density(ens, -0.8, throw=False).status == rmt.Status.SINGULAR
        assert np.isinf(rmt.density(ens, -0.8, throw=False).value)
        assert divergence(ens, -0.3) == 0  # timescales end at 2


def gauss(count, low, high):
    x, w = np.polynomial.legendre.leggauss(count)
    return 0.5 * (low + high + (high - low) * x), 0.5 * (high - low) * w


def test_masses_constant_tau():
    # planar density over the disc, and the atom at -1/tau from counting eigenvalues of the graph
    ens = rmt.oriented_sparse(5.0, stats.norm(0, 5**-0.5))
    v, w = gauss(32, 0, 1)
    w = w * 2 * np.pi * 3 * v**5  # r = v^3: the density grows as r^-1.3 towards the atom
    rho = rmt.density(ens, -1 + 1j * v**3, throw=False)
    assert np.sum(w[rho.status != 0] * rho.value[rho.status != 0]) < 1e-6  # next to the atom
    # the rule leaves 6e-6 at 32 nodes (a factor of 27 less than at 24), the density w @ rho.error
    assert w @ rho.value + rmt.bar(ens).weight == pytest.approx(1, abs=2e-5 + w @ rho.error)


@pytest.mark.parametrize("name", ["gaussian c=4", "two gaussian", "two lognormal"])
def test_masses_continuous_tau(name):
    # the contour around the bar holds its weight, that around the support 1: the planar part has the rest
    ens, height = ENSEMBLES[name], 1e-9
    bar = rmt.bar(ens)
    ends, mass = sorted({end for segment in bar.segments for end in segment}), 0.0
    for low, high in zip(ends[:-1], ends[1:], strict=True):
        u, w = gauss(12, -np.pi / 2, np.pi / 2)
        x, w = 0.5 * (low + high + (high - low) * np.sin(u)), 0.5 * (high - low) * w * np.cos(u)
        mass -= w @ rmt.resolvent(ens, x + 1j * height, tol=1e-6).value.imag / np.pi
    # the planar mass below that height, 1e-9^(2 gamma) with 2 gamma > 0.85, and 12 nodes for densities of degree 2
    assert mass == pytest.approx(bar.weight, abs=1e-6)


def test_masses_discrete_tau():
    laws = {"tau": Discrete([0.7, 1.4], [0.4, 0.6])}
    ens = rmt.Ensemble(rmt.Population("unit", **laws), rmt.Synapses(stats.norm(0, 0.6), degree=4))
    circle = 1e-6 * np.exp(1j * np.pi * (np.arange(6) + 0.5) / 6)
    for position, mass in zip(*rmt.bar(ens).atoms, strict=True):
        inside = np.mean((circle * rmt.resolvent(ens, position + circle, tol=1e-6).value).real)
        # the planar mass within 1e-6 is about 30 (1e-6)^0.7 of its own density: 2e-5, by comparison with 1e-4 and 1e-8
        assert inside == pytest.approx(mass, abs=3e-5)


@pytest.mark.parametrize("quantity", ["resolvent", "density"])
def test_stated_error_is_kept(monkeypatch, quantity):
    ask, cases = getattr(rmt, quantity), []
    for k, ens in enumerate(ENSEMBLES.values()):
        # random points, some of them next to the edge
        z, tol = inside(ens, 4, 10 + k, 1.02), (1e-5 if k % 2 else 1e-8 if quantity == "resolvent" else 1e-6)
        cases.append((ens, z, tol, ask(ens, z, tol=tol, throw=False)))
    # the reference: finer and longer grids, more nodes in tau, and a smaller tolerance
    finer = ((512, 110.0), (1024, 200.0), (2048, 380.0), (4096, 700.0), (8192, 1300.0))
    monkeypatch.setattr(saddle, "_GRIDS", finer)
    monkeypatch.setattr(saddle, "_LARGE_GRIDS", finer)
    monkeypatch.setattr(saddle, "_TAU_NODES", (96, 192, 384, 768, 768))
    kept = total = 0
    for ens, z, tol, got in cases:
        ref = ask(ens, z, tol=1e-9 if quantity == "resolvent" else 1e-7, throw=False)
        assert np.all(got.status == 0)
        assert np.all(ref.status == 0)
        true = np.abs(got.value - ref.value)
        kept += np.sum(true <= got.error + ref.error)
        total += len(z)
        # <tau/sqrt(D)>, to which tol refers for the resolvent, is at most a few times the mean tau, which is near 1
        scale = 5.0 if quantity == "resolvent" else 1.001 * np.abs(got.value) + 1e-6
        assert np.all(got.error <= tol * scale)
    assert kept >= 0.95 * total
    assert total >= 40


def test_failure_carries_the_solution():
    ens = rmt.oriented_sparse(5.0, stats.norm(0, 5**-0.5))
    with pytest.raises(ConvergenceError) as caught:
        rmt.resolvent(ens, [-0.5, -1.0])
    assert caught.value.solution.status[0] == 0
    assert caught.value.solution.status[1] != 0


def test_atoms_and_the_origin():
    # constant tau: units outside the giant component, and some within, have eigenvalue -1/tau exactly
    got = rmt.resolvent(rmt.oriented_sparse(5.0, stats.norm(0, 5**-0.5)), [-1.0, -0.5], throw=False)
    assert got.status.tolist() == [rmt.solve.Status.SINGULAR, rmt.solve.Status.CONVERGED]
    # z = 0, where no timescale is near the pole of 1/(leak + z tau), inside the support and continuous there
    near, at = (rmt.resolvent(one(stats.norm(0, 1.5), 6), z) for z in (1e-7, 0.0))
    assert abs(near.value - at.value) < 1e-6  # derivatives are of order 1


def test_bad_input():
    ens = ENSEMBLES["gaussian c=4"]
    with pytest.raises(ValidationError, match="Ensemble"):
        divergence(np.eye(3), 0.1)
    with pytest.raises(NotApplicableError, match="eta"):
        rmt.resolvent(ens, 0.1, eta=0.1)
    with pytest.raises(NotApplicableError, match='all synapses are dense.*method="dense"'):
        rmt.resolvent(rmt.ginibre(), 0.1, method="saddle")
    pops = [rmt.Population("a", 0.5), rmt.Population("b", 0.5)]
    mixed = rmt.Ensemble(pops, {("a", "b"): rmt.Synapses.dense(1.0), ("b", "a"): rmt.Synapses(1.0, degree=3)})
    with pytest.raises(NotApplicableError, match="dense and sparse"):
        rmt.resolvent(mixed, 0.1)
    with pytest.raises(ValidationError, match="pass n="):
        rmt.resolvent(rmt.Ensemble(rmt.Population("a"), rmt.Synapses(1.0, probability=0.1)), 0.1)
    with pytest.raises(NotApplicableError, match="gain 0"):
        rmt.resolvent(one(1.0, 4, gain=Discrete([0.0, 1.0], [0.5, 0.5])), 0.1)
    pairs = rmt.Reciprocity(0.5, 0.5)
    with pytest.raises(NotApplicableError, match="reciprocal"):
        rmt.resolvent(rmt.Ensemble(rmt.Population("a"), rmt.Synapses(stats.norm(), degree=4), pairs), 0.1)


def test_fixed_probability_given_n():
    # p = 0.02 among the 200 other units of a network of 201: degree 4
    block = {k: rmt.Synapses(WEIGHTS["gaussian"], **v) for k, v in (("p", {"probability": 0.02}), ("c", {"degree": 4}))}
    z = inside(ENSEMBLES["gaussian c=4"], 3, 6)
    got, ref = (rmt.resolvent(rmt.Ensemble(rmt.Population("unit", **BETA), s), z, n=201) for s in block.values())
    assert np.array_equal(got.value, ref.value)


def test_synapses_of_weight_zero_are_no_synapses():
    thin = one(Discrete([0.0, 1.0], [0.5, 0.5]), 8)
    z = inside(thin, 2, 3)
    assert np.allclose(rmt.resolvent(thin, z).value, rmt.resolvent(one(1.0, 4), z).value, rtol=0, atol=1e-12)

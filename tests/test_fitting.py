"""From a network to its ensemble: estimates, errors, tests and shuffles, each against an independent route."""

import itertools
import json
from collections import Counter

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

import rmtlib as rmt
from rmtlib import fitting, likelihood, structure
from rmtlib.errors import NotApplicableError, ValidationError
from rmtlib.fitting import controls, shuffle, threshold_scan
from rmtlib.likelihood import FAMILIES, goodness_of_fit, truncated

KINDS = ("weights", "synapses", "degrees", "tau", "gain", "tau+gain", "all")


def quick(net, **options):
    """A fit without bootstrap and tests."""
    return rmt.fit(net, **{"bootstrap": 0, "tests": False, "progress": False, **options})


@pytest.fixture(scope="module")
def core():
    return rmt.core_periphery()


@pytest.fixture(scope="module")
def signed():
    """Dale's law, every block another family."""
    return rmt.dale(
        8,
        3,
        stats.gamma(2, scale=0.05),
        rmt.as_law(stats.lognorm(0.5, scale=0.3)).scaled(-1),
        tau=stats.beta(2, 2, loc=20, scale=30),
        gain=stats.beta(2, 3),
    )


def truth(ens):
    """The parameters of an ensemble under the names that `fit` gives them."""
    out = {}
    for (a, b), block in ens.synapses.items():
        out[f"degree[{a}<-{b}]"] = block.degree
        out[f"weight mean[{a}<-{b}]"] = block.weight.mean()
        out[f"weight sd[{a}<-{b}]"] = block.weight.var() ** 0.5
    for p in ens.populations:
        out[f"fraction[{p.name}]"] = p.fraction
        for what, law in (("tau", p.tau), ("gain", p.gain)):
            out[f"{what} mean[{p.name}]"] = law.mean()
            out[f"{what} sd[{p.name}]"] = law.var() ** 0.5
    return out


# ------------------------------------------------------------------------------- maximum likelihood


@pytest.mark.parametrize(
    "name, draw, reference",
    [
        ("normal", lambda r: r.normal(1, 2, 400), lambda x: stats.norm.fit(x)),
        ("gamma", lambda r: r.gamma(0.7, 3, 400), lambda x: stats.gamma.fit(x, floc=0)[::2]),
        ("gamma", lambda r: r.gamma(40, 0.1, 400), lambda x: stats.gamma.fit(x, floc=0)[::2]),
        ("lognormal", lambda r: r.lognormal(1, 0.7, 400), lambda x: stats.lognorm.fit(x, floc=0)[::2]),
        ("half-normal", lambda r: abs(r.normal(0, 2, 400)), lambda x: stats.halfnorm.fit(x, floc=0)[1:]),
    ],
)
def test_families_are_fitted_as_by_scipy(name, draw, reference):
    x = draw(np.random.default_rng(3))
    got, want = FAMILIES[name].fit(x[None])[0], np.array(reference(x))
    if name == "lognormal":
        got = np.array([got[1], np.exp(got[0])])
    assert np.allclose(got, want, rtol=2e-5)  # scipy's own root finding stops there


@pytest.mark.parametrize("name", list(FAMILIES))
def test_the_likelihood_has_its_maximum_there(name):
    """No small change of the parameters (of Beta: of the shapes on its interval) raises the log-likelihood."""
    family, rng = FAMILIES[name], np.random.default_rng(5)
    start = {"normal": (1, 2), "Beta": (2, 3, 1, 4)}.get(name, (1.3, 0.8))[: family.parameters]
    x = family.draw(np.array(start, float), (1, 500), rng)[0]
    p = family.fit(x[None])[0]
    best = family.log_likelihood(x, p)
    for k in range(min(family.parameters, 2)):
        for step in (-1e-3, 1e-3):
            moved = p.copy()
            moved[k] += step * max(abs(p[k]), 0.1)
            assert family.log_likelihood(x, moved) < best


@pytest.mark.parametrize("name", list(FAMILIES))
def test_a_family_agrees_with_itself(name):
    """Density, distribution function, draws, moments and the frozen law describe one law."""
    family, rng = FAMILIES[name], np.random.default_rng(6)
    p = np.array({"normal": (1, 2), "Beta": (2, 3, 1, 4)}.get(name, (1.3, 0.8))[: family.parameters], float)
    law = family.frozen(p)
    x = np.sort(family.draw(p, (1, 4000), rng)[0])
    assert np.allclose(family.cdf(x[None], p[None])[0], law.cdf(x), atol=1e-10)
    assert family.log_likelihood(x, p) == pytest.approx(law.logpdf(x).sum(), rel=1e-10)
    assert family.deviation(p[None])[0] == pytest.approx(law.std(), rel=1e-8)
    assert stats.kstest(x, law.cdf).pvalue > 1e-3
    if family.positive and name != "Beta":
        # moments from sample means are those of the fitted law
        stat = {"x": x.mean(), "xx": np.mean(x**2), "l": np.log(x).mean(), "ll": np.mean(np.log(x) ** 2)}
        mean, sd = family.moments({k: np.array([v]) for k, v in stat.items()})
        fitted = family.law(family.fit(x[None])[0])
        assert mean[0] == pytest.approx(fitted.mean(), rel=1e-5)
        assert sd[0] ** 2 == pytest.approx(fitted.var(), rel=1e-4)


@pytest.mark.parametrize("a, b, n", [(2.0, 2.0, 400), (2.0, 3.0, 150), (0.6, 1.5, 400)])
def test_the_interval_against_all_spacings(a, b, n):
    """Grouping spacings and the batch optimiser, against all spacings and Nelder-Mead."""
    rng = np.random.default_rng(7)
    x = np.sort(20 + 30 * rng.beta(a, b, n))
    got = FAMILIES["Beta"].fit(x[None])[0]

    def negative(u):
        lo, hi = x[0] - np.exp(u[2]), x[-1] + np.exp(u[3])
        f = stats.beta.cdf(x, np.exp(u[0]), np.exp(u[1]), lo, hi - lo)
        return -np.sum(np.log(np.maximum(np.diff(f, prepend=0, append=1), 1e-300)))

    start = [np.log(a), np.log(b), np.log(x[0] - 19.9), np.log(50.1 - x[-1])]
    options = {"maxiter": 4000, "maxfev": 4000, "xatol": 1e-6, "fatol": 1e-8}
    best = optimize.minimize(negative, start, method="Nelder-Mead", options=options)
    low, high = x[0] - np.exp(best.x[2]), x[-1] + np.exp(best.x[3])
    # the spread of the estimates over samples is the yardstick
    many = FAMILIES["Beta"].fit(20 + 30 * rng.beta(a, b, (100, n)))
    spread = np.subtract(*np.percentile(many, [75, 25], axis=0))
    assert abs(got[2] - low) < 0.5 * spread[2]
    assert abs(got[3] - high) < 0.5 * spread[3]
    # and the ends are not biased by more than half of it
    assert abs(np.median(many[:, 2]) - 20) < 0.5 * spread[2]
    assert abs(np.median(many[:, 3]) - 50) < 0.5 * spread[3]


def test_a_known_interval_gives_the_shapes_of_scipy():
    x = np.random.default_rng(8).beta(2, 3, 300)
    p = FAMILIES["Beta"].fit(x[None])[0]
    a, b, _, _ = stats.beta.fit(x, floc=p[2], fscale=p[3] - p[2])
    assert np.allclose(p[:2], [a, b], rtol=1e-5)


def test_the_ends_of_a_uniform_law():
    """Spacings of a uniform law: ends one mean spacing outside the values, without bias."""
    x = np.random.default_rng(9).uniform(3, 5, (200, 100))
    p = FAMILIES["Beta"].fit(x)
    for k, end in ((2, 3.0), (3, 5.0)):
        assert abs(np.mean(p[:, k]) - end) < 4 * np.std(p[:, k]) / np.sqrt(200) + 0.01


@pytest.mark.parametrize("name", list(FAMILIES))
def test_pvalues_of_the_laws_are_uniform(name):
    family, rng = FAMILIES[name], np.random.default_rng(10)
    p = np.array({"normal": (1, 2), "Beta": (2, 3, 1, 4)}.get(name, (1.3, 0.8))[: family.parameters], float)
    got = [goodness_of_fit(family.draw(p, (1, 120), rng)[0], family, rng, 60)[1] for _ in range(80)]
    assert stats.kstest(got, "uniform").pvalue > 1e-3


def test_a_plain_kolmogorov_test_is_not():
    """Why the bootstrap: with estimated parameters the p-values of the textbook test crowd towards 1."""
    rng = np.random.default_rng(11)
    plain = []
    for _ in range(80):
        x = rng.normal(size=120)
        plain.append(stats.kstest(x, stats.norm(*stats.norm.fit(x)).cdf).pvalue)
    assert stats.kstest(plain, "uniform").pvalue < 1e-6


def test_goodness_of_fit_sees_another_law():
    rng = np.random.default_rng(12)
    assert goodness_of_fit(rng.normal(size=300) ** 3, FAMILIES["normal"], rng)[1] < 0.01
    assert goodness_of_fit(rng.lognormal(0, 1, 400), FAMILIES["gamma"], rng)[1] < 0.02
    two = np.concatenate([rng.uniform(0, 1, 200), rng.uniform(2, 3, 200)])
    assert goodness_of_fit(two, FAMILIES["Beta"], rng)[1] < 0.02


def test_cut_laws():
    law = truncated(stats.lognorm(0.5, scale=10), 4.0, 40.0)
    nodes, weights = law.nodes(48)
    whole = stats.lognorm(0.5, scale=10)
    mass = whole.cdf(40) - whole.cdf(4)
    for power in (1, 2):
        want = whole.expect(lambda t, k=power: t**k, lb=4.0, ub=40.0) / mass
        assert weights @ nodes**power == pytest.approx(want, rel=1e-6)
    assert law.var() + law.mean() ** 2 == pytest.approx(whole.expect(lambda t: t**2, lb=4.0, ub=40.0) / mass, rel=1e-6)
    drawn = law.sample(5000, np.random.default_rng(0))
    assert drawn.min() >= 4
    assert drawn.max() <= 40
    assert stats.kstest(drawn, lambda t: (whole.cdf(t) - whole.cdf(4)) / mass).pvalue > 1e-3
    assert law.ppf(0.3) == pytest.approx(law.isf(0.7), rel=1e-12)
    with pytest.raises(ValidationError, match="no mass"):
        truncated(stats.expon(), 3.0, 2.0)


# ------------------------------------------------------------------------- estimates and their errors


def test_the_fitted_ensemble_has_the_variances_of_the_network(signed):
    """V_ab and M_ab at n, against the entries of the blocks themselves."""
    net = signed.sample(400, seed=1)
    found = quick(net, weights="empirical")
    w = net.weights.toarray()
    for a, first in enumerate("EI"):
        for b, second in enumerate("EI"):
            entries = w[np.ix_(net.labels == first, net.labels == second)]
            if a == b:
                entries = entries[~np.eye(len(entries), dtype=bool)].reshape(len(entries), -1)
            sources = entries.shape[1]
            assert found.ensemble.input_variance(400)[a, b] == pytest.approx(sources * entries.var(), rel=1e-10)
            assert found.ensemble.input_mean(400)[a, b] == pytest.approx(sources * entries.mean(), rel=1e-10)


def test_parameters_are_those_of_the_ensemble(signed):
    found = rmt.fit(signed.sample(400, seed=2), bootstrap=20, progress=False)
    want = truth(found.ensemble)
    assert set(want) == set(found.values) == set(found.errors)
    for name, value in want.items():
        assert found.values[name] == pytest.approx(value, rel=1e-9, abs=1e-12)
    assert found.abscissa == pytest.approx(rmt.spectral_abscissa(found.ensemble, n=400), rel=1e-9)


def test_families_are_recognised(signed):
    """With enough synapses Akaike's criterion finds the family that was drawn from."""
    found = quick(signed.sample(2000, seed=3))
    text = {key: repr(block) for key, block in found.ensemble.synapses.items()}
    assert "gamma" in text["E", "E"]
    assert "gamma" in text["I", "E"]
    assert "lognorm" in text["E", "I"]
    assert "-1 * " in text["E", "I"]
    assert [p.sign for p in found.ensemble.populations] == [1, -1]
    core = quick(rmt.core_periphery().sample(1000, seed=0))
    assert all("norm(" in repr(block) for block in core.ensemble.synapses.values())
    assert [p.sign for p in core.ensemble.populations] == [None, None]
    half = rmt.Network(abs(rmt.core_periphery(weight=stats.norm(0, 1)).sample(1000, seed=0).weights))
    assert "halfnorm" in repr(quick(half).ensemble.synapses["all", "all"])


def test_consistent_at_a_thousand_units(core):
    """No bias that 20 networks of 1000 units could show."""
    want = {**truth(core), "abscissa": rmt.spectral_abscissa(core, n=1000)}
    rows = []
    for seed in range(20):
        found = quick(core.sample(1000, seed=seed), laws="beta")
        rows.append({**found.values, "abscissa": found.abscissa})
    for name, value in want.items():
        x = np.array([row[name] for row in rows])
        if name.startswith("fraction"):
            assert np.allclose(x, value)
            continue
        assert abs(x.mean() - value) < 4 * x.std(ddof=1) / np.sqrt(20), name


@pytest.fixture(scope="module")
def coverage():
    """(estimate - truth)/error of 120 networks of 150 units: rows of networks, columns of parameters."""
    ens = rmt.Ensemble(
        [
            rmt.Population("E", 0.6, tau=stats.beta(2, 2, loc=10, scale=20), gain=stats.beta(2, 3)),
            rmt.Population(
                "I", 0.4, joint=rmt.GaussianCopula(stats.beta(2, 2, loc=20, scale=40), stats.beta(2, 2), 0.6)
            ),
        ],
        {
            ("E", "I"): rmt.Synapses(stats.norm(-0.3, 0.5), degree=5),
            ("I", "I"): rmt.Synapses(stats.norm(0.0, 0.8), degree=8),
        },
    )
    want = {**truth(ens), "abscissa": rmt.spectral_abscissa(ens, n=150)}
    names = [name for name in want if not name.startswith("fraction")]
    z = np.empty((120, len(names)))
    silent = {"progress": False, "tests": False}
    for seed in range(120):
        found = rmt.fit(ens.sample(150, seed=seed), laws="beta", weights="normal", bootstrap=60, seed=seed, **silent)
        values = {**found.values, "abscissa": found.abscissa}
        errors = {**found.errors, "abscissa": found.abscissa_error}
        z[seed] = [(values[name] - want[name]) / errors[name] for name in names]
    return names, z


@pytest.mark.parametrize("width", [1.0, 1.96])
def test_intervals_cover_at_their_nominal_rate(coverage, width):
    """Per parameter within the binomial error of 120 networks, and all parameters together."""
    names, z = coverage
    nominal = 2 * stats.norm.cdf(width) - 1
    inside = np.sum(np.abs(z) < width, 0)
    for name, count in zip(names, inside, strict=True):
        assert stats.binomtest(int(count), len(z), nominal).pvalue > 1e-3, (name, count)
    # parameters of one network depend on each other a little: the mean over networks carries the error
    rate = np.mean(np.abs(z) < width, 1)
    assert abs(rate.mean() - nominal) < 4 * rate.std(ddof=1) / np.sqrt(len(z)) + 0.015


def test_errors_against_fresh_networks(signed):
    """The bootstrap error of one network, against the spread of the estimates over 60 others."""
    rows, abscissae = [], []
    for seed in range(60):
        found = quick(signed.sample(300, seed=100 + seed))
        rows.append(found.values)
        abscissae.append(found.abscissa)
    errors = [rmt.fit(signed.sample(300, seed=s), bootstrap=100, progress=False, tests=False) for s in range(4)]
    for name in rows[0]:
        if name.startswith("fraction"):
            continue
        spread = np.std([row[name] for row in rows], ddof=1)
        error = np.mean([found.errors[name] for found in errors])
        assert 0.6 < error / spread < 1.6, (
            name
        )  # 60 networks give the spread to 9%, errors vary from network to network
    error = np.mean([found.abscissa_error for found in errors])
    assert 0.6 < error / np.std(abscissae, ddof=1) < 1.6


def test_errors_of_hubs_and_of_equal_degrees():
    """A degree that hubs carry is known less well than a binomial one, and one that all units have is known exactly."""
    rng = np.random.default_rng(0)
    n = 200

    def spread(columns):
        w = (rng.random((n, n)) < columns) * rng.normal(size=(n, n))
        np.fill_diagonal(w, 0)
        return rmt.fit(rmt.Network(w), bootstrap=200, progress=False, tests=False).errors["degree[all<-all]"]

    p = 0.05
    binomial = np.sqrt(n * (n - 1) * p * (1 - p)) / n
    assert spread(np.full(n, p)) == pytest.approx(binomial, rel=0.25)
    share = rng.gamma(1.0, p, n)
    hubs = spread(share)
    assert hubs == pytest.approx(np.sqrt(binomial**2 + n * p**2), rel=0.35)  # Var(sum over columns)/n^2 = p^2 n
    equal = np.zeros((n, n))
    for i in range(n):
        equal[i, rng.choice(np.delete(np.arange(n), i), 10, replace=False)] = rng.normal(size=10)
    found = rmt.fit(rmt.Network(equal), bootstrap=100, progress=False, tests=False)
    assert found.errors["degree[all<-all]"] < 0.35 * np.sqrt(10 / n)


def test_errors_of_reciprocal_networks():
    """Answered synapses come in pairs, so their number varies more."""
    ens = rmt.Ensemble(
        rmt.Population("x"), rmt.Synapses(stats.norm(0, 0.4), degree=5), reciprocity=rmt.Reciprocity(0.8)
    )
    spread = np.std([ens.sample(200, seed=s).synapse_count / 200 for s in range(300)], ddof=1)
    error = rmt.fit(ens.sample(200, seed=0), bootstrap=200, progress=False, tests=False).errors["degree[x<-x]"]
    assert error == pytest.approx(spread, rel=0.25)
    assert spread > 1.2 * np.sqrt(5 / 200)


def test_error_of_an_outlier():
    """A positive mean puts the rightmost eigenvalue outside the bulk; its error is that of the mean weight and degree."""
    ens = rmt.oriented_sparse(20, stats.norm(0.15, 0.1), tau=stats.uniform(1, 1), gain=stats.beta(2, 2))
    exact = [quick(ens.sample(200, seed=s), laws="empirical").abscissa for s in range(60)]
    found = rmt.fit(ens.sample(200, seed=1), bootstrap=200, progress=False, tests=False)
    assert len(rmt.outliers(found.ensemble, n=200)) == 1
    assert found.abscissa_error == pytest.approx(np.std(exact, ddof=1), rel=0.35)


def test_the_units_themselves_have_the_same_edge(core):
    """abscissa_units, found by its own root finding, against the theory of an EmpiricalJoint ensemble."""
    net = core.sample(300, seed=4)
    units = {a: np.flatnonzero(net.labels == a) for a in "EI"}
    found = quick(net)
    laws = [
        rmt.Population(a, len(i) / 300, joint=rmt.EmpiricalJoint(net.tau[i], net.gain[i])) for a, i in units.items()
    ]
    ens = rmt.Ensemble(laws, found.ensemble.synapses)
    assert found.abscissa_units == pytest.approx(rmt.spectral_abscissa(ens, parts="bulk", n=300), rel=1e-6)


def test_many_pairs_are_summed_on_few_nodes():
    rng = np.random.default_rng(2)
    tau, gain = rng.gamma(4, 5, 20000), np.maximum(rng.normal(0.3, 0.3, 20000), 0)
    gain *= tau / 20
    law = fitting._Pairs(tau, gain)
    t, h, p = law.nodes()
    assert t.size < 1500
    for f in (lambda t, h: h, lambda t, h: h**2, lambda t, h: h**2 / (1 + 0.3 * t) ** 2, lambda t, h: t * h):
        assert p @ f(t, h) == pytest.approx(np.mean(f(tau, gain)), rel=2e-4)
    assert p[h == 0].sum() == pytest.approx(np.mean(gain == 0), abs=1e-12)
    t, p, first, second = law.tau_nodes()
    assert p @ second == pytest.approx(np.mean(gain**2), rel=1e-9)
    assert p @ first == pytest.approx(np.mean(gain), rel=1e-9)
    drawn = law.sample(10, rng)
    assert set(drawn[0]) <= set(tau)


def test_copula_where_tau_and_gain_depend_on_each_other():
    joint = rmt.GaussianCopula(stats.beta(2, 2, loc=1, scale=2), stats.beta(2, 3), 0.6)
    ens = rmt.Ensemble(rmt.Population("x", joint=joint), rmt.Synapses(stats.norm(0, 0.5), degree=6))
    found = rmt.fit(ens.sample(600, seed=0), bootstrap=40, progress=False)
    law = found.ensemble.populations[0].joint
    assert isinstance(law, rmt.GaussianCopula)
    assert abs(law.correlation - 0.6) < 4 * (1 - 0.36) / np.sqrt(600)
    test = next(t for t in found.tests if t.name == "correlation of tau and gain[x]")
    assert test.rejected
    assert test.verdict == "rejected"


# ------------------------------------------------------------------------------------ degenerate cases


def test_without_synapses():
    tau = np.random.default_rng(0).uniform(1, 2, 10)
    found = rmt.fit(rmt.Network(np.zeros((10, 10)), tau=tau), progress=False)
    assert not found.ensemble.synapses
    assert found.abscissa <= -0.5 + 0.05  # the bar ends near the slowest unit
    assert found.abscissa_units == -np.inf
    json.dumps(found.to_dict())
    assert "spectral abscissa" in str(found)


@pytest.mark.parametrize(
    "weights, labels",
    [
        ([[0.5]], None),
        ([[0.0, 1.0], [2.0, 0.0]], None),
        ([[0.0, 1.0], [2.0, 0.0]], ["a", "b"]),
        (np.ones((5, 5)), ["a", "b", "b", "b", "b"]),
        (np.diag(np.ones(3), 1), None),
    ],
)
def test_a_few_units(weights, labels):
    found = rmt.fit(rmt.Network(weights, tau=2.0, labels=labels), bootstrap=20, progress=False)
    assert np.isfinite(found.abscissa)
    assert all(np.isfinite(p.value) and np.isfinite(p.error) for p in found.parameters)
    json.dumps(found.to_dict(), allow_nan=False)
    found.ensemble.sample(found.n, seed=0)


def test_constant_laws_and_a_population_of_one():
    rng = np.random.default_rng(0)
    labels = np.array(["one"] + ["many"] * 59)
    w = (rng.random((60, 60)) < 0.2) * 0.5
    found = rmt.fit(rmt.Network(w, tau=3.0, gain=0.5, labels=labels), bootstrap=20, progress=False)
    assert found.values["tau sd[many]"] == found.errors["tau sd[many]"] == 0.0
    assert found.values["weight sd[many<-many]"] == 0.0
    assert isinstance(found.ensemble.population("one").tau, rmt.Constant)
    assert found.ensemble.names == ("one", "many")
    assert not any(t.name.startswith("law of") for t in found.tests)


def test_dense_networks():
    """All to all: Synapses.dense, with the variance of the entries, and no limit of fixed degree."""
    net = rmt.ginibre(1.5, leak=1.0).sample(200, seed=0)
    found = rmt.fit(net, bootstrap=100, progress=False, tests=False)
    assert found.ensemble.is_dense
    assert found.ensemble.input_variance()[0, 0] == pytest.approx(200 * net.weights.var(), rel=0.01)
    assert abs(found.abscissa - 0.5) < 3 * found.abscissa_error + 0.01
    assert found.abscissa_error == pytest.approx(1.5 / np.sqrt(2 * 200**2), rel=0.4)
    # rows of the mean are those of the network, with the diagonal of an all-to-all block
    net = rmt.rajan_abbott(0.8, 1, -4, 1, 1.5, leak=1.0).sample(200, seed=0)
    found = quick(net)
    means = [net.weights[:, net.labels == b].sum(1).mean() for b in "EI"]
    assert np.allclose(found.ensemble.input_mean()[0], means, rtol=0.05, atol=0.05)


def test_full_blocks_beside_sparse_ones():
    law = stats.norm()
    ens = rmt.Ensemble(
        [rmt.Population("a", 0.5), rmt.Population("b", 0.5)],
        {("a", "a"): rmt.Synapses(law, probability=1.0), ("b", "a"): rmt.Synapses(law, degree=3)},
    )
    found = quick(ens.sample(100, seed=0))
    assert found.ensemble.synapses["a", "a"].probability == 1.0
    assert found.ensemble.synapses["b", "a"].degree is not None
    assert any("grows with n" in note for note in found.notes)
    with pytest.raises(ValidationError, match="pass n="):
        rmt.spectral_abscissa(found.ensemble)


def test_autapses_are_left_out(core):
    net = core.sample(200, seed=0)
    w = net.weights.toarray()
    np.fill_diagonal(w, -2.0)
    plain, other = quick(net), quick(rmt.Network(w, net.tau, net.gain, net.labels))
    assert plain.values == other.values
    assert any("200 autapses" in note for note in other.notes)


def test_negative_gains_are_refused_and_the_remedy_works():
    rng = np.random.default_rng(0)
    w = rng.normal(size=(40, 40)) * (rng.random((40, 40)) < 0.2)
    gain = rng.normal(size=40)
    net = rmt.Network(w, gain=gain)
    with pytest.raises(ValidationError, match="move the sign to the column"):
        rmt.fit(net, progress=False)
    other = rmt.Network(w * np.sign(gain), net.tau, np.abs(gain))
    assert np.array_equal(net.dense_jacobian(), other.dense_jacobian())
    quick(other)


def test_silent_units_and_rounded_values():
    """Atoms: gains of exactly 0, timescales in whole milliseconds. The values themselves are the law."""
    rng = np.random.default_rng(1)
    w = rng.normal(size=(100, 100)) * (rng.random((100, 100)) < 0.1)
    gain, tau = np.maximum(rng.normal(size=100), 0), rng.integers(10, 15, 100)
    found = rmt.fit(rmt.Network(w, tau, gain), bootstrap=20, progress=False)
    p = found.ensemble.populations[0]
    assert isinstance(p.tau, rmt.Empirical)
    assert isinstance(p.gain, rmt.Empirical)
    assert p.gain.atoms()[1][0] == pytest.approx(np.mean(gain == 0))


def test_laws_of_tau_have_ends():
    """A lognormal law of tau would put the edge at 0 or right of it; cut, it follows the units."""
    ens = rmt.oriented_sparse(5, stats.norm(0, 0.3), tau=stats.lognorm(0.5, scale=10), gain=stats.beta(2, 3))
    found = quick(ens.sample(1000, seed=0), laws="lognormal")
    lo, hi = found.ensemble.populations[0].tau.support()
    assert lo > 0
    assert np.isfinite(hi)
    assert hi >= found.network.tau.max() * (1 - 1e-12)
    assert found.abscissa < 0
    assert found.abscissa == pytest.approx(found.abscissa_units, rel=0.1)
    gamma = quick(rmt.oriented_sparse(5, 0.1, tau=stats.beta(1, 3), gain=0.5).sample(500, seed=0), laws="beta")
    assert gamma.ensemble.populations[0].tau.support()[0] > 0


def test_reciprocity_is_measured_on_request():
    ens = rmt.Ensemble(
        [rmt.Population("a", 0.5), rmt.Population("b", 0.5)],
        {
            ("a", "a"): rmt.Synapses(stats.norm(0, 0.3), degree=6),
            ("a", "b"): rmt.Synapses(stats.norm(0, 0.3), degree=4),
            ("b", "a"): rmt.Synapses(stats.norm(0, 0.3), degree=6),
        },
        reciprocity={("a", "a"): rmt.Reciprocity(0.5, 0.7), ("a", "b"): rmt.Reciprocity(0.3, -0.6)},
    )
    found = quick(ens.sample(2000, seed=0), reciprocity=True)
    got = found.ensemble.reciprocity
    for key, fraction, r in ((("a", "a"), 0.5, 0.7), (("a", "b"), 0.3, -0.6)):
        assert got[key].fraction == pytest.approx(fraction, abs=0.04)
        assert got[key].correlation == pytest.approx(r, abs=0.06)
    want = rmt.spectral_abscissa(ens, parts="bulk", n=2000)
    assert rmt.spectral_abscissa(found.ensemble, parts="bulk", n=2000) == pytest.approx(want, abs=0.03)
    assert quick(ens.sample(500, seed=0)).ensemble.reciprocity is None
    dense = quick(rmt.elliptic(0.5, leak=1.0).sample(300, seed=0), reciprocity=True)
    assert rmt.spectral_abscissa(dense.ensemble) == pytest.approx(0.5, abs=0.02)


# ------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "options, message",
    [
        ({"laws": "normal"}, "laws must be one of"),
        ({"weights": "beta"}, "weights must be one of"),
        ({"bootstrap": 5}, "at least 20"),
        ({"bootstrap": 2.5}, "integer"),
        ({"threshold": -1.0}, "not be negative"),
        ({"threshold": "gap"}, "threshold must be"),
        ({"threshold": np.nan}, "finite"),
        ({"populations": ["a"] * 3}, "one a unit"),
        ({"populations": {"a": [0, 1]}}, "belongs to no population"),
        ({"populations": {"a": np.arange(50), "b": [3]}}, "2 populations"),
        ({"populations": {"a": [0, 99]}}, "must lie in 0"),
        ({"populations": {"": np.arange(50)}}, "non-empty strings"),
        ({"populations": {"a": []}}, "indices"),
        ({"populations": [""] * 50}, "empty label"),
        ({"weights": "gamma"}, "no gamma law fits"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_input(options, message):
    net = rmt.oriented_sparse(5, stats.norm()).sample(50, seed=0)
    with pytest.raises(ValidationError, match=message):
        rmt.fit(net, **{"progress": False, "bootstrap": 20, **options})


def test_what_is_not_a_network():
    with pytest.raises(NotApplicableError, match="takes a Network"):
        rmt.fit(rmt.core_periphery())
    with pytest.raises(ValidationError, match="takes a Network"):
        rmt.fit(np.eye(3))


def test_seeds_and_global_state(core):
    net = core.sample(150, seed=0)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one = rmt.fit(net, bootstrap=20, seed=3, progress=False)
    two = rmt.fit(net, bootstrap=20, seed=3, progress=False)
    assert one.to_dict() == two.to_dict()
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_populations_by_dict_and_by_labels(core):
    net = core.sample(150, seed=0)
    bare = rmt.Network(net.weights, net.tau, net.gain)
    index = {"E": np.flatnonzero(net.labels == "E"), "I": np.flatnonzero(net.labels == "I")}
    results = [quick(net), quick(bare, populations=net.labels.tolist()), quick(bare, populations=index)]
    assert results[0].values == results[1].values == results[2].values
    assert quick(bare).ensemble.names == ("all",)
    # units in any order
    order = np.random.default_rng(0).permutation(150)
    mixed = quick(net.subnetwork(order), populations={k: np.flatnonzero(net.labels[order] == k) for k in "EI"})
    for name, value in results[0].values.items():
        assert mixed.values[name] == pytest.approx(value, rel=1e-6)


def test_progress_can_be_shown(core, capsys):
    rmt.fit(core.sample(60, seed=0), bootstrap=20, progress=True)
    assert "fit" in capsys.readouterr().err


# ------------------------------------------------------------------------------------ tests of structure


def all_tests(net, seed=0, samples=60):
    groups = fitting._units(net, None)
    blocks, *_ = fitting._blocks(net, groups)
    return structure.structure_tests(net, groups, blocks, np.random.default_rng(seed), samples)


@pytest.fixture(scope="module")
def null():
    """p-values of every test on 80 networks without any structure."""
    ens = rmt.Ensemble(
        [
            rmt.Population("E", 0.6, tau=stats.uniform(1, 2), gain=stats.beta(2, 2)),
            rmt.Population("I", 0.4, tau=stats.uniform(1, 2), gain=stats.beta(2, 2)),
        ],
        {key: rmt.Synapses(stats.norm(-0.2, 1), degree=8) for key in itertools.product("EI", "EI")},
    )
    rows = [{t.name: t.pvalue for t in all_tests(ens.sample(120, seed=s), s)} for s in range(80)]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def test_pvalues_are_uniform_without_structure(null):
    assert len(null) == 28
    for name, p in null.items():
        if name.startswith(("reciprocity", "low rank")):
            # discrete: never more small p-values than their size says
            for level in (0.05, 0.2, 0.5):
                assert stats.binomtest(int(np.sum(p <= level)), p.size, level, "greater").pvalue > 1e-3, name
            continue
        assert stats.kstest(p, "uniform").pvalue > 1e-3, name


def test_of_all_tests_one_in_a_hundred_rejects(null):
    p = np.concatenate(list(null.values()))
    # tests of one network depend on each other somewhat: three times the binomial error
    assert abs(np.mean(p <= 0.01) - 0.01) < 3 * 3 * np.sqrt(0.01 / p.size)


def rejected(net):
    return {t.name.split("[")[0] for t in all_tests(net, samples=199) if t.rejected}


def test_each_structure_is_seen():
    rng = np.random.default_rng(4)
    n, p = 200, 0.06

    def network(prob=p, scale=1.0, **laws):
        w = (rng.random((n, n)) < prob) * rng.normal(size=(n, n)) * scale
        np.fill_diagonal(w, 0)
        return rmt.Network(w, **laws)

    gain, tau = rng.uniform(0.2, 1, n), rng.uniform(1, 3, n)
    hubs = rng.gamma(3, p / 3, n)
    assert "dispersion of in-degrees" in rejected(network(hubs[:, None]))
    assert "dispersion of out-degrees" in rejected(network(hubs))
    both = rejected(network(np.minimum(np.outer(hubs, hubs) / p, 1)))
    assert "correlation of in- and out-degree" in both
    assert "correlation of out strength and gain" in rejected(network(scale=gain, gain=gain))
    assert "correlation of out strength and tau" in rejected(network(scale=tau, tau=tau))
    assert "correlation of in strength and gain" in rejected(network(scale=gain[:, None], gain=gain))
    ens = rmt.Ensemble(rmt.Population("x"), rmt.Synapses(stats.norm(), degree=6), reciprocity=rmt.Reciprocity(0.4, 0.8))
    found = rejected(ens.sample(n, seed=0))
    assert {"reciprocity", "reciprocity given degrees", "symmetry of weights"} <= found
    u, v = np.sign(rng.normal(size=(2, n)))
    mask = (rng.random((n, n)) < 0.3) & ~np.eye(n, dtype=bool)
    low = rmt.Network(mask * (rng.normal(size=(n, n)) + 0.5 * np.outer(u, v)))
    assert "low rank beyond means" in rejected(low)


def test_hubs_alone_are_not_reciprocity():
    """Degrees that go together raise the number of reciprocal pairs; given the degrees there is nothing left."""
    rng = np.random.default_rng(5)
    n = 300
    share = rng.gamma(2, 0.5, n)
    ratios = []
    for _ in range(20):
        w = (rng.random((n, n)) < np.minimum(0.03 * np.outer(share, share), 1)) * 1.0
        np.fill_diagonal(w, 0)
        found = {t.name: t for t in all_tests(rmt.Network(w), samples=20)}
        ratios.append(
            [found["reciprocity[all<->all]"].statistic, found["reciprocity given degrees[all<->all]"].statistic]
        )
    plain, given_degrees = np.mean(ratios, 0)
    assert plain > 1.8
    assert given_degrees == pytest.approx(1.0, abs=0.15)


def test_number_of_reciprocal_pairs_by_enumeration():
    """P(r) within a population of 4 units with 5 synapses, counted over all 792 graphs."""
    ordered = [(i, j) for i in range(4) for j in range(4) if i != j]
    counts = Counter()
    for graph in itertools.combinations(ordered, 5):
        there = set(graph)
        counts[sum((j, i) in there for i, j in graph) // 2] += 1
    total = sum(counts.values())
    for r, number in counts.items():
        p = sum(c for c in counts.values() if c <= number) / total
        assert structure.reciprocal_pairs(r, 5, 5, 6, True)[1] == pytest.approx(p, rel=1e-9)
    mean = sum(r * c for r, c in counts.items()) / total
    assert structure.reciprocal_pairs(2, 5, 5, 6, True)[0] == pytest.approx(2 / mean, rel=1e-12)
    table = stats.hypergeom(30, 7, 9)
    p = table.pmf(np.arange(8))
    assert structure.reciprocal_pairs(4, 7, 9, 30, False)[1] == pytest.approx(p[p <= p[4] * (1 + 1e-9)].sum(), rel=1e-9)


def test_dispersion_of_many_units_agrees_with_draws():
    """Beyond 5000 units the chi-squared law, below by draws: the same network, both ways."""
    rng = np.random.default_rng(6)
    degrees = rng.poisson(6 * rng.gamma(200, 1 / 200, 5000))
    by_draws = structure.degree_dispersion(degrees, 4999, rng, 2000)[1]
    chi = (degrees.size - 1) * degrees.var(ddof=1) / (degrees.mean() * (1 - degrees.mean() / 4999))
    by_law = 2 * min(stats.chi2.cdf(chi, 4999), stats.chi2.sf(chi, 4999))
    assert by_draws == pytest.approx(by_law, abs=0.05)


# -------------------------------------------------------------------------------------------- shuffles


@st.composite
def networks(draw):
    seed = draw(st.integers(0, 2**32 - 1))
    n, populations = draw(st.integers(2, 25)), draw(st.integers(1, 3))
    p, dense, diagonal = draw(st.floats(0, 1)), draw(st.booleans()), draw(st.booleans())
    rng = np.random.default_rng(seed)
    w = (rng.random((n, n)) < p) * rng.normal(size=(n, n))
    if not diagonal:
        np.fill_diagonal(w, 0)
    labels = rng.choice(["a", "b", "c"][:populations], n)
    return rmt.Network(w if dense else sp.csr_array(w), rng.uniform(1, 2, n), rng.uniform(0, 1, n), labels)


def table(net, what):
    """Per block or population: what a shuffle may keep."""
    w = sp.csr_array(net.weights).toarray()
    own = np.diag(w).copy()
    np.fill_diagonal(w, 0)
    names = np.unique(net.labels)
    there = w != 0
    parts = {}
    for a in names:
        rows = net.labels == a
        for b in names:
            block, mask = w[rows][:, net.labels == b], there[rows][:, net.labels == b]
            parts[a, b] = {
                "count": mask.sum(),
                "graph": mask.tolist(),
                "weights": np.sort(block[mask]).tolist(),
                "out": np.sort(block, axis=0)[:, :].tolist(),
                "degrees": (mask.sum(0).tolist(), mask.sum(1).tolist()),
            }[what]
    return parts, own.tolist()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(net=networks(), what=st.sampled_from(KINDS), seed=st.integers(0, 2**32 - 1))
def test_what_a_shuffle_keeps(net, what, seed):
    other = shuffle(net, what, seed)
    assert other.is_sparse == net.is_sparse
    assert other.leak == net.leak
    assert np.array_equal(other.labels, net.labels)
    assert table(other, "weights") == table(net, "weights")  # the weights of each block, and the autapses
    if what == "weights":
        assert table(other, "graph") == table(net, "graph")
    if what == "degrees":
        assert table(other, "degrees") == table(net, "degrees")
        assert table(other, "out") == table(net, "out")  # every unit keeps its outgoing weights in every block
    if what in ("tau", "gain", "tau+gain"):
        assert np.array_equal(sp.csr_array(other.weights).toarray(), sp.csr_array(net.weights).toarray())
    for name in ("tau", "gain"):
        moved = what in (name, "tau+gain", "all")
        for label in np.unique(net.labels):
            mine = net.labels == label
            a, b = getattr(net, name)[mine], getattr(other, name)[mine]
            assert np.array_equal(np.sort(a), np.sort(b))
            assert moved or np.array_equal(a, b)
    if what == "tau+gain":
        assert set(zip(net.tau, net.gain, strict=True)) == set(zip(other.tau, other.gain, strict=True))
    again = shuffle(net, what, seed)
    assert np.array_equal(sp.csr_array(other.weights).toarray(), sp.csr_array(again.weights).toarray())
    assert np.array_equal(other.tau, again.tau)


def test_exchanges_reach_every_graph_alike():
    """All bipartite graphs with given degrees, enumerated: the shuffle draws each equally often."""
    labels = ["a"] * 3 + ["b"] * 4
    rng = np.random.default_rng(0)
    w = np.zeros((7, 7))
    block = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1]])
    w[:3, 3:] = block
    net = rmt.Network(w, labels=labels)
    rows = [np.array(r) for r in itertools.product([0, 1], repeat=4) if sum(r) == 2]
    every = [g for g in itertools.product(rows, repeat=3) if np.array_equal(np.sum(g, 0), block.sum(0))]
    counts = Counter(tuple((shuffle(net, "degrees", rng).weights[:3, 3:] != 0).ravel()) for _ in range(40 * len(every)))
    assert len(counts) == len(every) > 10
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_synapses_land_anywhere():
    net = rmt.Network(np.diag(np.ones(3), 1))
    counts = Counter(tuple(shuffle(net, "synapses", s).weights.ravel() != 0) for s in range(2200))
    assert len(counts) == 220  # 3 of 12 places
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_a_shuffle_destroys_what_it_names():
    ens = rmt.Ensemble(rmt.Population("x"), rmt.Synapses(stats.norm(), degree=8), reciprocity=rmt.Reciprocity(0.8, 0.9))
    net = ens.sample(300, seed=0)
    assert {"reciprocity", "symmetry of weights"} <= rejected(net)
    assert "symmetry of weights" not in rejected(shuffle(net, "weights", 1))
    assert "reciprocity" in rejected(shuffle(net, "weights", 1))
    for what in ("synapses", "all"):
        assert not {"reciprocity", "symmetry of weights"} & rejected(shuffle(net, what, 1))
    assert "reciprocity given degrees" not in rejected(shuffle(net, "degrees", 1))


def test_controls_name_the_structure_that_matters():
    """Reciprocal pairs of equal sign move the rightmost eigenvalue; tau is constant and cannot."""
    ens = rmt.Ensemble(
        rmt.Population("x", gain=stats.uniform(0.5, 1)),
        rmt.Synapses(stats.norm(0, 0.4), degree=8),
        reciprocity=rmt.Reciprocity(0.8, 0.9),
    )
    net = ens.sample(250, seed=0)
    found = controls(net, kinds=["weights", "synapses", "tau"], count=12, progress=False)
    rows = {row["what"]: row for row in found.rows}
    assert found.value == pytest.approx(rmt.spectral_abscissa(net))
    assert rows["weights"]["z"] > 3
    assert rows["synapses"]["z"] > 3
    assert rows["tau"]["z"] == 0
    assert rows["tau"]["mean"] == pytest.approx(found.value)
    assert rows["weights"]["pvalue"] == pytest.approx(2 / 13)
    assert "synapses" in str(found)
    json.dumps(found.to_dict(), allow_nan=False)
    again = controls(net, kinds=["weights", "synapses", "tau"], count=12, progress=False)
    assert again.to_dict() == found.to_dict()
    with pytest.raises(ValidationError, match="unknown kinds"):
        controls(net, kinds=["weight"])
    with pytest.raises(ValidationError, match="finite number"):
        controls(net, measure=lambda net: np.nan, progress=False)
    with pytest.raises(ValidationError, match="what must be one of"):
        shuffle(net, "W", 0)


def test_an_interrupt_keeps_what_is_done():
    net = rmt.core_periphery().sample(60, seed=0)
    calls = []

    def measure(net):
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return float(len(calls))

    found = controls(net, measure, kinds=["tau", "gain"], count=5, progress=False)
    assert not found.complete
    assert [len(x) for x in found.values.values()] == [2, 2]
    assert "interrupted" in str(found)


# ------------------------------------------------------------------------------------------ thresholds


def with_pruned(net, share, rng, low=-9, high=-6):
    w = net.weights.toarray()
    w += (rng.random(w.shape) < share) * (w == 0) * 10 ** rng.uniform(low, high, w.shape)
    return rmt.Network(w, net.tau, net.gain, net.labels)


def test_the_gap_is_found(core):
    net = core.sample(300, seed=0)
    pruned = with_pruned(net, 0.3, np.random.default_rng(0))
    found = quick(pruned, threshold="auto")
    assert found.network.synapse_count == net.synapse_count
    assert found.dropped.synapses == pruned.synapse_count - net.synapse_count
    assert "gap in log|W|" in found.dropped.note
    w = pruned.weights * pruned.gain
    small = np.abs(pruned.weights) <= found.dropped.threshold
    assert found.dropped.share == pytest.approx(np.sum(w[small] ** 2) / np.sum(w**2), rel=1e-9)
    assert found.values == quick(net).values


@pytest.mark.parametrize("name", ["normal", "lognormal", "exponential", "two values", "signs", "wide"])
def test_no_gap_is_invented(name):
    laws = {
        "normal": stats.norm(),
        "lognormal": stats.lognorm(1.0),
        "exponential": stats.expon(),
        "two values": rmt.Discrete([1.0, 5.0], [0.5, 0.5]),
        "signs": rmt.Discrete([-1.0, 1.0], [0.5, 0.5]),
        "wide": stats.lognorm(3.0),
    }
    for seed in range(10):
        net = rmt.oriented_sparse(5, laws[name]).sample(300, seed=seed)
        found = quick(net, threshold="auto", weights="empirical", laws="empirical")
        assert found.dropped.synapses == 0
        assert found.dropped.threshold == 0.0
        assert "no gap" in found.dropped.note


def test_scan_of_thresholds(core):
    net = core.sample(300, seed=0)
    scan = threshold_scan(net, [0.0, 0.5, 3.0, 1000.0], progress=False)
    magnitude = np.abs(net.weights.data)
    assert scan.synapses.tolist() == [int(np.sum(magnitude > t)) for t in (0, 0.5, 3, 1000)]
    assert np.allclose(scan.degree, scan.synapses / 300)
    assert scan.share[0] == 0
    assert scan.share[-1] == 1
    assert np.all(np.diff(scan.share) > 0)
    for k, t in enumerate((0.0, 0.5, 3.0, 1000.0)):
        left = quick(net, threshold=t).network
        assert scan.exact[k] == pytest.approx(rmt.spectral_abscissa(left), rel=1e-9)
    assert scan.exact[-1] == pytest.approx(-1 / net.tau.max())
    assert scan.fitted[-1] == pytest.approx(-1 / net.tau.max())
    assert abs(scan.fitted[0] - scan.exact[0]) < 0.01
    assert len(str(scan).splitlines()) == 5
    for bad in ([], [-1.0], [np.nan], "a", [[0.1]]):
        with pytest.raises(ValidationError, match="thresholds"):
            threshold_scan(net, bad, progress=False)


# ------------------------------------------------------------------------------------------- results


def test_summary_and_json(core):
    found = rmt.fit(core.sample(200, seed=0), bootstrap=20, progress=False)
    text = found.summary()
    for name in found.values:
        assert name in text
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["n"] == 200
    assert {p["name"] for p in data["parameters"]} == set(found.values)
    assert all(0 < t["pvalue"] <= 1 and t["meaning"] for t in data["tests"])
    assert len(found.abscissa_samples) == 20
    assert found.abscissa_error == pytest.approx(np.std(found.abscissa_samples, ddof=1))
    assert str(found.parameters[0]).startswith("degree[E<-I] = ")
    assert "holds" in str(found.tests[-1]) or "p = " in str(found.tests[-1])
    plain = quick(core.sample(200, seed=0))
    assert plain.abscissa_error is None
    assert set(plain.errors.values()) == {None}
    assert rmt.density(found.ensemble, -0.02 + 0.01j, n=200).value > 0
    assert len(rmt.spectral_edge(found.ensemble, n=200)) >= 1


def test_likelihood_refuses_what_it_cannot_fit():
    with pytest.raises(ValidationError, match="no truncated normal law"):
        goodness_of_fit(np.array([1e-3] * 20 + [50.0]), FAMILIES["truncated normal"], np.random.default_rng(0))
    assert likelihood.anderson_darling(np.array([[0.5]]))[0] == pytest.approx(-1 + 2 * np.log(2))


@pytest.mark.parametrize("bootstrap", [20, 98, 200])
def test_the_choice_of_a_law_does_not_depend_on_the_replicates(bootstrap):
    rng = np.random.default_rng(1)
    weights = (rng.random((300, 300)) < 0.05) * 0.1 * stats.t(1.5).rvs(size=(300, 300), random_state=rng)
    found = rmt.fit(rmt.Network(weights), bootstrap=bootstrap, tests=False, progress=False)
    law = next(iter(found.ensemble.synapses.values())).weight
    assert isinstance(law, rmt.Empirical)


def test_without_replicates_the_fit_says_so():
    assert any("bootstrap=0" in note for note in quick(rmt.core_periphery().sample(200, seed=0)).notes)

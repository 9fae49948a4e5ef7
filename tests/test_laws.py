"""Laws: what a law answers to the theory must be what it samples, and what scipy says it is."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from rmtlib import (
    Constant,
    Discrete,
    Empirical,
    EmpiricalJoint,
    GaussianCopula,
    Independent,
    Mixture,
    ValidationError,
    as_law,
)
from rmtlib.laws import Continuous, mixed_moment

NEW_STYLE = hasattr(stats, "Normal")
new_style = pytest.mark.skipif(not NEW_STYLE, reason="this scipy has no new-style distributions")

shapes = st.floats(0.3, 6.0)
# not a hair's breadth from 0, where a law would pass 0 by less than its cdf can resolve (refused, or tested by name)
places = st.floats(-3.0, 3.0).map(lambda m: round(m, 6))
scales = st.floats(0.1, 10.0)

bounded = st.one_of(
    st.builds(lambda a, b, m, s: stats.beta(a, b, loc=m, scale=s), shapes, shapes, places, scales),
    st.builds(lambda m, s: stats.uniform(m, s), places, scales),
    st.builds(lambda a, w, m, s: stats.truncnorm(a, a + w, loc=m, scale=s), places, scales, places, scales),
)
unbounded = st.one_of(
    st.builds(lambda m, s: stats.norm(m, s), places, scales),
    st.builds(lambda a, s: stats.gamma(a, scale=s), shapes, scales),
    st.builds(lambda v, s: stats.lognorm(v, scale=s), st.floats(0.1, 1.2), scales),
    st.builds(lambda m, s: stats.logistic(m, s), places, scales),
)
continuous = st.one_of(bounded, unbounded)


# ------------------------------------------------------------------------------------- quadrature


@given(continuous, st.integers(40, 64))
@example(stats.truncnorm(0.515625, 8.328125), 40)  # scipy's quantile leaves the support
@settings(deadline=None, max_examples=60)
def test_nodes_reproduce_scipy_moments(dist, n):
    law = as_law(dist)
    values, weights = law.nodes(n)
    lo, hi = law.support()
    assert np.all(weights >= 0)
    assert weights.sum() == pytest.approx(1.0, abs=1e-13)
    assert values.min() >= lo
    assert values.max() <= hi
    spread = dist.std()
    tol = 1e-10 if np.isfinite(hi - lo) else 1e-8
    assert weights @ values == pytest.approx(dist.mean(), abs=tol * (spread + abs(dist.mean())))
    assert weights @ (values - dist.mean()) ** 2 == pytest.approx(dist.var(), rel=10 * tol)


@given(st.builds(lambda a, b: stats.beta(a, b, loc=0.5, scale=1.5), shapes, shapes))
@settings(deadline=None, max_examples=30)
def test_bounded_rule_is_gaussian(dist):
    """Twelve nodes integrate every polynomial of degree 23: what makes it a Gauss rule."""
    values, weights = as_law(dist).nodes(12)
    x = (values - 1.25) / 0.75
    u, w = special.roots_jacobi(40, dist.args[1] - 1, dist.args[0] - 1)
    for degree in range(24):
        exact = w @ special.eval_legendre(degree, u) / w.sum()
        assert weights @ special.eval_legendre(degree, x) == pytest.approx(exact, abs=1e-11)
    # and not of degree 24, or the test above would not tell a finer rule from a Gauss rule
    off = abs(weights @ special.eval_legendre(24, x) - w @ special.eval_legendre(24, u) / w.sum())
    assert off > 1e-9


def test_nodes_near_a_pole():
    """The theory integrates 1/(|1 + z tau|^2 + ...) close to its poles: compare with adaptive quadrature."""
    dist = stats.beta(2, 3, loc=0.5, scale=1.5)
    f = lambda x: 1.0 / ((1 - 0.9 * x) ** 2 + 0.3)
    exact = integrate.quad(lambda x: f(x) * dist.pdf(x), 0.5, 2.0, epsabs=1e-13, epsrel=1e-13)[0]
    values, weights = as_law(dist).nodes(48)
    assert weights @ f(values) == pytest.approx(exact, abs=1e-12)
    dist = stats.norm(0.3, 1.2)
    exact = integrate.quad(lambda x: f(x) * dist.pdf(x), -20, 20, points=[1.1], epsabs=1e-13, limit=400)[0]
    values, weights = as_law(dist).nodes(200)
    assert weights @ f(values) == pytest.approx(exact, abs=1e-9)


def test_few_distinct_values_are_complete():
    values, weights = as_law(np.array([1.0, 2.0, 2.0, 5.0])).nodes(48)
    assert values.tolist() == [1.0, 2.0, 5.0]
    assert weights.tolist() == [0.25, 0.5, 0.25]


def test_large_samples_are_compressed():
    data = np.random.default_rng(0).gamma(3.0, size=20_000)
    values, weights = Empirical(data).nodes(40)
    assert values.size == 40
    for power in range(6):
        assert weights @ values**power == pytest.approx(np.mean(data**power), rel=1e-10)


def test_histogram_law():
    data = np.random.default_rng(1).normal(size=500)
    dist = stats.rv_histogram(np.histogram(data, bins=15))
    values, weights = as_law(dist).nodes()
    assert weights @ values**2 == pytest.approx(dist.var() + dist.mean() ** 2, rel=1e-10)


def test_unresolvable_density_is_refused():
    """A jump that the rule cannot see must not pass silently."""

    class Spike(stats.rv_continuous):
        def _pdf(self, x):
            return np.where(x < 0.999, 0.5 / 0.999, 0.5 / 0.001)

        def _ppf(self, u):  # wrong on purpose: its mean is not that of the density
            return u

        def _stats(self):
            return 0.75, 0.1, 0.0, 0.0

    with pytest.raises(ValidationError, match="quadrature in the quantile misses the mean"):
        as_law(Spike(a=0.0, b=1.0)()).nodes()


# ---------------------------------------------------------------------------------------- moments


@given(continuous)
@example(stats.beta(2, 4, loc=-1, scale=4))  # its quantiles repeat, out of order by rounding, in the tail
@settings(deadline=None, max_examples=40)
def test_second_and_zeroth_mellin_moment(dist):
    law = as_law(dist)
    assert law.moment(0.0) == pytest.approx(1.0, abs=1e-9)
    assert law.moment(2.0) == pytest.approx(dist.var() + dist.mean() ** 2, rel=1e-9)
    p = np.array([0.7 + 2.0j, 1.5 - 3.0j])
    assert np.allclose(np.conj(law.moment(p)), law.moment(np.conj(p)), rtol=1e-12)
    assert isinstance(law.moment(1.0), float)
    assert isinstance(law.moment(1.0 + 0j), complex)


@given(st.floats(0.2, 5.0), st.floats(-0.8, 3.0), st.floats(-30.0, 30.0))
@settings(deadline=None, max_examples=40)
def test_mellin_moment_of_the_normal_law(std, re, im):
    p = complex(re, im)
    exact = (std * np.sqrt(2)) ** p * special.gamma((p + 1) / 2) / np.sqrt(np.pi)
    bound = (std * np.sqrt(2)) ** re * special.gamma((re + 1) / 2) / np.sqrt(np.pi)  # E|x|^Re p
    assert abs(as_law(stats.norm(0, std)).moment(p) - exact) < 1e-10 * bound


@given(shapes, shapes, st.floats(-0.2, 3.0), st.floats(-80.0, 80.0))
@settings(deadline=None, max_examples=40)
def test_mellin_moment_of_the_beta_law(a, b, re, im):
    p = complex(re, im)
    log = special.loggamma(a + p) + special.loggamma(a + b) - special.loggamma(a + b + p) - special.loggamma(a)
    assert abs(as_law(stats.beta(a, b)).moment(p) - np.exp(log)) < 1e-10 * np.exp(
        special.betaln(a + re, b) - special.betaln(a, b)
    )


def test_mellin_moment_across_zero():
    """Uniform on (-1, 2): E|x|^p = (1 + 2^(p+1))/(3(p+1)), singular inside the support."""
    law = as_law(stats.uniform(-1, 3))
    for p in (-0.7, -0.3, 0.5, 2.5):
        assert law.moment(p) == pytest.approx((1 + 2 ** (p + 1)) / (3 * (p + 1)), rel=1e-10)


@pytest.mark.parametrize(
    ("law", "p"),
    [
        (stats.norm(0, 1), -1.0),
        (stats.beta(2, 3), -2.0),
        (stats.uniform(0, 1), -1.2),
        (stats.t(3), 3.0),
        (Discrete([0.0, 1.0], [0.5, 0.5]), -0.5),
    ],
)
def test_moments_that_do_not_exist(law, p):
    with pytest.raises(ValidationError, match="infinite"):
        as_law(law).moment(p)


@pytest.mark.parametrize("dist", [stats.cauchy(), stats.t(1.5)])
def test_laws_without_variance(dist):
    with pytest.raises(ValidationError, match="no finite variance"):
        as_law(dist).var()


# ----------------------------------------------------------------------------- scaling, sampling


@given(continuous, st.floats(-4.0, 4.0).filter(lambda s: abs(s) > 0.05))
@example(stats.truncnorm(-5e-179, 1), 2.0)  # hardly any of it below 0
@settings(deadline=None, max_examples=20)
def test_scaled(dist, s):
    law, scaled = as_law(dist), as_law(dist).scaled(s)
    assert scaled.mean() == pytest.approx(s * law.mean())
    assert scaled.var() == pytest.approx(s**2 * law.var())
    assert scaled.moment(1.3) == pytest.approx(abs(s) ** 1.3 * law.moment(1.3))
    x = law.mean() + 0.3 * np.sqrt(law.var())
    assert scaled.pdf(s * x) == pytest.approx(law.pdf(x) / abs(s))
    assert scaled.cdf(s * x) == pytest.approx(law.cdf(x) if s > 0 else 1 - law.cdf(x))
    u = np.array([0.1, 0.5, 0.8])
    assert scaled.cdf(scaled.ppf(u)) == pytest.approx(u, abs=1e-9)
    assert scaled.cdf(scaled.isf(u)) == pytest.approx(1 - u, abs=1e-9)
    lo, hi = scaled.support()
    assert lo < hi


def test_mellin_moment_with_almost_no_mass_on_one_side():
    """Zero lies inside the support, twelve standard deviations from the mean."""
    for mean in (-3.0, 3.0):
        assert as_law(stats.norm(mean, 0.25)).moment(4.0) == pytest.approx(81 + 6 * 9 / 16 + 3 / 256, rel=1e-12)
    assert as_law(stats.norm(-60.0, 1.0)).moment(2.0) == pytest.approx(3601.0, rel=1e-12)


EVERY_KIND = {
    "normal": stats.norm(0.4, 2.0),
    "beta": stats.beta(2, 3, loc=1, scale=3),
    "negative gamma": Continuous(stats.gamma(2.5), -1.5),
    "mixture": Mixture([(0.25, stats.norm(-2, 0.5)), (0.75, stats.uniform(0, 1))]),
    "empirical-like": stats.rv_histogram(np.histogram([0.0, 1, 1, 2, 5], bins=3)),
}


def ks(draws, cdf):
    return stats.kstest(draws, cdf).pvalue


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_samples_follow_the_law(kind):
    law = as_law(EVERY_KIND[kind])
    draws = law.sample(20_000, np.random.default_rng(5))
    assert ks(draws, law.cdf) > 1e-3
    assert ks(1.05 * draws + 0.05, law.cdf) < 1e-4  # the test sees a 5% change
    assert draws.mean() == pytest.approx(law.mean(), abs=5 * np.sqrt(law.var() / draws.size))


@new_style
def test_new_style_distributions():
    assert as_law(stats.Normal(mu=1.0, sigma=2.0)).var() == pytest.approx(4.0)
    law = as_law(stats.make_distribution(stats.beta)(a=2.0, b=3.0))
    assert law.nodes()[0].size == 48
    assert ks(law.sample(20_000, np.random.default_rng(2)), stats.beta(2, 3).cdf) > 1e-3
    shifted = as_law(3.0 * stats.Normal() + 1.0)
    assert shifted.mean() == pytest.approx(1.0)
    assert shifted.moment(2.0) == pytest.approx(10.0)


def test_discrete_laws():
    law = as_law(stats.poisson(3.0))
    assert law.var() == pytest.approx(3.0)
    assert law.moment(2.0) == pytest.approx(12.0)
    law = Discrete([2.0, -1.0, 2.0], [0.25, 0.5, 0.25])
    assert law.atoms()[0].tolist() == [-1.0, 2.0]
    assert law.cdf([-1.5, -1.0, 0.0, 2.0]).tolist() == [0.0, 0.5, 0.5, 1.0]
    assert law.ppf([0.2, 0.5, 0.6]).tolist() == [-1.0, -1.0, 2.0]
    draws = law.sample(10_000, np.random.default_rng(0))
    assert stats.binomtest(int(np.sum(draws == 2.0)), draws.size, 0.5).pvalue > 1e-3
    table = as_law(stats.rv_discrete(values=([1, 3], [0.25, 0.75])))
    assert table.mean() == pytest.approx(2.5)


def test_mixture_parts_add_up():
    law = Mixture([(0.3, 0.0), (0.7, stats.norm(1, 2))])
    values, probs = law.atoms()
    assert (values.tolist(), probs.tolist()) == ([0.0], [pytest.approx(0.3)])
    x = np.linspace(-15, 17, 4001)
    assert integrate.trapezoid(law.pdf(x), x) == pytest.approx(0.7, abs=1e-8)
    assert law.mean() == pytest.approx(0.7)
    assert law.second_moment() == pytest.approx(0.7 * 5)
    u = np.array([0.05, 0.5, 0.9])
    smooth = EVERY_KIND["mixture"]
    assert smooth.cdf(smooth.ppf(u)) == pytest.approx(u, abs=1e-12)
    assert smooth.cdf(smooth.isf(u)) == pytest.approx(1 - u, abs=1e-12)


def test_laws_survive_pickling():
    for law in (
        *map(as_law, EVERY_KIND.values()),
        Constant(2.0),
        GaussianCopula(stats.gamma(2), stats.beta(2, 2), 0.5),
    ):
        law.nodes() if isinstance(law, GaussianCopula) else law.nodes(10)
        again = pickle.loads(pickle.dumps(law))
        for old, new in zip(law.nodes(10), again.nodes(10), strict=True):
            assert np.array_equal(old, new)


# ------------------------------------------------------------------------------------- joint laws


def direct_average(f, tau, gain, rho):
    """Expectation over a Gaussian copula by a fine Gauss-Legendre grid in the latent normals."""
    x, w = np.polynomial.legendre.leggauss(300)
    z, w = 8.5 * x, 8.5 * w * stats.norm.pdf(8.5 * x)
    latent = rho * z[:, None] + np.sqrt(1 - rho**2) * z
    return w @ f(tau.ppf(special.ndtr(z))[:, None], gain.ppf(special.ndtr(latent))) @ w


def test_copula_nodes_against_adaptive_integration():
    tau, gain = stats.beta(2, 2, loc=0.5, scale=1.5), stats.beta(2, 3, scale=0.7)
    f = lambda t, h: h**2 / (abs(1 + (-0.8 + 0.3j) * t) ** 2 + 0.3 * h**2)
    t, h, w = GaussianCopula(tau, gain, -0.6).nodes(48)
    exact = direct_average(f, tau, gain, -0.6)
    assert w @ f(t, h) == pytest.approx(exact, abs=1e-7)
    wrong, h0, w0 = GaussianCopula(tau, gain, 0.0).nodes(48)
    assert abs(w0 @ f(wrong, h0) - exact) > 1e-3


@given(st.floats(-0.95, 0.95))
@settings(deadline=None, max_examples=20)
def test_copula_marginals_and_conditionals(rho):
    tau, gain = stats.gamma(4, scale=0.5), stats.beta(2, 3)
    joint = GaussianCopula(tau, gain, rho)
    t, h, w = joint.nodes(64)
    assert w @ t == pytest.approx(tau.mean(), abs=1e-6)
    assert w @ h**2 == pytest.approx(gain.var() + gain.mean() ** 2, abs=1e-6)
    t1, p, first, second = joint.tau_nodes(64)
    assert p @ (t1 * first) == pytest.approx(w @ (t * h), abs=1e-12)
    assert p @ (t1**2 * second) == pytest.approx(w @ (t**2 * h**2), abs=1e-12)


def test_normal_copula_is_the_bivariate_normal():
    t, h, w = GaussianCopula(stats.norm(1, 2), stats.norm(-1, 0.5), 0.4).nodes(60)
    assert w @ ((t - 1) * (h + 1)) == pytest.approx(0.4 * 2 * 0.5, abs=1e-10)
    assert mixed_moment(as_law(stats.norm(1, 2)), as_law(stats.norm(3, 0.5)), -0.3) == pytest.approx(3 - 0.3)


@pytest.mark.parametrize("rho", [-0.7, 0.0, 0.5])
def test_copula_samples(rho):
    tau, gain = stats.gamma(3), stats.beta(2, 3)
    t, h = GaussianCopula(tau, gain, rho).sample(20_000, np.random.default_rng(3))
    assert ks(t, tau.cdf) > 1e-3
    assert ks(h, gain.cdf) > 1e-3
    spearman = 6 / np.pi * np.arcsin(rho / 2)  # of a Gaussian copula
    error = 5 / np.sqrt(t.size)
    assert stats.spearmanr(t, h).statistic == pytest.approx(spearman, abs=error)
    shuffled = stats.spearmanr(t, np.roll(h, 1)).statistic
    assert rho == 0.0 or abs(shuffled - spearman) > error


def test_independent_nodes_factorise():
    joint = Independent(stats.uniform(1, 2), stats.beta(2, 3))
    t, h, w = joint.nodes(20)
    assert t.size == 400
    assert w @ (t**3 * h**2) == pytest.approx((3**4 - 1) / 8 * 0.2)
    t1, p, first, second = joint.tau_nodes(20)
    assert p @ (t1 * first) == pytest.approx(2 * 0.4)
    assert np.allclose(second, 0.2)


def test_measured_pairs_stay_together():
    tau, gain = np.array([1.0, 1.0, 4.0]), np.array([0.1, 0.3, 0.9])
    joint = EmpiricalJoint(tau, gain)
    t, h = joint.sample(500, np.random.default_rng(0))
    assert {(a, b) for a, b in zip(t, h, strict=True)} == {(1.0, 0.1), (1.0, 0.3), (4.0, 0.9)}
    t1, p, first, second = joint.tau_nodes()
    assert (t1.tolist(), p.tolist()) == ([1.0, 4.0], [pytest.approx(2 / 3), pytest.approx(1 / 3)])
    assert first.tolist() == [pytest.approx(0.2), pytest.approx(0.9)]
    assert second.tolist() == [pytest.approx(0.05), pytest.approx(0.81)]


@pytest.mark.parametrize(
    "joint",
    [
        Independent(stats.uniform(1, 2), 0.5),
        GaussianCopula(stats.uniform(1, 2), stats.beta(2, 2), 0.5),
        EmpiricalJoint([1.0, 2.0], [0.3, 0.4]),
    ],
    ids=lambda joint: type(joint).__name__,
)
def test_joint_laws_change_their_unit_of_time(joint):
    t, h, w = joint.nodes(10)
    t2, h2, w2 = joint.scaled(3.0).nodes(10)
    assert np.allclose(t2, 3 * t)
    assert np.allclose(h2, h)
    assert np.allclose(w2, w)


# -------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: as_law("norm"), "cannot read 'norm' as a law"),
        (lambda: as_law(None), "cannot read None as a law"),
        (lambda: as_law(True), "cannot read True as a law"),
        (lambda: as_law(1 + 2j), "cannot read complex"),
        (lambda: as_law(lambda: 1), "cannot read function"),
        (lambda: as_law(stats.beta), "scipy.stats.beta has free parameters: freeze it"),
        (lambda: as_law(stats.norm([0, 1], 1)), "expected one distribution, got an array"),
        (lambda: as_law(stats.beta(-1, 2)), "invalid parameters"),
        (lambda: as_law(stats.zipf(1.5)), "fewer than a million likely values"),
        (lambda: as_law(np.nan), "1 of 1 values are NaN or infinite"),
        (lambda: as_law(np.array([1.0, np.inf, np.nan])), "2 of 3 values are NaN or infinite"),
        (lambda: as_law(np.ones((2, 2))), r"must be 1-d .* got shape \(2, 2\)"),
        (lambda: as_law(np.array([])), "non-empty 1-d array"),
        (lambda: Discrete([1, 2], [0.5, 0.6]), "probabilities must sum to 1, they sum to 1.1"),
        (lambda: Discrete([1, 2], [1.5, -0.5]), "finite and not negative"),
        (lambda: Discrete([1, 2], [1.0]), "2 values but probabilities of shape"),
        (lambda: Mixture([(0.5, 1.0)]), "probabilities must sum to 1"),
        (lambda: Mixture([]), "at least one"),
        (lambda: Constant([1.0, 2.0]), "expected one number"),
        (lambda: as_law(1.0).scaled(0.0), "finite number other than 0"),
        (lambda: as_law(stats.norm()).nodes(0), "at least one node"),
        (lambda: GaussianCopula(1.0, 1.0, 1.2), r"correlation must lie in \[-1, 1\]"),
        (lambda: GaussianCopula(1.0, 1.0, np.nan), r"correlation must lie in \[-1, 1\]"),
        (lambda: GaussianCopula([1.0, 2.0], stats.beta(2, 2), 0.1), "the law of tau has atoms"),
        (lambda: EmpiricalJoint([1.0, 2.0], [1.0]), "2 values of tau but 1 of gain"),
        (lambda: EmpiricalJoint([1.0, np.nan], [1.0, 2.0]), "EmpiricalJoint tau: 1 of 2 values are NaN"),
        (lambda: as_law(Independent(1.0, 1.0)), "pass it as joint="),
    ],
)
def test_bad_laws(make, message):
    with pytest.raises(ValidationError, match=message):
        make()


def test_a_quantile_that_gives_up_deep_in_the_tail_is_judged_by_its_moments():
    """scipy's root finder stops early for these shapes, which were fitted to a trained network, and warns."""
    law = as_law(stats.beta(0.695024, 0.344025, scale=0.249985))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values, weights = law.nodes(48)
    assert weights @ values == pytest.approx(law.mean(), rel=1e-9)
    assert weights @ values**2 == pytest.approx(law.var() + law.mean() ** 2, rel=1e-7)

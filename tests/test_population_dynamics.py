"""Population dynamics against the saddle point, linear algebra, closed forms and itself."""

import doctest

import numpy as np
import pytest
from scipy import stats

import rmtlib as rmt
from rmtlib.errors import ConvergenceError, NotApplicableError, ValidationError
from rmtlib.laws import Discrete
from rmtlib.solve import Status
from rmtlib.theory import population_dynamics as pd

LAWS = {"tau": stats.beta(2, 2, loc=0.5, scale=1.5), "gain": stats.beta(2, 3, loc=0.3, scale=0.7)}
ONE = rmt.Ensemble(rmt.Population("unit", **LAWS), rmt.Synapses(stats.norm(0, 0.9), degree=4))
TWO = rmt.Ensemble(
    [rmt.Population("E", 0.6, tau=stats.uniform(0.5, 1.0), gain=0.9), rmt.Population("I", 0.4, **LAWS)],
    {
        ("E", "E"): rmt.Synapses(stats.expon(0, 0.5), degree=3),
        ("E", "I"): rmt.Synapses(Discrete([-1.2, -0.6], [0.5, 0.5]), degree=4),
        ("I", "E"): rmt.Synapses(stats.expon(0, 0.5), degree=2),
        ("I", "I"): rmt.Synapses(stats.norm(-0.6, 0.5), degree=3),
    },
)
POINTS = np.array([-0.8 + 0.3j, -0.5 + 0.4j, -1.4 + 0.25j])


def sampled(ens, z, what=rmt.resolvent, throw=False, **options):
    return what(ens, z, method="population-dynamics", throw=throw, **options)


def test_doctests():
    assert doctest.testmod(pd).failed == 0


@pytest.mark.parametrize("ens", [ONE, TWO])
@pytest.mark.parametrize("what", [rmt.resolvent, rmt.density])
def test_stated_error_is_kept(ens, what):
    # `error` is two standard errors and an allowance; 9 answers, of which 0.45 are expected to lie outside at worst; 4 or
    # more have probability 0.1% then. Errors stated too large show in the mean square
    exact = what(ens, POINTS, method="saddle").value
    pull = []
    for seed in range(3):
        got = sampled(ens, POINTS, what, tol=0.02, population=1500, seed=seed)
        assert got.ok
        assert np.all(got.error <= 0.021 * np.maximum(np.abs(exact), 0.4))  # the bound of |g| is not above 1.5 |g| here
        pull.append(np.abs(got.value - exact) / got.error)
    pull = np.array(pull)
    assert np.sum(pull > 1) <= 3
    # 1/4 expected if there were no allowance; values correlated by threes
    assert 0.05 < np.mean(pull**2) < 0.6


def test_bias_of_a_finite_population():
    # the allowance is 0.5/population, relative to the bound of |g|: seen at sizes so small that it stands out
    exact = rmt.resolvent(ONE, POINTS, method="saddle").value
    off, noise = {}, {}
    for size in (50, 200):
        got = sampled(ONE, POINTS, tol=1e-4, population=size, sweeps=1024, seed=3)
        off[size], noise[size] = np.abs(got.value - exact), got.error - 0.4 * np.abs(exact) / size
        assert np.all(off[size] < got.error)
    assert np.all(off[200] < 0.5 * off[50] + noise[200])  # a quarter expected


def test_finite_eta_against_linear_algebra():
    # eta > 0: no symmetry is left but the trace identity; eta complex: singular values
    net = TWO.sample(800, seed=1)
    for eta in (0.3, 0.2 - 0.5j):
        got = sampled(TWO, POINTS[:1], eta=eta, population=1000, sweeps=128)
        exact = rmt.resolvent(net, POINTS[:1], method="exact", eta=eta).value
        # one network of 800 units: fluctuations of order 1/sqrt(n) times the spread of tau and weights
        assert np.max(np.abs(got.value - exact)) < 0.03
        assert np.all(got.error < 0.01)


def test_small_eta_joins_the_limit():
    # the trace identity fixes the soft mode; without it 2000 sweeps are not enough at eta = 1e-3
    got = sampled(ONE, POINTS[:1], eta=1e-4, tol=5e-3)
    limit = rmt.resolvent(ONE, POINTS[:1], method="saddle")
    assert got.ok
    assert abs(got.value[0] - limit.value[0]) < got.error[0] + 3e-4  # eta itself, times a slope of order 1


def test_outside_the_support():
    z = np.array([1.0 + 0.5j, 3.0])
    tau, w = ONE.populations[0].joint.tau.nodes(60)
    got = sampled(ONE, z, sweeps=256, population=500)
    assert got.ok
    assert np.all(np.abs(got.value - (tau / (1 + z[:, None] * tau)) @ w) <= got.error)
    density = sampled(ONE, z, rmt.density, sweeps=512, population=500)
    assert density.ok
    assert np.all(density.value == 0)


def test_core_and_periphery():
    core = rmt.Ensemble(rmt.Population("I", **LAWS), rmt.Synapses(stats.norm(-0.8, 0.6), degree=4))
    pops = [rmt.Population("E", 0.8, tau=stats.uniform(0.5, 1)), rmt.Population("I", 0.2, **LAWS)]
    ens = rmt.Ensemble(pops, {(k, "I"): rmt.Synapses(stats.norm(-0.8, 0.6), degree=4) for k in "EI"})
    got, ref = (sampled(e, POINTS, seed=2, sweeps=128, population=500) for e in (ens, core))
    z = POINTS  # tau of E uniform on [0.5, 1.5]: <tau/(1 + z tau)> in closed form
    free = 1 / z - np.log((1 + 1.5 * z) / (1 + 0.5 * z)) / z**2
    assert np.allclose(got.value, 0.8 * free + 0.2 * ref.value, rtol=0, atol=1e-7)  # the same draws


def test_unit_of_time_and_seed():
    ref = sampled(ONE, POINTS, seed=5, sweeps=128, population=500)
    again = sampled(ONE, POINTS, seed=5, sweeps=128, population=500)
    assert np.array_equal(ref.value, again.value)
    assert not np.array_equal(ref.value, sampled(ONE, POINTS, seed=6, sweeps=128, population=500).value)
    scaled = sampled(ONE.scaled_time(7.0), POINTS / 7, seed=5, sweeps=128, population=500)
    assert np.allclose(scaled.value, 7 * ref.value, rtol=1e-9)
    assert np.allclose(scaled.error, 7 * ref.error, rtol=1e-6)


def test_points_that_fail_say_so():
    # where a finite population dies out although the support reaches further: no zero with a zero error
    thin = rmt.Ensemble(rmt.Population("unit", **LAWS), rmt.Synapses(stats.norm(0, 1.8), degree=1.5))
    edge = [z for z in -0.3 + 1j * np.linspace(0.2, 2, 200) if rmt.theory.edge_function(thin, z) > 1.05][-1]
    got = sampled(thin, [edge], rmt.density, sweeps=128)
    assert got.status.tolist() == [Status.STATISTICS]
    with pytest.raises(ConvergenceError, match="statistical error") as caught:
        sampled(ONE, POINTS, tol=1e-5, population=500, sweeps=64, throw=True)
    assert np.all(caught.value.solution.error < 0.1)
    atom = sampled(rmt.oriented_sparse(5.0, stats.norm(0, 5**-0.5)), [-1.0, -0.5], sweeps=128)
    assert atom.status.tolist() == [Status.SINGULAR, Status.CONVERGED]


def test_bad_input():
    with pytest.raises(NotApplicableError, match="dense"):
        sampled(rmt.ginibre(), 0.1)
    with pytest.raises(NotApplicableError, match="fixed probability"):
        sampled(rmt.Ensemble(rmt.Population("a"), rmt.Synapses(1.0, probability=0.1)), 0.1)
    pairs = rmt.Reciprocity(0.5, 0.5)
    with pytest.raises(NotApplicableError, match="reciprocal"):
        sampled(rmt.Ensemble(rmt.Population("a"), rmt.Synapses(stats.norm(), degree=4), pairs), 0.1)
    with pytest.raises(NotApplicableError, match="infinite size"):
        sampled(ONE, 0.1, n=100)
    with pytest.raises(ValidationError, match="population"):
        sampled(ONE, 0.1, population=0)
    with pytest.raises(ValidationError, match="sweeps"):
        sampled(ONE, 0.1, sweeps=10)
    with pytest.raises(ValidationError, match="seed"):
        sampled(ONE, 0.1, seed=-1)
    with pytest.raises(ValidationError, match="Ensemble"):
        pd.solve(ONE.sample(10, seed=0), POINTS)

"""Clouds and ranks: right level under the null hypothesis, power against others; delay states of a constructed memory."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

import rmtlib as rmt
from rmtlib.errors import ValidationError
from rmtlib.training.compare import cloud_test, energy_distance, matching_distance, rank_test
from rmtlib.training.memory import delay_states


def spectra(ens, n, count, seed):
    return rmt.sample_many(ens, n, count, seed, rmt.eigenvalues, progress=False)


def test_energy_distance_against_its_definition_and_the_line():
    rng = np.random.default_rng(0)
    p, q = rng.normal(size=7) + 1j * rng.normal(size=7), rng.normal(size=9) + 0.5
    terms = [np.mean([abs(a - b) for a in x for b in y]) for x, y in ((p, q), (p, p), (q, q))]
    assert energy_distance(p, q) == pytest.approx(np.sqrt(2 * terms[0] - terms[1] - terms[2]), rel=1e-12)
    # on the line D^2 is twice the integral of the squared difference of the distribution functions
    x, y = rng.normal(size=60), rng.normal(size=80) + 0.7
    assert energy_distance(x, y) == pytest.approx(stats.energy_distance(x, y), rel=1e-10)


def test_cloud_distance_is_that_to_the_others():
    rng = np.random.default_rng(1)
    clouds = [rng.normal(size=k) + 1j * rng.normal(size=k) for k in range(5, 26)]
    found = cloud_test(clouds[0], clouds[1:])
    assert found.distance == pytest.approx(energy_distance(clouds[0], np.concatenate(clouds[1:])), rel=1e-9)
    each = [energy_distance(c, np.concatenate(clouds[:k] + clouds[k + 1 :])) for k, c in enumerate(clouds)][1:]
    assert found.typical == pytest.approx(np.mean(each), rel=1e-9)
    assert found.pvalue == pytest.approx((1 + np.sum(np.array(each) >= found.distance)) / 21)


def test_pvalues_are_uniform_if_the_law_is_right():
    ens = rmt.oriented_sparse(6.0, stats.norm(0, 0.35))
    clouds = spectra(ens, 40, 240, seed=2)
    p = [cloud_test(clouds[k], clouds[k + 1 : k + 40]).pvalue for k in range(0, 240, 40)]
    ranks = [
        rank_test(clouds[k][0].real, [c[0].real for c in clouds[k + 1 : k + 40]]).pvalue for k in range(0, 240, 40)
    ]
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert min(ranks) > 0.01


@pytest.mark.parametrize("scale", [1.25, 0.8])
def test_power_against_other_strengths(scale):
    weight = stats.norm(0, 0.35)
    samples = spectra(rmt.oriented_sparse(6.0, weight), 200, 60, seed=3)
    other = spectra(rmt.oriented_sparse(6.0, stats.norm(0, 0.35 * scale)), 200, 1, seed=4)[0]
    assert cloud_test(other, samples).pvalue < 0.05


def test_rank_of_an_outlier():
    samples = np.random.default_rng(5).normal(size=200)
    assert rank_test(9.0, samples).rank == 200
    assert rank_test(9.0, samples).pvalue == pytest.approx(2 / 201)
    assert rank_test(np.median(samples), samples).pvalue > 0.9


def test_matching_is_the_best_one():
    p = np.array([0.0, 1.0, 2.0, 1j])
    assert matching_distance(p, p[[2, 0, 3, 1]] + 0.1) == pytest.approx(0.1)


def memory(strength, noise=0.0):
    """Two groups that excite themselves and inhibit each other, in one population of 20 units."""
    group = np.repeat([1.0, -1.0], 10)
    W = strength * np.outer(group, group) / 10
    inputs = np.stack([10 * group, np.zeros(20)], axis=1)  # enough to undo what noise chose before
    return SimpleNamespace(
        weights=W, input_weights=inputs, tau=np.linspace(20, 100, 20), labels=np.array(["N"] * 20), dt=5.0, noise=noise
    )


def test_strong_recurrence_remembers_and_weak_forgets():
    strong, weak = delay_states(memory(8.0)), delay_states(memory(1.0))
    # pitchfork where strength/4 * 2 = 1
    assert strong.point(0) != strong.point(1)
    assert strong.points.stable[list(strong.last)].all()
    assert strong.points.complete() is True
    assert strong.separation[-1] > 1
    assert weak.point(0) == weak.point(1) == 0
    assert weak.separation[-1] < weak.separation[0] / 5
    assert np.allclose(weak.ends, weak.points.x[0], atol=1e-9)
    for held in (strong, weak):
        for s in (0, 1):
            assert held.network(s).n == 20
            # the state at the end of the delay is closer to its own point than at the start
            d = held.distance(s, held.point(s))
            assert d[-1] < d[0]


def test_noise_moves_the_mean_by_less_than_its_scatter():
    held = delay_states(memory(8.0, noise=0.01), trials=400, seed=1)
    shift = np.sqrt(np.mean((held.mean - held.states) ** 2, axis=2))
    assert np.all(held.scatter > 0)
    assert np.all(shift < held.scatter)
    again = delay_states(memory(8.0, noise=0.01), trials=400, seed=1)
    assert np.array_equal(held.mean, again.mean)
    quiet = delay_states(memory(8.0))
    assert np.array_equal(quiet.mean, quiet.states)
    assert not quiet.scatter.any()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: energy_distance([], [1.0]), "non-empty"),
        (lambda: energy_distance([np.nan], [1.0]), "NaN"),
        (lambda: cloud_test([1.0], [[1.0]] * 5), "at least 19"),
        (lambda: rank_test(np.nan, [1.0, 2.0]), "finite"),
        (lambda: matching_distance([1.0], [1.0, 2.0]), "paired"),
        (lambda: delay_states(memory(1.0), times=(250.0, 50.0)), "increase"),
        (lambda: delay_states(memory(1.0), times=(51.0,)), "whole number"),
        (lambda: delay_states(memory(1.0), fixation=-5.0), "whole number"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValidationError, match=message):
        call()

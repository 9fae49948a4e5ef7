"""Fixed points: known ones are found, proofs hold, absence is said, bad input is refused."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import brentq
from scipy.special import expit

import rmtlib as rmt
from rmtlib.errors import ValidationError
from rmtlib.training.fixed_points import ACTIVATIONS, Activation, fixed_points, run


def random_network(n, strength, seed):
    """Dense Gaussian weights with balanced rows, tanh units, heterogeneous timescales."""
    rng = np.random.default_rng(seed)
    return strength * rng.standard_normal((n, n)) / np.sqrt(n), 0.3 * rng.standard_normal(n), rng.uniform(1, 5, n)


def residual(W, d, x, f):
    return np.abs(-x + W @ f(x) + d).max()


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_derivatives_of_activations(name):
    f, x, e = ACTIVATIONS[name], np.linspace(-6, 6, 4001), 1e-6
    assert np.allclose((f.value(x + e) - f.value(x - e)) / (2 * e), f.slope(x), atol=1e-9)
    assert np.allclose((f.slope(x + e) - f.slope(x - e)) / (2 * e), f.curvature(x), atol=1e-9)
    # the bounds are bounds, and not larger than needed
    assert f.max_slope * (1 - 1e-5) <= np.abs(f.slope(x)).max() <= f.max_slope * (1 + 1e-12)
    assert f.max_curvature * (1 - 1e-5) <= np.abs(f.curvature(x)).max() <= f.max_curvature * (1 + 1e-12)


def test_one_unit_against_a_bracketed_root():
    # x = w sigma(x) + d with w = 8: three roots between its extrema for d = -4, by symmetry x = 0 in the middle
    found = fixed_points([[8.0]], -4.0, [[-3.0], [0.3], [5.0]], tau=2.0)
    roots = [brentq(lambda x: -x + 8 * expit(x) - 4, a, b, xtol=1e-14) for a, b in ((-6, -1), (-0.5, 0.5), (1, 6))]
    assert len(found) == 3
    assert found.complete() is True
    assert np.allclose(np.sort(found.x[:, 0]), roots, atol=1e-10)
    assert found.stable.tolist() == [True, True, False]
    slopes = (-1 + 8 * expit(found.x[:, 0]) * expit(-found.x[:, 0])) / 2
    assert np.allclose(found.abscissa, slopes, atol=1e-12)
    assert np.all(np.abs(found.x[:, 0] - np.array([min(roots, key=lambda r: abs(r - x)) for x in found.x[:, 0]])) <= found.error)
    assert np.all(found.error < 1e-10)


def test_winner_take_all_pair():
    found = fixed_points([[0, -8], [-8, 0]], 4.0, [[4, -4], [-4, 4], [0.1, 0.0]], tau=10.0)
    assert found.reached.tolist() == [0, 1, 2] or found.reached.tolist() == [1, 0, 2]
    assert found.unstable.tolist() == [0, 0, 1]
    assert found.index.tolist() == [1, 1, -1]
    # saddle at 0: gain 1/4, eigenvalues (-1 +- 2)/10
    assert np.allclose(found.eigenvalues[2], [0.1, -0.3])
    # each winner is where the dynamics ends
    for k in (0, 1):
        end = run([[0, -8], [-8, 0]], 4.0, found.x[k] + 0.3, 4000, tau=10.0, dt=0.5)
        assert np.allclose(end, found.x[k], atol=1e-12)
    # and from beside the saddle it leaves
    end = run([[0, -8], [-8, 0]], 4.0, found.x[2] + [1e-3, 0], 4000, tau=10.0, dt=0.5)
    assert np.allclose(end, found.x[found.x[:, 0] > 1][0], atol=1e-12)


def test_two_found_of_three_are_reported_as_incomplete():
    found = fixed_points([[0, -8], [-8, 0]], 4.0, [[4, -4], [-4, 4]])
    assert len(found) == 2
    assert found.complete() is False
    assert "missing" in str(found)


def test_random_network_by_residual_and_by_simulation():
    W, d, tau = random_network(150, 0.8, seed=1)  # contracting enough: one attractor
    starts = np.random.default_rng(2).standard_normal((4, 150))
    found = fixed_points(W, d, starts, tau=tau, activation="tanh")
    assert len(found) == 1
    assert found.stable[0]
    assert found.reached.tolist() == [0, 0, 0, 0]
    assert residual(W, d, found.x[0], np.tanh) < 1e-10
    end = run(W, d, starts, 20_000, tau=tau, dt=0.1, activation="tanh")
    assert np.allclose(end, found.x[0], atol=1e-9)
    assert found.error[0] < 1e-9
    # eigenvalues are those of the linearised network, by the package's own route
    assert found.abscissa[0] == pytest.approx(rmt.spectral_abscissa(found.network(0)), abs=1e-10)
    assert np.allclose(found.network(0).gain, 1 - np.tanh(found.x[0]) ** 2)


def test_chaotic_network_has_saddles_with_the_stated_number_of_unstable_modes():
    W, d, tau = random_network(60, 2.0, seed=3)
    starts = run(W, d, np.random.default_rng(4).standard_normal((12, 60)), 1500, tau=tau, dt=0.1, activation="tanh")
    found = fixed_points(W, d, starts, tau=tau, activation="tanh")
    assert len(found) + len(found.slow) >= 1
    for k in range(len(found)):
        J = (-np.eye(60) + W * (1 - np.tanh(found.x[k]) ** 2)) / tau[:, None]
        lam = np.linalg.eigvals(J)
        assert residual(W, d, found.x[k], np.tanh) < 1e-10
        assert found.unstable[k] == np.sum(lam.real > 0)
        assert found.index[k] == np.sign(np.linalg.det(-J * tau[:, None]))
    # every start is accounted for
    assert found.reached.shape == (12,)
    assert set(found.failed) == set(np.flatnonzero(found.reached == 12))


def test_timescales_do_not_move_fixed_points_but_stability():
    # an oscillator: excitation at 1, inhibition slow or fast; d puts the fixed point at x = 0
    W, d = np.array([[10.0, -10.0], [10.0, -2.0]]), np.array([0.0, -4.0])
    fast, slow = (fixed_points(W, d, [[0.1, 0.1]], tau=[1.0, t]) for t in (0.5, 10.0))
    assert np.allclose(fast.x[0], slow.x[0], atol=1e-9)
    assert fast.stable[0]
    assert slow.unstable[0] == 2
    assert fast.index[0] == slow.index[0] == 1


def test_errors_are_proved_and_hold():
    # the stated radius contains the exact point, also for a poor approximation
    W, d, tau = random_network(40, 0.8, seed=5)
    exact = fixed_points(W, d, np.zeros(40), tau=tau, activation="tanh", tol=1e-13).x[0]
    from rmtlib.training.fixed_points import _certificate, _dynamics, _Flow

    flow, rng = _Flow(*_dynamics(W, d, tau, "tanh")), np.random.default_rng(6)
    certified = 0
    for size in (1e-8, 1e-5, 1e-3, 1e-2, 0.1, 1.0):
        x = exact + size * rng.standard_normal(40)
        error, alone = _certificate(flow, x)
        if np.isfinite(error):
            certified += 1
            assert np.linalg.norm(x - exact) <= error
            assert error < 2 * np.linalg.norm(x - exact) + 1e-12
            assert alone >= error
    assert 3 <= certified < 6  # no proof from far away


def test_where_there_is_none_a_slow_point_says_so():
    # a saddle-node just missed: x = 8 sigma(x) - d, beyond the fold
    fold = brentq(lambda x: 8 * expit(x) * expit(-x) - 1, 0, 5)
    d = -(8 * expit(fold) - fold) - 0.05
    found = fixed_points([[8.0]], d, [[fold + 0.2]])
    assert len(found) == 0
    assert len(found.slow) == 1
    assert found.reached.tolist() == [-1]
    assert found.slow.x[0, 0] == pytest.approx(fold, abs=1e-5)
    assert found.slow.speed[0] == pytest.approx(0.05, abs=1e-8)
    # the lower fixed point that Brouwer promises lies outside the radius that was excluded
    lower = fixed_points([[8.0]], d, [[-8.0]])
    assert lower.complete() is True
    assert abs(lower.x[0, 0] - found.slow.x[0, 0]) > found.slow.clearance[0] > 0.1
    assert "no fixed point within" in str(found)
    assert np.array_equal(found.state(-1), found.slow.x[0])
    assert found.network(-1).gain == pytest.approx([1 / 8])


def test_clearance_holds_in_many_dimensions():
    W, d, tau = random_network(40, 1.8, seed=7)
    starts = 2 * np.random.default_rng(8).standard_normal((30, 40))
    found = fixed_points(W, d, starts, tau=tau, activation="tanh")
    assert len(found) >= 1
    assert len(found.slow) >= 1
    for x, r, v in zip(found.slow.x, found.slow.clearance, found.slow.speed, strict=True):
        assert np.linalg.norm(found.x - x, axis=1).min() > r > 0
        velocity = (-x + W @ np.tanh(x) + d) / tau
        assert v == pytest.approx(np.sqrt(np.mean(velocity**2)), rel=1e-12)
        # a minimum of the speed has a singular Jacobian, the velocity being its left null vector
        J = (-np.eye(40) + W * (1 - np.tanh(x) ** 2)) / tau[:, None]
        assert np.linalg.norm(velocity @ J) < 1e-5 * np.linalg.norm(velocity)


def test_no_fixed_point_anywhere_with_an_unbounded_activation():
    # 1.5 softplus(x) + 1 - x is least at x = log 2, where it is 1.5 log 3 + 1 - log 2
    softplus = Activation(lambda x: np.logaddexp(0, x), expit, lambda x: expit(x) * expit(-x), 1.0, 0.25)
    found = fixed_points([[1.5]], 1.0, [[-3.0], [0.0], [2.0]], activation=softplus)
    assert len(found) == 0
    assert found.complete() is None
    assert len(found.slow) == 1
    assert found.slow.speed[0] == pytest.approx(1.5 * np.log(3) + 1 - np.log(2))


def test_linear_network_is_exact_and_alone():
    linear = Activation(lambda x: x, np.ones_like, np.zeros_like, 1.0, 0.0)
    W = np.array([[0.0, 0.5], [-0.5, 0.2]])
    found = fixed_points(W, [1.0, 2.0], [[5.0, 5.0]], activation=linear)
    assert np.allclose(found.x[0], np.linalg.solve(np.eye(2) - W, [1.0, 2.0]), atol=1e-14)
    assert found.alone[0] == np.inf


def test_steps_of_euler_keep_the_fixed_points_and_may_lose_stability():
    W, d = np.array([[0.0, -30.0], [30.0, 0.0]]), np.array([15.0, -15.0])  # spiral: lambda = -1 +- 7.5i
    found = fixed_points(W, d, [[0.0, 0.0]])
    assert found.stable[0]
    assert found.step_radius(0.01)[0] < 1 < found.step_radius(0.1)[0]
    assert found.step_radius(0.1)[0] == pytest.approx(abs(1 + 0.1 * (-1 + 7.5j)))
    end = run(W, d, [0.01, 0.0], 3000, dt=0.01)
    assert np.allclose(end, found.x[0], atol=1e-9)


def test_noise_of_a_step_gives_the_stationary_variance_of_an_autoregression():
    # independent units: x = (1 - dt/tau) x + noise, variance noise/(1 - (1 - dt/tau)^2)
    x = run(np.zeros((2, 2)), 0.0, np.zeros((4000, 2)), 400, tau=[10.0, 50.0], dt=5.0, noise=0.01, seed=9)
    expected = 0.01 / (1 - (1 - 5.0 / np.array([10.0, 50.0])) ** 2)
    assert np.allclose(x.var(axis=0), expected, rtol=5 * np.sqrt(2 / 4000))  # five standard errors
    again = run(np.zeros((2, 2)), 0.0, np.zeros((4000, 2)), 400, tau=[10.0, 50.0], dt=5.0, noise=0.01, seed=9)
    assert np.array_equal(x, again)


def test_run_keeps_what_it_is_asked_to():
    path = run([[0.0]], 1.0, [0.0], 10, dt=0.5, every=5)
    assert path.shape == (3, 1)
    assert path[-1, 0] == pytest.approx(1 - 0.5**10)


def test_sparse_weights_and_labels():
    W = sp.csr_array(np.array([[0.0, -2.0], [1.0, 0.0]]))
    found = fixed_points(W, 0.5, [[0.0, 0.0]], labels=["E", "I"])
    assert found.network(0).labels.tolist() == ["E", "I"]
    for k in (1, -1):
        with pytest.raises(ValidationError, match="there is no point"):
            found.network(k)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"weights": [[1.0, 2.0]]}, "square"),
        ({"weights": [[np.nan]]}, "NaN"),
        ({"weights": [["a"]]}, "real numbers"),
        ({"weights": np.ones((1, 1)) * 1j}, "real numbers"),
        ({"weights": rmt.Network([[0.0]])}, "linearised"),
        ({"drive": [1.0, 2.0]}, "drive must be one number"),
        ({"tau": 0.0}, "positive"),
        ({"tau": [1.0, 2.0, 3.0]}, "tau must be"),
        ({"starts": [[0.0, 1.0]]}, "shape"),
        ({"starts": np.zeros((0, 1))}, "shape"),
        ({"starts": [[np.inf]]}, "diverged"),
        ({"activation": "relu"}, "choose one of"),
        ({"activation": np.tanh}, "Activation"),
        ({"tol": 0.0}, "tol"),
        ({"merge": -1.0}, "merge"),
        ({"max_evaluations": 0}, "max_evaluations"),
        ({"labels": ["E", "I"]}, "labels"),
    ],
)
def test_bad_input_is_refused(change, message):
    arguments = {"weights": [[2.0]], "drive": 0.0, "starts": [[0.0]], **change}
    with pytest.raises(ValidationError, match=message):
        fixed_points(**arguments)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"steps": -1}, "steps"),
        ({"dt": 0.0}, "dt"),
        ({"dt": 3.0}, "overshoot"),
        ({"noise": -1.0}, "variance"),
        ({"every": 0}, "every"),
        ({"start": [0.0, 0.0]}, "start"),
    ],
)
def test_bad_runs_are_refused(change, message):
    arguments = {"weights": [[2.0]], "drive": 0.0, "start": [0.0], "steps": 3, **change}
    with pytest.raises(ValidationError, match=message):
        run(**arguments)


def test_a_run_that_diverges_is_refused():
    cubic = Activation(lambda x: x**3, lambda x: 3 * x**2, lambda x: 6 * x)
    with pytest.raises(ValidationError, match="diverge"):
        run([[2.0]], 0.0, [2.0], 1000, activation=cubic)

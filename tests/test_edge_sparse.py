"""Edge, outliers, bar and atoms of sparse ensembles: laws, limits, and counts on sampled networks."""

import numpy as np
import pytest
from scipy import stats

import rmtlib as rmt
from rmtlib.theory import multiplicity

NORMAL = stats.norm(0, 1)


# --- atoms ---------------------------------------------------------------------------------------------


def ensembles_with_atoms():
    two = rmt.Discrete([1.0, 3.0], [0.4, 0.6])
    half = rmt.laws.Mixture([(0.5, 1.0), (0.5, stats.uniform(2, 1))])
    pops = [rmt.Population("a", 0.5, tau=two), rmt.Population("b", 0.3, tau=1.0), rmt.Population("c", 0.2, tau=half)]
    degrees = {("a", "a"): 1.0, ("a", "b"): 0.8, ("b", "a"): 1.5, ("b", "b"): 0.5, ("c", "a"): 2.0, ("c", "c"): 1.7}
    several = rmt.Ensemble(pops, {k: rmt.Synapses(NORMAL, degree=c) for k, c in degrees.items()})
    return {
        "constant": rmt.oriented_sparse(2.5, NORMAL),
        "discrete": rmt.oriented_sparse(2.0, NORMAL, tau=two),
        "mixed": rmt.oriented_sparse(1.6, 1.0, tau=half),
        "no leak": rmt.oriented_sparse(1.6, NORMAL, tau=half, leak=0.0),
        "several": several,
    }


@pytest.mark.parametrize("name", ensembles_with_atoms())
def test_atoms_against_the_disjoint_cycles_of_samples(name):
    ens = ensembles_with_atoms()[name]
    bar = rmt.bar(ens)
    found, weights = [], []
    for seed in range(6):
        net = ens.sample(12_000, seed=seed)
        where, mass = rmt.bar(net).atoms
        found.append([mass[where == x].sum() for x in bar.atoms[0]])
        weights.append(rmt.bar(net).weight)
    found, weights = np.array(found), np.array(weights)
    for got, expected in ((found, bar.atoms[1]), (weights, bar.weight)):
        # Poisson degrees: a share x of n units scatters by about sqrt(x/n), 0.007 at most, and more for the number
        # of synapses; six samples know their own scatter badly, hence the floor
        error = np.maximum(got.std(axis=0, ddof=1), 0.002) / np.sqrt(len(got))
        assert np.all(np.abs(got.mean(axis=0) - expected) < 4 * error)
    assert bar.error < 1e-8


def test_the_measured_table():
    # masses seen in eigenvalue counts at n = 4000, one network each: scatter 0.01
    for degree, mass in ((1.5, 0.784), (2.5, 0.299), (3.0, 0.168), (5.0, 0.015)):
        assert rmt.bar(rmt.oriented_sparse(degree, NORMAL)).weight == pytest.approx(mass, abs=0.02)


def test_units_left_out_are_eigenvalues():
    """Against the algebraic multiplicity in exact arithmetic modulo a large prime, weights at random."""
    prime, rng = 2_147_483_629, np.random.default_rng(5)
    for degree in (0.8, 1.5, 2.5):
        n = 24
        pattern = (rng.random((n, n)) < degree / n) & ~np.eye(n, dtype=bool)
        matrix = np.where(pattern, rng.integers(1, prime, (n, n)), 0).astype(object)
        power = np.eye(n, dtype=object)
        for _ in range(n):
            power = power.dot(matrix) % prime
        assert multiplicity.units_left_out(pattern, np.ones(n, bool)) == n - _rank(power, prime)


def _rank(matrix, prime):
    matrix, rank = matrix.copy(), 0
    for column in range(matrix.shape[1]):
        pivots = [i for i in range(rank, len(matrix)) if matrix[i, column] % prime]
        if not pivots:
            continue
        matrix[[rank, pivots[0]]] = matrix[[pivots[0], rank]]
        matrix[rank] = matrix[rank] * pow(int(matrix[rank, column]), -1, prime) % prime
        for i in range(rank + 1, len(matrix)):
            matrix[i] = (matrix[i] - matrix[i, column] * matrix[rank]) % prime
        rank += 1
    return rank


def test_laws_of_the_atom_mass():
    mass = lambda c, p: multiplicity.atom_mass([[c]], [1.0], [p])[0]
    assert mass(0.7, 0.3) == pytest.approx(0.3, abs=1e-9)  # below percolation: every unit
    q = 0.203187869979979953838  # q = exp(-2 (1 - q))
    # few such units, none near another: those outside the giant component
    assert mass(2.0, 1e-4) / 1e-4 == pytest.approx(1 - (1 - q) ** 2, abs=1e-3)
    shares = [mass(2.5, p) for p in (0.2, 0.4, 0.6, 0.8, 1.0)]
    assert np.all(np.diff(shares, 2) > 0)  # the minimum of a cost that each unit adds to
    # two copies of a population are one
    assert multiplicity.atom_mass(np.full((2, 2), 1.25), [0.5, 0.5], [1.0, 1.0])[0] == pytest.approx(mass(2.5, 1.0))
    # a network read backwards has the same spectrum
    c, f = np.array([[1.0, 0.8], [2.0, 0.4]]), np.array([0.6, 0.4])
    back = c.T * f[None, :] / f[:, None]
    assert multiplicity.atom_mass(c, f, [1.0, 0.2])[0] == pytest.approx(multiplicity.atom_mass(back, f, [1.0, 0.2])[0])
    with pytest.raises(rmt.ConvergenceError, match="percolation"):
        multiplicity.atom_mass([[1.0005]], [1.0], [1.0])


def test_the_resolvent_approaches_the_atom():
    # z g(z) -> mass from above as z -> 0, logarithmically slowly
    ens = rmt.oriented_sparse(3.0, NORMAL, leak=0.0)
    z = np.array([1e-2, 1e-3])
    got = (z * rmt.resolvent(ens, z, tol=1e-5, throw=False).value).real
    mass = rmt.bar(ens).weight
    assert got[0] > got[1] > mass
    assert got[1] - mass < 0.02

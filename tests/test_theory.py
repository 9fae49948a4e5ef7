"""Dense theory against closed forms, other routes and samples."""

import numpy as np
import pytest
from scipy import stats

import rmtlib as rmt

Z = np.array([0.0, 0.3 + 0.2j, -0.5j, 0.999, 1.001, 1.5 + 0.5j, -2.0])


def test_circular_law():
    for std in (1.0, 2.5):
        z = std * Z
        inside = np.abs(z) < std
        g = rmt.resolvent(rmt.ginibre(std=std), z)
        expected = np.where(inside, z.conj() / std**2, 1 / np.where(z == 0, 1, z))
        np.testing.assert_allclose(g.value, expected, rtol=1e-10, atol=1e-12)
        rho = rmt.density(rmt.ginibre(std=std), z)
        np.testing.assert_allclose(rho.value, inside / (np.pi * std**2), rtol=1e-10)


@pytest.mark.parametrize("gamma", [0.5, -0.5, 0.9, -0.9])
def test_elliptic_law(gamma):
    rng = np.random.default_rng(1)
    z = 2 * (rng.random(40) - 0.5) * 2 + 1j * (rng.random(40) - 0.5) * 4
    inside = (z.real / (1 + gamma)) ** 2 + (z.imag / (1 - gamma)) ** 2 < 1
    root = z * np.sqrt(1 - 4 * gamma / z**2)  # cut between the foci
    outside = (z - root) / (2 * gamma)
    expected = np.where(inside, (z.conj() - gamma * z) / (1 - gamma**2), outside)
    ens = rmt.elliptic(gamma)
    np.testing.assert_allclose(rmt.resolvent(ens, z).value, expected, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(rmt.density(ens, z).value, inside / (np.pi * (1 - gamma**2)), rtol=1e-8, atol=1e-12)


def test_semicircle_is_a_line_density():
    ens = rmt.wigner(std=1.5)
    bar = rmt.bar(ens)
    assert bar.weight == 1
    np.testing.assert_allclose(bar.segments, [(-3.0, 3.0)], atol=1e-9)
    x = np.array([-2.9, 0.0, 1.0, 2.999, 3.1])
    np.testing.assert_allclose(bar.density(x), np.sqrt(np.maximum(9 - x**2, 0)) / (2 * np.pi * 1.5**2), atol=1e-8)
    with pytest.raises(rmt.NotApplicableError, match="bar"):
        rmt.density(ens, 0.0)


def test_time_units():
    def ens(s):
        return rmt.Ensemble(
            [rmt.Population("a", tau=stats.beta(2, 2, loc=0.5 * s, scale=1.5 * s), gain=stats.beta(2, 3, 0.3, 0.7))],
            rmt.Synapses.dense(1.2),
        )

    z = np.array([-0.5 + 0.2j, -0.8, 0.1 + 0.05j, 0.5])
    s = 137.0
    np.testing.assert_allclose(rmt.resolvent(ens(s), z / s).value, s * rmt.resolvent(ens(1.0), z).value, rtol=1e-11)
    np.testing.assert_allclose(rmt.density(ens(s), z / s).value, s**2 * rmt.density(ens(1.0), z).value, rtol=1e-11)
    assert rmt.spectral_abscissa(ens(s)) * s == pytest.approx(rmt.spectral_abscissa(ens(1.0)), rel=1e-11)

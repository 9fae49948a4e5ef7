"""The symbolic equations of the sparse edge against the numerical kernels that solve them."""

import numpy as np
import pytest
import sympy as sp
from scipy import stats

import rmtlib as rmt
from rmtlib import symbolic as sym
from rmtlib.theory import multiplicity

P, S = sym.edge_symbols, sym.symbols


def test_motifs():
    """A point of the symbolic edge is one of the numerical edge."""
    degree, correlation = 20.0, -0.4
    values = {P.V: 1.0, P.R: correlation, P.v: (1 + 2 * correlation**2) / degree, P.r: 3 * correlation / degree}
    angle = 0.7
    condition = sym.motif_edge_condition().subs(values)
    size = sp.Symbol("x", positive=True)
    on_ray = condition.lhs.subs({P.G: size * sp.exp(-sp.I * angle), P.Gbar: size * sp.exp(sp.I * angle)})
    root = float(sp.nsolve(sp.re(sp.N(on_ray.rewrite(sp.cos))) - 1, size, 0.95))
    z = complex(sym.motif_resolvent().rhs.subs(values).subs(P.G, root * sp.exp(-sp.I * angle)))
    ens = rmt.Ensemble(
        rmt.Population("a"),
        rmt.Synapses(stats.norm(0, degree**-0.5), degree=degree),
        reciprocity=rmt.Reciprocity(1.0, correlation),
        leak=0.0,
    )
    assert rmt.edge_function(ens, z, order=1) == pytest.approx(1.0, abs=1e-9)


def test_exponents():
    c, p, reach = 2.5, 0.6, 40
    k = np.arange(-reach, reach + 1)
    table = np.where(k > 0, 0.5, 1.0) * np.ones((2, 1, 1))
    table, _, _ = multiplicity._solve(*(np.array(x) for x in ([[c]], [[c]], [1.0], [p])), table, reach)
    F = sp.Function("F")
    equation = sym.exponent_equations()[0]
    left = (equation.lhs - equation.rhs).replace(sp.Function("G"), F)  # the symmetric gauge
    for at in (-2, -1, 0, 1, 2):
        value = lambda j: sp.Float(table[0, 0, int(j) + reach])
        assert float(left.subs({P.k: at, S.c: c, P.p: p}).replace(F, value)) == pytest.approx(0.0, abs=1e-10)


def test_localisation():
    ens = rmt.oriented_sparse(5.0, rmt.Discrete([1.0, -0.5], [0.7, 0.3]), leak=0.0)
    z = rmt.outliers(ens)[0].real
    table = {f"k_{m}": 5.0 * (0.7 + 0.3 * (-0.5) ** m) / z**m for m in range(1, 5)}
    moments = {m: float(sp.sympify(e).subs(table)) for m, e in sym.outlier_moments().items()}
    assert rmt.outlier_ipr(ens, z) == pytest.approx(moments[4] / moments[2] ** 2, rel=1e-9)
    # one value of tau and gain
    one = rmt.oriented_sparse(6.0, stats.norm(0, 0.5), tau=2.0, gain=0.7)
    z = -0.5 + 0.5j * np.sqrt(6 * 0.25 * 0.49)
    atoms = [(2, sp.Rational(7, 10), 1)]
    for side in ("right", "left"):
        expr = sym.evaluate(sym.edge_participation(side), atoms).doit().subs({S.ell: 1, S.c: 6})
        expr = expr.subs({S.z: z, S.zbar: np.conj(z)})
        brackets = expr.atoms(sym.SynapseAverage)
        expr = expr.subs(dict.fromkeys(brackets, 3 * 0.5**4))
        assert complex(sp.N(expr)).real == pytest.approx(rmt.edge_ipr(one, z, side), rel=1e-9)


def test_freezing_and_degrees():
    law = stats.gamma(2.0)
    condition = sym.freezing_condition()
    first, entropy = sp.Symbol(r"\langle x\rangle", positive=True), sp.Symbol(r"\langle x\log x\rangle", real=True)
    numbers = {first: law.moment(2), entropy: law.expect(lambda w: w**2 * np.log(w**2))}
    predicted = float(sp.exp(condition.rhs.subs(numbers)))
    assert rmt.freezing_degree(rmt.oriented_sparse(9.0, law)) == pytest.approx(predicted, rel=1e-6)
    poisson = sym.degree_edge().lhs.subs(
        sp.Symbol(r"\langle k_{in} k_{out}\rangle", positive=True),
        S.c * sp.Symbol(r"\langle k_{out}\rangle", positive=True),
    )
    assert sp.simplify(poisson - sym.fractional_kernel(1)) == 0

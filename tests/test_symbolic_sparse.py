"""The functional saddle point: the operators of the solver against the symbolic equations, at random points.

The symbolic side is evaluated at trial transforms, of gamma laws with an atom, whose images are known in closed form;
neither side solves anything. Laws are discrete, so that no quadrature in them stands between the two.
"""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from scipy import special

import rmtlib as rmt
from rmtlib import symbolic as sym
from rmtlib.laws import Discrete, EmpiricalJoint
from rmtlib.theory import saddle

S, P = sym.symbols, sym.sparse_symbols
GRID = saddle._Grid(3)  # 2048 points over 330: errors of the grid below 1e-10
TOL = 1e-8  # the quadrature of the symbolic side is good to 1e-9 at 15 digits
NEAR = range(GRID.n // 2 - 12, GRID.n // 2 + 12)  # grid points where the functions vary
NAMES = ("E", "I")


class Trial:
    """``phi(t) = q + (1 - q)(1 + v t/m)^-m``: a gamma law of shape m and mean v, with an atom q at 0."""

    def __init__(self, q, m, v):
        self.q, self.m, self.v = q, m, v

    def __call__(self, t):
        return self.q + (1 - self.q) * (1 + self.v * complex(t) / self.m) ** (-self.m)

    def slope(self, u):
        """d phi/d log t."""
        x = self.v * np.exp(u) / self.m
        return -(1 - self.q) * self.m * np.exp(np.log(x) - (self.m + 1) * np.log1p(x))

    def image(self, k, order=0):
        """E exp(-k/x), 0 at x = 0, and k d/dk of it once or twice; d/dy y^(m/2) K_m(2 sqrt y) = -y^((m-1)/2) K_(m-1)."""
        y = complex(k) * self.m / self.v

        def power(j):
            return 2 * y ** ((self.m + j) / 2) * special.kv(self.m - j, 2 * y**0.5)

        value = (lambda: power(0), lambda: -power(1), lambda: power(2) - power(1))[order]()
        return (1 - self.q) / special.gamma(self.m) * value


class Change:
    """The difference of two trials with the same atom, as a derivative with respect to a parameter would be."""

    def __init__(self, one, two):
        self.one, self.two = one, Trial(one.q, two.m, two.v)

    def __call__(self, t):
        return self.one(t) - self.two(t)

    def slope(self, u):
        return self.one.slope(u) - self.two.slope(u)

    def image(self, k, order=0):
        return self.one.image(k, order) - self.two.image(k, order)


def random_trial(rng):
    return Trial(rng.uniform(0, 0.3), rng.uniform(1.5, 4), np.exp(rng.normal(0, 0.3)))


def closed_form(trial, atoms, z):
    """H(t) = < K[phi](t beta^2) > for a discrete law."""
    gaps = [(abs(1 + z * tau) ** 2 / h**2, p) for tau, h, p in atoms]
    return lambda t: sum(p * trial.image(t * gap) for gap, p in gaps)


def pick(rng, count):
    return rng.choice(NEAR, count, replace=False)


@pytest.mark.parametrize("seed", range(3))
def test_kernel(seed):
    """The integral, the closed form with Bessel functions and the solver's transform are one map."""
    rng = np.random.default_rng(seed)
    phi = random_trial(rng)
    kernels = [sym.Kernel(sp.Function("phi")(P.t), P.k, order) for order in (0, 1)]
    integral = sym.sparse_lambdify(P.k, kernels, functions={"phi": phi})
    transformed = GRID.back(np.conj(GRID.forward(phi.slope(GRID.u)) * GRID.kernel))
    for i in pick(rng, 3):
        k = float(np.exp(GRID.u[i]))
        value, turned = (complex(v) for v in integral(k))
        assert value == pytest.approx(phi.image(k), abs=TOL)
        assert turned == pytest.approx(phi.image(k, 1), abs=TOL)
        assert transformed[i] == pytest.approx(turned, abs=TOL)


def test_definition():
    """The quadrature off the real axis against the defining integral between the zeros of the Bessel function."""
    k = 1.7
    kernel = sym.Kernel(1 / (1 + P.t) ** 2, P.k)
    integrand = kernel.integral().subs(P.k, k).atoms(sp.Integral).pop().function
    plain = mp.quadosc(sp.lambdify(P.t, integrand, "mpmath"), [0, mp.inf], zeros=lambda n: (mp.pi * n) ** 2 / (4 * k))
    assert abs(plain) == pytest.approx(complex(sym.sparse_lambdify(P.k, kernel)(k)), abs=TOL)


def test_multiplier():
    omega = np.random.default_rng(0).uniform(-30, 30, 20)
    values = [complex(sp.N(sym.mellin_multiplier(w))) for w in omega]
    assert saddle.hankel_multiplier(omega) == pytest.approx(values, abs=1e-12)
    assert np.abs(values) == pytest.approx(1, abs=1e-12)


def test_messages():
    """The messages are those of the Schur complement, with the gain of the receiver moved."""
    rng = np.random.default_rng(1)
    numbers = dict(zip((S.X, S.Y, S.h, S.tau, P.w, S.ell), rng.uniform(0.5, 2, 6), strict=True))
    z = complex(*rng.normal(size=2))
    numbers |= {S.z: z, S.zbar: z.conjugate()}
    a = abs(numbers[S.ell] + z * numbers[S.tau])
    dressed = np.array([[numbers[S.X], 1j * a], [1j * a, numbers[S.h] ** 2 * numbers[S.Y]]])
    G = np.linalg.inv(dressed)
    into, out = (m.subs(P.beta, a / S.h).subs(numbers) for m in sym.cavity_messages())
    assert float(into) == pytest.approx((numbers[P.w] ** 2 * numbers[S.h] ** 2 * G[1, 1]).real)
    assert float(out) == pytest.approx((numbers[P.w] ** 2 * G[0, 0]).real / 1)


def case(rng, names):
    """An ensemble with discrete laws, what the symbols are, and trial transforms for each of its functions."""
    pops, atoms, values, weights, synapses = [], {}, {S.ell: 1}, {}, {}
    fractions = dict(zip(names, (0.7, 0.3) if len(names) > 1 else (1.0,), strict=True))

    def symbol(name, *which):
        return sp.Symbol(f"{name}_{''.join(which)}", **getattr(S, name)._assumptions_orig) if len(names) > 1 else getattr(S, name)

    for a in names:
        half, gain = rng.uniform(0.1, 0.7), rng.uniform(0.5, 1.2, 2)
        tau = np.array([1 - half, 1 + half])  # mean 1: the unit of time of the solver
        pops.append(rmt.Population(a, fractions[a], joint=EmpiricalJoint(tau, gain)))
        atoms[a if len(names) > 1 else ""] = [(t, h, 0.5) for t, h in zip(tau, gain, strict=True)]
        if len(names) > 1:
            values[symbol("f", a)] = fractions[a]
        for b in names:
            w, c = rng.uniform(0.3, 1.2, 2), rng.uniform(2, 5)
            synapses[a, b] = rmt.Synapses(Discrete(w, [0.4, 0.6]), degree=c)
            weights[a + b if len(names) > 1 else ""] = [(w[0], 0.4), (w[1], 0.6)]
            values[symbol("c", a, b)] = c
    ens = rmt.Ensemble(pops, synapses if len(names) > 1 else synapses["all", "all"])
    sides = ("fhat",) if len(names) == 1 else ("fhat", "ftilde")
    trial = {(side, a): random_trial(rng) for a in names for side in sides}
    return ens, values, atoms, weights, trial


def operators(ens, trial, z):
    """The solver's map for the class of all units, and the trial state."""
    cls = saddle._classes(ens)[1][0]
    cmap = saddle._Map(cls, GRID, cls.gap_multipliers(np.array([z]), GRID))
    sides = sorted({side for side, _ in trial})
    names = [ens.names[k] for k in cls.members]
    return cmap, names, np.array([[[trial[side, a].slope(GRID.u)] for side in sides] for a in names])


def suffix(a, names):
    return "" if len(names) == 1 else f"_{a}"


@pytest.mark.parametrize("names", [("all",), NAMES])
def test_saddle_point(names):
    """One sweep of the solver is the right-hand side of the saddle point."""
    rng = np.random.default_rng(len(names))
    ens, values, atoms, weights, trial = case(rng, names)
    z = complex(-0.7, 0.4)
    cmap, order, state = operators(ens, trial, z)
    functions = {side + suffix(a, names): t for (side, a), t in trial.items()}
    for (side, a), t in trial.items():
        half = "Hhat" if side == "fhat" else "Htilde"
        functions[half + suffix(a, names)] = closed_form(t, atoms[a if len(names) > 1 else ""], z)
    _, _, h, _ = cmap.parts(state)
    product = state[:, ::-1] * h
    _, f, _, dh = cmap.parts(state)
    log = GRID.integral(cmap._mix(GRID.forward(product + f[:, ::-1] * dh)))
    values |= {S.z: z, S.zbar: z.conjugate()}
    for equation in sym.functional_saddle_point(1 if len(names) == 1 else names):
        laplace = isinstance(equation.lhs, sp.log)
        target = equation.lhs.args[0] if laplace else equation.lhs
        name, _, which = target.func.__name__.partition("_")
        i = order.index(which or names[0])
        side = 0 if name in ("fhat", "Hhat") else 1
        variable = P.s if laplace else P.t
        rhs = sym.sparse_lambdify(variable, equation.rhs.subs(values), atoms, weights, functions)
        mine = (log if laplace else h)[i, side, 0]
        for j in pick(rng, 1):
            assert mine[j] == pytest.approx(complex(rhs(float(np.exp(GRID.u[j])))), abs=TOL), equation.lhs


def test_atoms():
    ens, values, *_ = case(np.random.default_rng(5), NAMES)
    cls = saddle._classes(ens)[1][0]
    q = saddle._atom(cls)
    equations = sym.atom_equations(NAMES)
    names = [ens.names[k] for k in cls.members]
    known = {e.lhs: q[names.index(e.lhs.name[-1]), int("tilde" in e.lhs.name)] for e in equations}
    for e in equations:
        assert float(e.rhs.subs(values).subs(known)) == pytest.approx(known[e.lhs], abs=1e-12)
        assert known[e.lhs] < 0.5


def integrate(function, log_range=(-45, 30), step=0.25):
    """Over t from 0 to infinity by the trapezoidal rule in log t; the integrands are analytic in a strip of 0.7."""
    u = np.arange(*log_range, step)
    return step * sum(complex(function(float(np.exp(v)))) * np.exp(v) for v in u)


def image_kernel(functions):
    """K of a single trial in closed form; which one is told by its value at a point."""
    known = {complex(t(1.2345)): t for t in functions.values() if isinstance(t, (Trial, Change))}

    def kernel(phi, k, order, constant):
        trial = known[complex(phi(1.2345))]
        return trial.image(complex(k).real, order) - (0 if order or constant else 1)

    return kernel


def with_integrals(expr, atoms, functions):
    """The number that an expression with integrals over t is."""
    kernel = image_kernel(functions)
    integrals = {
        i: integrate(sym.sparse_lambdify(P.t, i.function, atoms, functions=functions, kernel=kernel))
        for i in expr.atoms(sp.Integral)
    }
    return complex(sym.sparse_lambdify([], expr.xreplace(integrals), atoms)())


@pytest.mark.parametrize("names", [("all",), NAMES])
def test_resolvent(names):
    rng = np.random.default_rng(20 + len(names))
    ens, values, atoms, _, trial = case(rng, names)
    z = complex(-0.6, 0.5)
    cmap, _, state = operators(ens, trial, z)
    values |= {S.z: z, S.zbar: z.conjugate()}
    functions = {side + suffix(a, names): t for (side, a), t in trial.items()}
    for a in names:
        values[sp.Symbol("q" + suffix(a, names), nonnegative=True)] = trial["fhat", a].q
    g = with_integrals(sym.sparse_resolvent(1 if len(names) == 1 else names).rhs.subs(values), atoms, functions)
    assert cmap.resolvent(state)[0] == pytest.approx(g, abs=1e-7)


@pytest.mark.parametrize("names", [("all",), NAMES])
def test_density(names):
    """The linearised map and the density, at trial derivatives that are real."""
    rng = np.random.default_rng(30 + len(names))
    ens, values, atoms, weights, trial = case(rng, names)
    z = complex(-0.6, 0.5)
    cmap, order, state = operators(ens, trial, z)
    linear = saddle._Linear(cmap, state)
    dots = {key: Change(t, random_trial(rng)) for key, t in trial.items()}
    _, _, change = operators(ens, dots, z)
    change = np.concatenate([change, np.zeros_like(change)], axis=2)  # real parts, then imaginary parts
    values |= {S.z: z, S.zbar: z.conjugate()}
    functions = {}
    for (side, a), t in trial.items():
        tag, law = suffix(a, names), atoms[a if len(names) > 1 else ""]
        half, dot = "H" + side[1:], dots[side, a]
        functions |= {side + tag: t, f"{side}dot{tag}": dot, half + tag: closed_form(t, law, z)}

        def moved(x, t=t, dot=dot, law=law):
            gaps = [(abs(1 + z * tau) ** 2 / h**2, tau / (1 + z.conjugate() * tau), p) for tau, h, p in law]
            return sum(p * (dot.image(x * gap) + ratio * t.image(x * gap, 1)) for gap, ratio, p in gaps)

        functions[f"{half}dot{tag}"] = moved
    populations = 1 if len(names) == 1 else names
    rho = with_integrals(sym.sparse_density(populations).rhs.subs(values), atoms, functions)
    assert linear.density(change)[0] / np.pi == pytest.approx(rho, abs=1e-7)

    # the solver keeps derivatives with respect to log s; its image is integrated before it is compared
    real, imag = (GRID.integral(GRID.forward(part)) for part in np.split(linear(change, np.arange(2)), 2, axis=2))
    for equation in sym.functional_derivative(populations):
        name, _, which = equation.lhs.func.__name__.partition("_")
        if name[0] == "H":
            continue
        i, side = order.index(which or names[0]), int("tilde" in name)
        rhs = sym.sparse_lambdify(P.s, equation.rhs.subs(values), atoms, weights, functions)
        (j,) = pick(rng, 1)
        mine = real[i, side, 0, j] + 1j * imag[i, side, 0, j]
        assert mine == pytest.approx(complex(rhs(float(np.exp(GRID.u[j])))), abs=TOL)

r"""The equations of oriented sparse graphs as sympy objects: from one synapse to the functional saddle point.

Typed in are the Hermitized matrix of one synapse, the fact that degrees are Poisson, and the kernel of :class:`Kernel`.
The messages, the equations for the Laplace transforms, the resolvent and the linear equations for the density follow
by sympy when the functions are called.

* ``fhat(s)`` and ``ftilde(s)`` are the Laplace transforms :math:`\mathbb E e^{-sX}` and :math:`\mathbb E e^{-sY}` of
  the two self-energies of a unit, ``Hhat(t)`` and ``Htilde(t)`` those of :math:`\beta^2/X` and :math:`\beta^2/Y` with
  :math:`\beta = |\ell + z\tau|/h`.
* :class:`Kernel` is the map that turns the transform of ``x`` into that of ``1/x``.
* :class:`SynapseAverage` is the bracket over the law of a weight; ``w`` is bound in it.

``populations`` is as in :mod:`rmtlib.symbolic.equations`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import sympy as sp
from sympy.printing.precedence import PRECEDENCE

from ..errors import ValidationError
from .equations import AbsSquare, Average, _atoms, _Labels, _law_of, hermitized_matrix, site_resolvent
from .equations import symbols as _S

__all__ = [
    "Kernel",
    "SynapseAverage",
    "atom_equations",
    "cavity_equations",
    "cavity_messages",
    "functional_derivative",
    "functional_saddle_point",
    "mellin_multiplier",
    "sparse_density",
    "sparse_lambdify",
    "sparse_resolvent",
    "sparse_symbols",
    "synapse_self_energy",
]

sparse_symbols = SimpleNamespace(
    w=sp.Symbol("w", real=True),
    beta=sp.Symbol("beta", positive=True),
    s=sp.Symbol("s", positive=True),
    t=sp.Symbol("t", positive=True),
    k=sp.Symbol("k", positive=True),
    q=sp.Symbol("q", nonnegative=True),
    qtilde=sp.Symbol("qtilde", nonnegative=True),
    omega=sp.Symbol("omega", real=True),
    eps=sp.Symbol("varepsilon", real=True),
)
"""Symbols of this module that ``rmtlib.symbolic.symbols`` does not have."""

_P = sparse_symbols


class SynapseAverage(sp.Expr):
    r"""The average over the law of the weight of a synapse; ``w`` is bound, the label says which synapses.

    Examples
    --------
    >>> from rmtlib.symbolic import SynapseAverage, sparse_symbols as p
    >>> 3 * SynapseAverage(p.s * p.w**2, "EI")
    3*<s*w**2>_w_EI
    """

    is_commutative = True
    precedence = PRECEDENCE["Atom"]

    def __new__(cls, integrand: Any, label: Any = "") -> sp.Expr:
        integrand = sp.sympify(integrand)
        if not integrand.has_free(_P.w):
            return integrand
        if not isinstance(label, sp.Symbol):
            label = sp.Symbol(f"w_{label}" if label else "w")
        return sp.Expr.__new__(cls, integrand, label)

    @property
    def free_symbols(self) -> set:
        return self.args[0].free_symbols - {_P.w}

    def _eval_derivative(self, symbol: sp.Symbol) -> sp.Expr:
        return SynapseAverage(self.args[0].diff(symbol), self.args[1])

    @property
    def label(self) -> str:
        """Target and source, as in ``"EI"``; empty for one population."""
        return self.args[1].name[2:]

    def _latex(self, printer: Any) -> str:
        return rf"\left\langle {printer._print(self.args[0])} \right\rangle_{{{printer._print(self.args[1])}}}"

    def _sympystr(self, printer: Any) -> str:
        return f"<{printer._print(self.args[0])}>_{self.args[1].name}"

    def _code(self, printer: Any) -> str:
        return f"over_weights(lambda w: {printer._print(self.args[0])}, {self.label!r})"

    _pythoncode = _numpycode = _mpmathcode = _lambdacode = _code


class Kernel(sp.Expr):
    r"""The map from the Laplace transform of a random number to that of its inverse.

    .. math:: \mathcal K[\phi](k) = \mathbb E\,e^{-k/x}
        = 1 - \phi(0^+) - \int_0^\infty J_0(2\sqrt{kt})\,\phi'(t)\,dt ,\qquad \phi(t) = \mathbb E\,e^{-tx} .

    Affine in :math:`\phi`: derivatives act inside, on :math:`\mathcal K_0 = \mathcal K - 1`, and on :math:`k` through
    :math:`\vartheta = k\,\partial_k`.

    Parameters
    ----------
    phi : Expr
        In the variable ``sparse_symbols.t``, which is bound.
    k : Expr
        Where the result is taken; may hold ``t`` too, which there is free.
    order : int
        How often :math:`\vartheta` acts.
    constant : bool
        False for :math:`\mathcal K_0`. Has no effect for order > 0.

    Examples
    --------
    >>> from rmtlib.symbolic import Kernel, sparse_symbols as p
    >>> gamma = Kernel(1 / (1 + p.t), p.k)
    >>> gamma
    K[1/(t + 1)](k)
    >>> gamma.integral()
    -Integral(-besselj(0, 2*sqrt(k)*sqrt(t))/(t + 1)**2, (t, 0, oo))
    """

    is_commutative = True
    precedence = PRECEDENCE["Atom"]

    def __new__(cls, phi: Any, k: Any, order: int = 0, constant: bool = True) -> sp.Expr:
        phi, order = sp.sympify(phi), sp.sympify(order)
        constant = sp.true if constant and order == 0 else sp.false
        if phi == 0:
            return sp.Integer(int(bool(constant)))
        return sp.Expr.__new__(cls, phi, sp.sympify(k), order, constant)

    @property
    def phi(self) -> sp.Expr:
        """The transform that is mapped, in the bound variable."""
        return self.args[0]

    @property
    def free_symbols(self) -> set:
        return (self.phi.free_symbols - {_P.t}) | self.args[1].free_symbols

    def _eval_derivative(self, symbol: sp.Symbol) -> sp.Expr:
        phi, k, order, _ = self.args
        inner = 0 if symbol == _P.t else phi.diff(symbol)
        change = Kernel(inner, k, order, False)
        slope = k.diff(symbol)
        if slope != 0:
            change += _log_derivative(k, symbol) * Kernel(phi, k, order + 1)
        return change

    def _eval_subs(self, old: Any, new: Any) -> sp.Expr | None:
        phi, k, order, constant = self.args
        if old == _P.t:  # bound in phi
            return Kernel(phi, k.subs(old, new), order, constant)
        return None

    def integral(self) -> sp.Expr:
        """The defining integral, not evaluated, for order 0 and 1."""
        phi, k, order, constant = self.args
        x = 2 * sp.sqrt(k) * sp.sqrt(_P.t)
        if k.has_free(_P.t) or order > 1:
            raise ValidationError("integral() needs order 0 or 1 and an argument k that does not hold t")
        if order == 1:
            return sp.Integral(x / 2 * sp.besselj(1, x) * phi.diff(_P.t), (_P.t, 0, sp.oo))
        start = phi.limit(_P.t, 0, "+") if not phi.atoms(sp.core.function.AppliedUndef) else phi.subs(_P.t, 0)
        return int(bool(constant)) - start - sp.Integral(sp.besselj(0, x) * phi.diff(_P.t), (_P.t, 0, sp.oo))

    def _name(self, letter: str) -> str:
        return letter if self.args[3] or self.args[2] > 0 else letter + "_0"

    def _latex(self, printer: Any) -> str:
        power = {0: "", 1: r"\vartheta"}.get(int(self.args[2]), rf"\vartheta^{{{self.args[2]}}}")
        body, (above, below) = printer._print(self.phi), sp.fraction(self.args[1])
        k = printer._print(above) + ("" if below == 1 else "/" + printer._print(below))  # in one line: it nests
        return rf"{power}{self._name(chr(92) + 'mathcal K')}\left[{body}\right]\!\left({k}\right)"

    def _sympystr(self, printer: Any) -> str:
        power = "theta^" + str(self.args[2]) + " " if self.args[2] > 0 else ""
        return f"{power}{self._name('K')}[{printer._print(self.phi)}]({printer._print(self.args[1])})"

    def _code(self, printer: Any) -> str:
        phi, k, order, constant = self.args
        body = f"lambda t: {printer._print(phi)}"
        return f"kernel({body}, {printer._print(k)}, {int(order)}, {int(bool(constant))})"

    _pythoncode = _numpycode = _mpmathcode = _lambdacode = _code


def _log_derivative(k: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """d log k / d symbol, factor by factor, |a|^2 as a times its conjugate."""
    total = sp.Integer(0)
    for factor in sp.Mul.make_args(k):
        base, power = factor.as_base_exp()
        parts = base.args if isinstance(base, AbsSquare) else (base,)
        total += sum(power * part.diff(symbol) / part for part in parts)
    return total


def mellin_multiplier(omega: Any = None) -> sp.Expr:
    r"""What :class:`Kernel` does to the Fourier coefficients of a logarithmic derivative.

    .. math:: m(\omega) = \frac{\Gamma(1 + i\omega)}{\Gamma(1 - i\omega)} , \qquad
        \phi(t) \to t^{i\omega} \;\Rightarrow\; \mathcal K_0[\phi](k) = -m(\omega)\,k^{-i\omega} .

    Examples
    --------
    >>> from rmtlib.symbolic import mellin_multiplier
    >>> print(abs(complex(mellin_multiplier(3))))
    1.0
    """
    omega = _P.omega if omega is None else sp.sympify(omega)
    return sp.gamma(1 + sp.I * omega) / sp.gamma(1 - sp.I * omega)


# ---------------------------------------------------------------- one synapse, one unit
def synapse_self_energy() -> tuple[sp.Matrix, sp.Matrix]:
    r"""What one neighbour adds to the dressed matrix of a unit: the term :math:`-M_{ij} G_{jj} M_{ji}`.

    .. math:: W_{ij}^2 h_j^2 \begin{pmatrix} g_{22} & 0\\ 0 & 0\end{pmatrix} \text{ from a source } j, \qquad
        W_{ji}^2 h_i^2 \begin{pmatrix} 0 & 0\\ 0 & g_{11}\end{pmatrix} \text{ from a target } j,

    multiplied out. ``w`` is the weight, ``h`` the gain of the sending unit.

    Examples
    --------
    >>> from rmtlib.symbolic import synapse_self_energy
    >>> synapse_self_energy()[0]
    Matrix([
    [g22*h**2*w**2, 0],
    [            0, 0]])
    """
    G = sp.Matrix(2, 2, sp.symbols("g11 g12 g21 g22"))
    receive, send = sp.zeros(2), sp.zeros(2)
    receive[0, 1] = send[1, 0] = -sp.I * _P.w * _S.h  # i B and i B^dagger, B = ... - W H
    return (-receive * G * send).expand(), (-send * G * receive).expand()


def cavity_equations() -> list[sp.Eq]:
    r"""The cavity equations of one network on a tree, for the unit i at the end of an edge.

    .. math:: X_i = \eta + \sum_j W_{ij}^2 h_j^2\, g_{2,j}, \qquad Y_i = \eta + h_i^2 \sum_j W_{ji}^2\, g_{1,j}, \qquad
        g_{1} = \frac{Y}{|a|^2 + XY}, \quad g_{2} = \frac{X}{|a|^2 + XY} .

    ``Y`` holds ``eta`` and the gain of the unit here. In a message along an edge the sum leaves out that edge.

    Returns
    -------
    list of Eq
        For ``X_i``, ``Y_i``, ``g_1``, ``g_2`` and for ``(B^-1)_ii``, that is ``conj(a)/(|a|^2 + X Y)``.

    References
    ----------
    T. Rogers and I. Perez Castillo, Phys. Rev. E 79, 012101 (2009).

    Examples
    --------
    >>> from rmtlib.symbolic import cavity_equations
    >>> cavity_equations()[2].rhs
    Y/(X*Y + |ell + tau*z|^2)
    """
    i, j, n = sp.symbols("i j n", integer=True)
    g, W, h = sp.IndexedBase("g"), sp.IndexedBase("W"), sp.IndexedBase("h")
    source, target = synapse_self_energy()
    entry = source[0, 0].subs({_P.w: W[i, j], _S.h: h[j], sp.Symbol("g22"): g[2, j]})
    other = target[1, 1].subs({_P.w: W[j, i], _S.h: h[i], sp.Symbol("g11"): g[1, j]})
    eta = hermitized_matrix()[0, 0]
    inverse = site_resolvent().subs(_S.Y, _S.Y / _S.h**2)
    return [
        sp.Eq(sp.IndexedBase("X")[i], eta + sp.Sum(entry, (j, 1, n))),
        sp.Eq(sp.IndexedBase("Y")[i], eta + sp.Sum(other, (j, 1, n))),
        sp.Eq(sp.Symbol("g_1"), inverse[0, 0]),
        sp.Eq(sp.Symbol("g_2"), inverse[1, 1]),
        sp.Eq(sp.Symbol("(B^{-1})_{ii}"), sp.I * inverse[1, 0]),
    ]


def cavity_messages() -> tuple[sp.Expr, ...]:
    r"""What a unit sends to a target and to a source at eta = 0, its own gain moved to where it is received.

    .. math:: m = \frac{w^2}{Y + \beta^2/X}, \qquad \tilde m = \frac{w^2}{X + \beta^2/Y}, \qquad
        \beta = \frac{|\ell + z\tau|}{h} .

    ``Y`` is without the gain of the unit: ``X = sum m`` over sources, ``Y = sum m~`` over targets. Simplified from
    :func:`synapse_self_energy` and :func:`~rmtlib.symbolic.equations.site_resolvent`.

    Examples
    --------
    >>> from rmtlib.symbolic import cavity_messages
    >>> cavity_messages()
    (w**2/(Y + beta**2/X), w**2/(X + beta**2/Y))
    """
    G = site_resolvent()
    into, outof = synapse_self_energy()
    # a target sums h^2 w^2 g22; a source sums w^2 g11 and multiplies by its own h^2 afterwards
    raw = into[0, 0].subs(sp.Symbol("g22"), G[1, 1]), outof[1, 1].subs(sp.Symbol("g11"), G[0, 0]) / _S.h**2
    gap = AbsSquare(_S.ell + _S.z * _S.tau)
    inverse = (sp.simplify(_P.w**2 / m.subs(gap, _P.beta**2 * _S.h**2)) for m in raw)
    return tuple(_P.w**2 / sp.expand(e) for e in inverse)


# ---------------------------------------------------------------- the functional saddle point
def _function(name: str, which: Any) -> Any:
    return sp.Function(name if which is None else f"{name}_{which}")


def _which(labels: _Labels, *names: Any) -> str:
    return "" if labels.single else "".join(map(str, names))


def _gap(shift: Any = 0) -> sp.Expr:
    """beta^2 t, with zbar moved by ``shift``."""
    a = _S.ell + _S.z * _S.tau
    return _P.t * AbsSquare(a, _S.ell + (_S.zbar + shift) * _S.tau) / _S.h**2


def _transforms(dotted: bool) -> Callable:
    """``name, population -> function of t``; with dots, moved along its derivative by eps."""

    def at(name: str, which: Any) -> sp.Expr:
        value = _function(name, which)(_P.t)
        if dotted:
            value += _P.eps * _function(name + "dot", which)(_P.t)
        return value

    return at


def _in_degree(labels: _Labels, a: Any, b: Any) -> sp.Expr:
    return labels("c", a, b)


def _out_degree(labels: _Labels, a: Any, b: Any) -> sp.Expr:
    return labels("c", b, a) * labels("f", b) / labels("f", a)


def _right_sides(labels: _Labels, dotted: bool = False) -> list[tuple]:
    """(name, population, right-hand side); that of fhat and ftilde is the logarithm's."""
    at, shift, out = _transforms(dotted), _P.eps if dotted else 0, []
    sides = [("fhat", "Hhat", "ftilde"), ("ftilde", "Htilde", "fhat")]
    for own, half, other in sides[: 1 if labels.single else 2]:
        partner = own if labels.single else other
        for a in labels.names:

            def term(b: Any, a=a, own=own, half=half, partner=partner) -> sp.Expr:
                mapped = Kernel(at(partner, b) * at(half, b), _P.s * _P.w**2)
                if own == "fhat":
                    return _in_degree(labels, a, b) * (SynapseAverage(mapped, _which(labels, a, b)) - 1)
                return _out_degree(labels, a, b) * (SynapseAverage(mapped, _which(labels, b, a)) - 1)

            out.append((own, a, labels.sum(term)))
            out.append((half, a, Average(Kernel(at(own, a), _gap(shift)), a)))
    return out


def functional_saddle_point(populations: Any = 1) -> list[sp.Eq]:
    r"""The functional saddle point: the laws of the self-energies in Laplace space.

    .. math:: \log\hat f_a(s) &= \sum_b c_{ab}\big(\langle\mathcal K[\tilde f_b\hat H_b](sw^2)\rangle_{w_{ab}} - 1\big),
        & \hat H_a(t) &= \big\langle\mathcal K[\hat f_a](t\beta^2)\big\rangle_a, \\
        \log\tilde f_a(s) &= \sum_b \frac{c_{ba}f_b}{f_a}
        \big(\langle\mathcal K[\hat f_b\tilde H_b](sw^2)\rangle_{w_{ba}} - 1\big),
        & \tilde H_a(t) &= \big\langle\mathcal K[\tilde f_a](t\beta^2)\big\rangle_a .

    One population has ``ftilde = fhat`` and ``Htilde = Hhat``; two equations are left.

    References
    ----------
    Y. V. Fyodorov and A. D. Mirlin, J. Phys. A 24, 2219 (1991), for Hermitian matrices; I. Neri and F. L. Metz,
    Phys. Rev. Lett. 117, 224101 (2016), for the laws of the self-energies.

    Examples
    --------
    >>> from rmtlib.symbolic import functional_saddle_point
    >>> functional_saddle_point()[0]
    Eq(log(fhat(s)), c*(<K[Hhat(t)*fhat(t)](s*w**2)>_w - 1))
    """
    labels = _Labels(populations)
    out = []
    for name, a, rhs in _right_sides(labels):
        value = _function(name, a)
        out.append(sp.Eq(sp.log(value(_P.s)) if name[0] == "f" else value(_P.t), rhs))
    return out


def atom_equations(populations: Any = 1) -> list[sp.Eq]:
    r"""Probabilities that nothing arrives from the giant component: the limits of the transforms at infinity.

    .. math:: q_a = \hat f_a(\infty) = e^{-\sum_b c_{ab}(1 - q_b)}, \qquad
        \tilde q_a = e^{-\sum_b (c_{ba}f_b/f_a)(1 - \tilde q_b)} .

    From :func:`functional_saddle_point`: at large argument ``K[ftilde Hhat]`` tends to ``1 - Hhat(0+) = q``.

    Examples
    --------
    >>> from rmtlib.symbolic import atom_equations
    >>> atom_equations()
    [Eq(q, exp(-c*(1 - q)))]
    """
    labels = _Labels(populations)
    out = []
    for name, degree in (("q", _in_degree), ("qtilde", _out_degree))[: 1 if labels.single else 2]:
        for a in labels.names:
            rest = labels.sum(lambda b, a=a, n=name, d=degree: d(labels, a, b) * (1 - _q(labels, n, b)))
            out.append(sp.Eq(_q(labels, name, a), sp.exp(-rest)))
    return out


def _q(labels: _Labels, name: str, which: Any) -> sp.Expr:
    if labels.single:
        return getattr(_P, name)
    if labels.general:
        return sp.IndexedBase(getattr(_P, name))[which]
    return sp.Symbol(f"{name}_{which}", nonnegative=True)


def _resolvent(labels: _Labels, dotted: bool = False) -> sp.Expr:
    at, shift = _transforms(dotted), _P.eps if dotted else 0
    ratio = _S.tau / (_S.ell + _S.z * _S.tau)

    def term(a: Any) -> sp.Expr:
        other = at("fhat" if labels.single else "ftilde", a)
        slope = Average(ratio * Kernel(at("fhat", a), _gap(shift), 1), a)
        rest = sp.Integral(other * slope / _P.t, (_P.t, 0, sp.oo))
        return labels("f", a) * (_q(labels, "q", a) * Average(ratio, a) - rest)

    return labels.sum(term)


def sparse_resolvent(populations: Any = 1) -> sp.Eq:
    r"""The resolvent inside the support.

    .. math:: g = \sum_a f_a\Big\{ q_a\Big\langle\frac{\tau}{\ell+z\tau}\Big\rangle_a
        - \int_0^\infty\frac{dt}{t}\,\tilde f_a(t)
        \Big\langle\frac{\tau}{\ell+z\tau}\,\vartheta\mathcal K[\hat f_a](t\beta^2)\Big\rangle_a\Big\},

    from :math:`g = \sum_a f_a \mathbb E[(\tau/a)\,\beta^2/(\beta^2 + XY)]`.

    Examples
    --------
    >>> from rmtlib.symbolic import sparse_resolvent
    >>> sparse_resolvent().lhs
    g
    """
    return sp.Eq(_S.g, _resolvent(_Labels(populations)))


def _along(expr: sp.Expr) -> sp.Expr:
    return sp.diff(expr, _P.eps).subs(_P.eps, 0)


def functional_derivative(populations: Any = 1) -> list[sp.Eq]:
    r"""The saddle point differentiated with respect to ``zbar``: linear equations for the dotted transforms.

    Each function moves, :math:`\hat f\to\hat f + \varepsilon\dot{\hat f}`, and so does
    :math:`\bar z\to\bar z+\varepsilon`; sympy differentiates at :math:`\varepsilon = 0`.

    Examples
    --------
    >>> from rmtlib.symbolic import functional_derivative
    >>> functional_derivative()[0].rhs
    c*fhat(s)*<K_0[Hhat(t)*fhatdot(t) + Hhatdot(t)*fhat(t)](s*w**2)>_w
    """
    labels = _Labels(populations)
    out = []
    for name, a, rhs in _right_sides(labels, dotted=True):
        dot = _function(name + "dot", a)
        if name[0] == "f":
            out.append(sp.Eq(dot(_P.s), _function(name, a)(_P.s) * _along(rhs)))
        else:
            out.append(sp.Eq(dot(_P.t), _along(rhs)))
    return out


def sparse_density(populations: Any = 1) -> sp.Eq:
    r"""The planar density :math:`\rho = \frac1\pi\,\partial_{\bar z}\,g` from the dotted transforms.

    Examples
    --------
    >>> from rmtlib.symbolic import sparse_density
    >>> sparse_density().lhs
    rho
    """
    return sp.Eq(_S.rho, _along(_resolvent(_Labels(populations), dotted=True)) / sp.pi)


# ---------------------------------------------------------------- numbers
def _kernel_by_quadrature(phi: Callable, k: Any, order: int, constant: int) -> Any:
    """The integral of :class:`Kernel` by parts, along the rays arg t = +-pi/4.

    ``J = (H1 + H2)/2``, and on one ray each Hankel function falls exponentially, while a Laplace transform stays
    analytic up to the imaginary axis: the trapezoidal rule in log t converges exponentially.
    """
    import mpmath as mp

    k, step, total = mp.re(k), mp.mpf("0.2"), mp.mpf(0)
    for j in range(-120, 36):
        t = mp.expjpi(0.25) * mp.exp(step * j) / k
        x = 2 * mp.sqrt(k * t)
        zero, one = mp.hankel1(0, x), mp.hankel1(1, x)
        # sqrt(k t) J1, and what k d/dk makes of it
        weight = (x / 2 * one, k * t * zero, k * t * (zero - x / 2 * one))[order]
        total += (weight * phi(t) + mp.conj(weight) * phi(mp.conj(t))) / 2
    arc = phi(mp.exp(-150 * step) / k) / 4 if order == 0 else 0  # from ray to ray, where sqrt(k t) H1 is -i/pi
    return constant - arc - step * total


def sparse_lambdify(
    args: Any, expr: Any, laws: Any = None, weights: Any = None, functions: Mapping | None = None, kernel: Any = None
) -> Callable:
    """Numerical function of an expression of this module, by mpmath.

    Parameters
    ----------
    args : symbol or sequence of symbols
    expr : sympy object, or list of them
    laws : law or mapping from population to law
        Of (tau, h), lists of atoms, as for :func:`~rmtlib.symbolic.equations.lambdify`.
    weights : list of (w, probability), or mapping from label ("EI", target and source) to such a list
    functions : dict
        Numerical functions by name: ``{"fhat": ..., "Hhat": ...}``, ``{"fhat_E": ...}``.
    kernel : callable, optional
        ``kernel(phi, k, order, constant)``; when left out, the integral of :class:`Kernel` by quadrature to about nine
        digits, for which the functions must take complex numbers.

    Examples
    --------
    >>> from rmtlib.symbolic import functional_saddle_point, sparse_lambdify, sparse_symbols as p, symbols as s
    >>> equation = functional_saddle_point()[1].rhs.subs({s.ell: 0, s.z: 1, s.zbar: 1})
    >>> Hhat = sparse_lambdify(p.t, equation, laws=[(1, 1, 1)], functions={"fhat": lambda t: 1 / (1 + t)})
    >>> print(round(float(Hhat(1.0).real), 6))
    0.279732
    """

    def average(integrand: Callable, population: str) -> Any:
        return sum(p * integrand(t, h) for t, h, p in _atoms(_law_of(laws, population or None)))

    def over_weights(integrand: Callable, label: str) -> Any:
        table = weights[label] if isinstance(weights, Mapping) else weights
        return sum(p * integrand(w) for w, p in table)

    names = {"average": average, "over_weights": over_weights, "kernel": kernel or _kernel_by_quadrature}
    return sp.lambdify(args, expr, modules=[{**names, **(functions or {})}, "mpmath"])

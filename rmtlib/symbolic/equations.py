r"""The canonical dense, edge and outlier equations as sympy objects.

Each equation exists here once. Chapters display these objects and derive from them; the tests hold
the numerical kernels of :mod:`rmtlib.theory` against their lambdified form. Only two things are
typed in: the Hermitized matrix of one unit and the fluctuation that a pair of units contributes.
Everything else, the self-consistency equations, the density, the edge, the outliers and the closed
forms of the classical laws, is computed from them by sympy when the function is called.

Three devices carry the notation.

* :class:`Average` is the bracket :math:`\langle\cdot\rangle_b` over the law of the timescale
  ``tau`` and the gain ``h`` of population ``b``. Both symbols are bound inside it.
* :class:`AbsSquare` is :math:`|a|^2` with ``a`` and its conjugate kept as independent expressions,
  so that Wirtinger derivatives are ordinary partial derivatives in ``z`` and ``zbar``.
* ``populations`` is ``1`` (plain symbols), a number or tuple of names (``X_E``, ``V_EI``, ...), or
  ``"K"`` (indexed symbols under a sum, for display).

Weights are real. ``V[a, b]`` is the summed variance of the synapses that a unit of ``a`` receives
from ``b``, ``M[a, b]`` their summed mean, ``R[a, b]`` the summed covariance of reciprocal pairs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import sympy as sp
from sympy.printing.precedence import PRECEDENCE

from ..errors import NotApplicableError, ValidationError

__all__ = [
    "AbsSquare",
    "Average",
    "Density",
    "circular_law",
    "conjugated",
    "dense_density",
    "dense_resolvent",
    "dense_self_consistency",
    "dense_u_equation",
    "edge_condition",
    "edge_matrix",
    "elliptic_law",
    "evaluate",
    "finite_p_variance",
    "harris_dale",
    "hermitized_matrix",
    "homogeneous",
    "lambdify",
    "marginality_condition",
    "outlier_condition",
    "outlier_matrix",
    "rajan_abbott",
    "self_energy",
    "semicircle_law",
    "site_resolvent",
    "sparse_variance",
    "symbols",
]


def _namespace() -> SimpleNamespace:
    real = {"real": True}
    nonnegative = {"nonnegative": True}
    positive = {"positive": True}
    table: dict[str, dict[str, bool]] = {
        # the point of the complex plane, and the regulator
        "z": {"complex": True}, "zbar": {"complex": True}, "x": real, "y": real, "r": positive,
        "eta": nonnegative,
        # one unit
        "tau": positive, "h": real, "ell": real,
        # order parameters and results
        "X": nonnegative, "Y": nonnegative, "u": nonnegative,
        "theta": {"complex": True}, "thetabar": {"complex": True},
        "g": {"complex": True}, "gbar": {"complex": True}, "rho": nonnegative,
        "F": nonnegative,
        # the ensemble
        "V": nonnegative, "M": real, "R": real, "f": positive, "c": positive, "p": positive,
        "N": positive, "mu": real, "sigma": positive, "Gamma": real,
    }  # fmt: skip
    return SimpleNamespace(**{name: sp.Symbol(name, **a) for name, a in table.items()})


symbols = _namespace()
"""The named symbols; ``zbar``, ``thetabar`` and ``gbar`` are independent of ``z``, ``theta``, ``g``."""

_S = symbols
_BOUND = (_S.tau, _S.h)
_CONJUGATE = re.compile(r"^(z|theta|g)(bar)?((?:dot)?(?:_.*)?)$")


def conjugated(expr: sp.Expr) -> sp.Expr:
    r"""Complex conjugate with conjugate pairs as independent symbols.

    Exchanges ``z`` with ``zbar`` (likewise ``theta``, ``g``, with any subscript) and ``I`` with
    ``-I``; every other symbol of this module is real.

    Examples
    --------
    >>> from rmtlib.symbolic import conjugated, symbols as s
    >>> conjugated(sp.I * s.h * s.theta + s.z)
    -I*h*thetabar + zbar
    """
    swap: dict[Any, Any] = {sp.I: -sp.I}
    for symbol in expr.atoms(sp.Symbol):
        match = _CONJUGATE.match(symbol.name)
        if match and symbol.is_extended_real is not True:
            base, bar, rest = match.groups()
            swap[symbol] = sp.Symbol(base + ("" if bar else "bar") + rest, **symbol._assumptions_orig)
    return expr.xreplace(swap)


class AbsSquare(sp.Expr):
    r"""The squared modulus :math:`|a|^2 = a\,\bar a`, holomorphic parts kept apart.

    Parameters
    ----------
    a : Expr
    abar : Expr, optional
        The conjugate; worked out by :func:`conjugated` when left out.

    Examples
    --------
    >>> from rmtlib.symbolic import AbsSquare, symbols as s
    >>> AbsSquare(1 + s.z * s.tau).diff(s.zbar)
    tau*(tau*z + 1)
    >>> AbsSquare(s.z).doit()
    z*zbar
    """

    is_commutative = True
    is_extended_real = True
    is_nonnegative = True

    def __new__(cls, a: Any, abar: Any = None) -> sp.Expr:
        a = sp.sympify(a)
        abar = conjugated(a) if abar is None else sp.sympify(abar)
        if a == abar:
            return a**2
        if any("bar" in s.name for s in a.atoms(sp.Symbol)):
            a, abar = abar, a
        if a.is_number and abar.is_number:
            return sp.expand(a * abar)
        return sp.Expr.__new__(cls, a, abar)

    def _eval_derivative(self, symbol: sp.Symbol) -> sp.Expr:
        a, abar = self.args
        return a.diff(symbol) * abar + a * abar.diff(symbol)

    def doit(self, **hints: Any) -> sp.Expr:
        """The product of the two factors."""
        a, abar = self.args
        return a.doit(**hints) * abar.doit(**hints)

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return (self.args[0] * self.args[1])._eval_evalf(prec)

    def _latex(self, printer: Any) -> str:
        return rf"\left|{{{printer._print(self.args[0])}}}\right|^{{2}}"

    def _sympystr(self, printer: Any) -> str:
        return f"|{printer._print(self.args[0])}|^2"

    def _code(self, printer: Any) -> str:
        return "(({})*({}))".format(*(printer._print(a) for a in self.args))

    _pythoncode = _numpycode = _mpmathcode = _lambdacode = _code

    precedence = PRECEDENCE["Pow"]


class Average(sp.Expr):
    r"""The average :math:`\langle\cdot\rangle_b` over the law of (tau, h) of one population.

    Linear: what does not depend on ``tau`` or ``h`` stands in front of the bracket. Derivatives and
    substitutions act inside; ``tau`` and ``h`` are bound, so substituting them from outside does
    nothing, and substituting something that contains them is refused. ``expr.expand(average=True)``
    splits the average of a sum.

    Parameters
    ----------
    integrand : Expr
    population : str or Expr, optional
        Name of the population, printed as subscript; none when there is only one.

    See Also
    --------
    evaluate : put a law of (tau, h) in.
    lambdify : a numerical function of an expression that holds averages.

    Examples
    --------
    >>> from rmtlib.symbolic import Average, AbsSquare, evaluate, symbols as s
    >>> average = Average(s.h**2 * s.V / (AbsSquare(1 + s.z * s.tau) + s.h**2 * s.u))
    >>> average
    V*<h**2/(h**2*u + |tau*z + 1|^2)>
    >>> average.diff(s.u)
    -V*<h**4/(h**2*u + |tau*z + 1|^2)**2>
    >>> evaluate(average.subs({s.z: 0, s.zbar: 0}), [(1, 2, sp.Rational(1, 2)), (3, 0, sp.Rational(1, 2))])
    2*V/(4*u + 1)
    """

    is_commutative = True
    precedence = PRECEDENCE["Atom"]

    @classmethod
    def class_key(cls) -> tuple[int, int, str]:
        """Printed after the factors in front of it."""
        return 6, 0, cls.__name__

    def __new__(cls, integrand: Any, population: Any = None) -> sp.Expr:
        integrand = sp.sympify(integrand)
        outside, inside = integrand.as_independent(*_BOUND, as_Add=False)
        if not inside.has_free(*_BOUND):
            return integrand
        label = () if population is None else (_label(population),)
        return outside * sp.Expr.__new__(cls, inside, *label)

    @property
    def integrand(self) -> sp.Expr:
        """What is averaged."""
        return self.args[0]

    @property
    def population(self) -> sp.Expr | None:
        """The population, None if there is only one."""
        return self.args[1] if len(self.args) > 1 else None

    @property
    def free_symbols(self) -> set:
        return super().free_symbols - set(_BOUND)

    @property
    def bound_symbols(self) -> list:
        """The symbols averaged over."""
        return list(_BOUND)

    def over(self, law: Any) -> sp.Expr:
        """The average under ``law``: see :func:`evaluate`."""
        if isinstance(law, Density):
            return law.integral(self.integrand)
        return sp.Add(*(p * self.integrand.subs({_S.tau: t, _S.h: h}) for t, h, p in _atoms(law)))

    def _eval_subs(self, old: Any, new: Any) -> sp.Expr | None:
        if old in _BOUND:
            return self
        if sp.sympify(new).has_free(*_BOUND):
            raise ValueError(
                f"cannot substitute {new} for {old} inside an average: it holds tau or h, which are bound there"
            )
        return None

    def _eval_derivative(self, symbol: sp.Symbol) -> sp.Expr:
        return self.func(self.integrand.diff(symbol), *self.args[1:])

    def _eval_expand_average(self, **hints: Any) -> sp.Expr:
        return sp.Add(*(self.func(t, *self.args[1:]) for t in sp.Add.make_args(self.integrand.expand())))

    def _eval_is_extended_real(self) -> bool | None:
        return True if self.integrand.is_extended_real else None

    def _eval_is_nonnegative(self) -> bool | None:
        return True if self.integrand.is_nonnegative else None

    def _eval_is_positive(self) -> bool | None:
        return True if self.integrand.is_positive else None

    def _latex(self, printer: Any) -> str:
        sub = "" if self.population is None else f"_{{{printer._print(self.population)}}}"
        # displaystyle: a bracket inside a fraction would otherwise be set in script size
        return rf"\left\langle \displaystyle {printer._print(self.integrand)} \right\rangle{sub}"

    def _sympystr(self, printer: Any) -> str:
        sub = "" if self.population is None else f"_{printer._print(self.population)}"
        return f"<{printer._print(self.integrand)}>{sub}"

    def _code(self, printer: Any) -> str:
        label = "" if self.population is None else str(self.population)
        return f"average(lambda tau, h: {printer._print(self.integrand)}, {label!r})"

    _pythoncode = _numpycode = _mpmathcode = _lambdacode = _code


class Density:
    """A law of (tau, h) given by a density.

    Parameters
    ----------
    pdf : Expr
        The joint density, in ``symbols.tau`` and ``symbols.h``.
    *limits : tuple
        ``(tau, lower, upper)`` and/or ``(h, lower, upper)``, as for ``sympy.Integral``. A variable
        without limits must not occur.

    Examples
    --------
    >>> from rmtlib.symbolic import Average, Density, evaluate, symbols as s
    >>> evaluate(Average(s.tau**2), Density(2 * s.tau, (s.tau, 0, 1))).doit()
    1/2
    """

    def __init__(self, pdf: Any, *limits: tuple):
        self.pdf, self.limits = sp.sympify(pdf), limits
        if not limits or not {limit[0] for limit in limits} <= set(_BOUND):
            raise ValidationError("a Density needs limits (tau, lower, upper) and/or (h, lower, upper)")

    def integral(self, integrand: sp.Expr) -> sp.Integral:
        """The integral of integrand times density, not evaluated."""
        product = integrand * self.pdf
        loose = set(_BOUND) & product.free_symbols - {limit[0] for limit in self.limits}
        if loose:
            raise ValidationError(f"the Density has no limits for {', '.join(map(str, loose))}, which occurs")
        return sp.Integral(product, *self.limits)


def _label(population: Any) -> sp.Expr:
    return sp.Symbol(population) if isinstance(population, str) else sp.sympify(population)


def _atoms(law: Any) -> list[tuple]:
    atoms = [tuple(atom) for atom in law]
    if not atoms or any(len(atom) != 3 for atom in atoms):
        raise ValidationError("a discrete law of (tau, h) is a list of atoms (tau, h, probability)")
    total = sp.sympify(sum(p for _, _, p in atoms))
    if total.is_number and abs(complex(total) - 1) > 1e-9:
        raise ValidationError(f"the probabilities of a law of (tau, h) sum to {total}, not to 1")
    return atoms


def _law_of(laws: Any, population: Any) -> Any:
    if not isinstance(laws, Mapping):
        return laws
    name = "" if population is None else str(population)
    if name not in laws:
        raise ValidationError(f"no law of (tau, h) was given for population {name!r}; given: {sorted(laws)}")
    return laws[name]


def evaluate(expr: Any, laws: Any) -> Any:
    """Put a law of (tau, h) into every average of an expression, equation or matrix.

    Parameters
    ----------
    expr : sympy object
    laws : law or mapping from population name to law
        A law is a list of atoms ``(tau, h, probability)``, numbers or symbols, or a
        :class:`Density`. A single law serves every population.

    Returns
    -------
    sympy object
        Sums over atoms, or ``sympy.Integral`` for a density (``.doit()`` to do it).

    Raises
    ------
    ValidationError
        If a population has no law, or numerical probabilities do not sum to 1.
    """

    def put(node: Any) -> Any:
        if isinstance(node, sp.MatrixBase):
            return node.applyfunc(put)
        if not isinstance(node, sp.Basic) or not node.has(Average):
            return node
        if isinstance(node, Average):
            inner = Average(put(node.integrand), *node.args[1:])
            return inner.replace(lambda e: isinstance(e, Average), lambda e: e.over(_law_of(laws, e.population)))
        return node.func(*(put(arg) for arg in node.args))

    return put(expr)


def homogeneous(expr: Any, tau: Any = 1, h: Any = 1) -> Any:
    """:func:`evaluate` for one timescale and one gain, shared by every unit."""
    return evaluate(expr, [(tau, h, 1)])


def lambdify(args: Any, expr: Any, laws: Any = None, modules: Any = "numpy") -> Callable:
    """Numerical function of an expression that may hold averages.

    Parameters
    ----------
    args : symbol or sequence of symbols
        The arguments, as for ``sympy.lambdify``; ``z`` and ``zbar`` are two arguments.
    expr : sympy object, or list of them
    laws : law or mapping from population name to law
        Discrete laws: lists of atoms ``(tau, h, probability)`` of numbers. Any quadrature is one.
    modules : str or list
        As for ``sympy.lambdify``; ``"math"``, ``"mpmath"`` need no numpy.

    Examples
    --------
    >>> from rmtlib.symbolic import Average, lambdify, symbols as s
    >>> f = lambdify(s.z, Average(s.h / (1 + s.z * s.tau)), [(1, 1, 0.5), (3, 2, 0.5)], modules="math")
    >>> f(1.0)
    0.5
    """
    tables: dict[str, list[tuple]] = {}

    def average(integrand: Callable, population: str) -> Any:
        if population not in tables:
            tables[population] = _atoms(_law_of(laws, population or None))
        return sum(p * integrand(t, h) for t, h, p in tables[population])

    return sp.lambdify(args, expr, modules=[{"average": average}, modules])


# ---------------------------------------------------------------- populations
class _Labels:
    """Symbols of the populations: plain, named, or indexed under a sum."""

    def __init__(self, populations: Any):
        self.general = populations == "K"
        self.single = populations == 1
        if self.general:
            self.K = sp.Symbol("K", integer=True, positive=True)
            self.index = sp.symbols("a b", integer=True)
            self.names: list[Any] = [self.index[0]]
        elif self.single:
            self.names = [None]
        elif isinstance(populations, int) and not isinstance(populations, bool) and populations > 1:
            self.names = [str(k + 1) for k in range(populations)]
        elif isinstance(populations, Sequence) and not isinstance(populations, str) and len(populations) > 1:
            self.names = list(map(str, populations))
        else:
            raise ValidationError(
                f"populations must be 1, a number, a sequence of at least two names, or 'K'; got {populations!r}"
            )
        if len(set(self.names)) < len(self.names):
            raise ValidationError(f"population names must differ; got {self.names}")

    def __call__(self, name: str, *which: Any) -> sp.Expr:
        """The symbol ``name`` of one population, or of an ordered pair (target, source)."""
        symbol = getattr(_S, name) if hasattr(_S, name) else sp.Symbol(name)
        if self.general:
            return sp.IndexedBase(symbol)[which]
        if self.single:
            return sp.Integer(1) if name == "f" else symbol
        return sp.Symbol(f"{name}_{''.join(which)}", **symbol._assumptions_orig)

    def sum(self, term: Callable[[Any], sp.Expr]) -> sp.Expr:
        """Sum of ``term(b)`` over the source populations b."""
        if self.general:
            return sp.Sum(term(self.index[1]), (self.index[1], 1, self.K))
        return sp.Add(*map(term, self.names))


# ---------------------------------------------------------------- one unit, one pair
def hermitized_matrix() -> sp.Matrix:
    r"""The Hermitized matrix of one unit without synapses.

    .. math:: \mathcal M_0(z, \eta) = \begin{pmatrix}\eta & i a\\ i\bar a & \eta\end{pmatrix},
        \qquad a = \ell + z\tau .

    With all units, :math:`\mathcal M = \begin{pmatrix}\eta & iB\\ iB^\dagger & \eta\end{pmatrix}`,
    :math:`B = \operatorname{diag}(\ell + z\tau_i) - WH`, is invertible for eta > 0 at every z, and
    the lower left block of its inverse tends to :math:`-iB^{-1}` for eta to 0.

    References
    ----------
    J. Feinberg and A. Zee, Nucl. Phys. B 504, 579 (1997).

    Examples
    --------
    >>> from rmtlib.symbolic import hermitized_matrix
    >>> hermitized_matrix()
    Matrix([
    [               eta, I*(ell + tau*z)],
    [I*(ell + tau*zbar),             eta]])
    """
    a = _S.ell + _S.z * _S.tau
    return sp.Matrix([[_S.eta, sp.I * a], [sp.I * conjugated(a), _S.eta]])


def site_resolvent(populations: Any = 1, reciprocity: bool = False, eta: Any = 0, population: Any = None) -> sp.Matrix:
    r"""The 2 by 2 resolvent of one unit, self-energy included.

    .. math:: \mathcal G = \begin{pmatrix} X & i A\\ i\bar A & \eta + h^2 Y\end{pmatrix}^{-1}
        = \frac{1}{D}\begin{pmatrix}\eta + h^2 Y & -iA\\ -i\bar A & X\end{pmatrix},\qquad
        A = \ell + z\tau - h\theta,\quad D = |A|^2 + X(\eta + h^2 Y).

    The inverse is computed. ``X``, ``Y`` and ``theta`` are what :func:`self_energy` determines.

    Parameters
    ----------
    populations : 1, int, sequence of str or "K"
    reciprocity : bool
        Keep ``theta``, the part due to correlated reciprocal pairs.
    eta : Expr
        The regulator; 0 inside the support, ``symbols.eta`` to keep it.
    population : optional
        Which population the unit is of; the first one by default.

    Examples
    --------
    >>> from rmtlib.symbolic import site_resolvent
    >>> site_resolvent()[0, 0]
    Y*h**2/(X*Y*h**2 + |ell + tau*z|^2)
    """
    labels = _Labels(populations)
    b = labels.names[0] if population is None else population
    X, Y = labels("X", b), sp.sympify(eta) + _S.h**2 * labels("Y", b)
    bare = hermitized_matrix()
    A = bare[0, 1] / sp.I
    if reciprocity:
        A -= _S.h * labels("theta", b)
    # symbols for the entries while sympy inverts, so that |A|^2 is recognised in the determinant
    x, y, upper, lower = sp.symbols("x_ y_ upper_ lower_")
    site = sp.Matrix([[x, upper], [lower, y]])
    phase = sp.cancel(bare[1, 0] / conjugated(bare[0, 1] / sp.I))  # i, as upper is i A
    values = {x: X, y: Y, upper: sp.I * A, lower: phase * conjugated(A)}
    D = site.det().subs(upper * lower, sp.I * phase * AbsSquare(A)).subs({x: X, y: Y})
    return site.adjugate().xreplace(values) / D


def _pair_fluctuation() -> tuple[sp.Matrix, sp.Matrix, tuple[sp.Symbol, sp.Symbol, sp.Symbol]]:
    """Off-diagonal 2 by 2 blocks (i, j) and (j, i) of the Hermitized matrix that hold -WH.

    ``w_in`` is W[i, j], ``w_out`` is W[j, i], the gain of j is ``h`` and that of i is ``h_i``.
    """
    w_in, w_out, h_i = sp.symbols("w_in w_out h_i", real=True)
    ij = sp.Matrix([[0, -sp.I * w_in * _S.h], [-sp.I * w_out * h_i, 0]])
    ji = sp.Matrix([[0, -sp.I * w_out * h_i], [-sp.I * w_in * _S.h, 0]])
    return ij, ji, (w_in, w_out, h_i)


def self_energy(populations: Any = 1, reciprocity: bool = False, eta: Any = 0) -> dict[str, Any]:
    r"""What one unit of population a feels from the others, to leading order in 1/N.

    The Dyson equation :math:`\mathcal G_{ii} = (\mathcal M_0 - \sum_j \delta\mathcal M_{ij}
    \mathcal G_{jj}\,\delta\mathcal M_{ji})^{-1}`, averaged over weights with
    :math:`\sum_{j\in b}\langle W_{ij}^2\rangle = V_{ab}`,
    :math:`\sum_{j\in b}\langle W_{ji}^2\rangle = V_{ba} f_b/f_a` and
    :math:`\sum_{j\in b}\langle W_{ij}W_{ji}\rangle = R_{ab}`, gives the three entries

    .. math:: X_a = \eta + \sum_b V_{ab}\langle h^2 \mathcal G_{22}\rangle_b,\qquad
        Y_a = \sum_b \tfrac{f_b}{f_a} V_{ba}\langle \mathcal G_{11}\rangle_b,\qquad
        \theta_a = \sum_b R_{ab}\langle i h\,\mathcal G_{21}\rangle_b .

    Returns
    -------
    dict
        ``X``, ``Y`` and ``theta``: functions of a population a, giving the right-hand sides.
    """
    labels = _Labels(populations)
    ij, ji, (w_in, w_out, h_i) = _pair_fluctuation()

    def block(b: Any) -> sp.Matrix:
        # the sign of the self-energy is that of the Dyson equation; (0, 1) is i(a - h_i theta)
        G = site_resolvent(populations, reciprocity, eta, b)
        return -(ij * G * ji)

    def x(b: Any) -> sp.Expr:
        return Average(block(b)[0, 0].coeff(w_in, 2), b)

    def y(b: Any) -> sp.Expr:
        return Average(block(b)[1, 1].coeff(w_out, 2) / h_i**2, b)

    def t(b: Any) -> sp.Expr:
        return Average(block(b)[0, 1].coeff(w_in, 1).coeff(w_out, 1) / (-sp.I * h_i), b)

    return {
        "X": lambda a: sp.sympify(eta) + labels.sum(lambda b: labels("V", a, b) * x(b)),
        "Y": lambda a: labels.sum(lambda b: labels("f", b) / labels("f", a) * labels("V", b, a) * y(b)),
        "theta": lambda a: labels.sum(lambda b: labels("R", a, b) * t(b)),
    }


# ---------------------------------------------------------------- dense limit
def dense_self_consistency(populations: Any = 1, reciprocity: bool = False, eta: Any = 0) -> tuple[sp.Eq, ...]:
    r"""The self-consistency equations of the dense limit.

    .. math:: X_a = \eta + \sum_b V_{ab}\left\langle\frac{h^2 X_b}{D_b}\right\rangle_b,\quad
        Y_a = \sum_b \frac{f_b}{f_a}V_{ba}\left\langle\frac{\eta + h^2 Y_b}{D_b}\right\rangle_b,\quad
        \theta_a = \sum_b R_{ab}\left\langle\frac{h\,(\ell + \bar z\tau - h\bar\theta_b)}{D_b}\right\rangle_b

    with :math:`D_b = |\ell + z\tau - h\theta_b|^2 + X_b(\eta + h^2Y_b)`. At eta = 0 they are
    invariant under X to kX, Y to Y/k.

    Parameters
    ----------
    populations : 1, int, sequence of str or "K"
    reciprocity : bool
        With ``theta``; without it reciprocal weights are uncorrelated and theta = 0.
    eta : Expr
        0, or ``symbols.eta``.

    Returns
    -------
    tuple of Eq
        First all X, then all Y, then all theta.

    References
    ----------
    Y. Ahmadian, F. Fumarola and K. D. Miller, Phys. Rev. E 91, 012820 (2015);
    J. Aljadeff, M. Stern and T. Sharpee, Phys. Rev. Lett. 114, 088101 (2015).

    Examples
    --------
    >>> from rmtlib.symbolic import dense_self_consistency
    >>> for equation in dense_self_consistency():
    ...     print(equation.lhs, "=", equation.rhs)
    X = V*X*<h**2/(X*Y*h**2 + |ell + tau*z|^2)>
    Y = V*Y*<h**2/(X*Y*h**2 + |ell + tau*z|^2)>
    """
    labels = _Labels(populations)
    right = self_energy(populations, reciprocity, eta)
    names = ["X", "Y", "theta"] if reciprocity else ["X", "Y"]
    return tuple(sp.Eq(labels(name, a), right[name](a), evaluate=False) for name in names for a in labels.names)


def dense_u_equation(reciprocity: bool = False) -> sp.Eq:
    r"""One population inside the support: the gauge-invariant product u = XY.

    .. math:: V\left\langle\frac{h^2}{|\ell + z\tau|^2 + h^2 u}\right\rangle = 1 .

    Dividing the equation of X by X; that of Y gives the same.

    Examples
    --------
    >>> from rmtlib.symbolic import dense_u_equation
    >>> dense_u_equation()
    Eq(V*<h**2/(h**2*u + |ell + tau*z|^2)>, 1)
    """
    equation = dense_self_consistency(1, reciprocity)[0]
    return sp.Eq((equation.rhs / _S.X).subs(_S.Y, _S.u / _S.X), 1)


def dense_resolvent(populations: Any = 1, reciprocity: bool = False, eta: Any = 0, outside: bool = False) -> sp.Eq:
    r"""The resolvent g(z) = (1/N) tr (z - J)^-1 in the dense limit.

    .. math:: g = \sum_a f_a\left\langle\frac{\tau(\ell + \bar z\tau - h\bar\theta_a)}{D_a}\right\rangle_a,

    that is :math:`\langle i\tau\,\mathcal G_{21}\rangle`; outside the support X = Y = 0 and
    :math:`g = \sum_a f_a\langle\tau/(\ell + z\tau - h\theta_a)\rangle_a`.

    Parameters
    ----------
    populations, reciprocity, eta : see :func:`dense_self_consistency`
    outside : bool
        The analytic form outside the support. One population inside: in terms of u = XY (eta = 0).

    Examples
    --------
    >>> from rmtlib.symbolic import dense_resolvent
    >>> dense_resolvent()
    Eq(g, <tau*(ell + tau*zbar)/(h**2*u + |ell + tau*z|^2)>)
    >>> dense_resolvent(outside=True)
    Eq(g, <tau/(ell + tau*z)>)
    """
    labels = _Labels(populations)

    def term(a: Any) -> sp.Expr:
        G21 = site_resolvent(populations, reciprocity, 0 if outside else eta, a)[1, 0]
        if outside:
            G21 = sp.cancel(G21.subs({labels("X", a): 0, labels("Y", a): 0}).doit())
        elif labels.single and eta == 0:
            G21 = G21.subs(_S.Y, _S.u / _S.X)
        return labels("f", a) * Average(_S.tau * sp.I * G21, a)

    return sp.Eq(_S.g, labels.sum(term), evaluate=False)


def _dot(symbol: sp.Symbol) -> sp.Symbol:
    """The symbol of the derivative in zbar."""
    base, _, rest = symbol.name.partition("_")
    return sp.Symbol(f"{base}dot" + (f"_{rest}" if rest else ""), complex=True)


def _tidy(expr: sp.Expr) -> sp.Expr:
    """Bring each average to one fraction over a power of its own D, the numerator factored."""

    def one_fraction(e: Average) -> sp.Expr:
        powers = [p for p in e.integrand.atoms(sp.Pow) if p.base.has(AbsSquare) and p.exp.is_negative]
        if len({p.base for p in powers}) != 1:
            return e
        D, n = powers[0].base, max(-p.exp for p in powers)
        return Average(sp.factor(sp.cancel((e.integrand * D**n).doit())) / D**n, *e.args[1:])

    return expr.replace(lambda e: isinstance(e, Average), one_fraction)


def dense_density(populations: Any = 1, reciprocity: bool = False) -> Any:
    r"""The density of eigenvalues, rho = (1/pi) dg/dzbar, by implicit differentiation.

    One population without reciprocity, solved:

    .. math:: \rho = \frac1\pi\left[u\left\langle\frac{\tau^2h^2}{D^2}\right\rangle
        + \left\langle\frac{\tau h^2(\ell + z\tau)}{D^2}\right\rangle
        \left\langle\frac{\tau h^2(\ell + \bar z\tau)}{D^2}\right\rangle
        \Big/\left\langle\frac{h^4}{D^2}\right\rangle\right],\qquad D = |\ell + z\tau|^2 + h^2u,

    a sum of two terms that cannot be negative. Otherwise the first equation returned is rho in
    terms of the derivatives of the order parameters in zbar (written with a dot), and the others
    are the linear equations which these obey. The gauge makes that system singular, with the null
    direction (X, -Y) along which rho does not change: take any solution.

    Parameters
    ----------
    populations : 1, int or sequence of str
    reciprocity : bool

    Returns
    -------
    Eq, or tuple of Eq
        A single Eq for one population without reciprocity.

    Raises
    ------
    NotApplicableError
        For ``populations="K"``: an explicit list is differentiated.

    Examples
    --------
    >>> from rmtlib.symbolic import dense_density, homogeneous
    >>> sp.simplify(homogeneous(dense_density().rhs).doit() - 1 / (sp.pi * symbols.V)).subs(
    ...     symbols.u, symbols.V - (symbols.z + symbols.ell) * (symbols.zbar + symbols.ell)).simplify()
    0
    """
    labels = _Labels(populations)
    if labels.general:
        raise NotApplicableError("dense_density differentiates an explicit list of populations: name them")
    resolvent = dense_resolvent(populations, reciprocity).rhs
    if labels.single and not reciprocity:
        condition = dense_u_equation().lhs
        slope = -_tidy(condition.diff(_S.zbar)) / _tidy(condition.diff(_S.u))
        total = _tidy(resolvent.diff(_S.zbar)) + _tidy(resolvent.diff(_S.u)) * slope
        return sp.Eq(_S.rho, total / sp.pi, evaluate=False)
    equations = list(dense_self_consistency(populations, reciprocity))
    if labels.single:  # X and Y enter through their product alone
        equations[:2] = [sp.Eq(_S.u, _S.u * dense_u_equation(reciprocity).lhs)]
        equations = [sp.Eq(e.lhs, e.rhs.subs(_S.Y, _S.u / _S.X), evaluate=False) for e in equations]
    if reciprocity:
        equations += [
            sp.Eq(conjugated(e.lhs), conjugated(e.rhs), evaluate=False)
            for e in equations
            if e.lhs.name.startswith("theta")
        ]
    unknowns = [e.lhs for e in equations]

    def total_derivative(expr: sp.Expr) -> sp.Expr:
        slopes = (_tidy(expr.diff(v)) * _dot(v) for v in unknowns)
        return _tidy(expr.diff(_S.zbar)) + sp.Add(*slopes)

    rho = sp.Eq(_S.rho, total_derivative(resolvent) / sp.pi, evaluate=False)
    return (rho, *(sp.Eq(_dot(e.lhs), total_derivative(e.rhs), evaluate=False) for e in equations))


# ---------------------------------------------------------------- edge and outliers
def edge_matrix(populations: Any = 1, reciprocity: bool = False) -> Any:
    r"""The matrix K(z) whose largest eigenvalue is 1 on the edge of the support.

    .. math:: K_{ab}(z) = V_{ab}\left\langle\frac{h^2}{|\ell + z\tau - h\theta_b|^2}\right\rangle_b,

    the derivative of the right-hand side of the equation of X_a in X_b at X = Y = 0: the edge is
    where the solution outside, X = Y = 0, becomes unstable.

    Returns
    -------
    Matrix
        K by K; for ``populations="K"`` an Eq for the element ``K[a, b]``.

    Examples
    --------
    >>> from rmtlib.symbolic import edge_matrix
    >>> edge_matrix(("E", "I"))[0, 1]
    V_EI*<h**2/|ell + tau*z|^2>_I
    """
    labels = _Labels(populations)
    equations = dense_self_consistency(populations, reciprocity)
    if labels.general:
        (a, b), summand = labels.index, equations[0].rhs.function
        X, Y = labels("X", b), labels("Y", b)
        element = summand.diff(X).subs({X: 0, Y: 0})
        return sp.Eq(sp.IndexedBase(sp.Symbol("K"))[a, b], element, evaluate=False)
    X = [labels("X", a) for a in labels.names]
    rest = {v: 0 for a in labels.names for v in (labels("X", a), labels("Y", a))}
    return sp.Matrix([e.rhs for e in equations[: len(X)]]).jacobian(X).subs(rest)


def edge_condition(populations: Any = 1, reciprocity: bool = False) -> sp.Eq:
    r"""The edge of the support: det(1 - K(z)) = 0 with the largest eigenvalue of K(z) equal to 1.

    For one population :math:`V\langle h^2/|\ell + z\tau|^2\rangle = 1`. With more, the determinant
    vanishes whenever any eigenvalue of K passes 1; the edge is the outermost of these curves.

    Examples
    --------
    >>> from rmtlib.symbolic import edge_condition
    >>> edge_condition()
    Eq(V*<h**2/|ell + tau*z|^2>, 1)
    """
    K = edge_matrix(populations, reciprocity)
    if not isinstance(K, sp.MatrixBase):
        raise NotApplicableError("the determinant needs an explicit list of populations: name them")
    if K.shape == (1, 1):
        return sp.Eq(K[0, 0], 1, evaluate=False)
    return sp.Eq((sp.eye(K.rows) - K).det(), 0, evaluate=False)


def marginality_condition(populations: Any = 1) -> sp.Eq:
    r"""The edge through z = 0: timescales drop out.

    .. math:: V\langle h^2\rangle = \ell^2

    for one population. It decides the stability of the bulk where K(z) on the imaginary axis is
    largest at z = 0, as it is for uncorrelated reciprocal weights, since
    :math:`|\ell + i\omega\tau| \ge |\ell|`.

    Examples
    --------
    >>> from rmtlib.symbolic import marginality_condition
    >>> marginality_condition()
    Eq(V*<h**2>/ell**2, 1)
    """
    condition = edge_condition(populations)
    return sp.Eq(condition.lhs.subs({_S.z: 0, _S.zbar: 0}), condition.rhs, evaluate=False)


def outlier_matrix(populations: Any = 1, reciprocity: bool = False) -> Any:
    r"""The matrix Q(z) that has eigenvalue 1 at an outlier.

    .. math:: Q_{ab}(z) = M_{ab}\left\langle\frac{h}{\ell + z\tau - h\theta_b}\right\rangle_b .

    A mean that is constant on blocks adds a term of rank K to B, and the determinant lemma turns
    det B = 0 into det(1 - Q) = 0, where Q holds the diagonal of :math:`B^{-1}` for the fluctuations
    alone, :math:`i\mathcal G_{21}` outside their support.

    Returns
    -------
    Matrix
        K by K; for ``populations="K"`` an Eq for the element ``Q[a, b]``.

    Examples
    --------
    >>> from rmtlib.symbolic import outlier_matrix
    >>> outlier_matrix()
    Matrix([[M*<h/(ell + tau*z)>]])
    """
    labels = _Labels(populations)

    def element(a: Any, b: Any) -> sp.Expr:
        G21 = site_resolvent(populations, reciprocity, 0, b)[1, 0].subs({labels("X", b): 0, labels("Y", b): 0})
        return labels("M", a, b) * Average(sp.I * _S.h * sp.cancel(G21.doit()), b)

    if labels.general:
        a, b = labels.index
        return sp.Eq(sp.IndexedBase(sp.Symbol("Q"))[a, b], element(a, b), evaluate=False)
    return sp.Matrix([[element(a, b) for b in labels.names] for a in labels.names])


def outlier_condition(populations: Any = 1, reciprocity: bool = False) -> sp.Eq:
    r"""Isolated eigenvalues: det(1 - Q(z)) = 0 at a z outside the support.

    Examples
    --------
    >>> from rmtlib.symbolic import outlier_condition
    >>> outlier_condition()
    Eq(M*<h/(ell + tau*z)>, 1)
    """
    matrix = outlier_matrix(populations, reciprocity)
    if not isinstance(matrix, sp.MatrixBase):
        raise NotApplicableError("the determinant needs an explicit list of populations: name them")
    if matrix.shape == (1, 1):
        return sp.Eq(matrix[0, 0], 1, evaluate=False)
    return sp.Eq((sp.eye(matrix.rows) - matrix).det(), 0, evaluate=False)


# ---------------------------------------------------------------- summed variances
def finite_p_variance() -> sp.Eq:
    r"""Summed input variance when each of N synapses is present with probability p.

    .. math:: V = N\,[p\,\sigma^2 + p(1-p)\mu^2],

    N times the variance of s w, with s Bernoulli(p) and w of mean mu and standard deviation sigma.
    The mean p mu is not part of it: it feeds the outliers.

    References
    ----------
    I. D. Harris, H. Meffin, A. N. Burkitt and A. D. H. Peterson, arXiv:2212.01549.

    Examples
    --------
    >>> from rmtlib.symbolic import finite_p_variance
    >>> finite_p_variance()
    Eq(V, N*p*(mu**2*(1 - p) + sigma**2))
    """
    second = _S.p * (_S.mu**2 + _S.sigma**2)  # s**2 = s
    variance = sp.collect(sp.expand((second - (_S.p * _S.mu) ** 2) / _S.p), _S.mu)
    return sp.Eq(_S.V, _S.N * _S.p * variance, evaluate=False)


def sparse_variance() -> sp.Eq:
    r"""Summed input variance at fixed mean degree c: :math:`V = c\,\langle w^2\rangle`.

    The limit N to infinity of :func:`finite_p_variance` at p = c/N; the mean of the weights counts.

    Examples
    --------
    >>> from rmtlib.symbolic import sparse_variance
    >>> sparse_variance()
    Eq(V, c*(mu**2 + sigma**2))
    """
    finite = finite_p_variance().rhs.subs(_S.p, _S.c / _S.N)
    return sp.Eq(_S.V, sp.factor(sp.limit(finite, _S.N, sp.oo)), evaluate=False)


# ---------------------------------------------------------------- closed forms
def circular_law(tau: Any = 1, h: Any = 1, leak: Any = 0) -> dict[str, sp.Eq]:
    r"""The circular law, from the equation of u at one timescale and gain.

    .. math:: u = \sigma^2 - |z|^2,\qquad g = \bar z/\sigma^2,\qquad \rho = \frac{1}{\pi\sigma^2}
        \qquad (|z| < \sigma),

    for ``tau = h = 1`` and no leak, V = sigma**2; a disc of radius :math:`h\sigma/\tau` around
    :math:`-\ell/\tau` in general.

    Returns
    -------
    dict
        ``u``, ``g``, ``rho`` inside; ``edge``, where u = 0; ``outside``, g there.

    References
    ----------
    V. L. Girko, Theory Probab. Appl. 29, 694 (1985).

    Examples
    --------
    >>> from rmtlib.symbolic import circular_law
    >>> circular_law()["u"], circular_law()["rho"]
    (Eq(u, sigma**2 - z*zbar), Eq(rho, 1/(pi*sigma**2)))
    """

    def special(expr: sp.Expr) -> sp.Expr:
        return homogeneous(expr, tau, h).subs({_S.ell: leak, _S.V: _S.sigma**2})

    condition = special(dense_u_equation().lhs)
    (u,) = sp.solve(condition - 1, _S.u)
    g = sp.simplify(special(dense_resolvent().rhs).subs(_S.u, u))
    rho = special(dense_density().rhs).subs(_S.u, u).doit()
    edge = special(edge_condition().lhs)
    return {
        "u": sp.Eq(_S.u, u, evaluate=False),
        "g": sp.Eq(_S.g, g, evaluate=False),
        "rho": sp.Eq(_S.rho, sp.simplify(rho), evaluate=False),
        "edge": sp.Eq(edge, 1, evaluate=False),
        "outside": sp.Eq(_S.g, special(dense_resolvent(outside=True).rhs), evaluate=False),
    }


def _elliptic(expr: sp.Expr) -> sp.Expr:
    values = {_S.ell: 0, _S.V: _S.sigma**2, _S.R: _S.Gamma * _S.sigma**2}
    return homogeneous(expr).subs(values)


def elliptic_law() -> dict[str, sp.Eq]:
    r"""The elliptic law: entries of variance sigma^2/N with <W_ij W_ji> = Gamma sigma^2/N.

    Inside, uniform on the ellipse of semi-axes :math:`\sigma(1\pm\Gamma)`:

    .. math:: \rho = \frac{1}{\pi\sigma^2(1-\Gamma^2)},\quad
        g = \frac{\bar z - \Gamma z}{\sigma^2(1-\Gamma^2)},\quad
        \Big(\frac{x}{1+\Gamma}\Big)^2 + \Big(\frac{y}{1-\Gamma}\Big)^2 = \sigma^2 ,

    and outside :math:`\Gamma\sigma^2g^2 - zg + 1 = 0`.

    Returns
    -------
    dict
        ``theta``, ``g``, ``rho``, ``edge`` (in x and y), ``outside`` (quadratic in g).

    References
    ----------
    H. J. Sommers, A. Crisanti, H. Sompolinsky and Y. Stein, Phys. Rev. Lett. 60, 1895 (1988).

    Examples
    --------
    >>> from rmtlib.symbolic import elliptic_law
    >>> elliptic_law()["rho"]
    Eq(rho, 1/(pi*sigma**2*(1 - Gamma**2)))
    """
    # inside: the equation of u fixes the denominator D, after which theta is linear
    D = _S.sigma**2
    contrast = 1 - _S.Gamma**2
    (u,) = sp.solve(_elliptic(dense_u_equation(True).lhs) - 1, _S.u)
    theta_equation = dense_self_consistency(1, True)[2]
    right = _elliptic(theta_equation.rhs).subs(_S.Y, u / _S.X)
    right = sp.simplify(right.doit())
    pair = [_S.theta - right, _S.thetabar - conjugated(right)]
    solution = sp.solve(pair, [_S.theta, _S.thetabar], dict=True)[0]
    inside = _elliptic(dense_resolvent(1, True).rhs).subs(_S.u, u)
    g = sp.simplify(sp.simplify(inside.doit()).subs(solution) * D * contrast) / (D * contrast)
    rho = g.diff(_S.zbar) / sp.pi
    # edge: u = 0
    plane = {_S.z: _S.x + sp.I * _S.y, _S.zbar: _S.x - sp.I * _S.y}
    boundary = sp.Poly(sp.expand((D - u.doit()).subs(solution).subs(plane)), _S.x, _S.y)
    boundary = sp.Add(*(sp.factor(k) * _S.x**i * _S.y**j for (i, j), k in boundary.terms()))
    boundary = boundary.subs((_S.Gamma - 1) ** 2, (1 - _S.Gamma) ** 2)
    # outside: X = Y = 0 and theta = R g
    out = _elliptic(dense_resolvent(1, True, outside=True).rhs)
    rhs = _elliptic(theta_equation.rhs).subs({_S.X: 0, _S.Y: 0}).doit()
    ratio = sp.simplify(rhs / out)  # theta/g, a constant
    quadratic = sp.expand(sp.numer(sp.together(_S.g - out.subs(_S.theta, ratio * _S.g))))
    quadratic *= sp.sign(quadratic.subs(_S.g, 0))
    return {
        "theta": sp.Eq(_S.theta, sp.simplify(solution[_S.theta] * contrast) / contrast, evaluate=False),
        "g": sp.Eq(_S.g, g, evaluate=False),
        "rho": sp.Eq(_S.rho, rho, evaluate=False),
        "edge": sp.Eq(boundary, D, evaluate=False),
        "outside": sp.Eq(quadratic, 0, evaluate=False),
    }


def semicircle_law() -> dict[str, sp.Eq]:
    r"""The semicircle law: the elliptic law at Gamma = 1, whose ellipse has closed to a segment.

    .. math:: g = \frac{z - \sqrt{z^2 - 4\sigma^2}}{2\sigma^2},\qquad
        \rho(x) = \frac{\sqrt{4\sigma^2 - x^2}}{2\pi\sigma^2}\quad (|x| < 2\sigma).

    Returns
    -------
    dict
        ``equation`` (quadratic in g) and ``rho``, the jump of g across the real axis over 2 pi.

    References
    ----------
    E. P. Wigner, Ann. Math. 67, 325 (1958).

    Examples
    --------
    >>> from rmtlib.symbolic import semicircle_law
    >>> semicircle_law()["rho"]
    Eq(rho, sqrt(4*sigma**2 - x**2)/(2*pi*sigma**2))
    """
    equation = elliptic_law()["outside"].lhs.subs(_S.Gamma, 1)
    a, b, c = sp.Poly(equation.subs(_S.z, _S.x), _S.g).all_coeffs()
    # real coefficients: inside the cut the roots are a conjugate pair, and the one reached from
    # above the axis has Im g < 0
    imaginary = sp.sqrt(sp.factor(4 * a * c - b**2)) / (2 * a)
    rho = sp.Eq(_S.rho, sp.simplify(imaginary.expand() / sp.pi), evaluate=False)
    return {"equation": sp.Eq(equation, 0, evaluate=False), "rho": rho}


def rajan_abbott() -> dict[str, sp.Eq]:
    r"""Two populations whose columns have their own mean and spread (Rajan and Abbott).

    Entries of column population b: mean mu_b/N, variance sigma_b^2/N; a fraction f of the units is
    E. All X_a are equal to one X, Y_a = sigma_a^2 u/X, and one unknown u remains,

    .. math:: \frac{f\sigma_E^2}{r^2 + \sigma_E^2 u} + \frac{(1-f)\sigma_I^2}{r^2 + \sigma_I^2 u} = 1,
        \qquad F(r) = 1 - u,\qquad \rho(r) = \frac{1}{\pi}\frac{dF}{d(r^2)},

    with F(r) the fraction of eigenvalues inside radius r. It is the equation of u of one population
    with V = 1 whose gain is sigma_E or sigma_I: a spread of columns and a gain are the same thing.
    The radius is :math:`r^2 = f\sigma_E^2 + (1-f)\sigma_I^2`, the outlier
    :math:`f\mu_E + (1-f)\mu_I`.

    Returns
    -------
    dict
        ``condition`` (for u), ``u``, ``fraction`` F(r), ``rho``, ``edge`` (r**2), ``outlier``.

    References
    ----------
    K. Rajan and L. F. Abbott, Phys. Rev. Lett. 97, 188104 (2006).

    Examples
    --------
    >>> from rmtlib.symbolic import rajan_abbott
    >>> law = rajan_abbott()
    >>> law["condition"]
    Eq(f*sigma_E**2/(r**2 + sigma_E**2*u) + sigma_I**2*(1 - f)/(r**2 + sigma_I**2*u), 1)
    >>> law["edge"], law["outlier"]
    (Eq(r**2, f*sigma_E**2 + sigma_I**2*(1 - f)), Eq(z, f*mu_E + mu_I*(1 - f)))
    """
    names = ("E", "I")
    labels = _Labels(names)
    s = {b: labels("sigma", b) for b in names}
    values: dict[Any, Any] = {_S.ell: 0}
    for a in names:
        values[labels("X", a)] = _S.X
        values[labels("Y", a)] = s[a] ** 2 * _S.u / _S.X  # the ansatz; all four equations must hold
        for b in names:
            values[labels("V", a, b)] = labels("f", b) * s[b] ** 2
            values[labels("M", a, b)] = labels("f", b) * labels("mu", b)
    share = {labels("f", "E"): _S.f, labels("f", "I"): 1 - _S.f}

    def special(expr: sp.Expr) -> sp.Expr:
        return homogeneous(expr).subs(values).replace(lambda e: isinstance(e, AbsSquare), lambda e: _S.r**2)

    conditions = {special(sp.expand(e.rhs / e.lhs)) for e in dense_self_consistency(names)}
    condition = conditions.pop()
    if conditions:
        raise NotApplicableError("X_a equal and Y_a proportional to sigma_a^2 does not solve the equations")
    # u: the root that is positive inside, where the product of the two roots is negative
    A, B, C = sp.Poly(sp.numer(sp.together(condition.subs(share) - 1)), _S.u).all_coeffs()
    if not A.is_positive:
        A, B, C = -A, -B, -C
    u = (-B + sp.sqrt(sp.collect(sp.expand(B**2 - 4 * A * C), _S.r, sp.factor))) / (2 * A)
    # F = z g, and with the condition used once, F = 1 - u
    flux = special(sp.expand(_S.z * dense_resolvent(names).rhs)).subs(_S.zbar, _S.r**2 / _S.z)
    if sp.simplify((flux - 1 + _S.u * condition).subs(share)) != 0:
        raise NotApplicableError("the flux of g through a circle is not 1 - u")
    fraction = 1 - u
    rho = sp.diff(fraction, _S.r) / (2 * sp.pi * _S.r)
    radius_squared = sp.Symbol("radius_squared", positive=True)
    edge = special(edge_condition(names).lhs).subs(_S.r, sp.sqrt(radius_squared))
    (radius,) = sp.solve(edge, radius_squared)
    (outlier,) = sp.solve(special(outlier_condition(names).lhs), _S.z)
    return {
        "condition": sp.Eq(condition.subs(share), 1, evaluate=False),
        "u": sp.Eq(_S.u, u, evaluate=False),
        "fraction": sp.Eq(_S.F, fraction, evaluate=False),
        "rho": sp.Eq(_S.rho, sp.simplify(rho), evaluate=False),
        "edge": sp.Eq(_S.r**2, sp.expand(radius).subs(share), evaluate=False),
        "outlier": sp.Eq(_S.z, sp.expand(outlier).subs(share), evaluate=False),
    }


def harris_dale() -> dict[str, sp.Eq]:
    r"""Dale's law with sparsity: each synapse present with probability p, columns E or I.

    .. math:: R^2 = N[f s_E^2 + (1-f)s_I^2],\quad s_b^2 = p\sigma_b^2 + p(1-p)\mu_b^2,\qquad
        z = N p\,[f\mu_E + (1-f)\mu_I],

    here mu_b and sigma_b are the mean and standard deviation of a synapse that is present, not
    scaled with N.

    Returns
    -------
    dict
        ``edge`` (r**2) and ``outlier``.

    References
    ----------
    I. D. Harris, H. Meffin, A. N. Burkitt and A. D. H. Peterson, arXiv:2212.01549.
    """
    law = rajan_abbott()
    labels = _Labels(("E", "I"))
    scaled: dict[Any, Any] = {}
    for b in ("E", "I"):
        here = {_S.mu: labels("mu", b), _S.sigma: labels("sigma", b)}
        # sigma_b^2/N and mu_b/N of the dense law are the variance and mean of one entry
        scaled[labels("sigma", b)] = sp.sqrt(_S.N * (finite_p_variance().rhs / _S.N).subs(here))
        scaled[labels("mu", b)] = _S.N * _S.p * labels("mu", b)
    return {
        "edge": sp.Eq(_S.r**2, law["edge"].rhs.subs(scaled, simultaneous=True), evaluate=False),
        "outlier": sp.Eq(_S.z, law["outlier"].rhs.subs(scaled, simultaneous=True), evaluate=False),
    }

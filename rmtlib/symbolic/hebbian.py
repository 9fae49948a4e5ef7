r"""Deep-Hebbian sequences: from the self-energy of one mode to the edge, as sympy objects.

:math:`S=\alpha\langle\mathcal C(1-\Gamma\mathcal C)^{-1}\rangle_\theta` with
:math:`\mathcal C=\begin{pmatrix}0&L\\-\bar L&0\end{pmatrix}` and
:math:`\Gamma=\begin{pmatrix}p&-\bar q\\q&r\end{pmatrix}`; sympy alone.

Examples
--------
>>> from rmtlib.symbolic.hebbian import mode_self_energy, symbols
>>> import sympy as sp
>>> sp.simplify(mode_self_energy()[0, 1].subs({symbols.p: 0}) - symbols.L / (1 - symbols.q * symbols.L))
0
"""

from types import SimpleNamespace

import sympy as sp

__all__ = ["chain_radii", "linearised_edge", "mode_self_energy", "symbols", "unit_green"]

_p, _r, _s1, _s2, _eta, _h, _alpha, _gamma = sp.symbols("p r s_1 s_2 eta h alpha gamma", positive=True)
_L, _Lb, _q, _qb, _b, _bb = sp.symbols("L Lbar q qbar b bbar")

#: L, q, b = a - h sigma with their conjugates Lb, qb, bb as independent symbols, and p, r, s1, s2, eta, h, alpha, gamma.
symbols = SimpleNamespace(
    L=_L, Lb=_Lb, q=_q, qb=_qb, b=_b, bb=_bb, p=_p, r=_r, s1=_s1, s2=_s2, eta=_eta, h=_h, alpha=_alpha, gamma=_gamma
)


def mode_self_energy() -> sp.Matrix:
    r""":math:`\mathcal C(1-\Gamma\mathcal C)^{-1}`, what one Fourier mode of the patterns adds to the self-energy, 2 x 2."""
    C = sp.Matrix([[0, _L], [-_Lb, 0]])
    Gamma = sp.Matrix([[_p, -_qb], [_q, _r]])
    return (C * (sp.eye(2) - Gamma * C).inv()).applyfunc(sp.cancel)


def unit_green() -> sp.Matrix:
    r""":math:`\Big(\begin{smallmatrix}\eta+s_1&b\\-\bar b&\eta+h^2s_2\end{smallmatrix}\Big)^{-1}`, the Green's function of one unit."""
    return sp.Matrix([[_eta + _s1, _b], [-_bb, _eta + _h**2 * _s2]]).inv().applyfunc(sp.cancel)


def linearised_edge() -> sp.Expr:
    r"""Growth of a small r through one mode and one unit: :math:`\alpha|L|^2h^2/(|1-qL|^2|b|^2)`; its averages are 1 at the edge."""
    s1 = -_alpha * mode_self_energy()[0, 0]
    r = _h**2 * unit_green()[1, 1].subs(_eta, 0)
    small = sp.diff(s1, _r).subs({_r: 0, _p: 0}) * sp.diff(r, _s1).subs({_s1: 0, _s2: 0})
    return sp.factor(small)


def chain_radii() -> tuple[sp.Expr, sp.Expr]:
    r"""c = 0, d = 1: radii :math:`\gamma\sqrt{1+\alpha}` and, for :math:`\alpha<1`, :math:`\gamma(1-\alpha)^{3/2}`.

    With :math:`x=\gamma^2|G|^2` the mean over theta of :math:`1/|1-LG|^2` is :math:`1/|1-x|`. Inside x < 1 the self-energy
    vanishes, and :math:`zG=1`; beyond x = 1, :math:`zG=1-\alpha`.
    """
    x = sp.Symbol("x", positive=True)
    outer = sp.solve(sp.Eq(_alpha * x, 1 - x), x)[0]
    inner = sp.solve(sp.Eq(_alpha * x, x - 1), x)[0]
    return sp.simplify(_gamma / sp.sqrt(outer)), (1 - _alpha) * _gamma / sp.sqrt(inner)

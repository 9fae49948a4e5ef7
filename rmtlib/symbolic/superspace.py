r"""Supervectors, supermatrices and superintegrals, exactly, on small spaces.

A supervector :math:`\Phi = (S_1,\dots,S_p\,|\,\psi_1,\dots,\psi_q)` has commuting complex components and
anticommuting ones; a supermatrix maps supervectors to supervectors,

.. math:: M = \begin{pmatrix} A & \sigma\\ \rho & B\end{pmatrix},\qquad
          \operatorname{str} M = \operatorname{tr}A - \operatorname{tr}B,\qquad
          \operatorname{sdet} M = \frac{\det(A - \sigma B^{-1}\rho)}{\det B} = \frac{\det A}{\det(B - \rho A^{-1}\sigma)} ,

with even elements of a Grassmann algebra in :math:`A, B` and odd ones in :math:`\sigma, \rho`. The measure is

.. math:: d(\Phi) = \prod_{k=1}^p\frac{d^2S_k}{\pi}\,\prod_{k=1}^q d\bar\psi_k\,d\psi_k ,\qquad
          \int d(\Phi)\,e^{-\Phi^\dagger M\Phi} = \frac{1}{\operatorname{sdet}M} ,

so that the Gaussian integral of the unit matrix is 1. A commuting variable and its conjugate are two symbols, ``S``
and ``Sbar``, as ``z`` and ``zbar`` are in the rest of the book.

Sources: F. A. Berezin, *Introduction to Superanalysis* (1987); K. Efetov, *Supersymmetry in Disorder and Chaos*
(1997), chapter 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sympy as sp

from ..errors import NotApplicableError, ValidationError
from .grassmann import Algebra, Element, _bar, _names, _vanishes

__all__ = ["Supermatrix", "Superspace", "jacobian", "localised", "radial_integrand"]

Dimension = tuple[int, int]


class Supermatrix:
    r"""A matrix :math:`\begin{pmatrix}A&\sigma\\\rho&B\end{pmatrix}` of even and odd blocks.

    Parameters
    ----------
    algebra : Algebra
    blocks : ((A, sigma), (rho, B))
        Each a sympy matrix or a list of rows, of elements, numbers or expressions; an empty list for a block that
        a dimension of 0 leaves out. A supervector is the case ``((S, []), (psi, []))``.

    Attributes
    ----------
    algebra : Algebra
    rows : list of lists of Element
    dimensions : ((p, q), (p', q'))
        Numbers of even and odd rows, and of even and odd columns.

    Raises
    ------
    ValidationError
        Blocks whose shapes do not fit together, an odd element in A or B, an even one in sigma or rho.

    Examples
    --------
    >>> from rmtlib.symbolic import Algebra, Supermatrix
    >>> algebra = Algebra("sigma rho")
    >>> sigma, rho = algebra.generators
    >>> m = Supermatrix(algebra, (([[2]], [[sigma]]), ([[rho]], [[4]])))
    >>> m.supertrace(), m.superdeterminant()
    (-2, 1/2 - sigma*rho/16)
    """

    __hash__ = None

    def __init__(self, algebra: Algebra, blocks: Sequence[Sequence[Any]]):
        (upper_left, upper_right), (lower_left, lower_right) = ([_rows(algebra, b) for b in pair] for pair in blocks)
        p, q = (max(len(left), len(right)) for left, right in ((upper_left, upper_right), (lower_left, lower_right)))
        widths = [
            max((len(row) for block in column for row in block), default=0)
            for column in ((upper_left, lower_left), (upper_right, lower_right))
        ]
        rows = []
        for left, right, count in ((upper_left, upper_right, p), (lower_left, lower_right, q)):
            for block, width in ((left, widths[0]), (right, widths[1])):
                if width and (len(block) != count or any(len(row) != width for row in block)):
                    raise ValidationError(f"blocks do not fit: {count} rows of {width} entries wanted, got {block}")
            rows += [[*(left[i] if widths[0] else []), *(right[i] if widths[1] else [])] for i in range(count)]
        self._set(algebra, rows, ((p, q), (widths[0], widths[1])))
        for i, row in enumerate(rows):
            for j, entry in enumerate(row):
                wrong = entry.odd if (i < p) == (j < widths[0]) else entry.even
                if wrong != 0:
                    raise ValidationError(
                        f"entry {i, j} is {entry}: the diagonal blocks hold even elements, the others odd ones"
                    )

    def _set(self, algebra: Algebra, rows: list[list[Element]], dimensions: tuple[Dimension, Dimension]) -> None:
        self.algebra, self.rows, self.dimensions = algebra, rows, dimensions

    @classmethod
    def _made(cls, algebra: Algebra, rows: list[list[Element]], dimensions: tuple[Dimension, Dimension]) -> Supermatrix:
        """From entries whose parities are known to be right."""
        self = cls.__new__(cls)
        self._set(algebra, rows, dimensions)
        return self

    @classmethod
    def identity(cls, algebra: Algebra, p: int, q: int) -> Supermatrix:
        """The unit matrix on p even and q odd components."""
        rows = [[algebra(int(i == j)) for j in range(p + q)] for i in range(p + q)]
        return cls._made(algebra, rows, ((p, q), (p, q)))

    # -------------------------------------------------------------- arithmetic
    def __add__(self, other: Any) -> Supermatrix:
        if not isinstance(other, Supermatrix):
            return NotImplemented
        if other.dimensions != self.dimensions:
            raise ValidationError(f"dimensions {self.dimensions} and {other.dimensions} cannot be added")
        rows = [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(self.rows, other.rows, strict=True)]
        return self._made(self.algebra, rows, self.dimensions)

    def __neg__(self) -> Supermatrix:
        return self.map(lambda e: -e)

    def __sub__(self, other: Any) -> Supermatrix:
        return self + (-other) if isinstance(other, Supermatrix) else NotImplemented

    def __mul__(self, other: Any) -> Supermatrix:
        if isinstance(other, Supermatrix):
            if self.dimensions[1] != other.dimensions[0]:
                raise ValidationError(f"dimensions {self.dimensions} and {other.dimensions} cannot be multiplied")
            columns = list(zip(*other.rows, strict=True))
            zero = self.algebra(0)
            rows = [[sum((a * b for a, b in zip(row, c, strict=True)), zero) for c in columns] for row in self.rows]
            return self._made(self.algebra, rows, (self.dimensions[0], other.dimensions[1]))
        factor = self.algebra(other)
        if factor.odd != 0:
            raise ValidationError(f"{factor} is not even: a supermatrix is multiplied by numbers and even elements")
        return self.map(lambda e: e * factor)

    __rmul__ = __mul__  # only reached for scalars, which commute

    def __pow__(self, exponent: int) -> Supermatrix:
        base = self if exponent >= 0 else self.inverse()
        power = self.identity(self.algebra, *self._square())
        for _ in range(abs(exponent)):
            power = power * base
        return power

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Supermatrix) or other.dimensions != self.dimensions:
            return NotImplemented
        return all(a == b for x, y in zip(self.rows, other.rows, strict=True) for a, b in zip(x, y, strict=True))

    def __getitem__(self, position: tuple[int, int]) -> Element:
        return self.rows[position[0]][position[1]]

    def map(self, function: Callable[[Element], Element]) -> Supermatrix:
        """The matrix with a function that keeps parity applied to each entry."""
        return self._made(self.algebra, [[function(e) for e in row] for row in self.rows], self.dimensions)

    # -------------------------------------------------------------- blocks and parts
    @property
    def blocks(self) -> tuple[list[list[Element]], ...]:
        """The blocks A, sigma, rho, B as lists of rows."""
        (p, _), (width, _) = self.dimensions
        upper, lower = self.rows[:p], self.rows[p:]
        return (
            [row[:width] for row in upper],
            [row[width:] for row in upper],
            [row[:width] for row in lower],
            [row[width:] for row in lower],
        )

    def body(self) -> sp.Matrix:
        """The matrix of the bodies, block-diagonal, as a sympy matrix."""
        return sp.Matrix([[e.body for e in row] for row in self.rows])

    def _square(self) -> Dimension:
        if self.dimensions[0] != self.dimensions[1]:
            raise ValidationError(f"dimensions {self.dimensions}: a square supermatrix is needed")
        return self.dimensions[0]

    # -------------------------------------------------------------- functions
    def supertrace(self) -> Element:
        r"""The supertrace :math:`\operatorname{tr}A - \operatorname{tr}B`."""
        p, q = self._square()
        return sum((self.rows[i][i] if i < p else -self.rows[i][i] for i in range(p + q)), self.algebra(0))

    def superdeterminant(self, form: str = "B") -> Element:
        r"""The superdeterminant (Berezinian), by one of its two forms.

        .. math:: \frac{\det(A - \sigma B^{-1}\rho)}{\det B}\quad\text{or}\quad
                  \frac{\det A}{\det(B - \rho A^{-1}\sigma)} .

        Parameters
        ----------
        form : {"B", "A"}
            The block whose inverse is used.

        Raises
        ------
        NotApplicableError
            The body of that block, or of A or B in the denominator, is singular.
        """
        if form not in ("A", "B"):
            raise ValidationError(f"form {form!r}: 'A' or 'B', the block that is inverted")
        self._square()
        A, sigma, rho, B = self.blocks
        if form == "B":
            return _determinant(self.algebra, _schur(self.algebra, A, sigma, B, rho)) / _determinant(self.algebra, B)
        return _determinant(self.algebra, A) / _determinant(self.algebra, _schur(self.algebra, B, rho, A, sigma))

    def inverse(self) -> Supermatrix:
        r"""The inverse, :math:`\sum_k(-M_0^{-1}N)^kM_0^{-1}` for body :math:`M_0` and soul :math:`N`; it ends.

        Raises
        ------
        NotApplicableError
            The body is singular.
        """
        self._square()
        body = self.body()
        if _vanishes(body.det(method="berkowitz")):
            raise NotApplicableError("the body of the supermatrix is singular: it has no inverse")
        first = self._of_body(body.inv())
        step = -(first * self._souls())
        term, total = step * first, first
        while term._stored():
            term, total = step * term, total + term
        return total

    def exp(self) -> Supermatrix:
        r"""The exponential :math:`\sum_kM^k/k!` of a matrix without body, which ends."""
        return self._series(lambda k: 1 / sp.factorial(k), self)

    def log(self) -> Supermatrix:
        r"""The logarithm :math:`-\sum_{k\ge1}(1-M)^k/k` of a matrix with the unit matrix as its body, which ends."""
        return self._series(
            lambda k: (-1) ** (k + 1) / sp.S(k) if k else sp.S.Zero, self - self.identity(self.algebra, *self._square())
        )

    def _series(self, coefficient: Callable[[int], sp.Expr], x: Supermatrix) -> Supermatrix:
        if not all(_vanishes(c) for c in x.body()):
            raise NotApplicableError("the series does not end: its argument has a body")
        total, power, k = self.identity(self.algebra, *self._square()) * coefficient(0), x, 1
        while power._stored():
            total, power, k = total + power * coefficient(k), power * x, k + 1
        return total

    def supertranspose(self) -> Supermatrix:
        r"""The supertranspose :math:`\begin{pmatrix}A^T&\rho^T\\-\sigma^T&B^T\end{pmatrix}`: :math:`(MN)^T=N^TM^T`."""
        (p, _), (width, _) = self.dimensions
        rows = [
            [-e if j >= width and i < p else e for i, e in enumerate(column)]
            for j, column in enumerate(zip(*self.rows, strict=True))
        ]
        return self._made(self.algebra, rows, (self.dimensions[1], self.dimensions[0]))

    def adjoint(self, scalar: Callable[[sp.Expr], sp.Expr] = sp.conjugate) -> Supermatrix:
        r"""The adjoint: :math:`(MN)^\dagger=N^\dagger M^\dagger`, :math:`M^{\dagger\dagger}=M`.

        The conjugate of the supertranspose where conjugation is of the second kind, of the plain transpose where it
        is of the first. ``scalar`` conjugates the coefficients, as in
        :meth:`~rmtlib.symbolic.grassmann.Element.conjugate`.
        """
        transpose = self.supertranspose()
        if self.algebra.kind == 1:
            rows = [list(column) for column in zip(*self.rows, strict=True)]
            transpose = self._made(self.algebra, rows, transpose.dimensions)
        return transpose.map(lambda e: e.conjugate(scalar))

    def _of_body(self, matrix: sp.Matrix) -> Supermatrix:
        rows = [[self.algebra(c) for c in matrix.row(i)] for i in range(matrix.rows)]
        return self._made(self.algebra, rows, self.dimensions)

    def _stored(self) -> bool:
        """Whether any coefficient is left; products of souls run out of generators."""
        return any(e.terms for row in self.rows for e in row)

    def _souls(self) -> Supermatrix:
        return self.map(lambda e: e.soul)

    # -------------------------------------------------------------- printing
    def __repr__(self) -> str:
        return "Supermatrix(" + ", ".join(str(row) for row in self.rows) + ")"

    def _latex(self, printer: Any) -> str:
        (p, _), (width, odd) = self.dimensions
        lines = [" & ".join(printer._print(e) for e in row) for row in self.rows]
        if 0 < p < len(lines):
            lines[p] = r"\hline " + lines[p]
        columns = "c" * width + ("|" if width and odd else "") + "c" * odd
        return rf"\left(\begin{{array}}{{{columns}}}" + r" \\ ".join(lines) + r"\end{array}\right)"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {sp.latex(self)}$"


def _rows(algebra: Algebra, block: Any) -> list[list[Element]]:
    rows = block.tolist() if isinstance(block, sp.MatrixBase) else block
    return [[algebra(e) for e in row] for row in rows]


def _determinant(algebra: Algebra, rows: list[list[Element]]) -> Element:
    """Determinant of a matrix of even elements, by expansion along the first row."""
    if not rows:
        return algebra(1)
    total = algebra(0)
    for j, entry in enumerate(rows[0]):
        if entry.terms:
            minor = [row[:j] + row[j + 1 :] for row in rows[1:]]
            total = total + (-1) ** j * entry * _determinant(algebra, minor)
    return total


def _schur(algebra: Algebra, A: list, sigma: list, B: list, rho: list) -> list[list[Element]]:
    """The Schur complement A - sigma B^-1 rho."""
    if not (A and B):
        return A
    inverse = Supermatrix(algebra, ((B, []), ([], []))).inverse().rows
    size = range(len(B))
    return [
        [
            A[i][j] - sum((sigma[i][k] * inverse[k][l] * rho[l][j] for k in size for l in size), algebra(0))
            for j in range(len(A))
        ]
        for i in range(len(A))
    ]


class Superspace:
    r"""Complex commuting and anticommuting coordinates, and integrals over them.

    Parameters
    ----------
    commuting, anticommuting : str or iterable of str
        Names of the components :math:`S_k` and :math:`\psi_k`, which may differ in number.
    parameters : str or iterable of str
        Further complex anticommuting generators, over which nothing is integrated: odd entries of matrices, sources.
    kind : {2, 1}
        Kind of the conjugation, see :class:`~rmtlib.symbolic.grassmann.Algebra`.

    Attributes
    ----------
    algebra : Algebra
    commuting : tuple of (Symbol, Symbol)
        Pairs ``(S, Sbar)``.
    anticommuting, parameters : tuple of (Element, Element)
        Pairs ``(psi, psibar)``.
    column, row : Supermatrix
        :math:`\Phi` and :math:`\Phi^\dagger`.

    Examples
    --------
    >>> from rmtlib.symbolic import Superspace
    >>> space = Superspace("S", "psi")
    >>> space.norm
    S*Sbar + psibar*psi
    >>> space.integrate((-space.norm).exp())
    1
    """

    def __init__(
        self,
        commuting: str | Iterable[str],
        anticommuting: str | Iterable[str],
        parameters: str | Iterable[str] = (),
        kind: int = 2,
    ):
        commuting, odd, extra = _names(commuting), _names(anticommuting), _names(parameters)
        if len({*commuting, *odd, *extra}) < len(commuting) + len(odd) + len(extra):
            raise ValidationError(f"components {commuting + odd + extra}: each needs a name of its own")
        self.algebra = Algebra.complex([*odd, *extra], kind)
        self.commuting = tuple((sp.Symbol(n, complex=True), sp.Symbol(_bar(n), complex=True)) for n in commuting)
        pairs = [(self.algebra[n], self.algebra[_bar(n)]) for n in (*odd, *extra)]
        self.anticommuting, self.parameters = tuple(pairs[: len(odd)]), tuple(pairs[len(odd) :])
        self.column = Supermatrix(
            self.algebra,
            (([[s] for s, _ in self.commuting], []), ([[psi] for psi, _ in self.anticommuting], [])),
        )
        self.row = self.column.adjoint(self.conjugate)

    @property
    def dimension(self) -> Dimension:
        """Numbers of commuting and of anticommuting components."""
        return len(self.commuting), len(self.anticommuting)

    @property
    def norm(self) -> Element:
        r"""The superinvariant :math:`\Phi^\dagger\Phi`."""
        return (self.row * self.column)[0, 0]

    def form(self, matrix: Any) -> Element:
        r"""The quadratic form :math:`\Phi^\dagger M\Phi`; ``matrix`` as in :meth:`gaussian`."""
        return (self.row * self.matrix(matrix) * self.column)[0, 0].expand()

    def matrix(self, value: Any) -> Supermatrix:
        """A supermatrix on this space: blocks, or one ordinary matrix that acts on both kinds of components alike."""
        if isinstance(value, Supermatrix):
            result = value
        elif isinstance(value, sp.MatrixBase):
            p, q = self.dimension
            zeros = sp.zeros(*value.shape) if p and q else []
            result = Supermatrix(self.algebra, ((value if p else [], zeros), (zeros, value if q else [])))
        else:
            result = Supermatrix(self.algebra, value)
        if result.dimensions != (self.dimension, self.dimension):
            raise ValidationError(f"a matrix of dimensions {result.dimensions} on a space of {self.dimension}")
        return result

    def conjugate(self, expr: sp.Expr) -> sp.Expr:
        """Complex conjugate of a coefficient: ``S`` and ``Sbar`` are exchanged."""
        swap = {a: b for pair in self.commuting for a, b in (pair, pair[::-1])}
        dummies = {a: sp.Dummy() for a in swap}
        back = {sp.conjugate(dummies[a]): b for a, b in swap.items()}
        return sp.conjugate(sp.sympify(expr).xreplace(dummies)).xreplace(back)

    # -------------------------------------------------------------- integrals
    def berezin(self, f: Element) -> Element:
        r"""The integral :math:`\int\prod_kd\bar\psi_kd\psi_k\,f` over the anticommuting coordinates."""
        return f.integrate_pairs(*(psi for psi, _ in self.anticommuting)) if self.anticommuting else f

    def gaussian(self, matrix: Any, prefactor: Any = 1) -> Element:
        r"""Gaussian superintegral with a polynomial in front, exactly.

        .. math:: \int d(\Phi)\;P(\Phi,\Phi^\dagger)\;e^{-\Phi^\dagger M\Phi}

        Everything but the body of the block A is expanded, which ends; the anticommuting coordinates are integrated,
        and what is left is a polynomial in the commuting ones, integrated by Wick's theorem with
        :math:`\int\prod_k\frac{d^2S_k}{\pi}\,S_i\bar S_j\,e^{-\bar SA_0S} = (A_0^{-1})_{ij}/\det A_0`.

        Parameters
        ----------
        matrix : Supermatrix, blocks or sympy matrix
            :math:`M`. The integral converges where the Hermitian part of the body :math:`A_0` of its block A is
            positive definite; for a matrix of symbols this is for the caller to know.
        prefactor : Element or expression
            :math:`P`, a polynomial in the commuting coordinates.

        Returns
        -------
        Element
            In the parameters; without them a number or expression, ``.body``.

        Raises
        ------
        NotApplicableError
            The integral diverges (decided for matrices of numbers); a prefactor that is not a polynomial.

        Examples
        --------
        >>> import sympy as sp
        >>> from rmtlib.symbolic import Superspace
        >>> a, b = sp.symbols("a b", positive=True)
        >>> space = Superspace("S", "psi")
        >>> space.gaussian((([[a]], [[0]]), ([[0]], [[b]])))
        b/a
        >>> (S, Sbar), = space.commuting
        >>> space.gaussian(a * sp.eye(1), S**2 * Sbar**2)
        2/a**2
        """
        M = self.matrix(matrix)
        A0 = sp.Matrix([[e.body for e in row] for row in M.blocks[0]])
        if not A0.free_symbols and self.commuting:
            hermitian = (A0 + A0.H) / 2
            if not all(hermitian[:k, :k].det().is_positive for k in range(1, A0.rows + 1)):
                raise NotApplicableError("the integral diverges: the Hermitian part of the block A is not positive")
        # the body of the exponent is the Gaussian of the commuting coordinates
        weight = (-self.form(M)).soul.exp()
        left = self.berezin(self.algebra(prefactor) * weight)
        return left.map(_Wick(A0, self.commuting))

    def integrate(self, f: Any) -> Element:
        r"""The superintegral :math:`\int d(\Phi)\,f`, the commuting part by sympy in polar coordinates.

        .. math:: \int\frac{d^2S}{\pi} = \int_0^\infty dt\int_0^{2\pi}\frac{d\varphi}{2\pi},\qquad S=\sqrt t\,e^{i\varphi}

        For functions that are not a polynomial times a Gaussian; :meth:`gaussian` is faster where it applies.

        Raises
        ------
        NotApplicableError
            The integral diverges, or sympy does not find it.

        Examples
        --------
        >>> from rmtlib.symbolic import Superspace
        >>> space = Superspace("S", "psi")
        >>> space.integrate((1 + space.norm).inverse() ** 2)
        1
        """
        return self.berezin(self.algebra(f)).map(self._polar)

    def _polar(self, coefficient: sp.Expr) -> sp.Expr:
        for s, sbar in self.commuting:
            t, phi = sp.Dummy("t", positive=True), sp.Dummy("varphi", real=True)
            polar = {s: sp.sqrt(t) * sp.exp(sp.I * phi), sbar: sp.sqrt(t) * sp.exp(-sp.I * phi)}
            coefficient = sp.powsimp(sp.expand(coefficient.subs(polar)))
            if coefficient.has(phi):
                coefficient = sp.integrate(coefficient, (phi, 0, 2 * sp.pi)) / (2 * sp.pi)
            coefficient = sp.integrate(coefficient, (t, 0, sp.oo))
            if coefficient.has(sp.Integral, sp.oo, -sp.oo, sp.zoo, sp.nan):
                raise NotApplicableError(f"the integral over {s} diverges, or sympy does not know it: {coefficient}")
        return coefficient


class _Wick:
    """Moments of complex commuting Gaussian variables of inverse covariance A, over det A."""

    def __init__(self, A: sp.Matrix, pairs: Sequence[tuple[sp.Symbol, sp.Symbol]]):
        self.A, self.pairs, self.size = A, pairs, len(pairs)
        self.determinant = A.det(method="berkowitz") if pairs else sp.S.One
        self.covariance: sp.Matrix | None = None
        self.known: dict[tuple[int, ...], sp.Expr] = {(0,) * (2 * self.size): sp.S.One}

    def __call__(self, polynomial: sp.Expr) -> sp.Expr:
        """The integral of a polynomial in the variables times the Gaussian."""
        if not self.pairs:
            return polynomial
        variables = [s for s, _ in self.pairs] + [sbar for _, sbar in self.pairs]
        try:
            terms = sp.Poly(polynomial, *variables).terms()
        except sp.PolynomialError as error:
            raise NotApplicableError(f"{polynomial} is not a polynomial in {variables}: use integrate()") from error
        return sp.Add(*(c * self.moment(powers) for powers, c in terms)) / self.determinant

    def moment(self, powers: tuple[int, ...]) -> sp.Expr:
        """Mean of a monomial: one S is paired with each Sbar in turn."""
        if sum(powers[: self.size]) != sum(powers[self.size :]):
            return sp.S.Zero
        if powers not in self.known:
            if self.covariance is None:
                self.covariance = self.A.adjugate() / self.determinant
            i = next(k for k, power in enumerate(powers) if power)
            total = sp.S.Zero
            for j in range(self.size):
                if power := powers[self.size + j]:
                    rest = list(powers)
                    rest[i] -= 1
                    rest[self.size + j] -= 1
                    total += self.covariance[i, j] * power * self.moment(tuple(rest))
            self.known[powers] = total
        return self.known[powers]


# ---------------------------------------------------------------- functions of the superinvariant
def radial_integrand(function: Callable[[sp.Expr], sp.Expr], t: sp.Symbol, n: int = 1) -> sp.Expr:
    r"""What is left of :math:`\int d(\Phi)\,F(\Phi^\dagger\Phi)` on n + n components: an integral over the radius.

    .. math:: \int d(\Phi)\,F(\Phi^\dagger\Phi) = \int_0^\infty dt\,\frac{t^{n-1}}{(n-1)!}\,(-1)^nF^{(n)}(t),\qquad
              t = \sum_k|S_k|^2 .

    The derivative is what the Berezin integral leaves of the expansion of F in :math:`\sum_k\bar\psi_k\psi_k`, done
    here term by term; the power of t is the area of a sphere in 2n dimensions over :math:`2\pi^n`.

    Parameters
    ----------
    function : callable
        F, from a sympy expression to one: a lambda or ``sympy.Function("F")``.
    t : Symbol
    n : int

    Examples
    --------
    >>> import sympy as sp
    >>> from rmtlib.symbolic import radial_integrand
    >>> t = sp.Symbol("t", positive=True)
    >>> radial_integrand(sp.Function("F"), t), radial_integrand(lambda x: sp.exp(-x), t, 2)
    (-Derivative(F(t), t), t*exp(-t))
    """
    if n < 1:
        raise ValidationError(f"n = {n}: at least one complex component of each kind is needed")
    space = Superspace([], [f"psi{k + 1}" for k in range(n)])
    left = space.berezin((t + space.norm).apply(function))
    return left.body * t ** (n - 1) / sp.factorial(n - 1)


def localised(function: Callable[[sp.Expr], sp.Expr]) -> sp.Expr:
    r"""The localisation theorem: :math:`\int d(\Phi)\,F(\Phi^\dagger\Phi) = F(0) - F(\infty)`, for any n + n components.

    For functions with :math:`t^kF^{(k)}(t)\to0` at infinity, :math:`1\le k<n`.

    Raises
    ------
    NotApplicableError
        One of the two values is not finite.

    Examples
    --------
    >>> import sympy as sp
    >>> from rmtlib.symbolic import localised
    >>> q = sp.Symbol("q")
    >>> localised(lambda t: q + (1 - q) * sp.exp(-t))
    1 - q
    """
    t = sp.Dummy("t", positive=True)
    ends = function(sp.S.Zero), sp.limit(function(t), t, sp.oo)
    if any(end.has(sp.oo, -sp.oo, sp.zoo, sp.nan, sp.AccumBounds, sp.Limit) for end in map(sp.sympify, ends)):
        raise NotApplicableError(f"F(0) = {ends[0]} and F(oo) = {ends[1]}: the theorem needs both to be finite")
    return sp.simplify(ends[0] - ends[1])


# ---------------------------------------------------------------- changes of variables
def jacobian(
    algebra: Algebra,
    even: Sequence[Any],
    odd: Sequence[Element],
    symbols: Sequence[sp.Symbol],
    generators: Sequence[Element],
) -> Supermatrix:
    r"""Jacobian supermatrix of old coordinates :math:`(x|\theta)` written in new ones :math:`(y|\eta)`.

    .. math:: J = \begin{pmatrix}\partial_yx & \partial_y\theta\\ \partial_\eta x & \partial_\eta\theta\end{pmatrix},\qquad
              \int dx\,d\theta\,f = \int dy\,d\eta\,\operatorname{sdet}(J)\,f(x(y,\eta),\theta(y,\eta)) ,

    with left derivatives, for real ordinary integrals whose integrand, with its derivatives, vanishes where the
    domain of y ends. Otherwise there are boundary terms besides.

    Parameters
    ----------
    algebra : Algebra
    even, odd : sequences of Element
        The old coordinates, as functions of the new ones.
    symbols, generators : sequences of Symbol and of generators
        The new coordinates.

    Examples
    --------
    >>> import sympy as sp
    >>> from rmtlib.symbolic import Algebra, jacobian
    >>> algebra, y = Algebra("eta1 eta2"), sp.Symbol("y", real=True)
    >>> eta1, eta2 = algebra.generators
    >>> jacobian(algebra, [2 * y], [3 * eta1, eta2], [y], [eta1, eta2]).superdeterminant()
    2/3
    """
    old = [[algebra(e) for e in even], [algebra(e) for e in odd]]
    return Supermatrix(
        algebra, [[[[e.diff(v) for e in part] for v in new] for part in old] for new in (symbols, generators)]
    )

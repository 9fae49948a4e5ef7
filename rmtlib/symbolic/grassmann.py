r"""Grassmann algebra with sympy coefficients.

Generators anticommute, coefficients are ordinary commuting sympy expressions:

.. math:: \theta_i\theta_j = -\theta_j\theta_i,\qquad
          f = \sum_{S} f_S\,\theta_S,\qquad \theta_S = \theta_{i_1}\theta_{i_2}\cdots\quad (i_1 < i_2 < \cdots).

An :class:`Algebra` knows the names, the order and the conjugates of the generators; an :class:`Element` is a
dictionary from blades :math:`\theta_S` to coefficients. A blade is an integer, bit ``i`` standing for generator
``i``: a product of blades is their bitwise ``or``, 0 when the ``and`` is not, and its sign is the parity of the
transpositions that put the generators in order.

**Conventions.** Derivatives act from the left. :math:`\int d\theta\,\theta = 1`, :math:`\int d\theta\,1 = 0`, and
differentials are applied from the right, the innermost first: :math:`\int d\theta_1 d\theta_2\,\theta_2\theta_1 = 1`.
A complex pair carries :math:`\int d\bar\psi\,d\psi`, for which

.. math:: \int d\bar\psi\,d\psi\; e^{-\bar\psi a\psi} = a , \qquad
          \int \prod_k d\bar\psi_k d\psi_k\; e^{-\bar\psi A\psi} = \det A .

Conjugation is of the second kind unless the algebra is told otherwise:
:math:`(fg)^* = f^*g^*,\ \psi^* = \bar\psi,\ \bar\psi^* = -\psi`. Of the first kind it reverses products and is an
involution: :math:`(fg)^* = g^*f^*,\ \bar\psi^* = \psi`. Under both :math:`\bar\psi\psi` is real, and no integral
depends on the choice.

Source: F. A. Berezin, *The Method of Second Quantization* (1966); K. Efetov, *Supersymmetry in Disorder and Chaos*
(1997), chapter 2, for conjugation of the second kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sympy as sp

from ..errors import NotApplicableError, ValidationError

__all__ = ["Algebra", "Element", "graded_commutator"]


def _vanishes(expr: sp.Expr) -> bool:
    """Whether a coefficient is zero, by expansion first and then by simplification."""
    if expr.is_zero:
        return True
    expr = sp.expand(expr)
    return expr == 0 or (not expr.is_number or expr.is_zero is None) and sp.simplify(expr) == 0


def _swaps(a: int, b: int) -> int:
    """Number of transpositions that put the generators of blade ``a`` followed by those of ``b`` in order."""
    count = 0
    while a := a >> 1:
        count += (a & b).bit_count()
    return count


def _bar(name: str) -> str:
    """``psi1`` -> ``psibar1``, which sympy prints as a psi with a bar."""
    return re.sub(r"^([A-Za-z]+)", r"\1bar", name)


def _names(names: str | Iterable[str]) -> list[str]:
    """Names from a string as ``sympy.symbols`` reads it, or as they are."""
    return [s.name for s in sp.symbols(names, seq=True)] if isinstance(names, str) else list(names)


class Algebra:
    r"""The Grassmann algebra over given generators.

    Parameters
    ----------
    generators : str or iterable of str
        Names, separated by spaces or commas, ranges as in ``sympy.symbols`` (``"theta1:4"``). Their order is
        that of the canonical blades.
    pairs : mapping, optional
        ``{name: name of its conjugate}``; see also :meth:`complex`.
    kind : {2, 1}
        Kind of the conjugation.

    Raises
    ------
    ValidationError
        A name twice or not a name, a pair that is not made of two generators, an unknown kind.

    Examples
    --------
    >>> from rmtlib.symbolic import Algebra
    >>> algebra = Algebra("theta1:3")
    >>> a, b = algebra.generators
    >>> a * b, b * a, a * a
    (theta1*theta2, -theta1*theta2, 0)
    >>> (1 + 2 * a) * (3 + b)
    3 + 6*theta1 + theta2 + 2*theta1*theta2
    """

    def __init__(self, generators: str | Iterable[str], pairs: Mapping[str, str] | None = None, kind: int = 2):
        self.names = tuple(_names(generators))
        if len(set(self.names)) < len(self.names) or not all(isinstance(n, str) and n for n in self.names):
            raise ValidationError(f"generators {self.names}: each needs a name of its own")
        if kind not in (1, 2):
            raise ValidationError(
                f"kind of conjugation {kind!r}: it is 2 (keeps the order of a product) or 1 (reverses it)"
            )
        self.kind = kind
        self._index = {name: i for i, name in enumerate(self.names)}
        self.pairs = tuple((pairs or {}).items())
        paired = [name for pair in self.pairs for name in pair]
        if len(set(paired)) < len(paired) or not set(paired) <= set(self.names):
            raise ValidationError(
                f"pairs {dict(self.pairs)}: two different generators of {self.names} each, none twice"
            )
        self._symbols = tuple(sp.Symbol(name, commutative=False) for name in self.names)

    @classmethod
    def complex(cls, names: str | Iterable[str], kind: int = 2) -> Algebra:
        r"""Complex pairs: for each name a generator and, in front of it, its conjugate: ``psibar1``, ``psi1``.

        Examples
        --------
        >>> from rmtlib.symbolic import Algebra
        >>> psibar, psi = Algebra.complex("psi").generators
        >>> (-3 * psibar * psi).exp().integrate(psibar, psi)
        3
        """
        names = _names(names)
        return cls([n for name in names for n in (_bar(name), name)], {name: _bar(name) for name in names}, kind)

    # -------------------------------------------------------------- its elements
    @property
    def generators(self) -> tuple[Element, ...]:
        """All generators, in order."""
        return tuple(Element(self, {1 << i: sp.S.One}) for i in range(len(self.names)))

    def __getitem__(self, name: str) -> Element:
        """A generator by its name."""
        if name not in self._index:
            raise ValidationError(f"no generator {name!r}: this algebra has {', '.join(self.names)}")
        return Element(self, {1 << self._index[name]: sp.S.One})

    def __call__(self, value: Any) -> Element:
        """A number or sympy expression as an element; an element of this algebra as it is."""
        if isinstance(value, Element):
            if value.algebra != self:
                raise ValidationError(f"an element over {value.algebra.names} does not belong to {self!r}")
            return value
        try:
            value = sp.sympify(value, strict=True)
        except sp.SympifyError as error:
            raise ValidationError(f"{value!r} is not a coefficient: numbers and sympy expressions are") from error
        if not isinstance(value, sp.Expr) or not value.is_commutative:
            raise ValidationError(f"{value!r} is not a coefficient: it has to be a commuting sympy expression")
        return Element(self, {0: value})

    def conjugate_of(self, generator: Element) -> Element:
        r"""The other generator of a pair, without sign: :math:`\psi\to\bar\psi,\ \bar\psi\to\psi`."""
        return self.generators[self._partner(self._position(generator))[0]]

    def _partner(self, index: int) -> tuple[int, bool]:
        """Index of the conjugate generator, and whether ``index`` is the barred one of the two."""
        for name, bar in self.pairs:
            if self.names[index] in (name, bar):
                barred = self.names[index] == bar
                return self._index[name if barred else bar], barred
        raise NotApplicableError(f"{self.names[index]} has no conjugate: name its pair when the algebra is made")

    def _position(self, generator: Any) -> int:
        """Index of a generator given as an element."""
        if isinstance(generator, Element) and generator.algebra == self and len(generator.terms) == 1:
            ((blade, coefficient),) = generator.terms.items()
            if blade.bit_count() == 1 and coefficient == 1:
                return blade.bit_length() - 1
        raise ValidationError(f"{generator} is not a generator of {self!r}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Algebra):
            return NotImplemented
        return (self.names, self.pairs, self.kind) == (other.names, other.pairs, other.kind)

    def __hash__(self) -> int:
        return hash((self.names, self.pairs, self.kind))

    def __repr__(self) -> str:
        return f"Algebra({' '.join(self.names)!r})"


class Element:
    r"""An element :math:`f = \sum_S f_S\,\theta_S`; made by an :class:`Algebra`, never changed.

    Sums, products and integer powers are written with operators. Two elements are equal when the difference of
    their coefficients simplifies to zero.

    Attributes
    ----------
    algebra : Algebra
    terms : dict
        Coefficients :math:`f_S` by blade.

    Examples
    --------
    >>> import sympy as sp
    >>> from rmtlib.symbolic import Algebra
    >>> a, b = Algebra("theta1 theta2").generators
    >>> x = sp.Symbol("x")
    >>> (x + a * b).apply(sp.sin)
    sin(x) + cos(x)*theta1*theta2
    """

    __slots__ = ("algebra", "terms")
    __hash__ = None  # equality simplifies, which no hash can follow
    __array_ufunc__ = None  # numpy numbers leave products to this class

    def __init__(self, algebra: Algebra, terms: Mapping[int, sp.Expr]):
        self.algebra = algebra
        self.terms = {blade: terms[blade] for blade in sorted(terms, key=_order) if terms[blade] != 0}

    # -------------------------------------------------------------- arithmetic
    def _other(self, value: Any) -> Element | None:
        try:
            return self.algebra(value)
        except ValidationError:
            if isinstance(value, Element):
                raise
            return None  # let Python try the other operand, then raise TypeError

    def __add__(self, other: Any) -> Element:
        if (other := self._other(other)) is None:
            return NotImplemented
        terms = dict(self.terms)
        for blade, coefficient in other.terms.items():
            terms[blade] = terms.get(blade, sp.S.Zero) + coefficient
        return Element(self.algebra, terms)

    __radd__ = __add__

    def __neg__(self) -> Element:
        return self.map(lambda c: -c)

    def __pos__(self) -> Element:
        return self

    def __sub__(self, other: Any) -> Element:
        if (other := self._other(other)) is None:
            return NotImplemented
        return self + (-other)

    def __rsub__(self, other: Any) -> Element:
        return -self + other

    def __mul__(self, other: Any) -> Element:
        if (other := self._other(other)) is None:
            return NotImplemented
        sums: dict[int, list[sp.Expr]] = {}
        for a, left in self.terms.items():
            for b, right in other.terms.items():
                if not a & b:
                    product = left * right
                    sums.setdefault(a | b, []).append(-product if _swaps(a, b) % 2 else product)
        return Element(self.algebra, {blade: sp.Add(*terms) for blade, terms in sums.items()})

    def __rmul__(self, other: Any) -> Element:
        if (other := self._other(other)) is None:
            return NotImplemented
        return other * self

    def __truediv__(self, other: Any) -> Element:
        if (other := self._other(other)) is None:
            return NotImplemented
        return self * other.inverse()

    def __rtruediv__(self, other: Any) -> Element:
        return self.inverse() * other

    def __pow__(self, exponent: Any) -> Element:
        exponent = sp.sympify(exponent)
        if not exponent.is_Integer:
            return self.apply(lambda t: t**exponent)
        base, power = self if exponent >= 0 else self.inverse(), self.algebra(1)
        for _ in range(abs(int(exponent))):
            power = power * base
        return power

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Element) and other.algebra != self.algebra:
            return False
        if (other := self._other(other)) is None:
            return NotImplemented
        return all(_vanishes(c) for c in (self - other).terms.values())

    # -------------------------------------------------------------- parts
    @property
    def body(self) -> sp.Expr:
        """The coefficient of 1, an ordinary expression."""
        return self.terms.get(0, sp.S.Zero)

    @property
    def soul(self) -> Element:
        """The rest, which is nilpotent."""
        return self._select(lambda grade: grade > 0)

    @property
    def even(self) -> Element:
        """The part made of products of an even number of generators."""
        return self._select(lambda grade: grade % 2 == 0)

    @property
    def odd(self) -> Element:
        """The part made of products of an odd number of generators."""
        return self._select(lambda grade: grade % 2 == 1)

    @property
    def parity(self) -> int | None:
        """0 for an even element, 1 for an odd one, None for a mixture."""
        parities = {blade.bit_count() % 2 for blade in self.terms}
        if len(parities) == 2:  # unless the coefficients of one kind are zeros in disguise
            parities = {blade.bit_count() % 2 for blade, c in self.terms.items() if not _vanishes(c)}
        return None if len(parities) == 2 else max(parities, default=0)

    def grade(self, k: int) -> Element:
        """The part made of products of ``k`` generators."""
        return self._select(lambda grade: grade == k)

    def coefficient(self, *generators: Element) -> sp.Expr:
        r"""Coefficient of the product of these generators, in this order.

        Examples
        --------
        >>> from rmtlib.symbolic import Algebra
        >>> a, b = Algebra("a b").generators
        >>> f = 2 + 5 * a * b
        >>> f.coefficient(a, b), f.coefficient(b, a), f.coefficient()
        (5, -5, 2)
        """
        product = self.algebra(1)
        for generator in generators:
            self.algebra._position(generator)
            product = product * generator
        if not product.terms:
            raise ValidationError("a generator twice: their product is zero and has no coefficient")
        ((blade, sign),) = product.terms.items()
        return sign * self.terms.get(blade, sp.S.Zero)

    def _select(self, wanted: Callable[[int], bool]) -> Element:
        return Element(self.algebra, {b: c for b, c in self.terms.items() if wanted(b.bit_count())})

    # -------------------------------------------------------------- functions
    def map(self, function: Callable[[sp.Expr], sp.Expr]) -> Element:
        """The element with ``function`` applied to each coefficient (``sympy.factor``, ``sympy.limit`` ...)."""
        return Element(self.algebra, {blade: function(c) for blade, c in self.terms.items()})

    def expand(self) -> Element:
        """Coefficients expanded."""
        return self.map(sp.expand)

    def simplify(self) -> Element:
        """Coefficients simplified."""
        return self.map(sp.simplify)

    def apply(self, function: Callable[[sp.Expr], sp.Expr]) -> Element:
        r"""A function of an even element, by its Taylor series around the body, which ends.

        .. math:: F(b + s) = \sum_k \frac{1}{k!}\,F^{(k)}(b)\,s^k

        Parameters
        ----------
        function : callable
            From a sympy expression to one: ``sympy.log``, ``sympy.Function("F")``, a lambda.

        Raises
        ------
        NotApplicableError
            The element is not even: its powers would not commute with the rest of a formula.
        """
        if self.parity != 0:
            raise NotApplicableError(f"a function of {self}, which is not even; expand it in its odd part first")
        t = sp.Dummy("t")
        return self.algebra(function(t)).subs({t: self})

    def exp(self) -> Element:
        r"""The exponential :math:`e^{f}` of an even element, as a product over its terms.

        Terms of the soul commute and square to zero: :math:`e^{b + \sum_k s_k} = e^b\prod_k(1 + s_k)`.

        Examples
        --------
        >>> from rmtlib.symbolic import Algebra
        >>> a, b, c, d = Algebra("a b c d").generators
        >>> (a * b + c * d).exp()
        1 + a*b + c*d + a*b*c*d
        """
        if self.parity != 0:
            raise NotApplicableError(f"the exponential of {self}, which is not even; expand it in its odd part first")
        product = self.algebra(sp.exp(self.body))
        for blade, c in self.soul.even.terms.items():
            product = (product + product * Element(self.algebra, {blade: c})).map(sp.expand_mul)
        return product

    def log(self) -> Element:
        """The logarithm of an even element with a body that is not zero."""
        self._check_body("logarithm")
        return self.apply(sp.log)

    def inverse(self) -> Element:
        r"""The inverse :math:`\frac1b\sum_k(-s/b)^k`, for a body ``b`` that is not zero.

        Raises
        ------
        NotApplicableError
            The body is zero: the element is nilpotent.

        Examples
        --------
        >>> from rmtlib.symbolic import Algebra
        >>> a, b = Algebra("a b").generators
        >>> (2 + a * b).inverse()
        1/2 - a*b/4
        """
        self._check_body("inverse")
        body = self.body
        step, term, total = self.soul.map(lambda c: -c / body), self.algebra(1), self.algebra(0)
        while term.terms:
            total, term = total + term, term * step
        return total.map(lambda c: c / body)

    def _check_body(self, what: str) -> None:
        if _vanishes(self.body):
            raise NotApplicableError(f"{self} has no {what}: its body is zero")

    # -------------------------------------------------------------- calculus
    def diff(self, variable: Element | sp.Symbol) -> Element:
        r"""Derivative with respect to a generator, from the left, or of the coefficients with respect to a symbol.

        .. math:: \frac{\partial}{\partial\theta_i}\,\theta_{j_1}\cdots\theta_{j_k}\,\theta_i\cdots
                  = (-1)^k\,\theta_{j_1}\cdots\theta_{j_k}\cdots

        Examples
        --------
        >>> from rmtlib.symbolic import Algebra
        >>> a, b = Algebra("a b").generators
        >>> (a * b).diff(a), (a * b).diff(b)
        (b, -a)
        """
        if not isinstance(variable, Element):
            return self.map(lambda c: c.diff(variable))
        bit = 1 << self.algebra._position(variable)
        return Element(
            self.algebra,
            {
                blade ^ bit: -c if (blade & (bit - 1)).bit_count() % 2 else c
                for blade, c in self.terms.items()
                if blade & bit
            },
        )

    def integrate(self, *measure: Element) -> Element:
        r"""Berezin integral :math:`\int d\theta_1 d\theta_2\cdots f` over generators in the order written.

        :math:`\int d\theta\,\theta = 1`; the last differential acts first, so that
        :math:`\int d\theta_1 d\theta_2\,\theta_2\theta_1 = 1`.

        Examples
        --------
        >>> from rmtlib.symbolic import Algebra
        >>> a, b = Algebra("a b").generators
        >>> (b * a).integrate(a, b), (1 + a).integrate(a)
        (1, 1)
        """
        result = self
        for generator in reversed(measure):
            result = result.diff(generator)
        return result

    def integrate_pairs(self, *generators: Element) -> Element:
        r"""Berezin integral :math:`\int\prod_k d\bar\psi_k\,d\psi_k\,f` over the pairs of these generators.

        Without arguments over all pairs of the algebra. The measure is even: the order of the pairs does not matter.

        Examples
        --------
        >>> import sympy as sp
        >>> from rmtlib.symbolic import Algebra
        >>> algebra = Algebra.complex("psi1:3")
        >>> bar1, psi1, bar2, psi2 = algebra.generators
        >>> a, b, c, d = sp.symbols("a b c d")
        >>> (-(a * bar1 * psi1 + b * bar1 * psi2 + c * bar2 * psi1 + d * bar2 * psi2)).exp().integrate_pairs()
        a*d - b*c
        """
        names = dict(self.algebra.pairs)
        if not generators:
            generators = tuple(self.algebra[name] for name in names)
        result = self
        for generator in generators:
            name = self.algebra.names[self.algebra._position(generator)]
            if name not in names:
                raise ValidationError(f"{name} is not the first generator of a pair: those are {', '.join(names)}")
            result = result.integrate(self.algebra[names[name]], generator)
        return result

    def subs(self, values: Mapping[Element | sp.Expr | str, Any] | Iterable[tuple[Any, Any]]) -> Element:
        r"""Simultaneous substitution of generators and of symbols in the coefficients.

        Parameters
        ----------
        values : mapping or pairs
            A generator (or its name) is replaced by an odd element, of this algebra or of one and the same other
            one. A symbol is replaced by an expression or an even element; coefficients are then expanded in its
            soul, as in :meth:`apply`.

        Raises
        ------
        ValidationError
            A replacement of the wrong parity.

        Examples
        --------
        >>> import sympy as sp
        >>> from rmtlib.symbolic import Algebra
        >>> a, b = Algebra("a b").generators
        >>> x = sp.Symbol("x")
        >>> (a * b).subs([(a, 2 * a + b), (b, x * b)])
        2*x*a*b
        >>> (x**2 * a).subs({x: x + a * b}), (1 / x + 0 * a).subs({x: x + a * b})
        (x**2*a, 1/x - a*b/x**2)
        """
        odd: dict[int, Element] = {}
        even: dict[sp.Symbol, Any] = {}
        pairs = values.items() if isinstance(values, Mapping) else values
        for old, new in pairs:
            if isinstance(old, (Element, str)):
                old = self.algebra[old] if isinstance(old, str) else old
                odd[self.algebra._position(old)] = new
            elif isinstance(old, sp.Symbol):
                even[old] = new
            else:
                raise ValidationError(f"{old!r} cannot be replaced: generators and symbols can")
        target = next(
            (new.algebra for new in (*odd.values(), *even.values()) if isinstance(new, Element)), self.algebra
        )
        replaced = {i: target(new) for i, new in odd.items()}
        for i, new in replaced.items():
            if new.even != 0:
                raise ValidationError(f"{self.algebra.names[i]} is odd and cannot become {new}")
        kept = self.algebra.generators if target == self.algebra else ()
        symbols = {old: target(new) for old, new in even.items()}
        for old, new in symbols.items():
            if new.parity != 0:
                raise ValidationError(f"{old} is even and cannot become {new}")
        total = target(0)
        for blade, c in self.terms.items():
            term = _taylor(c, symbols, target)
            for i in range(blade.bit_length()):
                if blade >> i & 1:
                    if i not in replaced and not kept:
                        raise ValidationError(f"{self.algebra.names[i]} has no replacement in {target!r}")
                    term = term * (replaced[i] if i in replaced else kept[i])
            total = total + term
        return total

    def conjugate(self, scalar: Callable[[sp.Expr], sp.Expr] = sp.conjugate) -> Element:
        r"""Complex conjugate, of the kind of the algebra.

        Second kind: :math:`(fg)^* = f^*g^*,\ \psi^*=\bar\psi,\ \bar\psi^* = -\psi`. First kind:
        :math:`(fg)^* = g^*f^*,\ \psi^*=\bar\psi,\ \bar\psi^*=\psi`.

        Parameters
        ----------
        scalar : callable
            Conjugation of the coefficients; :func:`rmtlib.symbolic.equations.conjugated` where ``z`` and ``zbar``
            are symbols of their own.

        Examples
        --------
        >>> from rmtlib.symbolic import Algebra
        >>> psibar, psi = Algebra.complex("psi").generators
        >>> psi.conjugate(), psibar.conjugate(), (psibar * psi).conjugate()
        (psibar, -psi, psibar*psi)
        """
        total, generators = self.algebra(0), self.algebra.generators
        for blade, c in self.terms.items():
            term = self.algebra(scalar(c))
            indices = [i for i in range(blade.bit_length()) if blade >> i & 1]
            for i in indices if self.algebra.kind == 2 else reversed(indices):
                partner, barred = self.algebra._partner(i)
                term = term * (-generators[partner] if barred and self.algebra.kind == 2 else generators[partner])
            total = total + term
        return total

    # -------------------------------------------------------------- printing
    def as_expr(self) -> sp.Expr:
        """A sympy sum in which generators are non-commuting symbols: for printing, not for computing."""
        return sp.Add(*self._printed())

    def _printed(self) -> list[sp.Expr]:
        """The terms of the printed sum: those of the body, then one for each blade."""
        names = self.algebra._symbols
        terms = [] if self.body == 0 else sp.Add.make_args(self.body)
        terms = sorted(terms, key=sp.Add(*terms).as_ordered_terms().index)
        for blade, c in self.soul.terms.items():
            terms.append(sp.Mul(c, *(names[i] for i in range(blade.bit_length()) if blade >> i & 1)))
        return terms

    def _print(self, printer: Any) -> Any:
        # only the outer sum keeps its order: coefficients are printed as sympy orders them
        terms = self._printed()
        if len(terms) < 2:
            return printer._print(sp.Add(*terms))
        return printer._print_Add(sp.Add(*terms, evaluate=False), order="none")

    _latex = _pretty = _sympystr = _print

    def __repr__(self) -> str:
        return sp.sstr(self)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {sp.latex(self)}$"


def _order(blade: int) -> tuple[int, list[int]]:
    """Blades are listed by grade, then in the order of their generators."""
    return blade.bit_count(), [i for i in range(blade.bit_length()) if blade >> i & 1]


def _taylor(coefficient: sp.Expr, values: Mapping[sp.Symbol, Element], algebra: Algebra) -> Element:
    """A coefficient with symbols replaced by even elements: the Taylor series in their souls."""
    active = {old: new for old, new in values.items() if coefficient.has(old)}
    if not active:
        return algebra(coefficient)
    # dummies stand for the bodies until the end, so that replacements may contain the symbols replaced
    dummies = {old: sp.Dummy(old.name, **old._assumptions_orig) for old in active}
    result = algebra(coefficient.xreplace(dummies))
    for old, new in active.items():
        soul, power, derivative, k = new.soul, algebra(1), result, 0
        result = algebra(0)
        while power.terms:
            result = result + derivative * power / sp.factorial(k)
            k, power, derivative = k + 1, power * soul, derivative.diff(dummies[old])
    bodies = {dummies[old]: new.body for old, new in active.items()}
    return result.map(lambda c: _evaluated(c.subs(bodies, simultaneous=True)))


def _evaluated(expr: sp.Expr) -> sp.Expr:
    """Derivatives of undefined functions at a symbol, written as such."""
    return expr.replace(lambda e: isinstance(e, sp.Subs), lambda e: e.doit())


def graded_commutator(f: Element, g: Element) -> Element:
    r"""The graded commutator :math:`[f, g\} = fg - (-1)^{|f||g|}\,gf`, extended linearly to mixed elements.

    It vanishes in a Grassmann algebra: that is what makes the algebra (graded) commutative.

    Examples
    --------
    >>> from rmtlib.symbolic import Algebra, graded_commutator
    >>> a, b = Algebra("a b").generators
    >>> graded_commutator(1 + a, a * b + b)
    0
    """
    return f * g - g.even * f - g.odd * (f.even - f.odd)

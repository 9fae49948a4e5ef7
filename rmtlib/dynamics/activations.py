r"""Activation functions :math:`\sigma(x)` of a rate network, with their slopes :math:`\sigma'(x)`.

``tanh``, ``erf``, ``relu`` and ``linear`` are ready; an :class:`Activation` of one's own holds two vectorised functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from ..errors import ValidationError

__all__ = ["Activation", "activation", "shifted"]

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Activation:
    r"""A rate as a function of the state, :math:`\sigma(x)`, and its slope.

    Parameters
    ----------
    name : str
        For figures and messages.
    value, slope : callable
        :math:`\sigma` and :math:`\sigma'`, from an array to an array of its shape.
    odd : bool
        Whether :math:`\sigma(-x) = -\sigma(x)`: then one number, the mean slope, couples a homogeneous network.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.activations import Activation
    >>> cubic = Activation("x - x^3/3", lambda x: x - x**3 / 3, lambda x: 1 - x**2, odd=True)
    >>> cubic.check()
    >>> float(cubic(np.array(0.3)).round(3))
    0.291
    """

    name: str
    value: Function
    slope: Function
    odd: bool = False

    def __call__(self, x):
        return self.value(x)

    def check(self, reach: float = 3.0, tol: float = 1e-5) -> None:
        """Hold the slope, and the parity that was stated, against the values on [-reach, reach].

        Raises
        ------
        ValidationError
            If a value is not finite, the slope is not the derivative, or the function is stated odd and is not.
        """
        x = np.linspace(-reach, reach, 101)[1::2]  # no kink at 0
        step = 1e-5
        with np.errstate(all="ignore"):  # the message below says more than numpy's warning
            value, slope = (np.asarray(f(x), dtype=float) for f in (self.value, self.slope))
        if value.shape != x.shape or slope.shape != x.shape or not np.isfinite([value, slope]).all():
            raise ValidationError(f"activation {self.name}: value and slope must map an array to finite numbers of its shape")
        difference = (self.value(x + step) - self.value(x - step)) / (2 * step)
        if np.abs(difference - slope).max() > tol * (1 + np.abs(slope).max()):
            raise ValidationError(f"activation {self.name}: slope is not the derivative of value")
        if self.odd and np.abs(self.value(-x) + value).max() > tol:
            raise ValidationError(f"activation {self.name} is stated odd, and value(-x) differs from -value(x)")


def _tanh_slope(x):
    return 1 - np.tanh(x) ** 2


_SCALE = np.sqrt(np.pi) / 2  # unit slope at 0

_NAMED = {
    "tanh": Activation("tanh", np.tanh, _tanh_slope, odd=True),
    "erf": Activation("erf", lambda x: special.erf(_SCALE * x), lambda x: np.exp(-((_SCALE * x) ** 2)), odd=True),
    "relu": Activation("relu", lambda x: np.maximum(x, 0.0), lambda x: np.where(x > 0, 1.0, 0.0)),
    "linear": Activation("linear", lambda x: np.asarray(x, dtype=float), lambda x: np.ones_like(x, dtype=float), odd=True),
}


def activation(what: str | Activation) -> Activation:
    """The activation of that name (tanh, erf, relu, linear), or the one given.

    Raises
    ------
    ValidationError
        For an unknown name or another type.

    Examples
    --------
    >>> from rmtlib.dynamics.activations import activation
    >>> activation("tanh").odd, activation("relu").odd
    (True, False)
    """
    if isinstance(what, Activation):
        return what
    if isinstance(what, str) and what in _NAMED:
        return _NAMED[what]
    raise ValidationError(f"activation must be an Activation or one of {', '.join(_NAMED)}; got {what!r}")


def shifted(base: str | Activation, by: float) -> Activation:
    r"""The function :math:`\sigma(x + b)`: the same units under a constant input, no longer odd.

    Examples
    --------
    >>> from rmtlib.dynamics.activations import shifted
    >>> f = shifted("tanh", 0.7)
    >>> f.name, f.odd, float(f(-0.7))
    ('tanh(x + 0.7)', False, 0.0)
    """
    base = activation(base)
    by = float(by)
    if not np.isfinite(by):
        raise ValidationError(f"the shift must be a finite number, got {by}")
    if by == 0:
        return base
    return Activation(f"{base.name}(x {'+' if by > 0 else '-'} {abs(by):g})", lambda x: base.value(x + by), lambda x: base.slope(x + by))

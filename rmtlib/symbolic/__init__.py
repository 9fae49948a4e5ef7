"""The equations of the book as sympy objects; importable with sympy alone."""

from . import equations as equations
from .equations import *  # noqa: F403
from .equations import __all__ as __all__

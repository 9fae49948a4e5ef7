"""The equations of the book as sympy objects; importable with sympy alone."""

from . import equations as equations
from . import grassmann as grassmann
from . import sparse as sparse
from .equations import *  # noqa: F403
from .equations import __all__ as _equations
from .grassmann import *  # noqa: F403
from .grassmann import __all__ as _grassmann
from .sparse import *  # noqa: F403
from .sparse import __all__ as _sparse

__all__ = [*_equations, *_grassmann, *_sparse]

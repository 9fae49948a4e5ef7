"""The equations of the book as sympy objects; importable with sympy alone."""

from importlib import import_module

from . import derivation as derivation
from . import equations as equations
from . import functional as functional
from . import grassmann as grassmann
from . import hermitian as hermitian
from . import sparse as sparse
from . import sparse_edge as sparse_edge
from . import superspace as superspace
from .derivation import *  # noqa: F403
from .derivation import __all__ as _derivation
from .equations import *  # noqa: F403
from .equations import __all__ as _equations
from .functional import *  # noqa: F403
from .functional import __all__ as _functional
from .grassmann import *  # noqa: F403
from .grassmann import __all__ as _grassmann
from .hermitian import *  # noqa: F403
from .hermitian import __all__ as _hermitian
from .sparse import *  # noqa: F403
from .sparse import __all__ as _sparse
from .sparse_edge import *  # noqa: F403
from .sparse_edge import __all__ as _sparse_edge
from .superspace import *  # noqa: F403
from .superspace import __all__ as _superspace

__all__ = [
    *_equations,
    *_grassmann,
    *_superspace,
    *_derivation,
    *_functional,
    *_sparse,
    *_sparse_edge,
    *_hermitian,
]

# The other questions have modules of their own, loaded when first named.
_MODULES = (
    "covariance",
    "hebbian",
    "meanfield",
    "memory",
    "memory_edge",
    "transients",
)


def __getattr__(name: str):
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])

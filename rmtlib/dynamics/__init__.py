r"""Rate networks in time: simulation, covariances, mean-field theory, Lyapunov exponents, cycles.

.. math::
   \tau_i\,\dot x_i = -\ell\,x_i + \sum_j W_{ij}\,\sigma(x_j) + \text{input}_i

Each question has a module of its own; nothing is loaded before it is asked for.
"""

from __future__ import annotations

from importlib import import_module

_MODULES = (
    "activations",
    "covariance",
    "cycles",
    "lyapunov",
    "meanfield",
    "retrieval",
    "simulate",
)


def __getattr__(name: str):
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])

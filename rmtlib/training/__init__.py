"""Networks trained on a working-memory task, and the fixed points of their dynamics.

Names are resolved on first use: only :func:`train` imports jax.
"""

from __future__ import annotations

from importlib import import_module

# public name -> module that holds it
_NAMES = {
    "DelayedMatch": "task",
    "Trials": "task",
    "Recipe": "recipe",
    "Simulation": "trained",
    "TrainedNetwork": "trained",
    "initial": "trained",
    "load": "trained",
    "names": "trained",
    "train": "optimise",
}
_MODULES = ("compare", "fixed_points", "memory", "optimise", "recipe", "rnn", "task", "trained")

__all__ = sorted(_NAMES)


def __getattr__(name: str):
    if name in _NAMES:
        return getattr(import_module(f"{__name__}.{_NAMES[name]}"), name)
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*_NAMES, *_MODULES])

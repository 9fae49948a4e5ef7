"""jax and optax, which only training needs, or an error that says how to get them."""

from __future__ import annotations

try:
    import jax
    import optax
except ImportError as error:  # pragma: no cover - the test runs it in a process of its own
    raise ImportError(
        f"training needs jax and optax ({error}): pip install rmtlib[training]. Stored networks need neither: "
        "rmtlib.training.load(name)"
    ) from error

__all__ = ["jax", "optax"]

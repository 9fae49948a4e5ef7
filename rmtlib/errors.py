"""The exceptions of the package: one family, so that a caller can catch them together.

A message says what was wrong, where, and what to do about it.
"""

from __future__ import annotations

__all__ = ["ConvergenceError", "NotApplicableError", "RmtError", "ValidationError"]


class RmtError(Exception):
    """Base of every exception that the package raises on purpose."""


class ValidationError(RmtError, ValueError):
    """An input cannot be right: a negative timescale, NaN weights, shapes that disagree."""


class NotApplicableError(RmtError, ValueError):
    """A sound question that this method, or this object, has no answer to."""


class ConvergenceError(RmtError, RuntimeError):
    """An iterative solver missed its tolerance.

    Attributes
    ----------
    solution : Solution or None
        What was reached, with the residual and status of every point: one bad point does not
        lose a grid.
    """

    def __init__(self, message: str, solution: object = None):
        super().__init__(message)
        self.solution = solution

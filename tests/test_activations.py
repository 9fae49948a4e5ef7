"""Activation functions: slopes, parity, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from rmtlib.dynamics.activations import Activation, activation, shifted
from rmtlib.errors import ValidationError


@pytest.mark.parametrize("name", ["tanh", "erf", "relu", "linear"])
def test_named_are_consistent(name):
    activation(name).check()
    shifted(name, 0.71).check()
    assert activation(name).slope(np.array([0.5])).item() > 0
    if name != "relu":
        assert activation(name).slope(np.zeros(1)).item() == 1


def test_a_wrong_slope_or_parity_is_refused():
    with pytest.raises(ValidationError, match="derivative"):
        Activation("sine", np.sin, np.sin).check()
    with pytest.raises(ValidationError, match="odd"):
        Activation("cosine", np.cos, lambda x: -np.sin(x), odd=True).check()
    with pytest.raises(ValidationError, match="finite"):
        Activation("root", np.sqrt, lambda x: 0.5 / np.sqrt(np.abs(x))).check()


def test_bad_input():
    for bad in ("sigmoid2", 3, None):
        with pytest.raises(ValidationError, match="one of tanh"):
            activation(bad)
    with pytest.raises(ValidationError, match="finite"):
        shifted("tanh", np.nan)
    assert shifted("tanh", 0) is activation("tanh")

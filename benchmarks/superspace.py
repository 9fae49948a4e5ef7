"""Superintegrals and determinants over a Grassmann algebra of eight generators.

    python -m benchmarks.superspace [--json FILE]

Times are CPU seconds of the fastest of three calls, sympy's cache emptied before each.
"""

from __future__ import annotations

import argparse

import sympy as sp
from sympy.core.cache import clear_cache

from benchmarks.record import best, record
from rmtlib.symbolic import Algebra, Supermatrix, Superspace


def cold(func):
    def call():
        clear_cache()
        func()

    return best(call, 3)


def matrix(name, n):
    return sp.Matrix(n, n, lambda i, j: sp.Symbol(f"{name}{i}{j}"))


def supermatrix(space):
    """2 + 2 components, all sixteen entries symbols or generators; the odd ones are eight generators more."""
    odd = [generator for generator, _ in space.parameters]
    return Supermatrix(space.algebra, ((matrix("a", 2), [odd[:2], odd[2:4]]), ([odd[4:6], odd[6:]], matrix("b", 2))))


def main(target="benchmarks/superspace.json"):
    rows = {}
    algebra = Algebra.complex("psi1:5")
    bar, psi = algebra.generators[::2], algebra.generators[1::2]
    A, B = matrix("a", 4), matrix("b", 4)
    form = sum((bar[i] * A[i, j] * psi[j] for i in range(4) for j in range(4)), algebra(0))
    rows["Berezin Gaussian, 8 generators, 16 symbols: seconds"] = cold(lambda: (-form).exp().integrate_pairs())
    dense = sum((g * sp.Symbol(f"c{i}") for i, g in enumerate(algebra.generators)), algebra(1))
    dense = dense * (form.exp() + 1)
    rows[f"product of two elements, 8 generators, {len(dense.terms)} terms each: seconds"] = cold(lambda: dense * dense)
    space = Superspace("S1:5", "psi1:5")
    blocks = ((A, sp.zeros(4)), (sp.zeros(4), B))
    rows["Gaussian superintegral, 4 + 4 components (8 generators), 32 symbols: seconds"] = cold(
        lambda: space.gaussian(blocks)
    )
    weight = (1 + space.norm) ** 2
    rows["the same with the prefactor (1 + norm)^2, one matrix: seconds"] = cold(
        lambda: space.gaussian(sp.diag(*sp.symbols("m1:5")), weight)
    )
    mixed = Superspace("S1:3", "psi1:3", "sigma1:5 rho1:5")
    M = supermatrix(mixed)
    rows["Gaussian superintegral, 2 + 2 components with 8 odd entries: seconds"] = cold(lambda: mixed.gaussian(M))
    rows["superdeterminant of that matrix: seconds"] = cold(lambda: M.superdeterminant())
    record(target, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", default="benchmarks/superspace.json", help="where the numbers go")
    main(parser.parse_args().json)

"""Random matrices of sparse neuronal networks with heterogeneous timescales.

Public names are resolved on first use, so that ``import rmtlib`` loads nothing else and
``rmtlib.symbolic`` works with sympy alone.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

# public name -> module that holds it
_NAMES: dict[str, str] = {
    **dict.fromkeys(
        ["ConvergenceError", "NotApplicableError", "RmtError", "ValidationError"], "errors"
    ),
    **dict.fromkeys(
        [
            "Constant",
            "Continuous",
            "Discrete",
            "Empirical",
            "EmpiricalJoint",
            "GaussianCopula",
            "Independent",
            "Mixture",
            "as_law",
        ],
        "laws",
    ),
    **dict.fromkeys(
        [
            "Ensemble",
            "Population",
            "Reciprocity",
            "Synapses",
            "block",
            "core_periphery",
            "dale",
            "elliptic",
            "ginibre",
            "oriented_sparse",
            "rajan_abbott",
            "sample_many",
            "wigner",
        ],
        "ensemble",
    ),
    **dict.fromkeys(["Network", "load"], "network"),
    **dict.fromkeys(
        [
            "components",
            "departure_from_normality",
            "eigenvalues",
            "eigenvectors",
            "ipr",
            "leading_eigenvalues",
            "numerical_abscissa",
            "overlaps",
            "propagator_norm",
            "pseudospectrum",
        ],
        "spectrum",
    ),
    **dict.fromkeys(["Solution", "Status"], "solve"),
    **dict.fromkeys(["FitResult", "fit"], "fitting"),
    **dict.fromkeys(["Report", "report"], "reporting"),
    **dict.fromkeys(
        [
            "covariance_cdf",
            "covariance_density",
            "covariance_dimension",
            "covariance_eigenvalues",
            "covariance_moments",
            "covariance_outliers",
            "covariance_support",
        ],
        "theory.covariance",
    ),
    **dict.fromkeys(["equal_time_variance", "mean_squared_response", "power_spectrum"], "theory.transients"),
    "memory_curve": "theory.linear_memory",
    "mean_field": "dynamics.meanfield",
    "lyapunov_exponents": "dynamics.lyapunov",
    "Simulation": "dynamics.simulate",
    **dict.fromkeys(["Marginality", "Sensitivities", "marginality", "sensitivities"], "theory.sensitivity"),
    **dict.fromkeys(
        [
            "Bar",
            "bar",
            "configuration_network",
            "degree_edge_function",
            "density",
            "edge_function",
            "edge_ipr",
            "freezing_degree",
            "local_weights",
            "outlier_ipr",
            "outliers",
            "resolvent",
            "spectral_abscissa",
            "spectral_edge",
            "support_bound",
            "tail_exponent",
        ],
        "theory",
    ),
}
_MODULES = (
    "errors", "laws", "ensemble", "network", "spectrum", "solve", "theory", "symbolic", "datasets", "plot", "widgets",
    "fitting", "reporting", "training", "dynamics",
)  # fmt: skip

__all__ = sorted(_NAMES)


def __getattr__(name: str):
    if name in _NAMES:
        return getattr(import_module(f"rmtlib.{_NAMES[name]}"), name)
    if name in _MODULES:
        return import_module(f"rmtlib.{name}")
    raise AttributeError(f"module 'rmtlib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*_NAMES, *_MODULES, "__version__"])

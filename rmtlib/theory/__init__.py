r"""Questions about a spectrum, asked of a law (``Ensemble``) or of one matrix (``Network``).

``resolvent`` and ``density`` choose a route by ``method``; ``spectral_edge``, ``edge_function``,
``spectral_abscissa``, ``outliers`` and ``bar`` describe where the spectrum lies. Everything is computed in
dimensionless time, so ``g(z/s; s tau) = s g(z; tau)`` holds to rounding.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from inspect import signature

import numpy as np

from ..ensemble import Ensemble
from ..errors import NotApplicableError, ValidationError
from ..network import Network
from ..solve import Solution, finish
from . import bar as _bar
from . import dense as _dense
from . import edge as _edge
from . import motifs as _motifs
from .bar import Bar
from .degrees import configuration_network, degree_edge_function
from .freezing import freezing_degree, support_bound, tail_exponent
from .localisation import edge_ipr, local_weights, outlier_ipr

__all__ = [
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
]

# Each method is a module of this folder (with _ for -) that has `solve(x, z, quantity, eta, tol, n, *, options)`.
_ARNOLDI = 3000  # units from which on the abscissa of a sparse network is found iteratively
_METHODS = {Ensemble: ("dense", "saddle", "population-dynamics", "single-defect"), Network: ("cavity", "exact")}


def _points(z) -> np.ndarray:
    try:
        z = np.asarray(z)
    except ValueError as error:  # rows of different lengths
        raise ValidationError(f"z cannot be read as an array: {error}") from None
    if z.dtype.kind not in "biufc":
        raise ValidationError(f"z must be numbers, got an array of dtype {z.dtype}")
    z = z.astype(complex)
    bad = ~np.isfinite(z)
    if np.any(bad):
        raise ValidationError(
            f"z holds {int(bad.sum())} NaN or infinite values (first at index {int(np.flatnonzero(bad.ravel())[0])}): "
            "remove them before asking for the spectrum there"
        )
    if z.size and np.max(np.abs(z)) > 1e150:
        raise ValidationError(f"z reaches {np.max(np.abs(z)):.3g}, whose square overflows: g(z) = 1/z there")
    return z


def _subject(x):
    if isinstance(x, (Ensemble, Network)):
        return x
    if isinstance(x, (np.ndarray, list, tuple)) or hasattr(x, "tocsr") or hasattr(x, "__array__"):
        return Network.from_jacobian(x)
    raise ValidationError(f"expected an Ensemble, a Network or a square matrix (a Jacobian), got {type(x).__name__}")


def _ensemble(x, what: str) -> Ensemble:
    if isinstance(x, Ensemble):
        return x
    if isinstance(x, Network):
        raise NotApplicableError(f"{what} is a property of an Ensemble; a Network is one matrix: use its eigenvalues")
    raise ValidationError(f"{what} takes an Ensemble, got {type(x).__name__}")


def _method(x, method: str | None) -> str:
    known = _METHODS[type(x)]
    if method is None:
        return "saddle" if isinstance(x, Ensemble) and x.synapses and not x.is_dense else known[0]
    every = sorted({m for names in _METHODS.values() for m in names})
    if method not in every:
        raise ValidationError(f"unknown method {method!r}; methods: {', '.join(every)}")
    if method not in known:
        raise NotApplicableError(
            f"method {method!r} does not apply to an object of type {type(x).__name__}; use {' or '.join(known)}"
        )
    return method


def _solve(x, z, quantity, method, eta, tol, throw, n, options) -> Solution:
    """Check the arguments, hand them to the route, put its answer into the shape of ``z``."""
    x, points, eta = _subject(x), _points(z), _eta(eta)
    if quantity == "density" and np.imag(eta) != 0:
        raise ValidationError("density takes a real eta: the eigenvalue density is the limit eta -> 0+")
    method = _method(x, method)
    route = import_module(f".{method.replace('-', '_')}", __package__).solve
    known = [p.name for p in signature(route).parameters.values() if p.kind is p.KEYWORD_ONLY]
    unknown = sorted(set(options) - set(known))
    if unknown:
        takes = f"takes {', '.join(known)}" if known else "has none"
        raise ValidationError(f"unknown options {unknown}: method {method!r} {takes}")
    if tol is not None:
        options["tol"] = _tolerance(tol)
    got = route(x, points.ravel(), quantity, eta, n=n, **options)
    parts = (p.reshape(points.shape)[()] for p in (got.value, got.error, got.residual, got.iterations, got.status))
    return finish(Solution(*parts, method), throw)


def _eta(eta) -> complex | float:
    try:
        eta = complex(eta)
    except (TypeError, ValueError):
        raise ValidationError(f"eta must be one number, got {eta!r}") from None
    if not np.isfinite(eta) or eta.real < 0:
        raise ValidationError(f"eta must be finite with real part >= 0, got {eta}")
    return eta.real if eta.imag == 0 else eta


def _tolerance(tol) -> float:
    try:
        tol = float(tol)
    except (TypeError, ValueError):
        raise ValidationError(f"tol must be one number, got {tol!r}") from None
    if not 0 < tol < 1:
        raise ValidationError(f"tol must lie between 0 and 1, got {tol}")
    return tol


def resolvent(x, z, method=None, eta=0.0, tol=None, throw=True, n=None, **options) -> Solution:
    r"""Resolvent of the spectrum,

    .. math:: g(z) = \lim_{n\to\infty} \frac1n \mathrm{tr}\,(z - J)^{-1}
                   = \sum_a f_a \Big\langle \frac{\tau\,(\bar a - h\bar\theta_a)}{D_a} \Big\rangle ,

    with ``D`` and the equations for ``X, Y, theta`` in ``rmtlib.theory.dense`` if synapses are dense; if they are
    sparse, ``X`` and ``Y`` are random, with laws that solve the equations in ``rmtlib.theory.saddle``.

    Parameters
    ----------
    x : Ensemble, Network or square matrix
        A law (limit of infinite size) or one matrix.
    z : array_like of complex
        Points of the complex plane (units of 1/tau).
    method : {None, "saddle", "population-dynamics", "dense", "single-defect", "cavity", "exact"}
        ``"saddle"`` (default for sparse ensembles): the functional saddle point, exact in the limit at any mean
        degree (:mod:`rmtlib.theory.saddle`). ``"population-dynamics"``: the same limit by sampling, with statistical
        errors (:mod:`rmtlib.theory.population_dynamics`). ``"dense"``: the self-consistent equations; exact in the
        limit for dense blocks, for sparse ones the large-degree approximation, also known as their effective medium.
        ``"single-defect"``: one unit with its true synapses in that medium (sparse ensembles, an approximation:
        :mod:`rmtlib.theory.single_defect`). ``"cavity"`` (default for a Network): message passing on its graph, as if
        that were a tree; exact up to what its loops do (:mod:`rmtlib.theory.cavity`). ``"exact"``: dense linear algebra
        on a Network.
    eta : float or complex
        Regulariser of the Hermitized resolvent, real part >= 0 (dimensionless, as ``leak + z tau`` is);
        0 is the limit from above.
    tol : float, optional
        Tolerance relative to ``<tau/sqrt(D)>``, an upper bound of ``|g|``. Default: the route's own (1e-8 for the
        deterministic ones).
    throw : bool
        Raise if a point fails; otherwise see ``Solution.status``.
    n : int, optional
        Network size; needed for blocks with a fixed probability. Default: the limit n -> infinity. Given n,
        every block takes the variance and mean it has in networks of n units (``Ensemble.input_variance``): at
        fixed degree c, ``c (<w^2> - c <w>^2 / S)`` with S possible sources instead of ``c <w^2>``.
    **options
        Settings of the route, by keyword; an unknown one is refused with the list of those that exist.

    Returns
    -------
    Solution
        ``.value`` holds the array: complex, in the shape of ``z``, units of tau. On the bar: the mean of the
        two sides. ``.error``, ``.residual`` and ``.status`` say how good each point is.

    Raises
    ------
    ValidationError
        NaN in ``z``, an unknown method, ``eta`` with negative real part.
    NotApplicableError
        A method that does not apply to ``x``; dense beside sparse blocks, or reciprocal sparse synapses, without
        ``method="dense"``.
    ConvergenceError
        With ``.solution``, if ``throw``.

    References
    ----------
    Ahmadian, Fumarola and Miller, Phys. Rev. E 91, 012820 (2015), eq. (2.5)-(2.7).

    Examples
    --------
    The circular law: conj(z) inside the unit disc, 1/z outside.

    >>> import rmtlib as rmt
    >>> print(rmt.resolvent(rmt.ginibre(), [0.3 + 0.4j, 2.0]).value.round(12))
    [0.3-0.4j 0.5+0.j ]
    """
    return _solve(x, z, "resolvent", method, eta, tol, throw, n, options)


def density(x, z, method=None, eta=0.0, tol=None, throw=True, n=None, **options) -> Solution:
    r"""Planar density of eigenvalues,

    .. math:: \varrho(z) = \frac1\pi \frac{\partial g}{\partial \bar z} ,

    by implicit differentiation of the self-consistent equations (no finite differences). For one
    population without reciprocity it reads, with ``u = X Y`` and ``D = |a|^2 + h^2 u``,

    .. math::
       \pi\varrho = u \Big\langle \frac{\tau^2 h^2}{D^2} \Big\rangle
       + \Big| \Big\langle \frac{h^2 \tau a}{D^2} \Big\rangle \Big|^2 \Big/ \Big\langle \frac{h^4}{D^2} \Big\rangle .

    It integrates to 1 minus the mass of :func:`bar`.

    Parameters
    ----------
    x, z, method, tol, throw, n, options
        As for :func:`resolvent`; ``tol`` is relative to the density.
    eta : float
        0 for the density of the limit; for a Network the smooth density that the cavity method gives on its graph.
        ``method="exact"`` needs ``eta > 0`` (the spectrum is a set of points): the density regularised at that scale. For a few hundred
        units stored densely it is a hundred times quicker than the cavity method, whose sweeps take n^2 steps there.

    Returns
    -------
    Solution
        ``.value`` holds the array: real and >= 0, in the shape of ``z``, units of tau^2; 0 outside the support.

    Raises
    ------
    NotApplicableError
        ``method="exact"`` at ``eta = 0``; a symmetric ensemble (Wigner), whose spectrum lies on a line: its density
        is ``rmt.bar(x).density``.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> print((rmt.density(rmt.ginibre(), [0.5j, 0.999, 1.001]).value * np.pi).round(10))
    [1. 1. 0.]
    """
    return _solve(x, z, "density", method, eta, tol, throw, n, options)


def _edge_of(ens: Ensemble, n, order: int = 0) -> _edge.EdgeFunction:
    if order not in (0, 1):
        raise ValidationError(f"order is 0 or 1, got {order!r}")
    if order == 1:
        return _motifs.motif_edge(ens, n)
    sys = _dense.system(ens, n)
    return _edge.EdgeFunction(sys, [pop.joint for pop in ens.populations])


def edge_function(ens: Ensemble, z, n=None, order: int = 0) -> np.ndarray:
    r"""Spectral radius of ``K_ab(z) = V_ab <h^2/|leak + z tau - h theta_b|^2>_b``.

    Greater than 1 inside the planar support, 1 on its boundary, less outside; infinite on the real
    segment where ``-leak/tau`` of a coupled population has a density. ``theta`` is 0 without reciprocity;
    with it, the value is infinite where the equation for ``theta`` has no solution (between the foci of the
    elliptic law, for instance). How exact this is for sparse ensembles: see :func:`spectral_edge`.

    Parameters
    ----------
    ens : Ensemble
    z : array_like of complex
    n : int, optional
        Network size; needed for blocks with a fixed probability. Default: the limit n -> infinity. Given n,
        every block takes the variance and mean it has in networks of n units (``Ensemble.input_variance``): at
        fixed degree c, ``c (<w^2> - c <w>^2 / S)`` with S possible sources instead of ``c <w^2>``.
    order : {0, 1}
        1 adds what reciprocal motifs change at first order in 1/degree (:mod:`rmtlib.theory.motifs`).

    Returns
    -------
    ndarray of float, in the shape of ``z``.

    Raises
    ------
    ValidationError
        NaN in ``z``.

    References
    ----------
    Ahmadian, Fumarola and Miller, Phys. Rev. E 91, 012820 (2015), eq. (2.6); Neri and Metz,
    Phys. Rev. Lett. 117, 224101 (2016), for sparse graphs.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> print(rmt.edge_function(rmt.ginibre(), [0.5, 1.0j, 2.0]))
    [4.   1.   0.25]
    """
    points = _points(z)
    edge = _edge_of(_ensemble(ens, "edge_function"), n, order)
    value = edge(points * edge.sys.scale)
    return np.where(value >= 1e90, np.inf, value)[()]


def spectral_edge(ens: Ensemble, n=None, points: int = 300, order: int = 0) -> list[np.ndarray]:
    r"""Closed curves that bound the planar support: the level set ``edge_function(ens, z) = 1``.

    For sparse synapses without reciprocity the curve follows from second moments alone and is exact in the limit
    n -> infinity at fixed mean degree, above the freezing transition (:func:`freezing_degree`: 2.07 for Gaussian weights
    and equal units, more for heterogeneous ones, never for weights +-w); below it eigenvalues end further inside
    (:func:`support_bound`). With reciprocal sparse synapses it is an approximation for large mean degree, with an
    error of order 1/c, or 1/c^2 with ``order=1``.
    That is why no ``method`` is asked for here.

    The support need not be connected or star-shaped; there is one curve per boundary component, sorted by
    decreasing rightmost point, each with its first vertex repeated at the end, and counter-clockwise.
    Every vertex lies on the level set to rounding, with two exceptions. At a cusp on the real axis, where the
    support narrows to the end of a bar, the edge function jumps past 1 and the vertex marks the jump. And
    an unbounded support (``tau`` down to 0) is cut on the far left by a straight segment.

    Parameters
    ----------
    ens : Ensemble
    n : int, optional
        Network size; needed for blocks with a fixed probability. Default: the limit n -> infinity. Given n,
        every block takes the variance and mean it has in networks of n units (``Ensemble.input_variance``): at
        fixed degree c, ``c (<w^2> - c <w>^2 / S)`` with S possible sources instead of ``c <w^2>``.
    points : int
        Sets the resolution; curves get roughly this many vertices.
    order : {0, 1}
        1 adds what reciprocal motifs change at first order in 1/degree (:mod:`rmtlib.theory.motifs`).

    Returns
    -------
    list of complex ndarrays
        Empty if there is no planar support.

    Raises
    ------
    NotApplicableError
        A Network; a symmetric ensemble, whose spectrum is on a line (see ``bar``).

    Examples
    --------
    >>> import rmtlib as rmt
    >>> (circle,) = rmt.spectral_edge(rmt.ginibre())
    >>> bool(np.max(np.abs(np.abs(circle) - 1)) < 1e-12)
    True
    """
    ens = _ensemble(ens, "spectral_edge")
    if not isinstance(points, (int, np.integer)) or points < 24:
        raise ValidationError(f"points must be an integer of at least 24, got {points!r}")
    edge = _edge_of(ens, n, order)
    _dense.refuse_lines(edge.sys, "spectral_edge", "see bar(ens).segments")
    if not edge.sys.classes:
        return []
    return [curve / edge.sys.scale for curve in _edge.trace(edge, points)]


def outliers(ens: Ensemble, n=None) -> np.ndarray:
    r"""Isolated eigenvalues made by the mean of the weights: solutions outside the bulk of

    .. math:: \det\Big(\delta_{ab} - M_{ab} \Big\langle \frac{h}{leak + z\tau - h\theta_b} \Big\rangle_b\Big) = 0 .

    Parameters
    ----------
    ens : Ensemble
    n : int, optional
        Network size; needed for blocks with a fixed probability. Default: the limit n -> infinity. Given n,
        every block takes the variance and mean it has in networks of n units (``Ensemble.input_variance``): at
        fixed degree c, ``c (<w^2> - c <w>^2 / S)`` with S possible sources instead of ``c <w^2>``.

    Returns
    -------
    complex ndarray
        Sorted by decreasing real part; complex ones in conjugate pairs; empty if there are none.

    Raises
    ------
    NotApplicableError
        A Network.

    References
    ----------
    Rajan and Abbott, Phys. Rev. Lett. 97, 188104 (2006); Neri and Metz, Phys. Rev. Lett. 117, 224101 (2016).

    Examples
    --------
    >>> import rmtlib as rmt
    >>> print(rmt.outliers(rmt.rajan_abbott(0.5, 6.0, -2.0, 1.0, 1.0)).round(12))
    [2.+0.j]
    """
    edge = _edge_of(_ensemble(ens, "outliers"), n)
    return _edge.find_outliers(edge) / edge.sys.scale


def bar(x) -> Bar:
    r"""What lies on real segments: eigenvalues ``-leak/tau_i`` of units on no cycle, and line spectra.

    For an Ensemble the limit of infinite size. For a Network counted: through its strongly connected components and,
    where units of one component share a tau, the largest set of disjoint cycles; exact for weights in general position
    (:func:`~rmtlib.theory.multiplicity.units_left_out`). Four parts: units on no cycle, each at exactly ``-leak/tau_i``, in a sparse core a share

    .. math:: 1 - (1 - q_a)(1 - \tilde q_a), \qquad q_a = e^{-\sum_b c_{ab}(1 - q_b)}, \quad
              \tilde q_a = e^{-\sum_b d_{ab}(1 - \tilde q_b)}, \quad d_{ab} = c_{ba} f_b / f_a

    of its units; where ``tau = t`` has positive probability in a sparse core, an atom at ``-leak/t`` to which the
    giant component contributes (:func:`~rmtlib.theory.multiplicity.atom_mass`); units of gain 0; and the whole
    spectrum of a symmetric ensemble, with line density :math:`-\frac{1}{\pi} \mathrm{Im}\, g(x + i0)`. Real
    eigenvalues of the planar part, of order sqrt(n) in number, do not count.

    Returns
    -------
    Bar
        ``.weight``, ``.segments`` (one per population that contributes, so they may overlap), ``.atoms``
        (positions, masses), ``.error`` and ``.density(x)``. The integral of :func:`density` over the plane is
        ``1 - weight``.

    Raises
    ------
    NotApplicableError
        A sparse core with reciprocal synapses or units of gain 0; tau of positive probability in populations
        that share sparse and dense synapses.
    ConvergenceError
        Such tau in a sparse core just above its percolation threshold.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> print(round(rmt.bar(rmt.core_periphery()).weight, 6))
    0.801005

    A constant tau: the units outside the giant component are a share 0.116.

    >>> where, mass = rmt.bar(rmt.oriented_sparse(3.0, 1.0, tau=2.0)).atoms
    >>> print(where, mass.round(6))
    [-0.5] [0.167106]
    """
    x = _subject(x)
    if isinstance(x, Network):
        from ..spectrum import components

        return _bar.network_bar(x, components(x))
    return _bar.ensemble_bar(x, _structure(x))


def _structure(ens: Ensemble) -> _dense.System:
    """The dense system with what the bar needs: where a block of fixed probability has no limit, its graph."""
    try:
        return _dense.system(ens)
    except ValidationError:
        return _dense.system(ens, n=100_000)


def spectral_abscissa(x, parts: Iterable[str] = ("bulk", "bar", "outliers"), n=None) -> float:
    """Real part of the rightmost point of the named parts of the spectrum.

    For a sparse ensemble as exact as :func:`spectral_edge`: below the freezing degree
    (:func:`freezing_degree`), which heavy-tailed weights put high, the bulk ends further left. The rightmost
    eigenvalue of one sample lies to either side of the value for its ensemble, closer as n grows.

    Parameters
    ----------
    x : Ensemble, Network or square matrix
        A bare matrix is taken as the Jacobian itself; weights belong in a ``Network(W, tau, gain)``.
    parts : subset of {"bulk", "bar", "outliers"}
        For an Ensemble. A Network gives the maximum over all its eigenvalues, those of sparse networks of more than 3000 units by Arnoldi
        iteration, and ignores ``parts``.
    n : int, optional
        Network size; needed for blocks with a fixed probability. Default: the limit n -> infinity. Given n,
        every block takes the variance and mean it has in networks of n units (``Ensemble.input_variance``): at
        fixed degree c, ``c (<w^2> - c <w>^2 / S)`` with S possible sources instead of ``c <w^2>``.

    Returns
    -------
    float
        Negative when the parts lie in the left half plane; -inf if none of them exists.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> rmt.spectral_abscissa(rmt.ginibre(std=2.0, leak=1.0))
    1.0
    """
    x = _subject(x)
    parts = (parts,) if isinstance(parts, str) else tuple(parts)
    unknown = [p for p in parts if p not in ("bulk", "bar", "outliers")]
    if not parts:
        raise ValidationError("parts is empty: name at least one of bulk, bar, outliers")
    if unknown:
        raise ValidationError(f"unknown parts {unknown}; parts: bulk, bar, outliers")
    if isinstance(x, Network):
        from ..spectrum import eigenvalues, leading_eigenvalues

        # all eigenvalues take n^3 steps: minutes beyond some thousand units
        large = x.is_sparse and x.n > _ARNOLDI
        return float(np.max((leading_eigenvalues(x, 1) if large else eigenvalues(x)).real))
    edge = _edge_of(x, n)
    best = -np.inf
    lines = [c for c in edge.sys.classes if edge.sys.symmetry(c) == 1]
    if lines and ("bulk" in parts or "bar" in parts):
        best = max(hi for _, hi in bar(x).segments)
    if "bulk" in parts and not lines and edge.sys.classes:
        best = max(best, _edge.bulk_abscissa(edge) / edge.sys.scale)
    if "bar" in parts and not lines:
        shares = _bar.bar_shares(x)
        for population, share in zip(x.populations, shares, strict=True):
            if share > 0 or _bar._silent(population)[0] > 0:
                hi = population.tau.support()[1]
                best = max(best, -x.leak / hi if np.isfinite(hi) else 0.0)
    if "outliers" in parts:
        found = _edge.find_outliers(edge)
        if found.size:
            best = max(best, float(found.real.max()) / edge.sys.scale)
    return float(best)

# The other questions have modules of their own, loaded when first named.
_MODULES = (
    "cavity", "covariance", "divergence", "exact", "hebbian", "hermitian", "linear_memory", "memory", "multiplicity",
    "periphery", "population_dynamics", "saddle", "sensitivity", "single_defect", "transients",
)  # fmt: skip


def __getattr__(name: str):
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])

r"""Rate networks in time: simulation, covariances, mean-field theory, Lyapunov exponents, cycles.

.. math::
   \tau_i\,\dot x_i = -\ell\,x_i + \sum_j W_{ij}\,\sigma(x_j) + \text{input}_i

Each question has a module of its own; nothing is loaded before it is asked for.
"""

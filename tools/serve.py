"""Serve _build/html on loopback, with --live together with a kernel for its cells."""

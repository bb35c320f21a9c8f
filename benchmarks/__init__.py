"""Measurements of the dashboard against an obvious implementation and stated limits: ``python -m benchmarks``."""

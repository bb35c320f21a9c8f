"""Measurements of the dashboard against an obvious implementation and against stated limits: ``python -m benchmarks``."""

"""Measurements whose figures the docs quote; each module runs by `python -m benchmarks.<name>`."""

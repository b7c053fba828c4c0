"""Prefect tasks, one module per subject; the work itself is in `tasks.ops`."""

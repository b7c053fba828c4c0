"""Whose loggers say what a run does."""

OUR_PACKAGES = ("flows", "storage", "tasks")

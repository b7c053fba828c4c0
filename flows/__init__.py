"""Prefect flows, one file for each, and the command line that starts them."""

"""The page that a team leaves open on a wall: what runs, what came out, what went wrong, and pictures.

It reads storage and Prefect's API, and writes nothing.
"""

"""The work itself, without Prefect: bytes and arrays in, arrays out."""

"""Values that many tests need and none is about."""

from __future__ import annotations

from storage.parameters import Parameters, SplitRule

PARAMETERS = Parameters(
    sides=(8, 4),
    array_format="hdf5",
    fidelity="exact",
    interpolation="bilinear",
    max_pixels=50_000_000,
    max_scans=64,
    colour_policy=("alpha over white",),
    split=SplitRule("source", valid=0.25, test=0.25),
    libraries=(("pillow", "12.0"),),
)

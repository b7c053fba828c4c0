"""A small HDF5 file that joins the shards of one size, so that any HDF5 program sees one array."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from storage.receipts import StoredObject


def write_virtual_view(path: Path, side: int, shards: list[tuple[StoredObject, int]]) -> None:
    """Write the view of `shards`, pairs of object and rows, as `images`, `labels` and `ids`.

    The sources are named without a folder: HDF5 looks for them beside the view.
    """
    total = sum(rows for _, rows in shards)
    shapes = {"images": ((side, side, 3), np.uint8), "labels": ((), np.int64), "ids": ((), np.uint64)}
    with h5py.File(path, "x", libver="latest") as file:
        for name, (shape, dtype) in shapes.items():
            layout = h5py.VirtualLayout((total, *shape), dtype)
            # The same shards give the same bytes.
            layout.dcpl.set_obj_track_times(False)
            first = 0
            for stored, rows in shards:
                layout[first : first + rows] = h5py.VirtualSource(stored.name, name, (rows, *shape), dtype)
                first += rows
            file.create_virtual_dataset(name, layout)

"""Ways to read random epochs of a set at 224 pixels, batches of 64, two workers or none, as each is used.

`python -m benchmarks.peers.readers build WAY OUR.h5 FOLDER` writes the rows of our joined HDF5 file in the way's own
format; `… read WAY FOLDER EPOCHS` prints the images per second of each epoch as JSON, the first from a cold cache;
`… order WAY FOLDER` the numbers of the rows in the order of an epoch.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image

BATCH, WORKERS = 64, 2
ROWS_PER_FILE = 1024
MOST_SECONDS = 60
"""What has taken longer for a cold epoch and a warm one is not asked for more."""

Rows = Iterator[tuple[np.ndarray, int]]


def rows_of(ours: str) -> Rows:
    """Yield each row and its label from our joined file, by h5py."""
    with h5py.File(ours) as file:
        images, labels = file["images"], file["labels"]
        for start in range(0, len(images), BATCH):
            yield from zip(images[start : start + BATCH], labels[start : start + BATCH].tolist(), strict=True)


def count_of(ours: str) -> int:
    with h5py.File(ours) as file:
        return len(file["images"])


def jpeg_of(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def numbered_rows_of(ours: str) -> Rows:
    """Yield each row and its number, by which the order of an epoch is known."""
    return ((image, number) for number, (image, _) in enumerate(rows_of(ours)))


def _labelled_jpeg(row: tuple[np.ndarray, int]) -> tuple[bytes, int]:
    return jpeg_of(row[0]), row[1]


def jpegs_of(rows: Rows) -> Iterator[tuple[bytes, int]]:
    with Pool(WORKERS) as pool:
        yield from pool.imap(_labelled_jpeg, rows, chunksize=BATCH)


def loaded(dataset: Any, **options: Any) -> Iterable[Any]:
    """Return a DataLoader with worker processes."""
    from torch.utils.data import DataLoader

    return DataLoader(dataset, batch_size=BATCH, num_workers=WORKERS, **options)


# ---- JPEG files in class folders


def build_jpeg_folder(ours: str, folder: Path) -> None:
    for number, (jpeg, label) in enumerate(jpegs_of(rows_of(ours))):
        place = folder / f"{label:04d}"
        place.mkdir(exist_ok=True)
        (place / f"{number:08d}.jpg").write_bytes(jpeg)


def read_jpeg_folder(folder: Path, epoch: int) -> Iterable[Any]:
    transforms = import_module("training.torchvision_import").torchvision.transforms
    from torchvision.datasets import ImageFolder

    return loaded(ImageFolder(str(folder), transforms.PILToTensor()), shuffle=True)


# ---- Arrays, read in this process


def order_of(count: int, epoch: int) -> np.ndarray:
    return np.random.default_rng(epoch).permutation(count)


def build_memmap(ours: str, folder: Path) -> None:
    array = np.lib.format.open_memmap(folder / "x.npy", "w+", np.uint8, (count_of(ours), 224, 224, 3))
    for number, (image, _) in enumerate(rows_of(ours)):
        array[number] = image


def read_memmap(folder: Path, epoch: int) -> Iterable[Any]:
    array = np.load(folder / "x.npy", mmap_mode="r")
    order = order_of(len(array), epoch)
    return (array[order[start : start + BATCH]] for start in range(0, len(order), BATCH))


def build_h5py_row(ours: str, folder: Path) -> None:
    with h5py.File(folder / "x.h5", "w") as file:
        images = file.create_dataset("images", (count_of(ours), 224, 224, 3), np.uint8, chunks=(1, 224, 224, 3))
        for number, (image, _) in enumerate(rows_of(ours)):
            images[number] = image


def read_h5py_row(folder: Path, epoch: int) -> Iterable[Any]:
    images = h5py.File(folder / "x.h5")["images"]
    order = order_of(len(images), epoch).tolist()
    return (np.stack([images[row] for row in order[start : start + BATCH]]) for start in range(0, len(order), BATCH))


def build_bcolz_row(ours: str, folder: Path) -> None:
    import bcolz

    array = bcolz.carray(np.empty((0, 224, 224, 3), np.uint8), rootdir=str(folder / "x"), mode="w", chunklen=32)
    block: list[np.ndarray] = []
    for image, _ in rows_of(ours):
        block.append(image)
        if len(block) == BATCH:
            array.append(np.stack(block))
            block = []
    if block:
        array.append(np.stack(block))
    array.flush()


def read_bcolz_row(folder: Path, epoch: int) -> Iterable[Any]:
    import bcolz

    array = bcolz.open(str(folder / "x"), mode="r")
    order = order_of(len(array), epoch).tolist()
    return (np.stack([array[row] for row in order[start : start + BATCH]]) for start in range(0, len(order), BATCH))


def build_zarr(ours: str, folder: Path) -> None:
    import zarr

    shape = (count_of(ours), 224, 224, 3)
    array = zarr.create_array(
        folder / "x.zarr", shape=shape, chunks=(1, *shape[1:]), shards=(256, *shape[1:]), dtype="uint8"
    )
    with h5py.File(ours) as file:
        for start in range(0, shape[0], 256):
            array[start : start + 256] = file["images"][start : start + 256]


def read_zarr(folder: Path, epoch: int) -> Iterable[Any]:
    import zarr

    array = zarr.open_array(folder / "x.zarr", mode="r")
    order = order_of(array.shape[0], epoch)
    return (array.oindex[np.sort(order[start : start + BATCH])] for start in range(0, len(order), BATCH))


# ---- Streaming formats, read by worker processes


def build_webdataset(ours: str, folder: Path) -> None:
    import webdataset

    with webdataset.ShardWriter(f"{folder}/%06d.tar", maxcount=ROWS_PER_FILE, verbose=0) as sink:
        for jpeg, number in jpegs_of(numbered_rows_of(ours)):
            sink.write({"__key__": f"{number:08d}", "jpg": jpeg, "cls": number})


def read_webdataset(folder: Path, epoch: int) -> Iterable[Any]:
    import webdataset

    files = sorted(map(str, folder.glob("*.tar")))
    samples = webdataset.WebDataset(files, shardshuffle=len(files), seed=epoch).shuffle(1000).decode("rgb8")
    return webdataset.WebLoader(samples.to_tuple("jpg", "cls").batched(BATCH), batch_size=None, num_workers=WORKERS)


def build_litdata(ours: str, folder: Path) -> None:
    from litdata import optimize

    optimize(
        fn=_LitdataRows(ours),
        inputs=list(range(count_of(ours))),
        output_dir=str(folder),
        num_workers=WORKERS,
        chunk_bytes="64MB",
        start_method="fork",
    )


class _LitdataRows:
    def __init__(self, ours: str) -> None:
        self._ours, self._file = ours, None

    def __call__(self, row: int) -> dict[str, Any]:
        self._file = self._file or h5py.File(self._ours)
        return {"image": self._file["images"][row], "label": row}


def read_litdata(folder: Path, epoch: int) -> Iterable[Any]:
    from litdata import StreamingDataLoader, StreamingDataset

    return StreamingDataLoader(
        StreamingDataset(str(folder), shuffle=True, seed=epoch), batch_size=BATCH, num_workers=WORKERS
    )


def build_mosaicml(ours: str, folder: Path) -> None:
    # It imports torchvision.
    import_module("training.torchvision_import")
    from streaming import MDSWriter

    columns = {"image": "ndarray:uint8:224,224,3", "label": "int"}
    with MDSWriter(out=str(folder), columns=columns) as sink:
        for image, number in numbered_rows_of(ours):
            sink.write({"image": image, "label": number})


def read_mosaicml(folder: Path, epoch: int) -> Iterable[Any]:
    # It imports torchvision.
    import_module("training.torchvision_import")
    from streaming import StreamingDataset
    from streaming.base.util import clean_stale_shared_memory

    clean_stale_shared_memory()
    return loaded(StreamingDataset(local=str(folder), shuffle=True, batch_size=BATCH, shuffle_seed=epoch))


# ---- Measuring


SHUFFLED_BY_THEMSELVES = ("webdataset", "litdata", "mosaicml")
"""The others read in the order of a permutation of all rows."""
WAYS = ("jpeg_folder", "memmap", "h5py_row", "bcolz_row", "zarr", "webdataset", "litdata", "mosaicml")
READERS: dict[str, Callable[[Path, int], Iterable[Any]]] = {way: globals()[f"read_{way}"] for way in WAYS}
BUILDERS: dict[str, Callable[[str, Path], None]] = {way: globals()[f"build_{way}"] for way in WAYS}


def forget_pages(folder: Path) -> None:
    """Drop the files below a folder from the page cache."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def images_in(batch: Any) -> int:
    """Touch every image of a batch, so that a lazy one is read; return how many there are."""
    images = batch["image"] if isinstance(batch, dict) else batch[0] if isinstance(batch, list | tuple) else batch
    if isinstance(images, list):
        images = np.stack(images)
    array = np.asarray(images)
    array.reshape(len(array), -1)[:, ::4096].sum()
    return len(array)


def timed_epochs(
    read: Callable[[int], Iterable[Any]], epochs: int, forget: Callable[[], None]
) -> list[dict[str, float]]:
    """Return the images per second and the CPU milliseconds per image of each epoch, the first from a cold cache."""
    told, spent = [], 0.0
    for epoch in range(epochs + 1):
        if epoch == 0:
            forget()
        if epoch > 1 and spent > MOST_SECONDS:
            break
        started, used = time.perf_counter(), cpu_seconds()
        images = sum(map(images_in, read(epoch)))
        seconds = time.perf_counter() - started
        spent += seconds
        told.append({"images": images, "rate": images / seconds, "cpu_ms": 1e3 * (cpu_seconds() - used) / images})
    return told


def order_of_epoch(way: str, folder: Path, epoch: int) -> list[int]:
    """Return the numbers of the rows in the order in which an epoch gives them."""
    batches = READERS[way](folder, epoch)
    numbers = (batch["label"] if isinstance(batch, dict) else batch[1] for batch in batches)
    return [int(number) for batch in numbers for number in batch]


def cpu_seconds() -> float:
    """Return what this process and its children that ended have used."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    task, way, *rest = sys.argv[1:]
    if task == "build":
        ours, folder = rest
        Path(folder).mkdir(parents=True)
        BUILDERS[way](ours, Path(folder))
        return
    folder = Path(rest[0])
    if task == "order":
        print(json.dumps(order_of_epoch(way, folder, 1)))
        return
    told = timed_epochs(lambda epoch: READERS[way](folder, epoch), int(rest[1]), lambda: forget_pages(folder))
    print(json.dumps(told))


if __name__ == "__main__":
    main()

"""Ways to write a training-ready set: `python -m benchmarks.peers.writers WAY LISTING FOLDER SIDE WORKERS`."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.squares import Labelled, labelled_paths, square, square_image

BATCH = 64
ROWS_PER_FILE = 1024


def bcolz_threads(items: list[Labelled], folder: Path, side: int, workers: int) -> None:
    """The fast.ai notebook: threads, Pillow, and blocks appended to one bcolz array."""
    import bcolz

    array = bcolz.carray(np.empty((0, side, side, 3), np.uint8), rootdir=str(folder / "x"), mode="w", chunklen=32)
    with ThreadPoolExecutor(workers) as threads:
        for start in range(0, len(items), BATCH):
            part = [path for path, _ in items[start : start + BATCH]]
            array.append(np.stack(list(threads.map(partial(square, side=side), part))))
    array.flush()
    np.save(folder / "labels.npy", [label for _, label in items])


class _Squares:
    """A torch dataset of the squares, by torchvision's own transforms."""

    def __init__(self, items: list[Labelled], side: int) -> None:
        from training.torchvision_import import torchvision

        transforms = torchvision.transforms
        resize, crop = transforms.Resize(side), transforms.CenterCrop(side)
        self._items, self._transform = items, transforms.Compose([resize, crop])

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, number: int) -> tuple[np.ndarray, int]:
        from torchvision.datasets.folder import default_loader

        path, label = self._items[number]
        return np.asarray(self._transform(default_loader(path))), label


def torchvision_h5py(items: list[Labelled], folder: Path, side: int, workers: int) -> None:
    """torchvision's transforms behind a DataLoader, and h5py in the process that reads from it."""
    import h5py
    from torch.utils.data import DataLoader

    shape = (side, side, 3)
    with h5py.File(folder / "x.h5", "w") as file:
        images = file.create_dataset("images", (len(items), *shape), np.uint8, chunks=(1, *shape))
        labels = file.create_dataset("labels", (len(items),), np.int64)
        start = 0
        for block, marks in DataLoader(_Squares(items, side), batch_size=BATCH, num_workers=workers):
            images[start : start + len(block)] = block.numpy()
            labels[start : start + len(block)] = marks.numpy()
            start += len(block)


def _memmap_part(place: tuple[int, list[Labelled]], path: Path, side: int, count: int) -> None:
    start, items = place
    array = np.memmap(path, np.uint8, "r+", shape=(count, side, side, 3))
    for number, (file, _) in enumerate(items):
        array[start + number] = square(file, side)


def memmap(items: list[Labelled], folder: Path, side: int, workers: int) -> None:
    """Processes that write their rows into one np.memmap."""
    path = folder / "x.dat"
    np.memmap(path, np.uint8, "w+", shape=(len(items), side, side, 3)).flush()
    parts = [(start, items[start : start + BATCH]) for start in range(0, len(items), BATCH)]
    with Pool(workers) as pool:
        pool.map(partial(_memmap_part, path=path, side=side, count=len(items)), parts, chunksize=1)
        pool.close()
        pool.join()
    np.save(folder / "labels.npy", [label for _, label in items])


def _jpeg(item: Labelled, side: int) -> tuple[bytes, int]:
    stream = io.BytesIO()
    square_image(item[0], side).save(stream, "JPEG", quality=95)
    return stream.getvalue(), item[1]


def webdataset_jpeg(items: list[Labelled], folder: Path, side: int, workers: int) -> None:
    """webdataset's ShardWriter, JPEGs of quality 95 made by a pool of processes."""
    import webdataset

    with webdataset.ShardWriter(f"{folder}/%06d.tar", maxcount=ROWS_PER_FILE, verbose=0) as sink, Pool(workers) as pool:
        for number, (jpeg, label) in enumerate(pool.imap(partial(_jpeg, side=side), items, chunksize=BATCH)):
            sink.write({"__key__": f"{number:08d}", "jpg": jpeg, "cls": label})
        pool.close()
        pool.join()


def _array(item: Labelled, side: int) -> tuple[np.ndarray, int]:
    return square(item[0], side), item[1]


def mosaicml(items: list[Labelled], folder: Path, side: int, workers: int) -> None:
    """mosaicml-streaming's MDSWriter, arrays made by a pool of processes."""
    # It imports torchvision.
    import_module("training.torchvision_import")
    from streaming import MDSWriter

    columns = {"image": f"ndarray:uint8:{side},{side},3", "label": "int"}
    with MDSWriter(out=str(folder), columns=columns) as sink, Pool(workers) as pool:
        for image, label in pool.imap(partial(_array, side=side), items, chunksize=BATCH):
            sink.write({"image": image, "label": label})
        pool.close()
        pool.join()


def _sample(item: Labelled, side: int) -> dict[str, Any]:
    return {"image": square(item[0], side), "label": item[1]}


def litdata(items: list[Labelled], folder: Path, side: int, workers: int) -> None:
    """litdata's optimize, arrays."""
    from litdata import optimize

    optimize(
        fn=partial(_sample, side=side),
        inputs=items,
        output_dir=str(folder),
        num_workers=workers,
        chunk_bytes="64MB",
        start_method="fork",
    )


def _mapped(batch: dict[str, list[Any]], side: int) -> dict[str, list[Any]]:
    return {"image": [square(path, side) for path in batch["path"]]}


def huggingface(items: list[Labelled], folder: Path, side: int, workers: int) -> None:
    """Hugging Face datasets: map with processes, then save_to_disk."""
    from datasets import Array3D, Dataset, Features, Value

    features = Features({"image": Array3D((side, side, 3), "uint8"), "label": Value("int64")})
    rows = Dataset.from_dict({"path": [path for path, _ in items], "label": [label for _, label in items]})
    mapped = rows.map(
        partial(_mapped, side=side),
        batched=True,
        batch_size=BATCH,
        num_proc=workers,
        remove_columns=["path"],
        features=features,
        cache_file_name=str(folder / "cache.arrow"),
    )
    mapped.save_to_disk(folder / "saved")


def img2dataset(items: list[Labelled], folder: Path, side: int, workers: int) -> None:
    """img2dataset on file:// addresses, webdataset's tar files with JPEGs of quality 95."""
    addresses = folder / "addresses.txt"
    addresses.write_text("\n".join(Path(path).as_uri() for path, _ in items))
    command = [str(Path(sys.executable).with_name("img2dataset")), "--url_list", str(addresses)]
    command += ["--output_folder", str(folder / "out"), "--output_format", "webdataset", "--image_size", str(side)]
    command += ["--resize_mode", "center_crop", "--processes_count", str(workers), "--thread_count", "16"]
    subprocess.run([*command, "--number_sample_per_shard", str(ROWS_PER_FILE)], check=True)


WRITERS: dict[str, Callable[[list[Labelled], Path, int, int], None]] = {
    write.__name__: write
    for write in (
        bcolz_threads,
        torchvision_h5py,
        memmap,
        webdataset_jpeg,
        mosaicml,
        litdata,
        huggingface,
        img2dataset,
    )
}


def main() -> None:
    way, listing, folder, side, workers = sys.argv[1:]
    Path(folder).mkdir(parents=True)
    WRITERS[way](labelled_paths(listing), Path(folder), int(side), int(workers))


if __name__ == "__main__":
    main()

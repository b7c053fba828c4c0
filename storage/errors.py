"""Everything that storage raises, as one small tree. Each message names the path, what was found and the remedy.

DatasetError
├── UnknownDataset      (LookupError)  no such dataset, version or size
├── DamagedDataset                     bytes on disk are not those that were published
├── UnreadableRecord                   written by another version of this code
├── NotEnoughSpace      (OSError)      seen before the run: the disk cannot hold the plan
├── DiskFull            (OSError)      met in the middle of a run
├── DiskFailed          (OSError)      the disk answered with an I/O error, or may not be written any more
├── SourceFailed        (OSError)      the disk of the images cannot be read
├── DatasetLocked                      another run holds the dataset
├── TooManyRefused                     more bad inputs than the job allows
├── ChecksFailed                       what was built is not good enough to be published
├── ShardCrashed                       a worker died twice while it wrote, not while it decoded
└── VersionConflict                    another run published a different version first
"""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FAILING = frozenset({errno.EIO, errno.EROFS, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ETIMEDOUT})


class DatasetError(Exception):
    """Whatever went wrong with a dataset on disk.

    The message says it all to a person. The keywords repeat it for programs: where (`path`), what was needed or
    expected and what there is (`need`, `have`; bytes where they are numbers), and what to do (`remedy`).
    """

    def __init__(
        self,
        message: str,
        *,
        path: Path | None = None,
        need: str | int | None = None,
        have: str | int | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message if remedy is None else f"{message}. {remedy[0].upper()}{remedy[1:]}")
        self.path, self.need, self.have, self.remedy = path, need, have, remedy

    @property
    def facts(self) -> dict[str, str | int]:
        """Return the keywords that were given, a path as text."""
        named = {"path": self.path, "need": self.need, "have": self.have, "remedy": self.remedy}
        return {
            name: value if isinstance(value, int) else str(value) for name, value in named.items() if value is not None
        }


class UnknownDataset(DatasetError, LookupError):
    """There is no dataset, version or size of that name; the message lists those that exist."""


class DamagedDataset(DatasetError):
    """Published bytes are missing or differ from their receipt."""


class UnreadableRecord(DatasetError):
    """A record was written in a format that this version of the code cannot read."""


class NotEnoughSpace(DatasetError, OSError):
    """The disk has less free space than the plan needs; nothing was started."""


class DiskFull(DatasetError, OSError):
    """The disk filled up during the run; what has a receipt is kept, and the next run goes on from there."""


class DiskFailed(DatasetError, OSError):
    """The disk of a root answered with an error that is not for lack of space."""


class SourceFailed(DatasetError, OSError):
    """The disk of the images failed repeatedly. That is never an image's fault, and ends the run."""


class DatasetLocked(DatasetError):
    """Another run is building this dataset; the message says which process on which host."""


class TooManyRefused(DatasetError):
    """The share of refused inputs is above the limit, so nothing was published."""


class ChecksFailed(DatasetError):
    """What was built does not pass the checks that come before publishing; nothing was published."""


class ShardCrashed(DatasetError):
    """The process that writes a shard died twice outside of decoding: the storage is at fault, not an image."""


class VersionConflict(DatasetError):
    """Another run published different content under the version number that this one wanted."""


@contextmanager
def named_disk_errors(folder: Path, *, doing: str) -> Iterator[None]:
    """Turn what the kernel, h5py and bcolz raise when a disk fails below `folder` into an error that says what to do.

    Raises:
        DiskFull: a disk or a quota is full.
        DiskFailed: the disk cannot be read or written.
    """
    try:
        yield
    except DatasetError:
        raise
    except (OSError, RuntimeError) as error:
        kept = "What was finished is kept"
        if is_disk_full(error):
            raise DiskFull(
                f"{folder}: the disk is full, or a quota is, while {doing}. {kept}",
                path=folder,
                have=_free_bytes(folder),
                remedy="free some space and run the same command again",
            ) from error
        if _codes_of(error) & _FAILING:
            raise DiskFailed(
                f"{folder}: the disk failed while {doing} ({error}). {kept}",
                path=folder,
                have=str(error),
                remedy="look at the disk and at the kernel's log, then run the same command again",
            ) from error
        raise


def _free_bytes(folder: Path) -> int:
    """Return what is free on the disk of a folder that may not be there yet."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free


def is_disk_full(error: BaseException) -> bool:
    """Tell whether `error` means that a disk or a quota is full; HDF5 may say so only in its text."""
    return bool(_codes_of(error) & {errno.ENOSPC, errno.EDQUOT})


def _codes_of(error: BaseException) -> set[int]:
    """Return the numbers of the kernel's errors that led to `error`; HDF5 tells them only in its text."""
    told = {int(code) for code in re.findall(r"errno = (\d+)", str(error))}
    return told | ({error.errno} if isinstance(error, OSError) and error.errno else set())

"""Everything that storage raises, as one small tree. Each message names the path, what was found and the remedy.

DatasetError
├── UnknownDataset      (LookupError)  no such dataset, version or size
├── DamagedDataset                     bytes on disk are not those that were published
├── UnreadableRecord                   written by another version of this code
├── NotEnoughSpace      (OSError)      seen before the run: the disk cannot hold the plan
├── DiskFull            (OSError)      met in the middle of a run
├── DatasetLocked                      another run holds the dataset
├── TooManyRefused                     more bad inputs than the job allows
├── ShardCrashed                       a worker died twice while it wrote, not while it decoded
└── VersionConflict                    another run published a different version first
"""

from __future__ import annotations

import errno


class DatasetError(Exception):
    """Whatever went wrong with a dataset on disk."""


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


class DatasetLocked(DatasetError):
    """Another run is building this dataset; the message says which process on which host."""


class TooManyRefused(DatasetError):
    """The share of refused inputs is above the limit, so nothing was published."""


class ShardCrashed(DatasetError):
    """The process that writes a shard died twice outside of decoding: the storage is at fault, not an image."""


class VersionConflict(DatasetError):
    """Another run published different content under the version number that this one wanted."""


def is_disk_full(error: BaseException) -> bool:
    """Tell whether `error` means that a disk or a quota is full; HDF5 may say so only in its text."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return any(f"errno = {code}" in str(error) for code in (errno.ENOSPC, errno.EDQUOT))

"""Has Prefect's server wait for its SQLite database where it would give up at once.

Prefect begins most of its transactions as readers. One that then writes, when another has written since, is told
"database is locked" immediately, whatever the timeout: no waiting could make what it has read the newest again. Its
consumers of events try such a message three times and drop it: a run's end that no watch sees, a published version
that starts nothing. Begun as writers they take turns, which is what SQLite has the timeout for (Prefect sets 60 s).
https://www.sqlite.org/lang_transaction.html
"""

from __future__ import annotations

import sqlalchemy as sa
from prefect.server.database.configurations import SQLITE_BEGIN_MODE, AioSqliteConfiguration


def begin_as_writers() -> None:
    """Have all transactions of this process's server begun as writers; it is for a process that only serves."""
    AioSqliteConfiguration.begin_sqlite_stmt = _begin


def _begin(self: AioSqliteConfiguration, conn: sa.Connection) -> None:
    if SQLITE_BEGIN_MODE.get() is not None:
        conn.exec_driver_sql("BEGIN IMMEDIATE")

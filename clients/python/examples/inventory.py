"""An inventory service: takes goods out of stock when their order is paid, puts them back when the money went back.

What an order is about stands in its description, "SKU xQUANTITY", for example "mug x2".

Kill it whenever you like: stock, journal and position change in one transaction, so no payment counts twice and none is
missed. Nothing is deduplicated by hand. Of two that run on one database, the second one fails.
"""

from __future__ import annotations

import argparse
import logging
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from paystate import Follower, connect
from paystate.v1.order_pb2 import ORDER_STATE_PAID, ORDER_STATE_PARTIALLY_REFUNDED, Event
from paystate.v1.subscription_service_pb2 import Batch

_log = logging.getLogger("inventory")

_SCHEMA = """
PRAGMA journal_mode = WAL;
-- How many are left; below zero when more was sold than was ever put in.
CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, quantity INTEGER NOT NULL);
-- Why: one row for each change. No unique key, so that an effect that came twice would show.
CREATE TABLE IF NOT EXISTS movement (
    order_id TEXT NOT NULL, sku TEXT NOT NULL, quantity INTEGER NOT NULL, revision INTEGER NOT NULL
);
-- How far this database has read the log: one row. Made last: where it is, all is.
CREATE TABLE IF NOT EXISTS position (
    only INTEGER PRIMARY KEY CHECK (only = 1), resume_token TEXT NOT NULL, revision INTEGER NOT NULL
);
"""

# How often stock was taken for each order and how often it was put back, and how far the log was read.
_REPORT = """
SELECT json_object(
    'applied', json((SELECT json_group_object(order_id, n) FROM
        (SELECT order_id, count(*) AS n FROM movement WHERE quantity < 0 GROUP BY order_id))),
    'returned', json((SELECT json_group_object(order_id, n) FROM
        (SELECT order_id, count(*) AS n FROM movement WHERE quantity > 0 GROUP BY order_id))),
    'revision', (SELECT coalesce(max(revision), 0) FROM position))
"""
_EMPTY_REPORT = '{"applied":{},"returned":{},"revision":0}'

_GOODS = re.compile(r"^(\S+) x([1-9]\d*)$", re.ASCII)
_DIGITS = 18  # As many as SQLite's integers surely hold.
_HOLDING = (ORDER_STATE_PAID, ORDER_STATE_PARTIALLY_REFUNDED)


class Inventory:
    """Stock in a SQLite file, together with the position: a `paystate.PositionHandler`."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.executescript(_SCHEMA)

    def position(self) -> str | None:
        row = self._database.execute("SELECT resume_token FROM position").fetchone()
        return None if row is None else str(row[0])

    def handle(self, batch: Batch) -> None:
        with self._database:  # One transaction: committed at the end, rolled back when something is raised.
            self._move_position(batch)
            for event in batch.events:
                self._apply(event)

    def _move_position(self, batch: Batch) -> None:
        """First in its transaction, so that of two processes the second one waits here, and then fails."""
        moved = self._database.execute(
            "INSERT INTO position (only, resume_token, revision) VALUES (1, ?, ?) ON CONFLICT (only)"
            " DO UPDATE SET resume_token = excluded.resume_token, revision = excluded.revision WHERE revision = ?",
            (batch.resume_token, batch.up_to_revision, batch.after_revision),
        )
        if moved.rowcount == 0:
            raise RuntimeError(
                f"this database is no longer at revision {batch.after_revision}: another inventory uses it too;"
                " stop one of the two"
            )

    def _apply(self, event: Event) -> None:
        """The event alone says what to do: whether the shop holds money for the goods before and after it."""
        before, after = event.from_state in _HOLDING, event.to_state in _HOLDING
        if before == after:
            return
        goods = _goods(event.order.description)
        if goods is None:
            _log.warning(
                'order %s: "%s" is not SKU xQUANTITY: nothing in stock', event.order_id, event.order.description
            )
            return
        sku, quantity = goods
        change = -quantity if after else quantity
        self._database.execute(
            "INSERT INTO movement (order_id, sku, quantity, revision) VALUES (?, ?, ?, ?)",
            (event.order_id, sku, change, event.revision),
        )
        self._database.execute(
            "INSERT INTO stock (sku, quantity) VALUES (?, ?)"
            " ON CONFLICT (sku) DO UPDATE SET quantity = quantity + excluded.quantity",
            (sku, change),
        )


def _goods(description: str) -> tuple[str, int] | None:
    """What an order contains: SKU and quantity."""
    found = _GOODS.fullmatch(description)
    if found is None or len(found[2]) > _DIGITS:
        return None
    return found[1], int(found[2])


def report(database: sqlite3.Connection) -> str:
    """Only reads, so that it works beside the service."""
    made = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'position'").fetchone()
    return str(database.execute(_REPORT).fetchone()[0]) if made else _EMPTY_REPORT


def main() -> None:
    parser = argparse.ArgumentParser(description="Keeps the stock of a shop.")
    parser.add_argument("--core", metavar="URL", default="http://127.0.0.1:50051")
    parser.add_argument("--database", metavar="FILE", type=Path, default=Path("inventory.db"))
    parser.add_argument("--report", action="store_true", help="print what was done, as JSON, and end")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    if given.report and not given.database.exists():
        print(_EMPTY_REPORT)
        return
    with closing(sqlite3.connect(given.database, timeout=10)) as database:
        if given.report:
            print(report(database))
            return
        with connect(given.core) as channel:
            Follower(channel).run(Inventory(database))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass

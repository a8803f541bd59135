"""Aggregates over a related table: seconds and peak memory for base rows, related rows, windows and functions.

    python benchmarks/aggregates.py [--base 300000] [--related 3000000] [--keys 30000]

Seeded rows in Parquet files; times from their reading to the joined table on disk. The peak is that of the process, in
which nothing else runs.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from tenfold.connectors.aggregates.plan import Aggregate, Window
from tenfold.connectors.ingest import IngestOptions, ingest
from tenfold.connectors.request import SourceRequest
from tenfold.connectors.timed import Joined, PointInTimeJoin

_START = np.datetime64("2024-01-01", "us")
_YEAR = 365 * 86_400 * 1_000_000


def main() -> None:
    """Make the rows, aggregate them, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=int, default=300_000)
    parser.add_argument("--related", type=int, default=3_000_000)
    parser.add_argument("--keys", type=int, default=30_000)
    parser.add_argument("--functions", default="count,mean,sum,min,max")
    parser.add_argument("--late", action="store_true", help="rows become known up to ten days after they happened")
    asked = parser.parse_args()
    rng = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        base = pl.DataFrame(
            {
                "customer": rng.integers(asked.keys, size=asked.base),
                "applied": _START + rng.integers(_YEAR, 2 * _YEAR, asked.base).astype("timedelta64[us]"),
            }
        )
        happened = _START + rng.integers(2 * _YEAR, size=asked.related).astype("timedelta64[us]")
        late = rng.integers(10 * 86_400 * 1_000_000, size=asked.related).astype("timedelta64[us]")
        related = pl.DataFrame(
            {
                "customer": rng.integers(asked.keys, size=asked.related),
                "day": happened,
                "told": happened + late,
                "amount": rng.normal(size=asked.related).round(2),
            }
        )
        base.write_parquet(Path(folder, "base.parquet"))
        related.write_parquet(Path(folder, "related.parquet"))
        del base, related, happened, late
        before = _peak()
        options = IngestOptions(
            sources=(
                SourceRequest(name="base", location=str(Path(folder, "base.parquet"))),
                SourceRequest(
                    name="payments",
                    location=str(Path(folder, "related.parquet")),
                    time="day",
                    available_at="told" if asked.late else None,
                ),
            ),
            join=PointInTimeJoin(
                base="base",
                at="applied",
                sources={
                    "payments": Joined(
                        on={"customer": "customer"},
                        aggregate=Aggregate(
                            columns={"amount": tuple(asked.functions.split(","))},
                            windows=(
                                Window(name="7d", seconds=7 * 86_400.0),
                                Window(name="90d", seconds=90 * 86_400.0),
                                Window(name="all", seconds=None),
                            ),
                        ),
                    )
                },
            ),
        )
        began = time.perf_counter()
        made = ingest(options, workdir=Path(folder, "work"))
        seconds = time.perf_counter() - began
        columns = len(pl.scan_parquet(made.table).collect_schema()) - 2
    print(
        f"{asked.base:,} rows x {asked.related:,} related, {asked.keys:,} keys, {columns} columns: {seconds:.1f} s,"
        f" peak {_peak():,.0f} MiB (before {before:,.0f})"
    )


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()

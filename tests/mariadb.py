"""A real MariaDB for the tests: MySQL's protocol and dialect."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit


@contextmanager
def running_mariadb() -> Iterator[str]:
    """Yield the address of an empty database ``shop`` on a server that ends with the block."""
    with running_server() as socket:
        # A character set that the tables are not to have.
        ask(f"mysql://root@localhost/?unix_socket={socket}", "CREATE DATABASE shop CHARACTER SET latin1")
        yield f"mysql://root@localhost/shop?unix_socket={socket}"


@contextmanager
def running_server() -> Iterator[str]:
    """Yield the socket of a server without a database, which ends with the block."""
    program, install = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    assert program is not None, "the tests of MySQL need Debian's mariadb-server: scripts/servers installs it"
    assert install is not None
    with tempfile.TemporaryDirectory(prefix="tenfold-my-") as folder:
        data, socket = Path(folder, "data"), Path(folder, "s")
        user = ["--user=root"] if os.geteuid() == 0 else []
        subprocess.run(
            [install, f"--datadir={data}", *user, "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True,
            capture_output=True,
        )
        options = ["--no-defaults", f"--datadir={data}", f"--socket={socket}", "--skip-networking", *user]
        with subprocess.Popen([program, *options], stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            assert any("ready for connections" in line for line in process.stderr), "mariadbd did not start"
            try:
                yield str(socket)
            finally:
                process.terminate()
                process.stderr.read()


def connected(address: str) -> Any:
    """Return a connection that quotes names as the other databases do."""
    import pymysql

    parts = urlsplit(address)
    return pymysql.connect(
        unix_socket=parse_qs(parts.query)["unix_socket"][0],
        user="root",
        database=parts.path.strip("/") or None,
        autocommit=True,
        init_command="SET SESSION sql_mode = 'ANSI_QUOTES', time_zone = '+00:00'",
    )


def ask(address: str, statement: str) -> list[tuple[Any, ...]]:
    """Return what a statement gives on a connection of its own."""
    with closing(connected(address)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(statement)
        return [tuple(row) for row in cursor.fetchall()]

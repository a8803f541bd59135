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


_NEW = ("--auth-root-authentication-method=normal", "--skip-test-db")


class Server:
    """A server without a database, whose data lie in a folder; it may be killed and started again."""

    def __init__(self, folder: Path):
        install = shutil.which("mariadb-install-db")
        assert install is not None, "the tests of MySQL need Debian's mariadb-server: scripts/servers installs it"
        self._data, self.socket = folder / "data", folder / "s"
        self._user = ["--user=root"] if os.geteuid() == 0 else []
        subprocess.run(
            [install, f"--datadir={self._data}", *self._user, *_NEW],
            check=True,
            capture_output=True,
        )
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Return when it takes connections."""
        program = shutil.which("mariadbd")
        assert program is not None
        options = ["--no-defaults", f"--datadir={self._data}", f"--socket={self.socket}", "--skip-networking"]
        process = subprocess.Popen([program, *options, *self._user], stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        assert any("ready for connections" in line for line in process.stderr), "mariadbd did not start"
        self._process = process

    def stop(self, *, kill: bool = False) -> None:
        """End it, by a request or at once, as a power cut would."""
        assert self._process is not None
        with self._process as process:
            if kill:
                process.kill()
            else:
                process.terminate()
            assert process.stderr is not None
            process.stderr.read()


@contextmanager
def running_server() -> Iterator[str]:
    """Yield the socket of a server without a database, which ends with the block."""
    with tempfile.TemporaryDirectory(prefix="tenfold-my-") as folder:
        server = Server(Path(folder))
        server.start()
        try:
            yield str(server.socket)
        finally:
            server.stop()


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

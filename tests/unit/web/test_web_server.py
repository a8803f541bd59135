from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tenfold.automation.up import Household
from tenfold.foundation.errors import InputError
from tenfold.gateway.server import Gateway, ServeOptions
from tenfold.project.open import Project
from tenfold.web.server import Pages


def test_a_taken_port_of_the_pages_is_told_before_the_gateway_starts(empty: Project, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        gateway = Gateway(options=ServeOptions(folder=tmp_path, port=0), said=print)
        pages = Pages(project=empty, port=taken, option=" with --page-port")
        household = Household(project=tmp_path, gateway=gateway, pages=pages, every_seconds=60.0, said=print)
        with pytest.raises(InputError, match=f"127.0.0.1:{taken} cannot be .* choose another port with --page-port"):
            household.start()
        assert gateway._socket is None

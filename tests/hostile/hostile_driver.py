"""A process that is offered every hostile artifact, with an ear on what its interpreter does: ``python FILE FOLDER``.

Prints one JSON document: for each artifact what refused it, the sentence, and the events that ought not to be.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import hostile_artifacts
from hostile_artifacts import ARTIFACTS, GOOD, Scene

from tenfold.bundle.foreign_read import read_foreign
from tenfold.bundle.format import load_bundle, verify_probe
from tenfold.bundle.signing import Trust, guard, new_key, public_key
from tenfold.foundation.errors import TenfoldError

NEVER = (
    "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "pty.spawn", "pickle.find_class",
    "socket.connect", "socket.bind", "socket.getaddrinfo", "code.__new__", "webbrowser.open", "shutil.unpack_archive",
)  # fmt: skip
CHILD = "from tenfold.bundle.confined_child import main"


class Ear:
    """Hears every audit event while an artifact is offered."""

    def __init__(self, folder: Path):
        self.folder = str(folder)
        self.listening = False
        self.heard: list[str] = []
        places = (*sys.path, sys.prefix, sys.base_prefix)
        self.code = tuple(os.path.realpath(place) for place in places if place)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.listening and self.wrong(event, arguments):
            self.heard.append(f"{event} {str(arguments)[:200]}")

    def wrong(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "subprocess.Popen":
            own = [str(each) for each in arguments[1]]
            return own[0] != sys.executable or not any(CHILD in each for each in own)
        if event == "import":
            return "canary" in str(arguments[0]) or str(arguments[0]) in {"antigravity", "this"}
        if event in ("exec", "compile"):
            source = getattr(arguments[0], "co_filename", None) if event == "exec" else arguments[1]
            return str(source).startswith(self.folder)
        if event == "ctypes.dlopen":
            return not os.path.realpath(str(arguments[0])).startswith(self.code)
        if event == "open" and int(arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return not str(arguments[0]).startswith((self.folder, "/tmp", "/dev/null"))
        return event in NEVER


def controls(ear: Ear, folder: Path) -> dict[str, list[str]]:
    """Do what no artifact may, so that it is known that the ear hears it."""
    own = folder / "tenfold_hostile_canary_control.py"
    own.write_text("value = 1\n")
    acts: dict[str, Any] = {
        "system": lambda: os.system("true"),
        "pickle": lambda: pickle.loads(pickle.dumps(Ear)),
        "process": lambda: subprocess.run(["true"], check=True),
        "import": lambda: __import__("tenfold_hostile_canary_control"),
        "write": lambda: Path("/var/tmp/tenfold-hostile-control").write_text(""),
        "library": lambda: ctypes.CDLL("libtenfold-hostile.so"),
    }
    sys.path.insert(0, str(folder))
    heard = {}
    for name, act in acts.items():
        ear.heard, ear.listening = [], True
        with contextlib.suppress(OSError):
            act()
        ear.listening = False
        heard[name] = ear.heard
    Path("/var/tmp/tenfold-hostile-control").unlink(missing_ok=True)
    return heard


def main(folder: Path) -> None:
    private, public, _ = new_key()
    (folder / "ours").write_bytes(private)
    (folder / "ours.pub").write_bytes(public)
    trust = Trust(keys=(public_key(folder / "ours.pub"),), said_by="the driver")
    # Good bytes first: what is loaded and imported then is no sign of anything later.
    verify_probe(load_bundle(GOOD))
    ear = Ear(folder)
    sys.addaudithook(ear)
    found: dict[str, dict[str, Any]] = {}
    for number, (name, artifact) in enumerate(ARTIFACTS.items()):
        scene = Scene(folder=folder / f"{number:03d}", canary=folder / f"ran-{number:03d}", key=str(folder / "ours"))
        scene.folder.mkdir()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            place = artifact.make(scene)
        if artifact.door == "signed":
            guard(scene.folder, trust)
        ear.heard, ear.listening = [], True
        refused, sentence = "loaded", ""
        try:
            if artifact.door == "import":
                read_foreign(place)
            else:
                load_bundle(place)
        except TenfoldError as error:
            refused, sentence = type(error).__name__, str(error)
        except BaseException as error:  # noqa: BLE001 - whatever else it is, it is told
            refused, sentence = f"unforeseen {type(error).__name__}", str(error)
        ear.listening = False
        found[name] = {
            "refused": refused,
            "sentence": sentence,
            "heard": ear.heard,
            "ran": scene.canary.exists(),
            "written": sorted(str(path) for path in folder.parent.iterdir() if path != folder),
        }
    print(  # noqa: T201 - what the driver has to say
        json.dumps(
            {"found": found, "canary": "tenfold_hostile_canary" in sys.modules, "controls": controls(ear, folder)}
        )
    )


if __name__ == "__main__":
    assert hostile_artifacts.ARTIFACTS
    main(Path(sys.argv[1]))

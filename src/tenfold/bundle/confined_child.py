"""The process in which `tenfold.bundle.confined` runs a parser: closed first, given the bytes then."""

from __future__ import annotations

import ast
import errno
import importlib
import json
import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from tenfold.bundle.confined import Parsed
from tenfold.foundation.errors import TenfoldError

_LENGTH_BYTES = 8
_MOST_OPEN_FILES = 256
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_NEVER = (
    "os.system",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.kill",
    "os.killpg",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.chown",
    "os.truncate",
    "os.putenv",
    "subprocess.Popen",
    "pty.spawn",
    "socket.",
    "urllib.Request",
    "http.client.",
    "webbrowser.open",
    "pickle.find_class",
    "code.__new__",
    "shutil.",
    "sqlite3.",
    "signal.pthread_kill",
)
"""Events of the interpreter (its table of audit events) that reading a model never needs; a dot ends a family."""
_IN_FOLDER = {"os.mkdir": 1, "os.remove": 1, "os.rmdir": 1, "os.rename": 2}
"""Events that are allowed inside of the child's own folder, with how many paths they begin with."""
_READABLE = ("/proc/", "/sys/", "/dev/null", "/dev/urandom", "/usr/share/zoneinfo/")


class Forbidden(BaseException):
    """Not an `Exception`: what a parser catches while it tries other ways must not catch this."""


class Seal:
    """From when it is put on: which events end the reading. The first of them is remembered."""

    def __init__(self) -> None:
        self.broken: str | None = None
        self._own = f"{Path.cwd()}{os.sep}"
        places = (*sys.path, sys.prefix, sys.base_prefix, sys.exec_prefix)
        self._code = tuple({f"{form}{os.sep}" for place in places for form in (place, os.path.realpath(place))})
        self._roots = frozenset(name.partition(".")[0] for name in sys.modules)

    def put_on(self) -> None:
        """From here on the rules hold, until the process ends."""
        sys.addaudithook(self._heard)
        # `importlib.import_module` raises no event: the import system asks here first, whoever asks it.
        sys.meta_path.insert(0, self)

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse a module of a package that isn't loaded; leave every other to the usual finders."""
        if name.partition(".")[0] not in self._roots:
            self.broken = self.broken or f"it would import '{name[:80]}'"
            raise Forbidden(self.broken)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        what = self._against(event, arguments)
        if what is not None:
            self.broken = self.broken or what
            raise Forbidden(what)

    def _against(self, event: str, arguments: tuple[Any, ...]) -> str | None:
        if event == "open":
            return self._opening(arguments[0], int(arguments[2] or 0))
        if event in ("exec", "compile"):
            # The import system itself runs the modules of packages that are loaded already; nobody else may.
            source = getattr(arguments[0], "co_filename", None) if event == "exec" else arguments[1]
            caller = sys._getframe(2)  # noqa: SLF001 - the only way to know who asks
            if event == "compile" and caller.f_code is ast.parse.__code__:
                # It makes a tree of words and nothing that runs: numpy reads the heads of its arrays so.
                return None
            asked = caller.f_code.co_filename.startswith("<frozen importlib.")
            return None if asked and self._is_code(source) else "it would run code of its own"
        if event == "ctypes.dlopen":
            return None if self._is_code(arguments[0]) else "it would load a library"
        if event in _IN_FOLDER:
            outside = [path for path in arguments[: _IN_FOLDER[event]] if not self._inside(path)]
            return f"it would change the file system ({event})" if outside else None
        if event in _NEVER or any(event.startswith(each) for each in _NEVER if each.endswith(".")):
            return f"it would call {event}"
        return None

    def _opening(self, path: object, flags: int) -> str | None:
        if isinstance(path, int) or self._inside(path):
            return None
        if flags & _WRITES:
            return f"it would write to '{os.fsdecode(str(path))[:80]}'"
        if self._is_code(path) or str(_text(path)).startswith(_READABLE):
            return None
        return f"it would read '{_text(path)[:80]}'"

    def _inside(self, path: object) -> bool:
        return os.path.realpath(_text(path)).startswith(self._own)

    def _is_code(self, path: object) -> bool:
        text = _text(path)
        return text.startswith("<frozen ") or os.path.normpath(text).startswith(self._code)


def main(arguments: Mapping[str, Any]) -> NoReturn:
    """Close the process, read the bytes, answer, end."""
    # What libraries print goes nowhere; the answer has a stream of its own.
    answer = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    _limit(arguments)
    try:
        for name in arguments["preload"]:
            importlib.import_module(name)
    except ImportError as error:
        _say(answer, "missing", {"reason": error.name or str(error)})
    parser = getattr(importlib.import_module(arguments["module"]), arguments["function"])
    source = sys.stdin.buffer
    seal = Seal()
    seal.put_on()
    facts = json.loads(source.read(int.from_bytes(source.read(_LENGTH_BYTES), "little")))
    content = source.read()
    try:
        parsed: Parsed = parser(content, facts)
    except TenfoldError as error:
        _say(answer, "refused", {"reason": seal.broken or str(error)})
    except Forbidden as error:
        _say(answer, "refused", {"reason": str(error)})
    except MemoryError:
        _say(answer, "refused", {"reason": "reading it needs more memory than is allowed"})
    except RecursionError:
        _say(answer, "refused", {"reason": "it is nested too deep"})
    except OSError as error:
        large = f"what it holds would be larger than {arguments['answer_bytes']} bytes"
        _say(answer, "refused", {"reason": seal.broken or (large if error.errno == errno.EFBIG else str(error))})
    except Exception as error:  # noqa: BLE001 - a transport's edge: whatever a library raises becomes the answer
        _say(answer, "refused", {"reason": seal.broken or _first_line(error)})
    if seal.broken:
        _say(answer, "refused", {"reason": seal.broken})
    _say(answer, "parsed", dict(parsed.facts), parsed.files)


def _limit(arguments: Mapping[str, Any]) -> None:
    seconds = max(1, round(arguments["seconds"]))
    for what, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, arguments["memory_bytes"]),
        (resource.RLIMIT_FSIZE, arguments["answer_bytes"]),
        (resource.RLIMIT_NOFILE, _MOST_OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (least, least))


def _say(answer: BinaryIO, status: str, facts: Mapping[str, Any], files: Mapping[str, bytes] | None = None) -> NoReturn:
    found = files or {}
    sizes = {name: len(content) for name, content in found.items()}
    header = json.dumps({"status": status, "facts": dict(facts), "files": sizes}).encode()
    answer.write(len(header).to_bytes(_LENGTH_BYTES, "little") + header)
    answer.writelines(found.values())
    answer.flush()
    # Without what libraries do when an interpreter ends: some of them wait for threads.
    os._exit(0)


def _text(path: object) -> str:
    return os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else str(path)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]

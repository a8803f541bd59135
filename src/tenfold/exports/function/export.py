"""A version as a package of plain Python: a folder and a wheel that need nothing but an interpreter."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import keyword
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tenfold.exports.clocks import clock_of
from tenfold.exports.program import Program
from tenfold.exports.protocols import Answers, Refused, Rows, Subject
from tenfold.exports.translate import translated
from tenfold.foundation.errors import InputError

_TEXTS = Path(__file__).parent
_CALCULATION = _TEXTS / "calculation.py"
_SECONDS = 900
_INIT = _TEXTS.joinpath("init.txt").read_text(encoding="utf-8")
_MAIN = _TEXTS.joinpath("main.txt").read_text(encoding="utf-8")
_README = """# {ref}

The model as a Python package that needs nothing but Python 3.9 or later: no numpy, no Tenfold. What a row goes
through before the model reads it is inside.

```python
from {package} import predict, predict_one

predict_one({{{row}}})
```

Put this folder on the path, or install the wheel: `pip install {wheel}`. From a shell: `python -m {package}` reads rows
as JSON, one a line.

- A row is a mapping from column to value. Missing is `None`, NaN or an empty text. A word that was never seen is read
  as such. Times are `datetime`, or text in ISO 8601.
- Columns: {columns}.
- `proof.json` says on how many hard rows this package was found to predict what the version predicts, and how far off
  it was at most; `evidence.json` holds what was judged of the version.
"""
_ASK = _TEXTS.joinpath("ask.txt").read_text(encoding="utf-8")


class FunctionExport:
    """The program as JSON beside plain Python that reads it; proven in an interpreter that sees nothing else."""

    kind: ClassVar[str] = "function"
    tolerance: ClassVar[float] = 1e-9
    options: ClassVar[Mapping[str, str]] = {"package": "the package's name; else it is made of the model's"}

    def files(self, subject: Subject) -> Mapping[str, bytes]:
        program = translated(subject.model)
        package = _package(subject)
        names = {"ref": subject.ref, "package": package, "bundle": subject.bundle}
        own = {
            f"{package}/__init__.py": _INIT.format(**names).encode(),
            f"{package}/__main__.py": _MAIN.format(**names).encode(),
            f"{package}/calculation.py": _CALCULATION.read_bytes(),
            f"{package}/model.json": content_of(program, subject.ref),
        }
        wheel, content = _wheel(subject, package, own)
        readme = _README.format(
            **names,
            wheel=wheel,
            row=", ".join(f"{field.name!r}: ..." for field in program.fields[:3]),
            columns=", ".join(f"`{field.name}` ({field.kind})" for field in program.fields) or "none",
        )
        return {**own, "README.md": readme.encode(), wheel: content}

    def answers(self, folder: Path, subject: Subject, rows: Rows) -> Answers:
        # -I: no environment and no user's folder; -S: no site-packages. What is not in the folder is not there.
        lines = "\n".join(json.dumps([_sent(value) for value in row]) for row in rows)
        command = [sys.executable, "-I", "-S", "-B", "-c", _ASK, str(folder), _package(subject)]
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter, and what was just written
                command,
                input=lines,
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=_SECONDS,
                check=False,
                env={},
            )
        except subprocess.TimeoutExpired as error:
            raise Refused(f"the function took more than {_SECONDS} s for {len(rows)} rows") from error
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no word of why"])[-1]
            raise Refused(f"the function failed in a bare interpreter: {last[:300]}")
        said = [json.loads(line) for line in done.stdout.splitlines()]
        decisions = None if subject.model.task == "regression" else tuple(str(decision) for _, decision in said)
        return Answers(scores=np.array([scores for scores, _ in said], dtype=np.float64), decisions=decisions)


def content_of(program: Program, name: str) -> bytes:
    """Return a program as the JSON that `calculation.py` reads; numbers keep their last bit."""
    clocks = sorted({str(node.facts["zone"]) for node in program.nodes if "zone" in node.facts})
    content: dict[str, Any] = {
        "format": 1,
        "name": name,
        "task": program.task,
        "classes": list(program.classes),
        "fields": [
            {
                "name": field.name,
                "kind": field.kind,
                "missing": list(field.missing_markers),
                "zone": field.timezone or "UTC",
            }
            for field in program.fields
        ],
        "zones": {zone: asdict(clock_of(zone)) for zone in clocks},
        "nodes": [
            {"op": node.op, "columns": node.columns, "reads": node.reads, "made": node.made, **node.facts}
            for node in program.nodes
        ],
        "parts": [
            {"kind": part.kind, "reads": part.reads, "link": part.link, "weight": part.weight, **part.facts}
            for part in program.parts
        ],
        "recalibration": program.recalibration,
        "decision": program.decision,
    }
    return json.dumps(content, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def _sent(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _package(subject: Subject) -> str:
    asked = subject.options.get("package")
    if asked is not None:
        if not asked.isascii() or not asked.isidentifier() or keyword.iskeyword(asked):
            raise InputError(f"'{asked}' is not the name of a Python package: write letters, digits and _")
        return asked
    made = re.sub(r"\W+", "_", subject.model.name, flags=re.ASCII).strip("_").lower()
    return f"model_{made}" if not made or made[0].isdigit() or made in sys.stdlib_module_names else made


def _wheel(subject: Subject, package: str, own: Mapping[str, bytes]) -> tuple[str, bytes]:
    """Return a wheel's name and content: the package with what an installer asks for. Equal files have equal bytes."""
    number = subject.ref.rpartition("@")[2] if "@" in subject.ref else "0"
    version = number if number.isdigit() else "0"
    about = f"{package}-{version}.dist-info"
    files = {
        **own,
        f"{about}/METADATA": (
            f"Metadata-Version: 2.1\nName: {package.replace('_', '-')}\nVersion: {version}\n"
            f"Summary: The model {subject.ref}, bundle {subject.bundle}\nRequires-Python: >=3.9\n"
        ).encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tenfold\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in files.items())
    files[f"{about}/RECORD"] = f"{record}{about}/RECORD,,\n".encode()
    return f"{package}-{version}-py3-none-any.whl", _zipped(files.items())


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _zipped(files: Iterable[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return out.getvalue()

"""``tenfold key``, ``tenfold model sign`` and ``verify``: whose bundles count."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.options import HERE, AsJson, ProjectPath, folder_of
from tenfold.cli.table import heading, pairs

if TYPE_CHECKING:
    from rich.console import Console

_HASH_LETTERS = 12
_Model = Annotated[str, typer.Argument(metavar="MODEL", help="name@version, name@alias, or the path of a bundle.")]

keys = typer.Typer(help="Keys that sign bundles.", no_args_is_help=True)


@keys.command("new")
def new(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="Where the private key goes; the public one is PATH.pub.")
    ],
    as_json: AsJson = False,
) -> Command:
    """Make an Ed25519 key: the private half for its owner alone, the public half beside it."""

    def work() -> Reply:
        from tenfold.project.signing import make_key

        report = make_key(path)
        return Reply(document=report.document(), ok=report.ok, show=show_key)

    return Command(work=work, as_json=as_json)


def sign(
    model: _Model,
    *,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="KEY", help="A PEM file, or ${env:NAME}; the file's signing.key by default."),
    ] = None,
    project: ProjectPath = HERE,
    as_json: AsJson = False,
) -> Command:
    """Sign a version, or a bundle at a path, once its bytes were checked."""

    def work() -> Reply:
        from tenfold.project.signing import sign_model

        report = sign_model(model, key, folder=folder_of(project))
        return Reply(document=report.document(), ok=report.ok, show=show_signature)

    return Command(work=work, as_json=as_json)


def verify(
    model: _Model,
    *,
    trusted: Annotated[
        list[Path] | None,
        typer.Option("--trusted", metavar="FILE", help="A public key that counts; else those of the file."),
    ] = None,
    project: ProjectPath = HERE,
    as_json: AsJson = False,
) -> Command:
    """Hold a bundle's bytes against their hashes and its signature against the keys that count; nothing is loaded."""

    def work() -> Reply:
        from tenfold.project.signing import verify_model

        report = verify_model(model, tuple(trusted or ()), folder=folder_of(project))
        return Reply(document=report.document(), ok=report.ok, show=show_signature)

    return Command(work=work, as_json=as_json)


def show_key(document: Document, console: Console) -> None:
    """Print where the two halves are."""
    heading(console, f"key {document['fingerprint']}")
    pairs(console, (("private", document.get("private")), ("public", document.get("public"))))


def show_signature(document: Document, console: Console) -> None:
    """Print what was checked, and who signed it."""
    heading(console, f"{document['model']}  {str(document['bundle'])[:_HASH_LETTERS]}")
    counts = {True: "a key that counts here", False: "no key that counts here", None: ""}[document.get("trusted")]
    pairs(
        console,
        (
            ("bytes", f"{document['files']} files, {document['size_bytes']:,} bytes, as the manifest says"),
            ("signed by", " ".join(filter(None, (document.get("signed_by") or "nobody", counts)))),
            ("written", document.get("signature")),
        ),
    )

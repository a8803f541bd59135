"""What exports have in common that describe how a proven image is run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tenfold.exports.container import ContainerExport
from tenfold.exports.manifests import IMAGE
from tenfold.exports.protocols import Answers, Rows, Subject

_IMAGE = ContainerExport()


@dataclass(frozen=True, slots=True, kw_only=True)
class InImage(ABC):
    """Manifests beside the folder of the image that they run; the image is what is proven."""

    image: ContainerExport = _IMAGE

    @property
    def tolerance(self) -> float:
        return self.image.tolerance

    @property
    def options(self) -> Mapping[str, str]:
        return {
            **self.image.options,
            "image": "the image's name in your registry; else the endpoint's and the version's number",
            **self.own_options,
        }

    @property
    @abstractmethod
    def own_options(self) -> Mapping[str, str]:
        """What may be chosen beside the image."""

    def files(self, subject: Subject) -> Mapping[str, bytes]:
        # First: a wrong option is told before packages are packed.
        manifests = self.manifests(subject)
        return {**manifests, **{f"{IMAGE}{name}": content for name, content in self.image.files(subject).items()}}

    @abstractmethod
    def manifests(self, subject: Subject) -> Mapping[str, bytes]:
        """Return the manifests, by file name."""

    def answers(self, folder: Path, subject: Subject, rows: Rows) -> Answers:
        return self.image.answers(folder / IMAGE, subject, rows)

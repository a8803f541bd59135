"""The sections of ``tenfold.yaml``: what may be written, of which type, with which default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, PrivateAttr

from tenfold.records.dataset import Kind
from tenfold.records.problem import Requirement
from tenfold.spec.secret import Location
from tenfold.spec.section import (
    Budget,
    Filled,
    Identifier,
    ProjectName,
    Section,
    Text,
    Written,
    WrittenBudget,
)
from tenfold.spec.sections_convergence import ConvergenceSection
from tenfold.spec.sections_deployment import DeploymentSection
from tenfold.spec.sections_evaluation import EvaluationSection
from tenfold.spec.sections_features import FeaturesSection
from tenfold.spec.sections_monitoring import MonitoringSection
from tenfold.spec.sections_outliers import WrittenOutliers
from tenfold.spec.sections_problem import ProblemSection
from tenfold.spec.sections_quality import QuarantineSection, WrittenQuarantine
from tenfold.spec.sections_retraining import RetrainingSection
from tenfold.spec.sections_signing import SigningSection
from tenfold.spec.sections_sources import Host, JoinSection, SourceSection
from tenfold.spec.sections_tuning import TuningSection
from tenfold.spec.sections_validation import ValidationSection
from tenfold.spec.tree import Node

FORMAT = 1
"""The number after ``tenfold:``; it grows when an old file would mean something else."""


Impute: TypeAlias = (
    Literal["median", "mean", "mode", "constant", "neighbours", "iterative", "forward", "none"]
    | Annotated[str, Field(pattern=r"^by \S.*$")]
)
"""How missing values are filled; ``by COLUMN``: by the median of the row's group."""


class ColumnSection(Section):
    """Where the inference of a column is overruled."""

    role: Literal["feature", "entity", "group", "assign", "weight", "id", "sensitive", "ignored"] | None = None
    kind: Kind | None = None
    missing: tuple[Text, ...] | None = None
    datetime_format: Filled | None = None
    timezone: Filled | None = None
    decimal_comma: bool | None = None
    available: Literal["now", "later"] | None = None
    impute: Impute | None = None
    scale: Literal["standard", "minmax", "robust", "quantile", "power", "log", "auto", "none"] | None = None
    feature: bool | None = None
    allow: bool = False


def _one_source(written: object) -> object:
    """Read ``data: {path: …}`` as one source called data."""
    if not isinstance(written, dict) or "sources" in written:
        return written
    own = {key: value for key, value in written.items() if key in SourceSection.model_fields and key != "query"}
    if "path" not in own and "url" not in own:
        return written
    rest = {key: value for key, value in written.items() if key not in own}
    return {"sources": {"data": own}, **rest}


class DataSection(Section):
    """Where the rows come from and how they are read."""

    sources: Mapping[Identifier, SourceSection] = Field(min_length=1)
    query: Filled | None = None
    join: JoinSection | None = None
    allow: tuple[Host, ...] = ()
    timezone: Filled | None = None
    contract: Filled | None = None
    rows: Literal["auto", "all"] | Annotated[int, Field(ge=1000)] = "auto"
    duplicates: Literal["report", "drop"] = "report"
    quarantine: WrittenQuarantine = QuarantineSection()
    outliers: WrittenOutliers | None = None
    columns: Mapping[Filled, ColumnSection] = Field(default_factory=dict)


class TrainingSection(Section):
    """What is tried, for how long."""

    learners: (
        Literal["auto"]
        | tuple[
            Literal[
                "linear",
                "lightgbm",
                "catboost",
                "xgboost",
                "random_forest",
                "extra_trees",
                "mlp",
                "neighbours",
                "sparse_linear",
                "tree",
                "additive",
            ],
            ...,
        ]
    ) = "auto"
    budget: WrittenBudget = Budget(time="5m")
    cores: Literal["auto"] | int = "auto"
    seed: int = 7
    interpretable: bool = False
    convergence: ConvergenceSection = ConvergenceSection()


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a spec was read: the file as the user named it, its folder, its lines, and the resolved locations."""

    path: str = "tenfold.yaml"
    folder: Path = field(default_factory=Path)
    tree: Node | None = field(default=None, repr=False)
    locations: Mapping[str, Location] = field(default_factory=dict, repr=False)
    store: Location | None = field(default=None, repr=False)
    alerts: tuple[Location, ...] = field(default=(), repr=False)


class Spec(Section):
    """``tenfold.yaml`` as it is written: nothing of the environment stands in its fields.

    What was read from the environment is in ``locations``, ``store_folder`` and ``alert_locations``, outside of
    comparison by field, representation and serialisation.
    """

    tenfold: int = FORMAT
    name: ProjectName = "model"
    problem: ProblemSection
    data: Annotated[DataSection, BeforeValidator(_one_source)]
    features: FeaturesSection = FeaturesSection()
    validation: ValidationSection = ValidationSection()
    training: TrainingSection = TrainingSection()
    tuning: TuningSection = TuningSection()
    evaluation: EvaluationSection = EvaluationSection()
    deployment: DeploymentSection = DeploymentSection()
    monitoring: MonitoringSection = MonitoringSection()
    retraining: RetrainingSection = RetrainingSection()
    signing: SigningSection = SigningSection()
    store: Written = ".tenfold"
    engine: Literal["local"] = "local"

    _origin: Origin = PrivateAttr(default_factory=Origin)

    @property
    def path(self) -> str:
        """The file, as the user named it."""
        return self._origin.path

    @property
    def folder(self) -> Path:
        """The folder of the file; paths in the file are relative to it."""
        return self._origin.folder

    @property
    def locations(self) -> Mapping[str, Location]:
        """Where each source lies, by its name."""
        return self._origin.locations

    @property
    def store_folder(self) -> Path:
        """Where the project's state lives."""
        store = self._origin.store
        return self.folder / (self.store if store is None else store.secret.reveal())

    @property
    def alert_locations(self) -> tuple[Location, ...]:
        """Where alerts go."""
        return self._origin.alerts

    @property
    def endpoint(self) -> str:
        """The name under which the model is served."""
        return self.deployment.endpoint or self.name

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """The requirements as records."""
        return tuple(entry.record() for entry in self.problem.requirements)

    def line_of(self, *path: str | int) -> int | None:
        """Return the line of a setting, such as ``line_of("problem", "target")``; None for a spec without a file."""
        return None if self._origin.tree is None else self._origin.tree.line_of(*path)

    def placed(self, origin: Origin) -> Spec:
        """Return this spec with the place it was read from."""
        copy = self.model_copy()
        copy._origin = origin  # noqa: SLF001 - the same class
        return copy

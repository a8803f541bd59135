"""What any stage must keep to: the same inputs give the same result, and the result can be kept and read back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tenfold.engine.stage import Stage, stage_rng
from tenfold.foundation.context import StageContext, StageResult
from tenfold.foundation.fingerprint import fingerprint, hash_bytes, hash_file
from tenfold.foundation.serial import from_json, plain, to_json


def check_stage(stage: Stage, inputs: Mapping[str, object], *, seed: int = 7) -> StageResult[Any]:
    """Run a stage twice on the same inputs and hold it to the contract; return the first result.

    Parameters
    ----------
    stage : Stage
    inputs : mapping
        A value for each name in ``stage.needs``.
    seed : int
        The project's seed in both runs.

    Raises
    ------
    AssertionError
        Naming what the stage did that a stage may not do.
    """
    needed = {name: inputs[name] for name in stage.needs}
    before = fingerprint(plain(needed))
    chance = np.random.get_state(legacy=False)  # noqa: NPY002 - the global state is looked at because nobody may use it
    first, second = (_run(stage, needed, seed) for _ in range(2))
    after = np.random.get_state(legacy=False)  # noqa: NPY002 - likewise
    _require(fingerprint(plain(needed)) == before, stage, "changed one of its inputs")
    same_chance = np.array_equal(chance["state"]["key"], after["state"]["key"])
    same_chance = same_chance and chance["state"]["pos"] == after["state"]["pos"]
    _require(same_chance, stage, "used numpy's global randomness; ctx.rng is the stage's own")
    _require(isinstance(first.record, stage.record), stage, f"returned a record that is no {stage.record.__name__}")
    _require(to_json(first.record) == to_json(second.record), stage, "gave two records for the same inputs")
    _require(_hashes(first) == _hashes(second), stage, "gave different files for the same inputs")
    kept = to_json(first.record)
    _require(
        to_json(from_json(stage.record, kept)) == kept, stage, "returned a record that does not survive being kept"
    )
    return first


def _run(stage: Stage, needed: Mapping[str, object], seed: int) -> StageResult[Any]:
    context = StageContext(rng=stage_rng(stage.name, seed), seed=seed)
    return stage.run(**needed, options=stage.options, ctx=context)


def _hashes(result: StageResult[Any]) -> dict[str, str]:
    return {
        name: hash_file(content) if isinstance(content, Path) else hash_bytes(content)
        for name, content in result.files.items()
    }


def _require(holds: bool, stage: Stage, fault: str) -> None:
    assert holds, f"stage '{stage.name}' {fault}"

"""Candidates are read back as they were written."""

from __future__ import annotations

import math

from tenfold.records.model import Candidate
from tenfold.stages.training.scored import Scored, read_scored


def test_a_candidate_that_time_ran_out_for_is_read_back() -> None:
    candidate = Candidate(key="linear", learner="linear", params={}, view="dense", loss=math.inf, score=math.nan)
    written = Scored(candidate=candidate, held={}, dropped="time")
    (found,) = read_scored(written.files())
    assert found.dropped == "time"
    assert found.candidate.loss == math.inf
    assert math.isnan(found.candidate.score)

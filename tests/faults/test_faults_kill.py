from __future__ import annotations

import sys

from tenfold.testing.kill import kill_moments, run_and_kill


def test_command_that_ends_in_time_gives_its_status_and_any_other_is_killed():
    assert run_and_kill([sys.executable, "-c", "raise SystemExit(3)"], after_seconds=60.0) == 3
    hang = "import threading; threading.Event().wait()"
    assert run_and_kill([sys.executable, "-c", hang], after_seconds=0.1) is None


def test_moments_are_the_same_for_the_same_seed():
    first, second, other = (list(kill_moments(5, seed=seed, longest_seconds=2.0)) for seed in (1, 1, 2))
    assert first == second != other
    assert all(0.0 <= moment <= 2.0 for moment in first)

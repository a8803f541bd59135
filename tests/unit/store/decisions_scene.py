"""Decisions for tests of the store."""

from __future__ import annotations

from datetime import UTC, datetime

from tenfold.records.retrain import Decision, Gain, RetrainRequest

AT = datetime(2013, 7, 2, 6, tzinfo=UTC)
REQUEST = RetrainRequest(endpoint="late", reason="requirement", at=AT, window="w", changed=("something",))


def decision(key: str = "late/window/w", **rest: object) -> Decision:
    return Decision(key=key, endpoint="late", action="train", reason="why", at=AT, request=REQUEST, **rest)  # type: ignore[arg-type]


def gain(payload: str = "") -> Gain:
    return Gain(metric="roc_auc", rows="newest", n=10, value=0.1, low=-0.1, high=0.3, payload=payload)

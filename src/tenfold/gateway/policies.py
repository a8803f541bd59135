"""What an endpoint does with values that are not what a column should hold: refuse them, leave them out, read them.

Without a policy a value of a wrong type is refused, a missing one is what the model makes of it, and a category that
training never saw is one among others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tenfold.bundle.canonical import Unreadable, Value, canonical_value
from tenfold.bundle.signature import Signature
from tenfold.foundation.errors import StoreError
from tenfold.gateway.refused import Refused
from tenfold.records.dataset import Field
from tenfold.records.release import FieldPolicy

_ABSENT = object()
_PLAIN = FieldPolicy()
Imputed = Sequence[Sequence[str]]
"""Of each row the columns whose values were left out."""


class WrongType(Unreadable):
    """A value of another type than its column, which could be read all the same."""


def typed_value(field: Field, value: object) -> Value:
    """Return a value as `canonical_value` does, where its type is the column's: numbers and truth values are no texts.

    Raises
    ------
    Unreadable
        When the column cannot hold it.
    WrongType
        When it could be read, but only as what it is not.
    """
    if field.kind == "numeric":
        if isinstance(value, str):
            raise WrongType("a text where a number is needed")
    elif field.kind == "boolean" and value is not None and not isinstance(value, bool):
        raise WrongType("something else where true or false is needed")
    return canonical_value(field, value)


class Policing:
    """Holds instances to the policies of an endpoint, before the model's signature reads them.

    Parameters
    ----------
    policies : mapping from column to FieldPolicy
        Columns that the model does not read are left alone: another version's may be among them.

    Raises
    ------
    StoreError
        When categories that training never saw are to be found in a column whose categories are not known.
    """

    def __init__(self, signature: Signature, policies: Mapping[str, FieldPolicy]):
        self._fields = [
            (field, policies[field.name]) for field in signature.fields if policies.get(field.name, _PLAIN) != _PLAIN
        ]
        self._levels = {field.name: frozenset(field.levels) for field, _ in self._fields}
        for field, policy in self._fields:
            if policy.unseen != "pass" and not field.levels:
                raise StoreError(
                    f"'{field.name}' has no list of known categories, so that none can be found unseen: take "
                    f"deployment.fields.{field.name}.unseen out"
                )

    @property
    def idle(self) -> bool:
        """Whether every column is held to what holds without a policy."""
        return not self._fields

    def of(self, name: str) -> FieldPolicy:
        """Return what a column is held to."""
        return next((policy for field, policy in self._fields if field.name == name), _PLAIN)

    def held(self, instances: Sequence[dict[str, Any]]) -> tuple[Sequence[dict[str, Any]], Imputed | None]:
        """Return instances as the signature may read them, and which columns were left out where.

        Raises
        ------
        Refused
            ``wrong_type``, ``missing_value`` or ``unseen_value``, where the column's policy is to reject.
        """
        result, imputed = [], []
        for place, instance in enumerate(instances):
            changed: dict[str, Any] = {}
            left_out = []
            for field, policy in self._fields:
                value = instance.get(field.name, _ABSENT)
                if value is _ABSENT:
                    continue
                kept = self._kept(place, field, policy, value)
                if kept is None and (value is not None or policy.missing == "impute"):
                    left_out.append(field.name)
                if kept is not value:
                    changed[field.name] = kept
            result.append({**instance, **changed} if changed else instance)
            imputed.append(left_out)
        return result, imputed if any(imputed) else None

    def _kept(self, place: int, field: Field, policy: FieldPolicy, value: Any) -> Any:
        """Return a value that the signature can read in the place of one; None where it is left out."""
        read: Value = None
        try:
            read = typed_value(field, value)
        except WrongType:
            if policy.wrong_type == "pass":
                try:
                    value = read = canonical_value(field, value)
                except Unreadable:
                    # The signature says what is wrong with it.
                    return value
            elif policy.wrong_type == "impute":
                return None
            else:
                return value
        except (Unreadable, RecursionError):
            # Nested a thousand deep, it cannot even be told.
            return None if policy.wrong_type == "impute" else value
        if read is None:
            if policy.missing == "reject":
                raise _refused("missing_value", place, field, "is missing", "send a value; the column must have one")
            return value if policy.missing == "pass" else None
        if policy.unseen != "pass" and read not in self._levels[field.name]:
            if policy.unseen == "reject":
                words = f"send one of the {len(field.levels)} values that /openapi.json lists"
                raise _refused("unseen_value", place, field, "is no value that training has seen", words)
            return None
        return value


def _refused(code: Any, place: int, field: Field, what: str, fix: str) -> Refused:
    return Refused(
        code,
        f"'{field.name}' of instance {place} {what}",
        field=field.name,
        fix=f"{fix}; the endpoint's operator has it so (deployment.fields.{field.name})",
        instance=place,
    )

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.foundation.errors import InputError
from tenfold.measures.names import METRIC_NAMES
from tenfold.records.problem import Bound
from tenfold.spec.requirement import Criterion, format_criterion, parse_criterion


@pytest.mark.parametrize(
    ("text", "criterion"),
    [
        ("roc_auc >= 0.68", Criterion(metric="roc_auc", direction=">=", bound=Bound(offset=0.68))),
        ("  rmse<=1.5e3 ", Criterion(metric="rmse", direction="<=", bound=Bound(offset=1500.0))),
        ("r2 >= -.5", Criterion(metric="r2", direction=">=", bound=Bound(offset=-0.5))),
        ("mae <= 2.", Criterion(metric="mae", direction="<=", bound=Bound(offset=2.0))),
        (
            "value_per_row >= baseline + 10%",
            Criterion(
                metric="value_per_row", direction=">=", bound=Bound(reference="baseline", offset=10.0, percent=True)
            ),
        ),
        (
            "log_loss <= champion-0.01",
            Criterion(metric="log_loss", direction="<=", bound=Bound(reference="champion", offset=-0.01)),
        ),
        (
            "roc_auc >= baseline",
            Criterion(metric="roc_auc", direction=">=", bound=Bound(reference="baseline")),
        ),
        (
            "accuracy(dep hour) >= 0.5",
            Criterion(metric="accuracy", direction=">=", bound=Bound(offset=0.5), column="dep hour"),
        ),
        (
            'accuracy("a (b) ""c""") >= 0.5',
            Criterion(metric="accuracy", direction=">=", bound=Bound(offset=0.5), column='a (b) "c"'),
        ),
    ],
)
def test_the_whole_grammar_is_understood(text: str, criterion: Criterion) -> None:
    assert parse_criterion(text) == criterion


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "at character 1 the name of a metric is wanted, found the end"),
        (">= 0.5", "at character 1 the name of a metric"),
        ("roc_auk >= 0.5", "'roc_auk' is not a metric. Did you mean 'roc_auc'?"),
        ("zzz >= 0.5", "Known are: roc_auc, pr_auc"),
        ("roc_auc > 0.5", "at character 9 '>=' or '<=' is wanted, found '> 0.5'"),
        ("roc_auc => 0.5", "at character 9 '>=' or '<=' is wanted, found '=> 0.5'"),
        ("roc_auc == 0.5", "'>=' or '<=' is wanted"),
        ("roc_auc >== 0.5", "'>=' or '<=' is wanted"),
        ("roc_auc 0.5", "at character 9 '>=' or '<=' is wanted, found '0.5'"),
        ("roc_auc >=", "at character 11 a number, 'baseline' or 'champion' is wanted, found the end"),
        (
            "roc_auc >= baselin + 1",
            "at character 12 a number, 'baseline' or 'champion' is wanted (Did you mean 'baseline'?)",
        ),
        ("roc_auc >= baseline +", "a number without a sign is wanted, found the end"),
        ("roc_auc >= baseline + -1", "a number without a sign is wanted, found '-1'"),
        ("roc_auc >= baseline * 2", "the requirement should end here, found '* 2'"),
        ("roc_auc >= 90%", "write a fraction such as 0.9"),
        ("roc_auc >= 0.5 and f1 >= 0.5", "at character 16 the requirement should end here"),
        ("roc_auc() >= 0.5", "the name of a column is wanted"),
        ("roc_auc(a >= 0.5", "')' is wanted"),
        ("roc_auc >= 1e999", "1e999 is too large a number"),
        ("roc_auc >= nan", "a number, 'baseline' or 'champion' is wanted"),
        ("x" * 501, "at most 500 characters"),
    ],
)
def test_errors_name_the_position_what_was_found_and_what_is_wanted(text: str, words: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_criterion(text)
    assert words in str(raised.value)


def test_a_change_of_nothing_is_no_change() -> None:
    assert parse_criterion("r2 >= baseline - 0%") == parse_criterion("r2 >= baseline")
    assert parse_criterion("r2 >= -0.0") == parse_criterion("r2 >= 0")


columns = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
numbers = st.floats(allow_nan=False, allow_infinity=False, width=64)
references = st.builds(
    Bound,
    reference=st.sampled_from(["baseline", "champion"]),
    offset=numbers.filter(lambda number: number != 0),
    percent=st.booleans(),
)
bounds = st.one_of(
    st.builds(Bound, offset=numbers), references, st.builds(Bound, reference=st.sampled_from(["baseline", "champion"]))
)
criteria = st.builds(
    Criterion,
    metric=st.sampled_from(sorted(METRIC_NAMES)),
    direction=st.sampled_from([">=", "<="]),
    bound=bounds,
    column=st.none() | columns,
)


@given(criteria)
def test_the_canonical_text_reads_back_as_the_same_criterion(criterion: Criterion) -> None:
    text = format_criterion(criterion)
    assert parse_criterion(text) == criterion
    assert format_criterion(parse_criterion(text)) == text


@given(st.text(alphabet='roc_aulinebs+-%>=<().0123456789e "', max_size=40))
def test_any_text_is_understood_or_refused_and_what_is_understood_has_a_canonical_text(text: str) -> None:
    try:
        criterion = parse_criterion(text)
    except InputError:
        return
    assert parse_criterion(format_criterion(criterion)) == criterion

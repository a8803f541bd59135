from __future__ import annotations

from tenfold.bundle.reading import Branch, Coefficient, Reading, Term
from tenfold.records.model import Candidate, ConvergenceFinding, LearningCurve
from tenfold.reports.learning import draw_learning
from tenfold.reports.reading import read_page, rules_of

CURVE = LearningCurve(
    unit="round", loss="rmse", iterations=(1, 2, 3, 4), held=(1.0, 0.6, None, 0.8), train=(0.9, None, None, 0.1), kept=2
)


def candidate(key: str, **parts) -> Candidate:
    return Candidate(key=key, learner="lightgbm", params={}, view="native", loss=0.5, score=0.7, **parts)


def test_served_curves_come_first_then_those_in_which_a_rule_found_something():
    overfitted = ConvergenceFinding(rule="overfit", action="warn", iteration=4, message="it rose & rose")
    drawn = draw_learning(
        [
            candidate("plain", curve=CURVE),
            candidate("without"),
            candidate("learned-by-heart", curve=CURVE, convergence=(overfitted,)),
            candidate("member", curve=CURVE),
        ],
        {"member"},
    )
    assert [figure.title for figure in drawn] == ["member · serves", "learned-by-heart", "plain"]
    assert "overfit at 4: it rose & rose" in drawn[1].caption
    assert "2 of 4 rounds kept" in drawn[0].caption
    assert "nan" not in drawn[0].svg


def test_a_term_is_drawn_as_steps_or_bars_and_what_comes_from_data_is_escaped():
    number = Term(column="age <&>", edges=(1.0, 2.0), levels=(), values=((-1.0, 0.0, 1.0),), missing=(0.2,), span=2.0)
    level = Term(column="plan", edges=(), levels=("<b>", "gold"), values=((0.5, -0.5),), missing=(0.0,), span=1.0)
    page = read_page(
        Reading(kind="additive", key="a", link="logistic", scores=("yes",), intercept=(-0.3,), terms=(number, level))
    )
    assert [figure.title for figure in page.figures] == ["age <&>", "plan"]
    assert "age &lt;&amp;&gt;" in page.figures[0].svg
    assert "<b>" not in page.figures[1].svg
    assert page.what == "log odds of yes"


def test_a_constant_term_is_drawn_too():
    flat = Term(column="x", edges=(), levels=(), values=((0.0,),), missing=(0.0,), span=0.0)
    page = read_page(Reading(kind="additive", key="a", link="identity", scores=("y",), intercept=(1.0,), terms=(flat,)))
    assert "nan" not in page.figures[0].svg


def test_coefficients_are_told_with_their_unit_and_their_usual_value():
    age = Coefficient(column="age", values=(2.0,), per_unit=(0.1,), center=50.0, spread=20.0)
    page = read_page(
        Reading(kind="linear", key="l", link="identity", scores=("y",), intercept=(1.0,), coefficients=(age,))
    )
    assert (page.rows[0].values, page.rows[0].per_unit, page.rows[0].typical) == (("+2",), ("+0.1",), "50 ± 20")


def test_a_tree_is_written_as_nested_rules_from_top_to_bottom():
    inner = Branch(column="plan", levels=("gold",), yes=Branch(values=(0.25,)), no=Branch(values=(0.5,)))
    tree = Branch(column="age", at_most=30.0, yes=Branch(values=(0.75,)), no=inner)
    assert [(rule.depth, rule.asks, rule.answers) for rule in rules_of(tree, ("yes",))] == [
        (0, "age ≤ 30", "0.7500"),
        (0, "age > 30", ""),
        (1, "plan is one of: gold", "0.2500"),
        (1, "plan is any other", "0.5000"),
    ]


def test_what_cannot_be_read_has_no_page():
    assert read_page(None) is None

"""Which scale a stage takes, and when a stage is held: by hand, and in numbers."""

import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ritard.tuners.autolrs._findings import Findings
from ritard.tuners.autolrs.climb import Climb
from ritard.tuners.autolrs.decision import Trial, decide, trials, worse
from ritard.tuners.autolrs.early import diverged, lagging, rising
from ritard.tuners.autolrs.plan import LEAST_PROBE, Plan, ProbeShape, passed_over
from ritard.tuners.autolrs.report import Report
from tables import checked

SCALES = [1.0, 4.0, 0.25, 16.0, 1 / 16]


def tried(differences: list[float], error: float = 0.0) -> list[Trial]:
    return [
        Trial(s, 1 + d, d, error if s != 1 else 0.0)
        for s, d in zip(SCALES, differences, strict=True)
    ]


def test_comparisons_are_paired() -> None:
    losses = {1.0: [1.0, 5.0, 9.0], 2.0: [0.9, 4.7, 8.6], 4.0: None}
    found = trials(1.0, losses)
    gaps = np.array([-0.1, -0.3, -0.4])
    assert found[0] == Trial(1.0, 5.0, 0.0, 0.0)
    assert found[1].difference == pytest.approx(gaps.mean())
    assert found[1].error == pytest.approx(gaps.std(ddof=1) / math.sqrt(3))
    assert math.isnan(found[2].difference)


def test_a_clear_winner_is_taken_and_an_unclear_one_is_not() -> None:
    assert decide(1.0, tried([0, -0.5, 0.4, 0.3, 0.9], error=0.02)).scale == 4.0
    kept = decide(1.0, tried([0, -0.01, 0.4, 0.3, 0.9], error=0.05))
    assert kept.scale == 1.0
    assert kept.gain <= kept.error
    assert decide(1.0, tried([0, 0.5, 0.4, 0.3, 0.9], error=0.02)).scale == 1.0


def test_a_change_must_win_by_its_cost_too() -> None:
    found = tried([0, -0.5, 0.4, 0.3, 0.9], error=0.01)
    free = decide(1.0, found)
    assert free.scale == 4.0
    seen = min(free.gain, 0.5)  # by the process, and on the batches
    # Two octaves up from a score of 1.
    assert decide(1.0, found, cost=0.95 * seen / 2).scale == 4.0
    assert decide(1.0, found, cost=1.05 * seen / 2).scale == 1.0


def test_a_bad_candidate_does_not_hide_a_gain() -> None:
    assert decide(1.0, tried([0, 1e3, -0.1, 1e6, 0.3], error=0.01)).scale == 0.25


def test_a_present_scale_far_behind_is_no_outlier() -> None:
    """A network that blew up at the present rate (8.4 or 9.5 nats), and what others did then."""
    seen = [
        Trial(1.0, 9.512, 0.0, 0.0), Trial(4.0, 62.69, 53.18, 2.9), Trial(0.25, 2.555, -6.957, 0.5),
        Trial(1 / 16, 2.301, -7.211, 0.50), Trial(1 / 64, 2.306, -7.206, 0.50),
    ]  # fmt: skip
    found = decide(1.0, seen, cost=0.01)
    assert found.scale == 1 / 16
    assert found.gain == pytest.approx(7.2, rel=0.1)


def test_no_rise_to_a_scale_that_learned_nothing() -> None:
    seen = [Trial(1.0, 8.44, 0.0, 0.0), Trial(4.0, 4.15, -4.29, 0.29), Trial(0.25, 9.0, 0.56, 0.1)]
    assert decide(1.0, seen).scale == 4.0
    assert decide(1.0, seen, unlearned={1.0, 4.0, 0.25}).scale == 1.0
    assert decide(1.0, seen, unlearned={1.0, 0.25}).scale == 4.0
    lower = [*seen, Trial(1 / 16, 3.0, -5.44, 0.3)]
    assert decide(1.0, lower, unlearned={1.0, 4.0, 0.25, 1 / 16}).scale == 1 / 16


def test_worse_is_by_two_paired_errors() -> None:
    gaps = np.array([0.0, 0.1, 0.2, 0.3])
    began = np.array([5.0, 1.0, 9.0, 2.0])
    error = gaps.std(ddof=1) / 2
    shift = 2 * error - gaps.mean()
    assert worse(list(began + gaps + 1.01 * shift), list(began)) == (shift > 0)
    assert worse(list(began + gaps + 0.99 * shift), list(began)) == (shift < 0)
    assert not worse([1.0], [1.0]) and worse([1.1], [1.0])


@pytest.mark.parametrize("scale", [2.0, 0.5])
def test_a_change_must_win_by_twice_its_error(scale: float) -> None:
    def taken(error: float) -> float:
        other = Trial(1 / scale, 1.1, 0.1, 0.01)
        won = Trial(scale, 0.9, -0.1, error)
        decision = decide(1.0, [Trial(1.0, 1.0, 0.0, 0.0), won, other])
        assert (decision.scale == scale) == (min(decision.gain, 0.1) > 2 * decision.error)
        assert decision.error >= error
        return decision.scale

    assert taken(0.055) == 1.0
    assert taken(0.02) == scale


def test_what_rises() -> None:
    assert rising([1.0, 1.1, 1.0, 1.3, 1.4, 1.3])
    assert not rising([1.3, 1.4, 1.3, 1.0, 1.1, 1.0])
    assert not rising([1.0, 2.0, 1.0, 1.1, 2.1, 1.1])  # within its error
    assert rising([1.0, math.nan, 1.0, 1.0])
    assert not rising([1.0, 2.0, 3.0])


def test_of_two_as_good_the_smaller_rise_is_taken() -> None:
    assert decide(1.0, tried([0, -1.39, 0.35, -1.42, 0.41], error=0.18)).scale == 4.0
    assert decide(1.0, tried([0, -1.0, 0.35, -1.9, 0.41], error=0.05)).scale == 16.0


def test_where_the_present_scale_diverged_any_other_will_do() -> None:
    losses = {1.0: None, 4.0: None, 0.25: [2.0, 2.1], 1 / 16: [1.0, 1.1]}
    found = decide(1.0, trials(1.0, losses))
    assert (found.scale, found.gain) == (1 / 16, math.inf)
    assert decide(1.0, trials(1.0, dict.fromkeys(SCALES))) is None


def test_a_change_must_win_on_the_same_batches_too() -> None:
    """By more than the paired standard error, whatever the process makes of the neighbours."""
    found = tried([0, -0.5, 0.4, 0.3, 0.9], error=0.01)
    assert decide(1.0, found).scale == 4.0
    rng = np.random.default_rng(0)
    changed = 0
    for _ in range(200):
        noise = {scale: list(rng.normal(size=8)) for scale in SCALES}
        found = trials(1.0, noise)
        taken = decide(1.0, found)
        if taken.scale != 1.0:
            changed += 1
            (winner,) = [trial for trial in found if trial.scale == taken.scale]
            assert -winner.difference > 2 * winner.error
            assert taken.gain > 2 * taken.error >= 2 * winner.error
    assert 0 < changed < 100


def test_one_that_lost_early_is_not_taken_but_counts() -> None:
    lost = Trial(0.25, math.nan, 0.4, 0.01, stopped=True)
    assert decide(1.0, [Trial(1.0, 1.0, 0.0, 0.0), lost]).scale == 1.0
    best = Trial(0.25, math.nan, -9.0, 0.01, stopped=True)
    assert decide(1.0, [Trial(1.0, 1.0, 0.0, 0.0), best]).scale == 1.0
    assert decide(1.0, [lost]) is None


def test_a_lower_scale_that_is_behind_has_lost() -> None:
    rng = np.random.default_rng(0)
    reference = list(2.0 + rng.normal(size=40))
    behind = [
        loss + 0.1 + 0.05 * e for loss, e in zip(reference, rng.normal(size=12), strict=False)
    ]
    lag = lagging(0.5, behind, reference)
    gap = np.array(behind) - reference[:12]
    assert lag is not None and lag.stopped and lag.scale == 0.5
    assert lag.difference == pytest.approx(gap.mean())
    assert lag.error == pytest.approx(gap.std(ddof=1) / math.sqrt(12))
    assert lagging(0.5, [loss - 0.1 for loss in reference], reference) is None
    unclear = [
        loss + 0.05 + 0.3 * e for loss, e in zip(reference, rng.normal(size=12), strict=False)
    ]
    assert lagging(0.5, unclear, reference) is None
    assert lagging(0.5, behind[:1], reference) is None
    assert lagging(0.5, [math.nan] * 12, reference) is None


def test_what_diverged_is_not_finite_or_far_above() -> None:
    reference = [1.0, 2.0, 3.0]  # standard deviation 0.8165
    assert diverged([math.nan, 1.0], reference[:2], reference)
    assert diverged([5.6, 5.6], [1.5, 1.5], reference)
    assert not diverged([5.5, 5.5], [1.5, 1.5], reference)
    assert not diverged([9.0], [math.nan], [math.nan])


@checked
@given(st.lists(st.floats(-5, 5) | st.just(math.nan), min_size=5, max_size=5), st.floats(0, 2))
def test_it_takes_a_scale_that_was_tried_and_is_finite(values: list[float], error: float) -> None:
    values[0] = 0.0
    found = tried(values, error)
    decision = decide(1.0, found)
    assert decision is not None
    alive = {t.scale: t.difference for t in found if math.isfinite(t.difference)}
    assert decision.scale in alive
    if decision.scale != 1.0:
        assert decision.gain > decision.error


def test_findings_are_what_a_tuner_is_told_and_a_report_says() -> None:
    found = Findings(1.0, began=[1.0, 2.0, 3.0], cost=0.01)
    found.add(1.0, [0.9, 1.8, 2.7])
    found.add(2.0, [0.8, 1.5, 2.5])
    found.add(4.0, [5.0, 6.0, 7.5])  # above where it began
    found.add(8.0, [1.0, math.inf, 1.0])
    found.add(16.0, None)
    lost = Trial(0.5, math.nan, 0.3, 0.05, stopped=True)
    found.leave(lost)
    assert [trial.scale for trial in found.trials] == [1.0, 2.0, 4.0, 8.0, 16.0, 0.5]
    assert found.trials[-1] is lost
    assert found.cost_of(1.0) == 0.0
    assert found.cost_of(2.0) == pytest.approx(-0.2) and found.cost_of(0.5) == 0.3
    assert all(math.isnan(found.cost_of(scale)) for scale in (4.0, 8.0, 16.0, 99.0))
    assert [s for s in (1.0, 2.0, 4.0, 8.0, 16.0) if found.failed(s)] == [4.0, 8.0, 16.0]
    assert 0.5 in found and 3.0 not in found
    assert found.decision() == decide(1.0, found.trials, 0.01, {4.0})


# ---- the plan --------------------------------------------------------------------------------


@checked
@given(
    st.integers(100, 200_000),
    st.floats(0.001, 1.0),
    st.integers(2, 8),
    st.integers(2, 20),
    st.floats(0.1, 0.9),
)
def test_stages_fit_the_run_and_its_allowance(
    total: int, overhead: float, candidates: int, scored: int, hold: float
) -> None:
    shape = ProbeShape(candidates, scored, hold)
    plan = Plan.of(total, total // 50, overhead, 0.2, None, shape)
    spent = 0.0
    for i, start in enumerate(plan.starts):
        length = plan.probe(i, start, spent)
        if length:
            assert LEAST_PROBE <= length
            assert start + length <= plan.end <= 0.8 * total
            spent += shape.cost(length)
    assert spent <= overhead * total + 1e-9
    longest = shape.longest(overhead * total)
    assert shape.cost(longest + 1) > overhead * total or longest == 0


def test_cost_by_hand() -> None:
    # 5 candidates of 50 updates, 30 held: the run holds the present scale itself; its cooldown
    # (20), four probes (200), a winner that catches up (20), a rise that is undone (50), and
    # 6 x 9 forward passes (18): the beginning is scored too.
    shape = ProbeShape(5, 9, 0.6)
    assert shape.cost(50) == pytest.approx(20 + 200 + 20 + 50 + 18)
    assert shape.cost(50) - ProbeShape(4, 9, 0.6).cost(50) == pytest.approx(shape.another(50))


def test_what_was_saved_goes_to_the_stages_left_but_twice_a_share_at_most() -> None:
    plan = Plan.of(20_000, 0, 0.1, 0.2, 4, ProbeShape(5, 8, 0.6))
    assert len(plan.starts) == 4
    assert plan.share(0, 0.0) == 500
    assert plan.share(2, 600.0) == 700
    assert plan.share(3, 600.0) == 1000
    assert plan.share(3, 1900.0) == 100


def test_eight_stages_where_they_fit_fewer_where_not_none_where_one_does_not() -> None:
    shape = ProbeShape(5, 8, 0.6)
    assert len(Plan.of(20_000, 0, 0.1, 0.2, None, shape).starts) == 7  # the eighth is the tail
    assert Plan.of(20_000, 0, 0.1, 0.2, None, shape).starts[:2] == (0, 2500)
    assert 0 < len(Plan.of(3000, 0, 0.1, 0.2, None, shape).starts) < 7
    assert Plan.of(3000, 0, 0.1, 0.2, 8, shape).starts == ()
    assert Plan.of(500, 0, 0.1, 0.2, None, shape).starts == ()


def test_stages_are_passed_over_where_nothing_is_won() -> None:
    trial = Trial(1.0, 1.0, 0.0, 0.0)
    kept = Report(0, 20, (trial,), 1.0, 1.0, gain=0.0499, error=0.1, overhead=0.1)
    hopeful, changed = replace(kept, gain=0.0501), replace(kept, scale=2.0)
    for reports, stages in (
        ([], 0), ([kept], 0), ([kept] * 2, 1), ([kept] * 4, 3),
        ([kept, kept, hopeful], 0), ([changed, kept, kept], 1), ([kept, kept, changed], 0),
    ):  # fmt: skip
        assert passed_over(reports) == stages


def climbed(cost: Callable[[float], float], asks: int) -> list[float]:
    """Octaves that are asked for, where the cost of a number of octaves is given."""
    climb, asked = Climb(3 / 16, 48.0), []
    for _ in range(asks):
        scale = climb.ask()
        asked.append(math.log2(scale / 3))
        climb.tell(scale, cost(asked[-1]) - cost(0.0))
    return asked


@pytest.mark.parametrize(
    ("optimum", "expected"),
    [
        (5.1, [0, 2, 4, 6, 8, 7, 5, 5.5]),
        (-5.1, [0, 2, -2, -4, -6, -8, -5, -4.5]),
        (0.3, [0, 2, -2, 1, -1, 0.5, 0, 0]),
    ],
)
def test_it_goes_the_way_that_the_cost_falls(optimum: float, expected: list[float]) -> None:
    asked = climbed(lambda o: abs(o - optimum), len(expected))
    assert asked == pytest.approx(expected, abs=1e-9)


@checked
@given(st.floats(-9, 9))
def test_it_closes_in_on_an_optimum_however_far(optimum: float) -> None:
    asked = climbed(lambda o: abs(o - optimum), 16)
    assert min(abs(o - optimum) for o in asked) <= 0.5
    assert asked[-1] == 0.0  # there is nothing more to ask


def test_a_cliff_is_not_climbed_again() -> None:
    asked = climbed(lambda o: math.nan if o > 1.5 else -o, 7)
    assert asked[:2] == [0, 2]
    assert max(asked[2:]) <= 1.5


def test_where_the_middle_diverged_it_goes_down() -> None:
    climb, asked = Climb(0.25, 4.0), []
    for _ in range(5):
        asked.append(math.log2(climb.ask()))
        diverged = asked[-1] > -2.5
        # As a stage tells it: against the best so far.
        climb.tell(
            2.0 ** asked[-1], math.nan if diverged else abs(asked[-1] + 4) - 1 + (len(asked) == 4)
        )
    assert asked[:4] == [0, -1, -2, -3]
    assert asked[4] == -4


def test_a_climb_is_saved_in_the_middle() -> None:
    first, second = Climb(0.25, 4.0), Climb(0.25, 4.0)
    for cost in (0.0, -1.0, -2.0, -1.5):
        first.tell(first.ask(), cost)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert first.ask() == second.ask()


def test_a_report_survives_json() -> None:
    found = (Trial(1.0, math.nan, math.nan, math.nan), Trial(4.0, 0.5, 0.0, 0.1))
    report = Report(3, 20, found, 1.0, 4.0, math.inf, 0.0, 0.1)
    assert Report.from_dict(report.to_dict()).to_dict() == report.to_dict()
    assert Report.from_dict(report.to_dict()).gain == math.inf
    assert report.at_edge == 1

"""Which scale a stage takes, and when a stage is held: by hand, and in numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ritard.tuners.autolrs.decision import Trial, decide, trials
from ritard.tuners.autolrs.even import Even
from ritard.tuners.autolrs.plan import LEAST_PROBE, Plan, ProbeShape
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
    assert decide(1.0, found, cost=0.95 * (free.gain - free.error)).scale == 4.0
    assert decide(1.0, found, cost=1.05 * (free.gain - free.error)).scale == 1.0


def test_of_two_as_good_the_smaller_rise_is_taken() -> None:
    assert decide(1.0, tried([0, -1.39, 0.35, -1.42, 0.41], error=0.18)).scale == 4.0
    assert decide(1.0, tried([0, -1.0, 0.35, -1.9, 0.41], error=0.05)).scale == 16.0


def test_where_the_present_scale_diverged_any_other_will_do() -> None:
    losses = {1.0: None, 4.0: None, 0.25: [2.0, 2.1], 1 / 16: [1.0, 1.1]}
    found = decide(1.0, trials(1.0, losses))
    assert (found.scale, found.gain) == (1 / 16, math.inf)
    assert decide(1.0, trials(1.0, dict.fromkeys(SCALES))) is None


def test_the_last_stage_counts_but_less() -> None:
    now = tried([0, -0.05, 0.0, 0.1, 0.1], error=0.06)
    before = [Trial(s, 1.0, d, 0.01) for s, d in ((1.0, 0.0), (4.0, -0.3), (0.25, 0.3))]
    alone, helped = decide(1.0, now), decide(1.0, now, before)
    assert helped.gain > alone.gain
    clear = tried([0, 0.8, -0.8, 1.6, -1.5], error=0.01)
    assert decide(1.0, clear, before).scale < 1.0  # against what the last stage saw


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
    # (20), four probes (200), a winner that catches up (20), and 5 x 9 forward passes (15).
    assert ProbeShape(5, 9, 0.6).cost(50) == pytest.approx(20 + 200 + 20 + 15)


def test_eight_stages_where_they_fit_fewer_where_not_none_where_one_does_not() -> None:
    shape = ProbeShape(5, 8, 0.6)
    assert len(Plan.of(20_000, 0, 0.1, 0.2, None, shape).starts) == 7  # the eighth is the tail
    assert Plan.of(20_000, 0, 0.1, 0.2, None, shape).starts[:2] == (0, 2500)
    assert 0 < len(Plan.of(3000, 0, 0.1, 0.2, None, shape).starts) < 7
    assert Plan.of(3000, 0, 0.1, 0.2, 8, shape).starts == ()
    assert Plan.of(500, 0, 0.1, 0.2, None, shape).starts == ()


def test_even_scales() -> None:
    for count in range(1, 7):
        even = Even(0.25, 4.0, count)
        asked = [even.ask() for _ in range(count)]
        assert len(set(asked)) == count
        assert 1.0 not in asked
        assert max(asked) == 4.0
        assert even.ask() == asked[0]


def test_a_report_survives_json() -> None:
    found = (Trial(1.0, math.nan, math.nan, math.nan), Trial(4.0, 0.5, 0.0, 0.1))
    report = Report(3, 20, found, 1.0, 4.0, math.inf, 0.0, 0.1)
    assert Report.from_dict(report.to_dict()).to_dict() == report.to_dict()
    assert Report.from_dict(report.to_dict()).gain == math.inf
    assert report.at_edge == 1

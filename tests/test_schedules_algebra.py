"""The laws of the operators, over random composites of every shape and operator."""

import numpy as np
import pytest
import ritard.schedules
from hypothesis import assume, given
from hypothesis import strategies as st
from ritard.schedules import REX, Constant, Linear, Schedule, Tabulated, _text
from tables import (
    DRAWN,
    OPERATED,
    bends,
    bits,
    checked,
    composites,
    counts,
    fitting,
    lengths,
    nested,
    percents,
    unit,
)

totals = st.integers(1, 600)
few = nested(2)  # where several are drawn at once


def run(schedule, total):
    """Values at every update and between: where the composite's counts fit the run."""
    return fitting(schedule, np.linspace(0, total, 2 * total + 1), total)


def same(one, other, total):
    """Whether two schedules are one, bit for bit (a zero has no sign)."""
    return (bits(run(one, total) + 0.0) == bits(run(other, total) + 0.0)).all()


def test_every_public_shape_and_operator_is_drawn():
    public = vars(ritard.schedules).values()
    exported = {c for c in public if isinstance(c, type) and issubclass(c, Schedule)} - {Schedule}
    assert {*DRAWN, *OPERATED} == exported
    assert {c for c in _text._CLASSES.values() if c.__module__.startswith("ritard.")} == exported
    assert {c for c in exported if _text._is_operator(c)} == set(OPERATED)


# ---- what does nothing, and what acts once --------------------------------------------------

NEUTRAL = {
    "warmup": lambda s: s.warmup(0),
    "cooldown": lambda s: s.cooldown(0),
    "floor": lambda s: s.floor(0),
    "reflect": lambda s: s.reflect(0),
    "product": lambda s: s * 1,
    "product, on the left": lambda s: Constant() * s,
    "then, first": lambda s: Constant(0.3).then(s, at=0),
    "repeat": lambda s: s.repeat(1),
}


@pytest.mark.parametrize("law", NEUTRAL)
@checked
@given(composites, totals)
def test_what_does_nothing(law, schedule, total):
    found, given = run(NEUTRAL[law](schedule), total), run(schedule, total)
    if law == "reflect":  # p / ((1 - p) + p)
        assert found == pytest.approx(given, rel=3e-16)
    else:
        assert (bits(found + 0.0) == bits(given + 0.0)).all()


@checked
@given(composites, totals, unit)
def test_then_at_the_end_is_the_first_until_the_last_moment(schedule, total, value):
    found = run(schedule.then(Constant(value), at=total), total)
    assert (bits(found[:-1]) == bits(run(schedule, total)[:-1])).all()
    assert found[-1] == value


@checked
@given(composites, st.integers(1, 9), totals)
def test_reading_twice_is_reading_once(schedule, every, total):
    once = schedule.sampled(every=every)
    assert same(once.sampled(every=every), once, total)
    steps = np.arange(total + 1)
    held = fitting(schedule, steps // every * every, total)
    assert (bits(once(steps, total)) == bits(held)).all()
    assert (bits(schedule.sampled(every=1)(steps, total)) == bits(schedule(steps, total))).all()


# ---- products and floors --------------------------------------------------------------------


@checked
@given(few, few, few, totals)
def test_products_commute_and_associate(a, b, c, total):
    assert same(a * b, b * a, total)
    left, right = run((a * b) * c, total), run(a * (b * c), total)
    assert left == pytest.approx(right, rel=1e-15, abs=1e-300)


@checked
@given(composites, unit, unit, totals)
def test_floors_compose(schedule, a, b, total):
    once = run(schedule.floor(a + b - a * b), total)
    assert run(schedule.floor(a).floor(b), total) == pytest.approx(once, rel=1e-15, abs=1e-15)


@checked
@given(composites, composites, lengths, percents, st.integers(1, 5), totals)
def test_scaling_goes_through_all_that_acts_in_time(one, other, length, percent, times, total):
    for act in (
        lambda s, o: s.warmup(length),
        lambda s, o: s.cooldown(length),
        lambda s, o: s.then(o, at=length),
        lambda s, o: s.sampled(every=percent),
        lambda s, o: s.repeat(times),
    ):
        scaled = run(act(one * 8, other * 8), total)  # a power of two: nothing is rounded
        assert (bits(scaled) == bits(8 * run(act(one, other), total))).all()


# ---- what acts on values goes through what acts in time -------------------------------------

POINTWISE = {
    "floor": (unit, lambda s, x: s.floor(x)),
    "reflect": (bends, lambda s, x: s.reflect(x)),
    "product": (unit, lambda s, x: s * x),
}


@pytest.mark.parametrize("kind", POINTWISE)
@checked
@given(st.data(), few, few, lengths, percents, st.integers(1, 5), totals)
def test_pointwise_operators_commute_with_time(kind, data, one, other, at, percent, times, total):
    settings, act = POINTWISE[kind]
    x = data.draw(settings)
    assert same(act(one.then(other, at=at), x), act(one, x).then(act(other, x), at=at), total)
    assert same(act(one.sampled(every=percent), x), act(one, x).sampled(every=percent), total)
    assert same(act(one.repeat(times), x), act(one, x).repeat(times), total)


@checked
@given(few, few, few, few, lengths, totals)
def test_a_product_of_sequences_is_the_sequence_of_products(a, b, c, d, at, total):
    assert same(a.then(b, at=at) * c.then(d, at=at), (a * c).then(b * d, at=at), total)


# ---- sequences ------------------------------------------------------------------------------


@checked
@given(few, few, few, counts, counts, totals)
def test_sequences_associate(a, b, c, first, second, total):
    left = a.then(b, at=first).then(c, at=first + second)
    right = a.then(b.then(c, at=second), at=first)
    assert same(left, right, total)


@checked
@given(composites, st.integers(1, 6), st.integers(1, 6), st.integers(1, 60))
def test_restarts_of_restarts_are_restarts(schedule, times, again, phase):
    total = times * again * phase
    whole = np.arange(total + 1)
    nested = fitting(schedule.repeat(times).repeat(again), whole, total)
    flat = schedule.repeat(times * again)
    assert (bits(nested) == bits(flat(whole, total))).all()
    counted = schedule.repeat((phase,) * (times * again))
    assert (bits(flat(whole, total)) == bits(counted(whole, total))).all()


@checked
@given(composites, st.integers(1, 20), totals)
def test_a_cooldown_in_the_shape_of_a_constant_holds(schedule, D, total):
    assume(D <= total)
    found, given = run(schedule.cooldown(D, Constant()), total), run(schedule, total)
    start = 2 * (total - D)
    assert (bits(found[:start]) == bits(given[:start])).all()
    assert (found[start:] == given[start]).all()


# ---- order ----------------------------------------------------------------------------------


@checked
@given(few, few, unit, bends, lengths, percents, st.integers(1, 5), totals)
def test_every_operator_keeps_the_order(below, other, lift, bend, length, percent, times, total):
    above = below.floor(lift)
    assert (run(above, total) >= run(below, total) * (1 - 1e-15)).all()
    for act in (
        lambda s: s.warmup(length),
        lambda s: s.cooldown(length),
        lambda s: s.floor(0.3),
        lambda s: s.reflect(bend),
        lambda s: s.sampled(every=percent),
        lambda s: s.then(other, at=length),
        lambda s: other.then(s, at=length),
        lambda s: s * other,
        lambda s: s.repeat(times),
        lambda s: other.cooldown(length, s),
    ):
        assert (run(act(above), total) >= run(act(below), total) * (1 - 1e-13)).all()


@checked
@given(bends, percents | st.integers(1, 50), st.integers(50, 600))
def test_a_held_rex_lies_above_it_and_takes_its_values_where_it_is_read(d, every, total):
    steps = np.arange(total + 1)
    profile, held = REX(d)(steps, total), REX(d).sampled(every=every)(steps, total)
    assert (held >= profile).all()
    width = every if isinstance(every, int) else every * total
    assert len(np.unique(held)) <= total / width + 2
    k = np.arange(int(total / width * (1 + 1e-12)) + 1)
    read = REX(d)(np.minimum(k * width, total), total)
    assert held == pytest.approx(read[np.searchsorted(k * width, steps + 1e-9) - 1], rel=1e-9)


# ---- how deep ------------------------------------------------------------------------------


def chained(n):
    schedule = Linear()
    for _ in range(n):
        schedule = schedule.floor(0.1)
    return schedule


def inward(n):
    schedule = Linear()
    for _ in range(n):
        schedule = Constant().then(schedule, at=1)
    return schedule


def alternating(n):
    schedule = Linear()
    for i in range(n):
        schedule = schedule.floor(0.1) if i % 2 else Constant().cooldown(0.5, schedule)
    return schedule


@pytest.mark.parametrize("build", [chained, inward, alternating])
def test_text_and_json_are_read_to_the_same_depth(build):
    deepest = build(100)
    assert Schedule.parse(str(deepest)) == Schedule.from_dict(deepest.to_dict()) == deepest
    for read, saved in ((Schedule.parse, str), (Schedule.from_dict, Schedule.to_dict)):
        with pytest.raises(ValueError, match="nested deeper than 100 levels"):
            read(saved(build(101)))


@pytest.mark.parametrize(
    "wide",
    [
        Tabulated([1e20] * 300),  # each prints with a plus
        chained(60) * chained(60),
        Constant().then(chained(90), at=0.5).then(inward(90), at=0.7),
    ],
    ids=["table", "product", "sequence"],
)
def test_what_is_wide_and_not_deep_is_read_back(wide):
    assert Schedule.parse(str(wide)) == Schedule.from_dict(wide.to_dict()) == wide


def test_a_tree_of_many_operators_is_read_back():
    tree = REX()
    for _ in range(7):
        tree = tree * tree.floor(0.5)
    assert str(tree).count("+") == 2**8 - 2
    assert Schedule.parse(str(tree)) == tree

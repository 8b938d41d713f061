"""Moves of solver schedules: always valid, of the same cost; forms that change nothing."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ritard.solvers.diffusion import (
    EDM,
    CoefficientTable,
    Flow,
    Model,
    NoiseSchedule,
    SolverSchedule,
    SolverStep,
    VPLinear,
    lower,
    sample,
    unipc,
)
from ritard.tuners.solver_search import (
    GRIDS,
    Space,
    canonical,
    crossover,
    difference,
    fixed_samplers,
    key,
    mutate,
    random_schedule,
)
from ritard.tuners.solver_search.panel import promising, spread

NOISES: list[tuple[NoiseSchedule, float | None]] = [
    (EDM(20.0, 0.01), None),
    (EDM(20.0, 0.01), 0.0),
    (VPLinear(), None),
    (Flow(), None),
    (Flow(), 0.0),
]
ALL = Space(correctors=("none", "pseudo", "implicit"), starts=(1, 2, 3), points=(None, 1, 2, 3))
cases = st.tuples(st.integers(0, len(NOISES) - 1), st.integers(1, 7), st.integers(0, 10_000))


def _random(case: tuple[int, int, int], space: Space = ALL) -> SolverSchedule:
    (noise, end), nfe, seed = NOISES[case[0]], case[1], case[2]
    return random_schedule(noise, nfe, space, np.random.default_rng(seed), None, end)


def _valid(child: SolverSchedule, parent: SolverSchedule, gap: float = 1e-3) -> None:
    """Same frame, counted by its table; distances kept; a canonical form already."""
    assert lower(child).nfe == child.nfe == parent.nfe
    assert (child.times[0], child.times[-1]) == (parent.times[0], parent.times[-1])
    assert child == canonical(child)
    lambdas = [node.lam for node in child.nodes if math.isfinite(node.lam)]
    if len(lambdas) > 2:
        assert min(np.diff(lambdas)) >= 0.99 * gap * (lambdas[-1] - lambdas[0])


@given(cases)
@settings(max_examples=60, deadline=None)
def test_mutants_of_random_schedules_are_valid_and_cost_the_same(
    case: tuple[int, int, int],
) -> None:
    schedule, rng = _random(case), np.random.default_rng(case[2] + 1)
    before = schedule.to_dict()
    child = schedule
    for _ in range(5):
        child = mutate(child, ALL, rng)
        _valid(child, schedule)
    assert schedule.to_dict() == before


@given(cases, st.integers(0, 10_000), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_children_of_two_and_three_are_valid_and_cost_the_same(
    case: tuple[int, int, int], other: int, third: int
) -> None:
    a, b, c = (_random((case[0], case[1], seed)) for seed in (case[2], other, third))
    rng = np.random.default_rng(third)
    _valid(crossover(a, b, rng), a)
    _valid(difference(a, b, c, ALL, rng), a)


def _near(*shares: float, scaling: float = 0.0) -> SolverSchedule:
    """A schedule of EDM with steps in lambda in these shares, of order 2 from the second on."""
    noise = EDM(20.0, 0.01)
    total = math.log(20.0 / 0.01)
    places = np.cumsum([0.0, *shares]) / sum(shares) * total - math.log(20.0)
    times = (20.0, *(float(noise.time_at(float(lam))) for lam in places[1:-1]), 0.01)
    steps = [SolverStep()] + [SolverStep(order=2, scaling=scaling)] * (len(shares) - 1)
    return SolverSchedule(noise, times, tuple(steps))


@pytest.mark.parametrize("seed", range(3))
def test_a_difference_moves_scalings_and_steps_by_a_factor_of_the_others_difference(seed):
    factor = np.random.default_rng(seed).uniform(0.2, 1.0)
    base, a, b = _near(3, 4, 5), _near(3, 4, 5, scaling=0.3), _near(3, 4, 5, scaling=-0.1)
    decided = difference(base, a, b, Space(times=False), np.random.default_rng(seed))
    for step in decided.steps[1:]:
        assert step.scaling == pytest.approx(factor * 0.4, rel=1e-9)
    assert decided.times == base.times
    base, a, b = _near(3, 4, 5), _near(4, 4, 3), _near(4, 3, 4)
    timed = difference(base, a, b, Space(scaling=0.0), np.random.default_rng(seed))
    steps = [np.diff([node.lam for node in s.nodes]) for s in (base, a, b)]
    expected = steps[0] * (steps[1] / steps[2]) ** factor
    found = np.diff([node.lam for node in timed.nodes])
    assert found == pytest.approx(expected / expected.sum() * steps[0].sum(), rel=1e-5)


def test_a_crossover_in_between_is_linear_in_lambda():
    one, two = _near(3, 4, 5), _near(4, 4, 3)
    lambdas = [np.array([node.lam for node in s.nodes]) for s in (one, two)]
    seen = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        swapped, way = rng.random() < 0.5, rng.integers(3)
        if way != 2:
            continue
        share, seen = rng.uniform(-0.25, 1.25), seen + 1
        first, second = lambdas[::-1] if swapped else lambdas
        child = crossover(one, two, np.random.default_rng(seed))
        expected = (1 - share) * first + share * second
        assert [node.lam for node in child.nodes] == pytest.approx(list(expected), rel=1e-9)
    assert seen > 3


@given(cases)
@settings(max_examples=60, deadline=None)
def test_the_canonical_form_is_the_same_sampler_and_its_own(case: tuple[int, int, int]) -> None:
    """Decisions without effect are put in at random; the samples stay to rounding."""
    schedule, rng = _random(case), np.random.default_rng(case[2])
    noisy = replace(schedule, steps=tuple(_with_noise(s, rng) for s in schedule.steps))
    found = canonical(noisy)
    assert found == canonical(found) == schedule
    assert key(noisy) == key(schedule)
    model = Model(lambda x, t: torch.sin(x) + t[:, None], schedule.noise, "v")
    x = torch.randn(3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = x * float(schedule.nodes[0].sigma)
    one, two = (sample(model, x, lower(s)) for s in (noisy, found))
    assert torch.allclose(one, two, rtol=1e-9, atol=1e-9 * float(one.abs().max()))


def _with_noise(step: SolverStep, rng: np.random.Generator) -> SolverStep:
    changes = {}
    if step.order == 1:
        changes |= {"scaling": float(rng.normal())}
    if step.order == 1 and step.corrector == "none" and step.start == 1 and step == SolverStep():
        changes |= {"prediction": "data"}
    if step.order < 3:
        changes |= {"d2_scale": 0.5}
    if step.order > 1 and step.points is None:
        changes |= {"points": step.order - 1}
    if step.corrector == "none":
        changes |= {"corrector_scaling": "bh2"}
    if step.scaling == "none" and step.order > 1:
        changes |= {"scaling": 0.0}
    return replace(step, **changes)


def test_an_order_one_step_is_the_same_in_noise_and_data_only_without_a_corrector() -> None:
    times = (20.0, 3.0, 0.5, 0.01)
    plain = [SolverSchedule(EDM(20.0), times, (SolverStep(p),) * 3) for p in ("noise", "data")]
    assert key(plain[0]) == key(plain[1])
    step = SolverStep(corrector="pseudo")
    steps = [(replace(step, prediction=p), step, SolverStep()) for p in ("noise", "data")]
    assert len({key(SolverSchedule(EDM(20.0), times, s)) for s in steps}) == 2


def test_keys_tell_apart_what_differs_and_leave_out_the_record() -> None:
    schedule = unipc(EDM(), (80.0, 5.0, 1.0, 0.01))
    other = replace(schedule, times=(80.0, 5.0, 1.0 + 1e-12, 0.01))
    assert key(schedule) != key(other)
    assert key(schedule) == key(replace(schedule, record={"seed": 1}))
    assert key(lower(schedule)) != key(lower(other))


def test_a_space_moves_only_what_it_names() -> None:
    parent = unipc(EDM(20.0, 0.01), GRIDS["rho7"](EDM(20.0, 0.01), 5, None, None), order=3)
    rng = np.random.default_rng(0)
    fixed = Space(
        predictions=(), orders=(), points=(), correctors=(), starts=(), firsts=(), scaling=0.0
    )
    for _ in range(30):
        child = mutate(parent, fixed, rng)
        assert child.steps == canonical(parent).steps and child.first == parent.first
        assert child.times != parent.times
        still = mutate(parent, Space(times=False, firsts=()), rng)
        assert still.times == parent.times
    assert mutate(parent, replace(fixed, times=False), rng) == canonical(parent)


def test_moves_reach_every_value_of_a_space() -> None:
    rng = np.random.default_rng(0)
    schedule = unipc(EDM(20.0, 0.01), GRIDS["log"](EDM(20.0, 0.01), 6, None, None))
    seen: dict[str, set[object]] = {n: set() for n in ("prediction", "order", "start", "corrector")}
    firsts: set[str] = set()
    for _ in range(400):
        schedule = mutate(schedule, ALL, rng)
        firsts.add(schedule.first)
        for step in schedule.steps:
            for name, values in seen.items():
                values.add(getattr(step, name))
    assert seen == {
        "prediction": {"noise", "data"},
        "order": {1, 2, 3, 4},
        "start": {1, 2, 3},
        "corrector": {"none", "pseudo", "implicit"},
    }
    assert firsts == {"network", "zero", "unit"}


# ---- seeds -------------------------------------------------------------------------------


@pytest.mark.parametrize("nfe", [1, 2, 5, 6])
@pytest.mark.parametrize(("noise", "end"), NOISES)
def test_fixed_samplers_cost_what_was_asked_and_come_once(
    noise: NoiseSchedule, end: float | None, nfe: int
) -> None:
    found = fixed_samplers(noise, nfe, end=end)
    assert found and {s.nfe for s in found.values()} == {nfe}
    assert len({key(s) for s in found.values()}) == len(found)
    plain = [s for s in found.values() if isinstance(s, SolverSchedule)]
    rounded = {(s.steps, tuple(round(n.lam, 9) for n in s.nodes)) for s in plain}
    assert len(rounded) == len(plain)
    tables = [name for name, s in found.items() if isinstance(s, CoefficientTable)]
    assert any(name.startswith("heun") for name in tables) == (
        nfe > 1 and not isinstance(noise, Flow) and (nfe % 2 == 0) == (end is None)
    )


def test_vp_time_grids_are_the_lambdas_of_vp_linear() -> None:
    vp, edm = VPLinear(), EDM(100.0, 0.01)
    start, end = (float(vp.time_at(edm.lambda_at(t))) for t in (80.0, 0.02))
    for name, power in (("vp-t", 1), ("vp-t2", 2)):
        times = np.linspace(start ** (1 / power), end ** (1 / power), 6) ** power
        expected = [float(edm.time_at(vp.lambda_at(float(t)))) for t in times]
        assert GRIDS[name](edm, 5, 80.0, 0.02) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("nfe", "start"), [(0, None), (3, 100.0), (3, 0.001)])
def test_fixed_samplers_refuse_what_cannot_be(nfe: int, start: float | None) -> None:
    with pytest.raises(ValueError, match=r"nfe|t=100|start"):
        fixed_samplers(EDM(), nfe, start)


def test_a_panel_covers_solvers_and_grids_and_its_fit_finds_the_best_of_the_rest() -> None:
    """On costs that are a product of an effect of the grid and one of the solver."""
    seeds = [s for s in fixed_samplers(EDM(), 5).values() if isinstance(s, SolverSchedule)]
    rows, columns = {s.times for s in seeds}, {s.steps for s in seeds}
    panel = spread(seeds, len(columns))
    assert {s.steps for s in panel} == columns and {s.times for s in panel} == rows
    rng = np.random.default_rng(0)
    by_row = {t: rng.uniform(1, 9) for t in sorted(rows)}
    by_column = {key(s): 0.0 for s in panel}
    by_column = dict(zip(map(str, sorted(columns, key=str)), rng.uniform(1, 9, 99), strict=False))
    costs = {key(s): by_row[s.times] * by_column[str(s.steps)] for s in seeds}
    panel = spread(seeds, 2 * len(columns))
    found = promising(seeds, {key(s): costs[key(s)] for s in panel}, 20)
    rest = sorted(costs[key(s)] for s in seeds if s not in panel)
    assert len(found) == 20 and not any(s in panel for s in found)
    assert sum(costs[key(s)] <= rest[19] for s in found) >= 15
    few = spread(seeds, 7)
    assert len({s.steps for s in few}) == 7 and len({s.times for s in few}) >= 3


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"orders": (5,)}, "orders: 5"),
        ({"predictions": ("score",)}, "predictions: 'score'"),
        ({"correctors": ("maybe",)}, "correctors"),
        ({"firsts": ("guess",)}, "firsts"),
        ({"starts": (0,)}, "starts=0"),
        ({"points": (4,)}, "points: 4"),
        ({"scaling": -1.0}, "scaling=-1"),
        ({"gap": 0.5}, "gap=0.5"),
    ],
)
def test_a_space_refuses_what_no_step_can_have(settings: dict[str, object], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        Space(**settings)


def test_a_space_takes_whole_numbers_only_where_steps_do() -> None:
    for wrong in ({"orders": (True, 2)}, {"orders": (1.0,)}, {"points": (None, 1.0)}):
        with pytest.raises(TypeError, match=r"(orders|points)=(True|1\.0): expected an int"):
            Space(**wrong)

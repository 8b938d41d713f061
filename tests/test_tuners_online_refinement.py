"""Online refinement against its definition in plain Python, and as a scheduler among schedulers."""

import copy
import json
import math
import pickle
from io import BytesIO
from itertools import accumulate
from statistics import median
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ritard.schedules import (
    Budget,
    GradNorms,
    Linear,
    Schedule,
    ScheduleLR,
    Tabulated,
    refine,
)
from ritard.tuners import OnlineRefinement, Plateau
from ritard.tuners._forecast import refined_slope
from ritard.tuners._levels import Levels
from tables import checked

BASE = 0.3


class Loop:
    """A run of given norms: one parameter of one element, whose gradient is the norm."""

    def __init__(self, total: int | Budget, kind: type = torch.optim.SGD, **settings: Any) -> None:
        self.weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        self.optimizer = kind([self.weight], lr=BASE)
        self.scheduler = OnlineRefinement(self.optimizer, total, **settings)
        self.rates: list[float] = []

    def run(self, norms: Any) -> "Loop":
        for norm in norms:
            self.rates.append(self.optimizer.param_groups[0]["lr"])
            self.weight.grad = torch.tensor([float(norm)], dtype=torch.float64)
            self.scheduler.record()
            self.scheduler.step()
        return self


def rates(norms: Any, total: int | Budget | None = None, **settings: Any) -> list[float]:
    return Loop(len(norms) if total is None else total, **settings).run(norms).rates


def noisy(n: int, seed: int = 0) -> np.ndarray:
    """Norms that fall, rise, and scatter by a third."""
    rng = np.random.default_rng(seed)
    return (1.5 + np.cos(np.linspace(0, 5, n))) * np.exp(rng.normal(0, 0.3, n))


# ---- the definition ----------------------------------------------------------------------------


def reference(norms: Any, T: int, power: int, smoothing: float = 0.1) -> list[float]:
    """Multipliers by the docstring's equation, term by term and without NumPy's filters."""
    width = max(1, T // 1000)
    block = max(8, T // 100) // width * width or width
    top, found = float(T), []
    for t in range(T):
        if t % block == 0 and t > 0:
            top = _peak(norms[:t], T, width, power, smoothing)
        found.append((T - t) / top)
    return found


def _peak(norms: Any, T: int, width: int, power: int, smoothing: float) -> float:
    parts = [norms[i : i + width] for i in range(0, len(norms) // width * width, width)]
    finite = [[g for g in part if math.isfinite(g)] for part in parts]
    levels = [median(part) if part else math.nan for part in finite]
    known = [k for k, level in enumerate(levels) if not math.isnan(level)]
    if not known or max(levels[k] for k in known) == 0:
        return float(T)
    levels = [_between(levels, known, k) for k in range(len(levels))]
    floor = 1e-3 * median(level for level in levels if level > 0)
    levels = [min(max(level, floor), 1e6 * floor) for level in levels]
    half = min(round(smoothing * T * 1e6) // 10**6 // width // 2, (len(levels) - 1) // 2)
    middles = [min(max(k, half), len(levels) - 1 - half) for k in range(len(levels))]
    smooth = [median(levels[k - half : k + half + 1]) for k in middles]
    weights = [w for level in smooth for w in [(smooth[-1] / level) ** power] * width]
    weights += [1.0] * (T + 1 - len(weights))  # the forecast, updates len..T
    later = [*list(accumulate(reversed(weights)))[-2::-1], 0.0]  # what follows each update
    return max(weights[p] * later[p] for p in range(0, width * len(levels), width))


def _between(levels: list[float], known: list[int], k: int) -> float:
    before = max((i for i in known if i <= k), default=known[0])
    after = min((i for i in known if i >= k), default=known[-1])
    if before >= after:
        return levels[before] if before <= k else levels[after]
    return levels[before] + (levels[after] - levels[before]) * (k - before) / (after - before)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize(("T", "smoothing"), [(120, 0.1), (333, 0.29), (500, 0.02), (2000, 0.1)])
def test_equals_the_definition(T: int, smoothing: float, power: int) -> None:
    norms = noisy(T, seed=T)
    norms[[3, 50, 51, T // 2]] = math.nan, math.inf, 0.0, 1e6
    norms[60:62] = math.nan  # a whole bin of the longest
    found = rates(norms, smoothing=smoothing, norm=f"l{power}")
    expected = reference(norms, T, power, smoothing)
    np.testing.assert_allclose(found, np.multiply(BASE, expected), rtol=1e-12)
    assert np.abs(np.subtract(found, BASE * Linear().values(T))).max() > 0.05  # it is not linear


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
@pytest.mark.parametrize(
    ("T", "norm"), [(1, 0.7), (7, 0.7), (8, 1e-30), (97, 3e200), (200, 0.7), (2500, 0.3)]
)
def test_constant_norms_give_linear_decay_bit_for_bit(T: int, norm: float, kind: type) -> None:
    loop = Loop(T, kind).run([norm] * T)
    assert loop.rates == [BASE * Linear()(t, T) for t in range(T)]
    assert loop.optimizer.param_groups[0]["lr"] == 0
    assert loop.scheduler.schedule().table == tuple(Linear()(np.arange(T + 1), T))


@pytest.mark.parametrize(("power", "kind"), [(2, torch.optim.SGD), (1, torch.optim.AdamW)])
@pytest.mark.parametrize("ends", [(4.0, 1.0), (1.0, 3.0)])
def test_where_the_forecast_comes_true_it_is_two_run_refinement(
    ends: tuple[float, float], power: int, kind: type
) -> None:
    T, smoothing = 400, 0.1  # a filter of 41 updates, within each of the two level parts
    norms = np.interp(np.arange(T + 1), [0, 50, 150, T], [ends[0], *ends, ends[1]])
    two_runs = refine(GradNorms.of(norms, f"l{power}"), smoothing)
    found = np.array(rates(norms[:T], T, kind=kind, smoothing=smoothing)) / BASE
    exact = 150 + 41 + 8  # from the first block whose last filter window lies on the last level
    np.testing.assert_allclose(found[exact:], two_runs.values(T)[exact:], rtol=1e-12)
    assert abs(found[120] - two_runs(120, T)) > 0.05  # before that the rest was unknown


def test_the_norm_is_the_optimizers_own() -> None:
    assert (Loop(9).scheduler.norm, Loop(9, torch.optim.AdamW).scheduler.norm) == ("l2", "l1")
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([3.0, -4.0])
    for norm, expected in (("l2", 5.0), ("l1", 7.0)):
        scheduler = OnlineRefinement(torch.optim.SGD([weight], lr=1.0), 9, norm=norm)  # type: ignore[arg-type]
        assert scheduler.record().item() == expected


# ---- what any norms give -----------------------------------------------------------------------

extremes = st.sampled_from([0.0, 5e-324, 1e-300, 1.0, 1e300, math.inf, math.nan])
any_norms = st.lists(st.floats(1e-3, 1e3) | extremes, min_size=1, max_size=120)


@checked
@given(any_norms, st.floats(0.001, 1.0))
def test_the_multiplier_stays_between_zero_and_one(norms: list[float], smoothing: float) -> None:
    loop = Loop(len(norms), smoothing=smoothing).run(norms)
    assert all(0 < rate <= BASE * (1 + 1e-15) for rate in loop.rates)
    assert loop.rates[0] == BASE and loop.optimizer.param_groups[0]["lr"] == 0


@checked
@given(any_norms, st.data())
def test_a_rate_depends_on_earlier_norms_alone(norms: list[float], data: st.DataObject) -> None:
    t = data.draw(st.integers(0, len(norms) - 1))
    others = norms[:t] + data.draw(st.lists(extremes, min_size=1, max_size=len(norms)))
    others = (others + norms)[: len(norms)]
    assert rates(others)[: t + 1] == rates(norms)[: t + 1]


def test_early_noise_is_borne() -> None:
    """One first norm of a tenth would be the peak of the two-run schedule, all else a hundredth."""
    norms = np.ones(200)
    norms[0] = 0.1
    two_runs = refine(GradNorms.of(norms))
    assert two_runs(100, 200) < 0.02
    assert rates(norms) == [BASE * Linear()(t, 200) for t in range(200)]


def test_a_vanishing_norm_weighs_as_a_thousandth_of_the_median() -> None:
    """By hand: weights 1e6, 1, 1, 1 and five of 1 to come; the peak is 1e6 x 8."""
    assert refined_slope([1e-9, 1, 1, 1], 1, 8, 1e-9, "l2") == pytest.approx(1e-6, rel=1e-12)
    assert refined_slope([1e-9, 1, 1, 1], 1, 8, 1e-9, "l1") == pytest.approx(1e-3, rel=1e-12)
    assert refined_slope([0, math.nan, 0], 1, 8, 1e-9, "l2") == 1


def test_an_exploding_norm_weighs_as_a_thousand_medians() -> None:
    """By hand: weights 1e6, 1e6, 1e6, 1 and five of 1 to come; the peak is 1e6 (2e6 + 6)."""
    found = refined_slope([1, 1, 1, 1e300], 1, 8, 1e-9, "l2")
    assert found == pytest.approx(8 / (1e6 * (2e6 + 6)), rel=1e-12)
    assert all(rate > 0 for rate in rates([1.0] * 7 + [1e300] * 3, smoothing=0.125))


def test_only_scale_free_ratios_of_norms_count() -> None:
    norms = noisy(150)
    np.testing.assert_allclose(rates(1e-7 * norms), rates(norms), rtol=1e-12)


# ---- resuming and other horizons -----------------------------------------------------------------


def saved(scheduler: OnlineRefinement) -> Any:
    """The state, as it comes back from a checkpoint."""
    file = BytesIO()
    torch.save(scheduler.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    assert json.loads(json.dumps(state, allow_nan=False)) == state
    return state


@pytest.mark.parametrize("T", [300, 2300])
@pytest.mark.parametrize("part", [0.0, 0.02, 0.31, 0.77])
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(T: int, part: float) -> None:
    norms = noisy(T)
    norms[[0, 5, T // 3]] = math.nan, math.inf, 0.0
    cut = int(part * T) + 3  # inside a block, and inside a bin of the longer run
    first = Loop(T).run(norms[:cut])
    second = Loop(T)
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.scheduler.load_state_dict(saved(first.scheduler))
    assert second.scheduler.get_last_lr() == first.scheduler.get_last_lr()
    whole = Loop(T).run(norms)
    assert first.rates + second.run(norms[cut:]).rates == whole.rates
    assert second.scheduler.schedule() == whole.scheduler.schedule()
    assert second.scheduler.state_dict() == whole.scheduler.state_dict()


@pytest.mark.parametrize("T", [120, 500])
def test_another_horizon_is_that_horizons_refinement(T: int) -> None:
    norms = noisy(T)
    loop = Loop(240).run(norms[:96])
    loop.scheduler.budget = T  # pyright: ignore[reportAttributeAccessIssue]  # an int is taken too
    assert loop.scheduler.budget == Budget.steps(T)
    expected = reference(norms, T, 2)
    at = BASE * (T - 96) / _peak(norms[:96], T, 1, 2, 0.1)
    assert loop.scheduler.get_last_lr()[0] == pytest.approx(at, rel=1e-12)
    later = loop.run(norms[96:]).rates[104:]  # from the next block on
    np.testing.assert_allclose(later, np.multiply(BASE, expected[104:]), rtol=1e-12)

    resumed = Loop(T)
    resumed.scheduler.load_state_dict(saved(Loop(240).run(norms[:96]).scheduler))
    assert resumed.run(norms[96:]).rates == loop.rates[96:]


def test_past_the_end_and_at_a_shorter_horizon_the_rate_is_zero() -> None:
    loop = Loop(50).run(noisy(20))
    loop.scheduler.budget = 10  # pyright: ignore[reportAttributeAccessIssue]
    assert loop.scheduler.get_last_lr() == [0.0]
    with pytest.warns(UserWarning, match="past total_steps=10"):
        loop.run(noisy(20))
    assert set(loop.rates[20:]) == {0.0}


def test_epochs_count_updates() -> None:
    norms = noisy(60)
    assert rates(norms, Budget.epochs(3, steps_per_epoch=20)) == rates(norms, 60)


def test_a_jump_back_forgets_what_came_after() -> None:
    norms, others = noisy(200), 3 * noisy(200, seed=1)
    loop = Loop(200).run(norms[:128])
    loop.scheduler.position = 40
    loop.run(others[40:])
    whole = Loop(200).run(np.concatenate([norms[:40], others[40:]]))
    assert loop.rates[128 + 8 :] == whole.rates[48:]
    assert loop.scheduler.schedule().table[48:] == whole.scheduler.schedule().table[48:]


# ---- the curve -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "twin", [copy.deepcopy, lambda loop: pickle.loads(pickle.dumps(loop))], ids=["copy", "pickle"]
)
@pytest.mark.parametrize("attached", [False, True])
def test_a_copy_goes_on_by_itself(twin: Any, attached: bool) -> None:
    """It records the gradients of its own optimizer, by itself where the first did."""

    def run(loop: Loop, norms: Any) -> list[float]:
        if not attached:
            return loop.run(norms).rates
        for norm in norms:
            loop.rates.append(loop.optimizer.param_groups[0]["lr"])
            loop.weight.grad = torch.tensor([float(norm)], dtype=torch.float64)
            loop.optimizer.step()
            loop.scheduler.step()
        return loop.rates

    norms, loop = noisy(120), Loop(120)
    if attached:
        loop.scheduler.attach()
    run(loop, norms[:50])
    again = twin(loop)
    loop.weight.grad = None  # nothing is taken from it
    assert run(again, norms[50:]) == rates(norms)
    assert again.scheduler.optimizer is again.optimizer is not loop.optimizer
    assert run(loop, norms[50:]) == rates(norms)


def test_what_is_set_and_refused_has_forgotten_nothing() -> None:
    loop = Loop(200).run(noisy(90))
    before = loop.scheduler.state_dict()
    late = {"params": [torch.nn.Parameter(torch.ones(1))], "lr": math.nan}
    loop.optimizer.add_param_group(late)
    settings = {"position": 3, "scale": 0.5, "budget": 300}
    for name, value in settings.items():
        with pytest.raises(ValueError, match="lr=nan; expected a finite number"):
            setattr(loop.scheduler, name, value)
    del loop.optimizer.param_groups[1]
    assert loop.scheduler.state_dict() == before
    assert loop.scheduler.budget == Budget.steps(200)


def test_the_curve_is_saved_and_run_again() -> None:
    loop = Loop(300).run(noisy(300))
    curve = Schedule.from_dict(json.loads(json.dumps(loop.scheduler.schedule().to_dict())))
    assert isinstance(curve, Tabulated) and curve == loop.scheduler.schedule()
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE)
    again, found = ScheduleLR(optimizer, curve, 300), []
    for _ in range(300):
        found.append(again.get_last_lr()[0])
        again.step()
    np.testing.assert_allclose(found, loop.rates, rtol=1e-9)
    half = Loop(300).run(noisy(300)[:160]).scheduler
    np.testing.assert_allclose(
        half.schedule().values(300)[160:],
        half.get_last_lr()[0] / BASE * (300 - np.arange(160, 300)) / 140,
        rtol=1e-9,
    )


def test_memory_does_not_grow_with_the_run() -> None:
    T = 10_500
    loop = Loop(T)
    for part in np.split(noisy(T), 5):
        loop.run(part)
        state = loop.scheduler.state_dict()["refinement"]
        assert len(state["levels"]["values"]) <= 1050 and len(state["course"]) <= 106
        assert len(state["recorder"]["norms"]) < 10
    assert len(loop.scheduler.schedule().table) == 10_001


@pytest.mark.filterwarnings("ignore:ScheduleLR. step")
def test_past_the_end_nothing_more_is_kept() -> None:
    loop = Loop(100).run(noisy(100))
    there = loop.scheduler.state_dict()["refinement"]
    loop.run(noisy(300))
    loop.scheduler.step(10**9)
    after = loop.scheduler.state_dict()["refinement"]
    assert after["levels"] == there["levels"]
    assert not after["recorder"]["steps"]
    loop.scheduler.position = 40
    assert loop.run(noisy(20)).rates[-1] > 0


def test_levels_are_medians_of_whole_parts() -> None:
    levels = Levels(3)
    log = GradNorms.of(
        [1, 5, 2, math.inf, 4, 8, math.nan, 7, 9], "l1", [0, 1, 2, 4, 5, 8, 9, 12, 13]
    )
    later = levels.take(log, 14)
    assert levels.values == [2, 4, 8, pytest.approx(math.nan, nan_ok=True)]
    assert (later.norms.tolist(), later.steps.tolist(), later.norm) == ([7, 9], [12, 13], "l1")
    levels.take(GradNorms.of([7, 9, 30], steps=[12, 13, 14]), 15)
    assert levels.values[4:] == [9]
    levels.forget(8)
    assert levels.values == [2, 4]


def test_norms_are_fetched_a_percent_of_the_run_at_a_time() -> None:
    """On the meta device there are no values: whatever needs one raises."""
    weight = torch.nn.Parameter(torch.zeros(3, device="meta"))
    weight.grad = torch.empty(3, device="meta")
    scheduler = OnlineRefinement(torch.optim.SGD([weight], lr=BASE), 2000)
    for _ in range(19):
        scheduler.record(torch.amp.GradScaler("cpu"))
        scheduler.step()
    scheduler.record()
    with pytest.raises(RuntimeError, match="meta"):
        scheduler.step()


# ---- in a training loop --------------------------------------------------------------------------


def train(record: str, clip: float | None, each: int = 1) -> tuple[list[float], list[float]]:
    """Rates and true norms of a small training, recorded by a call or by attach."""
    torch.manual_seed(0)
    x, y = torch.randn(64 * 80, 5), torch.randn(64 * 80, 1)
    model = torch.nn.Linear(5, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=BASE)
    scheduler = OnlineRefinement(optimizer, 80 // each)
    if record == "attach":
        scheduler.attach()
    found, norms = [], []
    for i, (a, b) in enumerate(zip(x.split(64), y.split(64), strict=True)):
        ((model(a) - b) ** 2).mean().div(each).backward()
        if (i + 1) % each:
            continue
        flat = torch.cat([p.grad.ravel() for p in model.parameters() if p.grad is not None])
        norms.append(flat.double().norm().item())
        if record == "call":
            scheduler.record()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    return found, norms


@pytest.mark.parametrize("each", [1, 4])
def test_the_norm_before_clipping_counts_once_an_update(each: int) -> None:
    found, norms = train("call", 0.05, each)
    T = 80 // each
    linear = BASE * Linear().values(T)
    expected = np.multiply(BASE, reference(norms, T, 2))
    np.testing.assert_allclose(found, expected, rtol=1e-5)  # norms come in single precision
    assert not np.allclose(found, linear, rtol=1e-3)
    assert train("attach", 0.05, each)[0] == pytest.approx(linear, rel=1e-5)  # all clipped
    assert train("attach", None, each)[0] == train("call", None, each)[0]


def test_a_scaled_loss_is_unscaled() -> None:
    loop = Loop(40)
    scaler = torch.amp.GradScaler("cpu", init_scale=128.0)
    scaler.scale(torch.ones(1))  # which makes its scale
    loop.weight.grad = torch.tensor([256.0], dtype=torch.float64)
    assert loop.scheduler.record(scaler).item() == 2.0


def test_a_skipped_update_is_recorded_again() -> None:
    norms, loop = noisy(64), Loop(64)
    for norm in norms:
        loop.weight.grad = torch.tensor([math.inf], dtype=torch.float64)
        loop.scheduler.record()  # GradScaler found this update infinite and skipped it
        loop.run([norm])
    assert loop.rates == rates(norms)


def test_composes_with_a_plateau_and_with_groups_added_late() -> None:
    norms, plain = noisy(80), rates(noisy(80))
    loop, plateau = Loop(80), Plateau(factor=0.5, patience=0)
    loop.run(norms[:30])
    for _ in range(2):
        plateau.tell(plateau.ask(), 1.0)
    loop.scheduler.scale = plateau.ask()
    assert loop.scheduler.scale == 0.5
    late = torch.nn.Parameter(torch.zeros(1))
    loop.optimizer.add_param_group({"params": [late], "lr": 2 * BASE})
    loop.scheduler.apply()
    resumed = Loop(80)
    resumed.optimizer.add_param_group({"params": [late], "lr": 2 * BASE})
    resumed.scheduler.load_state_dict(saved(loop.scheduler))
    for one in (loop, resumed):
        one.run(norms[30:40])
        assert one.rates[-10:] == [rate / 2 for rate in plain[30:40]]
        first, second = one.scheduler.get_last_lr()
        assert second == pytest.approx(2 * first, rel=1e-15)
    curve = loop.scheduler.schedule()(np.arange(40), 80)  # the scale is no part of it
    np.testing.assert_allclose(np.multiply(BASE, curve), plain[:40], rtol=1e-9)


def test_in_a_sequence_it_takes_its_turn() -> None:
    loop = Loop(40)
    first = torch.optim.lr_scheduler.ConstantLR(loop.optimizer, 0.5, total_iters=100)
    sequence = torch.optim.lr_scheduler.SequentialLR(
        loop.optimizer, [first, loop.scheduler], milestones=[10]
    )
    found, norms = [], noisy(50)
    for norm in norms:
        found.append(loop.optimizer.param_groups[0]["lr"])
        loop.weight.grad = torch.tensor([norm], dtype=torch.float64)
        loop.scheduler.record()
        loop.optimizer.step()
        sequence.step()
    assert found[:10] == [BASE / 2] * 10
    np.testing.assert_allclose(found[10:], rates(norms[10:], 40), rtol=1e-15)


# ---- bad input -----------------------------------------------------------------------------------


def test_no_norms_leave_linear_decay_with_one_warning() -> None:
    loop = Loop(100)
    with pytest.warns(UserWarning, match="no gradient norms") as caught:
        for t in range(100):
            assert loop.scheduler.get_last_lr() == [BASE * Linear()(t, 100)]
            loop.scheduler.step()
    assert len(caught) == 1


@pytest.mark.parametrize("total", [Budget.samples(10), Budget.tokens(1e9), Budget.seconds(60)])
def test_budgets_that_do_not_count_updates_are_refused(total: Budget) -> None:
    with pytest.raises(ValueError, match=f"{total.unit} do not count; expected Budget.steps"):
        Loop(total)
    scheduler = Loop(20).scheduler
    with pytest.raises(ValueError, match="do not count"):
        scheduler.budget = total
    assert scheduler.budget == Budget.steps(20)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"smoothing": 0}, ValueError, "smoothing=0"),
        ({"smoothing": 1.5}, ValueError, "smoothing=1.5"),
        ({"smoothing": math.nan}, ValueError, "smoothing=nan"),
        ({"smoothing": "0.1"}, TypeError, "smoothing='0.1'"),
        ({"norm": "l3"}, ValueError, "norm='l3'"),
        ({"total_steps": 0}, ValueError, "total_steps=0"),
        ({"total_steps": 2.5}, TypeError, "total_steps=2.5"),
        ({"optimizer": [torch.zeros(1)]}, TypeError, "expected a torch.optim.Optimizer"),
    ],
)
def test_bad_arguments_are_refused_and_nothing_changes(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE)
    with pytest.raises(error, match=message):
        OnlineRefinement(**{"optimizer": optimizer, "total_steps": 10, **change})
    assert "initial_lr" not in optimizer.param_groups[0]


def broken(change: dict[str, Any]) -> Any:
    state = Loop(50).run(noisy(20)).scheduler.state_dict()
    return state | {"refinement": state["refinement"] | change}


def others() -> dict[str, Any]:
    plain = ScheduleLR(Loop(50).optimizer, Linear(), 50)
    waiting = {"step": 1, "steps": [1], "norms": []}
    return {
        "of another than ScheduleLR, it lacks": plain.state_dict(),
        "saved with schedule": Loop(50, smoothing=0.2).scheduler.state_dict(),
        "'norm': 'l1'": Loop(50, norm="l1").scheduler.state_dict(),
        "levels: width=0": broken({"levels": {"width": 0, "values": []}}),
        "levels: value=-1": broken({"levels": {"width": 1, "values": [-1]}}),
        "no lines": broken({"course": []}),
        "course: factor='x'": broken({"course": [[0, "x", 50]]}),
        "steps: 1 of them for 0 norms": broken({"recorder": waiting}),
        "of another than GradNormRecorder": broken({"recorder": {}}),
    }


@pytest.mark.parametrize("message", list(others()))
def test_other_states_are_refused_and_nothing_changes(message: str) -> None:
    loop = Loop(50).run(noisy(30))
    before = loop.scheduler.state_dict()
    with pytest.raises(ValueError, match=message):
        loop.scheduler.load_state_dict(others()[message])
    assert loop.scheduler.state_dict() == before


def test_its_state_is_no_other_schedulers() -> None:
    state = Loop(50).run(noisy(20)).scheduler.state_dict()
    with pytest.raises(ValueError, match="saved with schedule"):
        ScheduleLR(Loop(50).optimizer, Linear(), 50).load_state_dict(state)

"""The convex suite: its problems, its minima, its batched SGD, its tuning and its statistics."""

import json
import math
import os
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ritard.experiments.convex import (
    SETS,
    Gain,
    Protocol,
    Result,
    Store,
    correlation,
    draw_gains,
    draw_gaps,
    draw_near,
    of_result,
    of_task,
    render,
    render_gains,
    run_set,
    write_gains,
    write_table,
)
from ritard.experiments.convex.gains import GROUPS, _spearman, by_prediction, ratio
from ritard.experiments.convex.problem import FAR_STD, Minimum, Part, Problem, load, minimise
from ritard.experiments.convex.sgd import _batches, run_sgd
from ritard.experiments.convex.suite import NAMES, SCHEDULES, record
from ritard.experiments.convex.summary import agreement, paired, ranks, smallest_difference
from ritard.experiments.convex.tune import Tuned, tune
from ritard.experiments.figures import save
from ritard.experiments.tasks import get_task
from ritard.schedules import Cosine, GradNorms, Linear, ScheduleLR, predicted_gain, refine
from tables import checked

needs_data = pytest.mark.skipif(not os.environ.get("RITARD_DATA"), reason="RITARD_DATA is not set")
SHORT = Protocol(steps=60, seeds=3)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def made(rows=120, classes=3, columns=4, seed=0, **changed):
    """A problem with overlapping classes of unequal size, and its test part."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(2 * rows, columns, generator=draw, dtype=torch.float64)
    y = (x[:, 0] + torch.randn(2 * rows, generator=draw) > 0.5).long()
    y[x[:, 1] + torch.randn(2 * rows, generator=draw) > 1] = classes - 1
    y[:classes] = torch.arange(classes)
    x = torch.cat([x, torch.ones(2 * rows, 1, dtype=torch.float64)], dim=1)
    parts = Part(x[:rows], y[:rows]), Part(x[rows:], y[rows:])
    return Problem("made", *parts, classes, batch_size=7, **({"l2": 1e-2} | changed))


def weights(problem, *leading, seed=1):
    draw = torch.Generator().manual_seed(seed)
    shape = (*leading, problem.classes, problem.train.x.shape[1])
    return torch.randn(shape, generator=draw, dtype=torch.float64)


# ---- the objective, against torch's own ------------------------------------------------------


def by_torch(problem, W, part):
    """F by torch's cross-entropy, the l2 term on all but the last column."""
    loss = torch.nn.functional.cross_entropy(part.x @ W.T, part.y)
    return loss + problem.l2 / 2 * W[:, :-1].square().sum()


def test_objective_gradient_and_error_agree_with_torch():
    problem = made()
    W = weights(problem).requires_grad_()
    by_torch(problem, W, problem.train).backward()
    assert torch.allclose(problem.gradient(W.detach()), W.grad, rtol=1e-12, atol=1e-15)
    many = weights(problem, 2, 5)
    for i in range(2):
        for j in range(5):
            expected = by_torch(problem, many[i, j], problem.train)
            assert problem.objective(many)[i, j].item() == pytest.approx(expected.item(), rel=1e-12)
            wrong = (problem.test.x @ many[i, j].T).argmax(1) != problem.test.y
            expected = 100 * wrong.double().mean().item()
            assert problem.test_error(many)[i, j].item() == pytest.approx(expected)


def test_parts_longer_than_a_piece_are_taken_whole():
    problem = made(rows=2345)
    W = weights(problem, 3)
    expected = [by_torch(problem, w, problem.train).item() for w in W]
    assert problem.objective(W).tolist() == pytest.approx(expected, rel=1e-12)


# ---- the minimum, against scikit-learn -------------------------------------------------------


def by_sklearn(problem):
    """The minimiser of mean cross-entropy + l2/2 ||W||^2 with free intercepts, by Newton."""
    from sklearn.linear_model import LogisticRegression

    n, x, y = len(problem.train.y), problem.train.x[:, :-1].numpy(), problem.train.y.numpy()
    model = LogisticRegression(C=1 / (n * problem.l2), solver="newton-cg", tol=1e-12, max_iter=5000)
    model.fit(x, y)
    W, b = model.coef_, model.intercept_
    if problem.classes == 2:  # one row of logits, where f has two of opposite sign
        W, b = np.vstack([-W, W]) / 2, np.append(-b, b) / 2
    return torch.from_numpy(np.column_stack([W, b]))


@pytest.mark.parametrize("l2", [1e-2, 1e-4])
def test_the_minimum_is_that_of_scikit_learn(l2):
    problem = made(l2=l2)
    found, W = minimise(problem), by_sklearn(problem)
    assert found.value == pytest.approx(by_torch(problem, W, problem.train).item(), rel=1e-9)
    assert torch.allclose(found.weights[:, :-1], W[:, :-1], rtol=0, atol=1e-3)
    assert found.gradient_norm == problem.gradient(found.weights).norm().item() < 1e-6


@needs_data
@pytest.mark.parametrize("name", ["iris", "vehicle.scale"])
def test_the_minimum_of_a_real_set_is_that_of_scikit_learn(name):
    problem = load(name)
    expected = by_torch(problem, by_sklearn(problem), problem.train).item()
    assert minimise(problem).value == pytest.approx(expected, rel=1e-8)


def test_two_classes_have_half_the_penalty_of_one_row_of_logits():
    """||W||^2 over two opposite rows w/2 is ||w||^2/2: what scikit-learn penalises, halved."""
    problem = made(classes=2)
    found = minimise(problem)
    assert torch.allclose(found.weights[0, :-1], -found.weights[1, :-1], atol=1e-6)
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=2 / (120 * problem.l2), solver="newton-cg", tol=1e-12)
    model.fit(problem.train.x[:, :-1].numpy(), problem.train.y.numpy())
    difference = (found.weights[1] - found.weights[0])[:-1].numpy()
    np.testing.assert_allclose(difference, model.coef_[0], rtol=0, atol=1e-5)


# ---- the sets --------------------------------------------------------------------------------


@needs_data
def test_a_set_has_the_parts_of_its_task():
    problem, task = load("glass.scale"), get_task("logreg:glass.scale")
    train = task.dataset().train
    assert torch.equal(problem.train.x[:, :-1], train.inputs.double())
    assert torch.equal(problem.train.y, train.targets)
    assert torch.equal(problem.train.x[:, -1], torch.ones(len(train.targets)).double())
    assert (problem.batch_size, problem.l2) == (task.batch_size, 1e-4)
    mean = problem.train.x[:, :-1].mean(0)
    assert mean.abs().max() < 1e-5
    assert len(problem.test.y) == len(task.dataset().test.targets)


@needs_data
def test_a_far_start_is_the_same_problem_from_elsewhere():
    near, far = load("iris"), load("iris@far")
    assert torch.equal(near.train.x, far.train.x) and far.name == "iris@far"
    assert near.start(0).abs().max() == 0
    starts = torch.stack([far.start(seed) for seed in range(400)])
    assert starts.std().item() == pytest.approx(FAR_STD, rel=0.03)
    assert torch.equal(far.start(3), far.start(3)) and not torch.equal(far.start(3), far.start(4))


def test_the_suite_is_twelve_sets_twice():
    assert len(SETS) == 24 == len(set(SETS))
    assert {get_task(f"logreg:{name.removesuffix('@far')}").name for name in SETS} == {
        f"logreg:{name}" for name in SETS[:12]
    }


def test_the_schedules_known_in_advance():
    t = np.arange(100)
    assert SCHEDULES["1/t"].values(100) == pytest.approx(1 / (t + 1), rel=1e-12)
    assert SCHEDULES["1/sqrt(t)"].values(100) == pytest.approx((t + 1) ** -0.5, rel=1e-12)
    assert SCHEDULES["flat"].values(100).tolist() == [1.0] * 100
    assert (*SCHEDULES, "refined") == NAMES


# ---- SGD, against a plain loop ---------------------------------------------------------------


def plain_loop(problem, schedule, lr, seed, steps):
    """torch.optim.SGD under ScheduleLR; the loss by torch's cross-entropy."""
    W = torch.nn.Parameter(problem.start(seed))
    optimizer = torch.optim.SGD([W], lr=lr)
    scheduler = ScheduleLR(optimizer, schedule, steps)
    draw = torch.Generator().manual_seed(seed)
    rows = torch.randint(len(problem.train.y), (steps, problem.batch_size), generator=draw)
    norms = list[float]()
    for row in rows:
        optimizer.zero_grad()
        part = Part(problem.train.x[row], problem.train.y[row])
        by_torch(problem, W, part).backward()
        assert W.grad is not None
        norms.append(W.grad.norm().item())
        optimizer.step()
        scheduler.step()
    return W.detach(), norms


@pytest.mark.parametrize("start_std", [0.0, FAR_STD])
def test_a_slice_of_the_batch_is_a_plain_loop(start_std):
    """Rounding alone separates them: 1e-10 after 200 updates."""
    problem, T = made(start_std=start_std), 200
    tried = [(Linear(), 0.3), (Cosine(), 1.0), (SCHEDULES["1/sqrt(t)"], 2.0)]
    rates = np.stack([lr * schedule.values(T) for schedule, lr in tried], axis=1)
    runs = run_sgd(problem, rates, seeds=[5, 0, 9])
    assert runs.weights.shape == (3, 3, 3, 5) and runs.norms.shape == (T, 3, 3)
    for p, seed in enumerate([5, 0, 9]):
        for q, (schedule, lr) in enumerate(tried):
            W, norms = plain_loop(problem, schedule, lr, seed, T)
            assert torch.allclose(runs.weights[p, q], W, rtol=1e-10, atol=1e-10)
            assert runs.norms[:, p, q] == pytest.approx(norms, rel=1e-9)


def test_rows_are_drawn_uniformly_with_replacement():
    """So the stochastic gradient is unbiased. Counts within 5 deviations, their spread to 20 %."""
    drawn = _batches(made(), seed=0, total_steps=20_000)
    counts = drawn.flatten().bincount(minlength=120).double()
    expected = 20_000 * 7 / 120
    assert (counts - expected).abs().max() < 5 * expected**0.5
    assert counts.std().item() == pytest.approx(expected**0.5, rel=0.2)
    repeats = sum(len(set(row)) < 7 for row in drawn.tolist()) / 20_000
    assert repeats == pytest.approx(1 - math.prod((120 - k) / 120 for k in range(7)), rel=0.05)


def test_a_diverged_run_leaves_the_others_alone():
    problem = made()
    steps = np.stack([np.full(80, lr) for lr in (0.1, 1e200)], axis=1)
    both, one = run_sgd(problem, steps, [0]), run_sgd(problem, steps[:, :1], [0])
    assert torch.allclose(both.weights[:, 0], one.weights[:, 0], rtol=1e-12)
    assert not torch.isfinite(problem.objective(both.weights)[0, 1])


# ---- tuning ----------------------------------------------------------------------------------


def test_the_chosen_rate_is_the_best_of_a_finer_neighbourhood():
    problem, T, seeds = made(), 60, range(3)
    minimum = minimise(problem)
    found = tune(problem, minimum, {"linear": Linear(), "cosine": Cosine()}, T, seeds)
    for name, schedule in (("linear", Linear()), ("cosine", Cosine())):
        tuned = found[name]
        powers = np.arange(-4, 5)
        rates = tuned.lr * 3 ** (powers / 4)
        runs = run_sgd(problem, schedule.values(T)[:, None] * rates, seeds)
        gaps = problem.objective(runs.weights).numpy() - minimum.value
        assert gaps.mean(0).argmin() == 4
        assert list(tuned.gaps) == pytest.approx(gaps[:, 4].tolist(), rel=1e-9)
        assert tuned.gap == pytest.approx(gaps[:, 4].mean()) and tuned.edge == ""
        errors = problem.test_error(runs.weights)[:, 4]
        assert list(tuned.errors) == pytest.approx(errors.tolist())


def test_a_schedule_that_always_diverges_has_no_rate():
    problem = made()
    nowhere = Minimum(torch.zeros(3, 5), math.nan, 0.0)  # every gap is not a number
    tuned = tune(problem, nowhere, {"linear": Linear()}, 5, range(2))["linear"]
    assert math.isnan(tuned.lr) and tuned.gaps == (math.inf, math.inf)


def test_norms_are_recorded_with_a_seed_that_is_not_compared():
    problem = made()
    found = record(problem, 0.5, SHORT)
    assert SHORT.recorded not in SHORT.compared and len(SHORT.compared) == 3
    _, norms = plain_loop(problem, Linear(), 0.5, SHORT.recorded, SHORT.steps)
    assert found.norm == "l2" and found.norms == pytest.approx(norms, rel=1e-9)


# ---- a set from beginning to end, and its files ----------------------------------------------


@pytest.fixture(scope="module")
def iris():
    if not os.environ.get("RITARD_DATA"):
        pytest.skip("RITARD_DATA is not set")
    return run_set("iris", SHORT)


def test_a_set_reports_what_it_ran(iris):
    problem = load("iris")
    norms = record(problem, iris.tuned["linear"].lr, SHORT)
    assert iris.predicted_gain == predicted_gain(norms)
    assert (iris.rows, iris.columns, iris.classes, iris.batch_size) == (90, 4, 3, 16)
    assert iris.minimum == pytest.approx(minimise(problem).value) and iris.gradient_norm < 1e-6
    shape = refine(norms)(np.linspace(0, 1, 101), 1.0)
    assert list(iris.shape) == pytest.approx(shape.tolist(), abs=1e-6) and len(iris.norms) == 101
    assert tuple(iris.tuned) == NAMES
    for tuned in iris.tuned.values():
        assert len(tuned.gaps) == len(tuned.errors) == 3 and min(tuned.gaps) > 0


def test_a_stored_set_is_read_back_and_another_protocol_is_not(tmp_path, iris):
    path = tmp_path / "report.json"
    store = Store(path, SHORT)
    assert "iris" not in store and store.results == []
    store.add(iris)
    again = Store(path, SHORT)
    assert "iris" in again and again.results == [iris]
    assert Store(path, Protocol(steps=61, seeds=3)).results == []
    json.loads(path.read_text(), parse_constant=pytest.fail)  # strict JSON


def test_what_diverged_is_stored_too(tmp_path):
    result = by_hand(linear=[1.0, 2.0], refined=[math.inf, 1.0], lr=math.nan)
    Store(tmp_path / "r.json", SHORT).add(result)
    (found,) = Store(tmp_path / "r.json", SHORT).results
    assert found.tuned["refined"].gaps == (math.inf, 1.0) and math.isnan(found.tuned["linear"].lr)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', "no json"])
def test_another_file_is_not_overwritten(tmp_path, text):
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"report\.json is damaged"):
        Store(path, SHORT)
    assert path.read_text() == text


def test_the_table_and_the_pictures(tmp_path, iris):
    write_table([iris], tmp_path / "table.csv")
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert len(lines) == 1 + len(NAMES) and lines[1].startswith("iris,flat,")
    save([lambda ax: draw_gaps([iris], ax)], (6, 4), tmp_path / "gaps.png")
    assert (tmp_path / "gaps.png").stat().st_size > 10_000
    assert [path.suffix for path in tmp_path.iterdir()].count(".png") == 1
    assert sum(1 for _ in render([iris])) == 11


# ---- what they say together ------------------------------------------------------------------


def by_hand(name="iris", lr=0.1, predicted=1.5, **gaps):
    """A result of two seeds; schedules that are not given have gaps of 9."""
    seeds = len(gaps["linear"])
    tuned = {
        key: Tuned(lr, "", tuple(gaps.get(key, [9.0] * seeds)), (50.0,) * seeds) for key in NAMES
    }
    norms = (4.0,) * 50 + (1.0,) * 50 + (0.5,)
    return Result(name, 90, 4, 3, 16, 60, 0.0, 0.0, predicted, norms, (1.0,), tuned)


def test_ranks_by_hand():
    first = by_hand(linear=[2, 2], refined=[1, 1], cosine=[3, 3])
    second = by_hand("wine.scale", linear=[1, 1], refined=[2, 2], cosine=[2, 2])
    found = ranks([first, second], "gaps")
    assert found["linear"].mean == 1.5 and found["refined"].mean == (1 + 2.5) / 2
    assert found["flat"].mean == 5  # it shares the places 4, 5, 6
    assert (found["linear"].share.top1, found["refined"].share.top1) == (50, 50)
    assert found["cosine"].share.top3 == 100 and found["flat"].share.top3 == 0
    assert {r.mean for r in ranks([first], "errors").values()} == {3.5}
    assert ranks([], "gaps") == {}


def test_agreement_of_the_order_with_that_of_the_bounds():
    """By the specification: linear, cosine, 1/sqrt(t), flat, 1/t."""
    order = {"linear": [1.0], "cosine": [2.0], "1/sqrt(t)": [3.0], "flat": [4.0], "1/t": [5.0]}
    assert agreement(by_hand(**order)) == pytest.approx(1)
    assert agreement(by_hand(**{name: [-g[0]] for name, g in order.items()})) == pytest.approx(-1)
    order |= {"linear": [2.0], "cosine": [1.0]}
    assert agreement(by_hand(**order)) == pytest.approx(0.8)  # one of ten pairs


def test_paired_differences_and_what_seeds_can_show():
    result = by_hand(linear=[2.0, 3.0, 4.0], refined=[1.0, 1.0, 1.0])
    found = paired(result, "refined")
    half = 4.302653 * 1 / math.sqrt(3)  # t of 2 degrees of freedom
    assert found.difference == -2 and found.half_width == pytest.approx(half, rel=1e-6)
    assert found.verdict == "no difference seen"
    expected = 100 * 2.262157 / math.sqrt(10) / 3  # t of 9, in % of linear's mean of 3
    assert smallest_difference(result, "refined", 10) == pytest.approx(expected, rel=1e-6)


def test_the_error_of_a_ratio_is_that_of_repeated_samples():
    """Over 4,000 samples of 20 pairs the mean stated error is the spread, to 5 %."""
    draw = np.random.default_rng(0)
    common = draw.normal(size=(4000, 20))
    linear = 10 + common + 0.5 * draw.normal(size=(4000, 20))
    refined = 5 + 0.5 * common + 0.2 * draw.normal(size=(4000, 20))
    found = np.array([ratio(a, b) for a, b in zip(linear, refined, strict=True)])
    assert found[:, 0].mean() == pytest.approx(2, rel=1e-2)
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(), rel=0.05)


def gains(predicted, measured, data=None):
    names = data or [f"set{i}" for i in range(len(predicted))]
    rows = zip(names, predicted, measured, strict=True)
    return [Gain(d, GROUPS[0], d, p, m, 0.1, 1.0, 1.0, "better") for d, p, m in rows]


@checked
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=4, max_size=12))
def test_the_rank_correlation_is_scipys(pairs):
    from scipy.stats import spearmanr

    x, y = [p for p, _ in pairs], [m for _, m in pairs]
    if len(set(x)) > 1 and len(set(y)) > 1:
        assert _spearman(gains(x, y)) == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


def test_the_interval_of_a_correlation():
    draw = np.random.default_rng(0)
    x = draw.normal(size=40) ** 2
    found = correlation(gains(x, x + draw.normal(size=40)))
    assert found.n == 40 and found.low < found.value < found.high
    # Fisher's interval for Spearman's correlation (Bonett & Wright 2000)
    half = 1.96 * math.sqrt((1 + found.value**2 / 2) / 37)
    low, high = np.tanh(np.arctanh(found.value) + np.array([-half, half]))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.12)
    assert correlation(gains(x, x)).value == pytest.approx(1)


def test_problems_on_the_same_data_count_once():
    draw = np.random.default_rng(1)
    x = draw.normal(size=30) ** 2
    once = gains(x, x + draw.normal(size=30))
    one, two = correlation(once), correlation(once * 2)
    assert (two.n, two.value) == (60, pytest.approx(one.value))
    assert two.high - two.low == pytest.approx(one.high - one.low, rel=1e-9)


def test_outcomes_by_prediction_count_each_problem_once():
    found = gains([1.0, 1.05, 1.06, 1.2, 2.9, 61.0], [1] * 6)
    groups = by_prediction(found, (1.05, 1.2, 3))
    assert [len(group) for _, _, group in groups] == [2, 2, 1, 1]
    assert [(low, high) for low, high, _ in groups][-1] == (3, math.inf)


def test_gains_of_sets_and_of_tasks(tmp_path):
    near = of_result(by_hand(linear=[2.0, 3.0], refined=[1.0, 1.5], predicted=1.7))
    assert (near.name, near.group, near.data) == ("iris", "convex, from zero", "iris")
    assert (near.predicted, near.measured) == (1.7, 2.0) and near.stderr == pytest.approx(0)
    assert (near.early, near.late) == (4.0, 2.0) and near.verdict == "no difference seen"
    far = of_result(by_hand("iris@far", linear=[2.0, 3.0], refined=[1.0, 1.5]))
    assert (far.group, far.data) == ("convex, from far", "iris")

    folder = written(tmp_path / "refine-fashion-mlp", "fashion:mlp", [8.0, 12.0], [4.0, 6.0])
    task = of_task(folder)
    assert (task.name, task.data, task.measured) == ("fashion:mlp", "fashion", 2.0)
    assert task.predicted == predicted_gain(GradNorms.load(folder / "norms.jsonl"))
    assert task.early == pytest.approx(3.0) and task.late == 1.0
    lines = [str(line) for line in render_gains([near, far, task], (1.05, 1.2, 3))]
    assert len(lines) == 5
    write_gains([near, far, task], tmp_path / "gains.csv")
    assert len((tmp_path / "gains.csv").read_text().splitlines()) == 4
    panels = [partial(draw, [near, far, task]) for draw in (draw_gains, draw_near)]
    save(panels, (9, 5), tmp_path / "gains.png")
    assert (tmp_path / "gains.png").stat().st_size > 10_000


def written(folder, task, linear, refined):
    """The files that refinement.py leaves, with other schedules between."""
    folder.mkdir()
    cells = [("linear", linear), ("linear+warmup(0.05)", [99.0]), ("online", [99.0])]
    cells.append(("refined(norms.jsonl#1a2b)", refined))
    table = [{"task": task, "schedule": name, "tests": tests} for name, tests in cells]
    (folder / "report.json").write_text(json.dumps({"table": table}))
    GradNorms.of([3.0] * 40 + [1.0] * 60).save(folder / "norms.jsonl")
    return folder


def test_a_task_without_its_runs_is_refused(tmp_path):
    with pytest.raises(OSError, match=r"report\.json"):
        of_task(tmp_path)
    lost = written(tmp_path / "lost", "digits", [1.0, None], [1.0, 2.0])
    with pytest.raises(ValueError, match="linear diverged; there is no ratio"):
        of_task(lost)
    table = json.loads((lost / "report.json").read_text())["table"][:2]
    (lost / "report.json").write_text(json.dumps({"table": [table[1]]}))
    with pytest.raises(ValueError, match=r"expected linear in report\.json"):
        of_task(lost)


# ---- the tasks with a usual and a large start ------------------------------------------------


def test_a_large_start_is_the_usual_one_with_twice_the_weights():
    usual, large = get_task("fashion:mlp"), get_task("fashion:large-start")
    found = []
    for task in (usual, large):
        torch.manual_seed(0)
        found.append([p.detach() for p in task.network().parameters()])
    assert [tuple(p.shape) for p in found[0]][::2] == [(64, 784), (64, 64), (64, 64), (10, 64)]
    for one, other in zip(*found, strict=True):
        assert torch.allclose(2 * one, other)
    deviation = found[0][0].std().item()
    assert deviation == pytest.approx((2 / 784) ** 0.5, rel=0.01)
    assert (usual.total_steps, usual.dataset) == (large.total_steps, get_task("fashion").dataset)

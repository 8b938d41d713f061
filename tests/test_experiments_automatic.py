"""Automatic rates against peers: equal updates, what is kept, what is chosen, what is shown."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from ritard.experiments.automatic import ablation, tables
from ritard.experiments.automatic.ablation import Pairing, Ranking, pair, rank
from ritard.experiments.automatic.cells import SEEDS, Cell, Cells, Chosen, chosen, finished
from ritard.experiments.automatic.figures import save_comparison
from ritard.experiments.automatic.method import Method, scheduled
from ritard.experiments.automatic.methods import METHODS
from ritard.experiments.automatic.problem import Problem
from ritard.experiments.automatic.setting import SETTINGS, Setting
from ritard.experiments.automatic.summary import label, rows
from ritard.experiments.automatic.trial import Trial, run
from ritard.experiments.tasks import get_task
from ritard.schedules import Constant
from torch import nn

TINY = Setting("tiny", "digits", "sgd", 160, 32, around=0.1, tau0=20)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", METHODS)
def test_every_method_makes_the_same_number_of_updates(name: str) -> None:
    """Counted in the network itself: training passes, searches included."""
    problem = Problem(TINY, seed=0)
    passes = 0

    def count(*_: Any) -> None:
        nonlocal passes
        passes += torch.is_grad_enabled()

    problem.network.register_forward_hook(count)
    lr = get_task(TINY.task).base_lrs[TINY.optimizer]
    told = [steps for steps, _ in METHODS[name].train(problem, lr, {})]
    assert told == sorted(set(told))
    assert told[-1] == passes
    if name == "autolrs":  # a tenth is kept for a search, which a run this short cannot pay
        assert passes == math.floor(160 / 1.1)
    else:
        assert passes == 160


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_search_is_paid_from_the_updates() -> None:
    setting = replace(TINY, steps=2000)
    trial = run(setting, METHODS["autolrs"], 0.01, seed=0)
    notes = trial.notes
    assert notes["search"] > 50
    assert trial.steps == notes["productive"] + notes["search"] <= 2000
    assert notes["productive"] + notes["search"] + notes["scored"] / 3 <= 2000
    assert notes["stages"][0]["start"] == 0
    assert json.loads(json.dumps(trial.to_dict(), allow_nan=False))["notes"] == notes


def test_scheduled_is_the_loop_that_one_would_write() -> None:
    trial = run(TINY, METHODS["linear"], 0.05, seed=3)
    task = get_task("digits")
    torch.manual_seed(3)
    network = task.network()
    train = task.loaders(3).train
    velocity = [torch.zeros_like(p) for p in network.parameters()]
    done = 0
    while done < 160:
        for x, y in train:
            if done == 160:
                break
            loss = nn.functional.cross_entropy(network(x), y)
            gradients = torch.autograd.grad(loss, list(network.parameters()))
            with torch.no_grad():
                for p, v, g in zip(network.parameters(), velocity, gradients, strict=True):
                    v.mul_(0.9).add_(g)
                    p.sub_(0.05 * (1 - done / 160) * v)
            done += 1
    x, y = task.dataset().test
    with torch.no_grad():
        error = 100 * (network(x).argmax(1) != y).double().mean().item()
    assert trial.test == pytest.approx(error, abs=0.34)  # one image, for another order of sums
    assert trial.curve[-1] == pytest.approx(trial.test)


def test_what_is_read_on_the_way_changes_nothing() -> None:
    """Also where the optimizer evaluates elsewhere than it trains, and with batch statistics."""
    problem = Problem(TINY, seed=0)
    problem.network = nn.Sequential(
        nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 10)
    )
    for steps, _ in METHODS["schedule-free"].train(problem, 0.1, {}):
        if steps == 100:
            before = [t.clone() for t in problem.network.state_dict().values()]
            random = torch.get_rng_state()
            assert problem.metric("read") == problem.metric("test")
            # From y to x and back rounds.
            for a, b in zip(before, problem.network.state_dict().values(), strict=True):
                torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
            assert torch.equal(random, torch.get_rng_state())
            assert problem.network.training
            problem.loss(next(problem.batches())).backward()
    assert steps == 160


def test_validation_and_test_are_apart() -> None:
    problem = Problem(replace(TINY, read=20), seed=0)
    task = get_task("digits").dataset()
    held = torch.cat([x for x, _ in problem.held_out(100)])
    torch.testing.assert_close(held, task.val.inputs)
    x, y = task.test.inputs[:20], task.test.targets[:20]
    wrong = (problem.network(x).argmax(1) != y).double().mean().item()
    assert problem.metric("read") == pytest.approx(100 * wrong)
    val = nn.functional.cross_entropy(problem.network(task.val.inputs), task.val.targets)
    assert problem.mean_loss() == pytest.approx(val.item(), rel=1e-5)
    assert problem.network.training


def test_a_run_that_diverges_says_when() -> None:
    trial = run(TINY, Method("constant", scheduled(Constant())), 1e20, seed=0)
    assert trial.val is None
    assert trial.test is None
    assert trial.steps == trial.notes["diverged"] < 10
    assert Trial.from_dict(json.loads(json.dumps(trial.to_dict(), allow_nan=False))) == trial


def test_finished_runs_are_kept_and_those_of_another_size_are_not(tmp_path: Path) -> None:
    cells, cell = Cells(tmp_path / "runs", TINY), Cell("autolrs", 0.1, 2)
    trial = Trial(1.0, 2.0, (3.0,) * 10, 160, 0.1, {"search": 3})
    assert cells.get(cell) is None
    cells.add(cell, trial)
    assert Cells(tmp_path / "runs", TINY).get(cell) == trial
    assert Cells(tmp_path / "runs", replace(TINY, steps=161)).get(cell) is None
    assert cells.get(replace(cell, seed=1)) is None
    (path,) = (tmp_path / "runs").iterdir()
    assert path.name == "autolrs-0.1-2.json"
    whole = path.read_bytes()
    for damaged in (whole[:-20], b"[1]", whole.replace(b"seconds", b"sekonds")):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"autolrs-0\.1-2\.json is damaged"):
            cells.get(cell)


def _bowl(best: float, noise: float = 0.0) -> tuple[list[Cell], Callable[[Cell], Trial]]:
    """Runs whose validation metric is least at a rate, and a list of those asked for."""
    asked = list[Cell]()

    def give(cell: Cell) -> Trial:
        asked.append(cell)
        val = 1 + abs(math.log(cell.lr / best)) if not noise else 1 - noise * cell.lr
        return Trial(val, val, (val,) * 10, 160, 0.0)

    return asked, give


def test_tuning_widens_until_the_best_rate_lies_inside() -> None:
    asked, give = _bowl(best=0.9)
    (found,) = chosen(TINY, METHODS["linear"], give)
    assert found.lr == pytest.approx(0.9)
    assert [lr for lr, _ in found.tried] == pytest.approx([0.1 / 3, 0.1, 0.3, 0.9, 2.7])
    assert len(found.trials) == len(SEEDS)
    assert {cell.seed for cell in asked if cell.lr != found.lr} == {0}


def test_tuning_does_not_run_after_noise() -> None:
    _, give = _bowl(best=1.0, noise=1e-4)
    (found,) = chosen(TINY, METHODS["linear"], give)
    assert found.lr == pytest.approx(0.1)
    assert len(found.tried) == 3


def test_what_is_not_tuned_is_run_from_its_starts() -> None:
    asked, give = _bowl(best=0.9)
    found = list(chosen(TINY, METHODS["autolrs"], give))
    assert [c.lr for c in found] == pytest.approx([0.1, 0.01, 1.0])
    assert len(asked) == 3 * len(SEEDS)


def _found() -> list[Chosen]:
    def trials(shift: float) -> tuple[Trial, ...]:
        return tuple(
            Trial(s + shift, s + shift, tuple(s + shift + 9 - i for i in range(10)), 160, 0.0)
            for s in (1.0, 2.0, 3.1)
        )

    lost = (*trials(0.0)[:2], Trial(None, None, (5.0,), 20, 0.0))
    return [
        Chosen("linear", math.nan, 0.1, trials(1.0), ((0.1, 1.0), (0.3, math.inf))),
        Chosen("autolrs faithful", 1.0, 0.1, lost),
        Chosen("autolrs", 10.0, 1.0, trials(0.0)),
    ]


def test_rows_compare_the_same_seeds() -> None:
    linear, faithful, ours = rows(_found())
    assert ours.label == "autolrs from x10"
    assert ours.final == (1.0, 2.0, 3.1)
    assert ours.best == pytest.approx((1.0, 2.0, 3.1))
    assert ours.reference is not None
    assert ours.reference.difference == pytest.approx(-1.0)
    assert ours.rival is not None
    assert ours.rival.verdict == "better"
    assert faithful.rival is linear.rival is None
    assert faithful.reference is not None
    assert faithful.reference.verdict == "worse"
    assert math.isinf(faithful.final[2])
    assert linear.reference is None
    assert label(Chosen("autolrs", 1.0, 0.1, ())) == "autolrs"


def test_the_report_is_strict_json_and_the_picture_is_drawn(tmp_path: Path) -> None:
    found = rows(_found())
    text = list(tables.comparison(found))
    assert len(text) == 2 + len(found)
    assert text[2].startswith("| linear | 0.1 | 11.03 ± 0.61 | 8.03 ± 0.61 | 5.03 ± 0.61 |")
    assert "diverged" in text[3]
    tables.write_comparison(TINY, found, tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["methods"][0]["tried"] == [[0.1, 1.0], [0.3, None]]
    save_comparison(TINY, "error %", found, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 10_000


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_is_finished_is_found_again(tmp_path: Path) -> None:
    cells = Cells(tmp_path, TINY)
    assert finished(cells, list(METHODS.values())) == []
    for seed in SEEDS[:2]:
        cell = Cell("autolrs faithful", 0.1, seed)
        cells.add(cell, run(TINY, METHODS["autolrs faithful"], 0.1, seed))
    (found,) = finished(cells, list(METHODS.values()))
    assert len(found.trials) == 2
    stages = list(tables.searches(rows([found])))
    assert len(stages) == 2 + 2
    first = found.trials[0].notes["stages"][0]
    assert f"{first['scale'] * 0.1:.2g} from 0" in stages[2]


# ---- what a probe is scored by --------------------------------------------------------------


def test_a_score_is_judged_by_the_truth() -> None:
    scores = {"a": (3.0, 1.0, 2.0, math.inf), "b": (1.0, 2.0, 3.0, 4.0)}
    ranking = Ranking(0, 10, 20, (0.01, 0.1, 1.0, 10.0), (0.5, 0.2, 0.4, math.inf), scores)
    assert ranking.correlation("a") == pytest.approx(1.0)
    assert ranking.correlation("b") == pytest.approx(0.4)
    assert ranking.regret("a") == 0.0
    assert ranking.regret("b") == pytest.approx(0.3)
    assert ranking.bias("b") == pytest.approx(-1.0)


def test_the_truth_is_a_stage_and_then_linear_decay(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ablation, "RATES", 3)
    setting = replace(TINY, steps=1600)
    ranking = rank(setting, 0.1, seed=1, part=0.1)
    assert ranking.start == 160
    assert ranking.rates == pytest.approx([0.1 / 16, 0.1, 1.6])
    task = get_task("digits")
    torch.manual_seed(1)
    network = task.network()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    train, done = task.loaders(1).train, 0
    while done < 1600:
        for x, y in train:
            if done == 1600:
                break
            t = done - 160
            rate = 0.1 if t < 200 else 0.1 * (1 - (t - 200) / (1600 - 360))
            optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x), y).backward()
            optimizer.step()
            done += 1
            if done == 360:
                at_end = _val_loss(network)
    assert ranking.truth[1] == pytest.approx(_val_loss(network), rel=1e-3)
    assert ranking.scores["perfect forecast"][1] == pytest.approx(at_end, rel=1e-3)
    worst = replace(ranking, truth=(math.inf, *ranking.truth[1:]))
    kept, path = ([ranking, worst], [Pairing(20, 4.0, 2.0)]), tmp_path / "scores.json"
    assert tables.read_ablation(setting, path) == ([], [])
    tables.write_ablation(setting, *kept, path)
    assert tables.read_ablation(setting, path) == kept
    assert tables.read_ablation(TINY, path) == ([], [])
    assert len(list(tables.ablation([ranking]))) == 2 + len(ablation.SCORES)


def _val_loss(network: nn.Module) -> float:
    val = get_task("digits").dataset().val
    with torch.no_grad():
        return nn.functional.cross_entropy(network(val.inputs), val.targets).item()


def test_replayed_batches_make_differences_finer() -> None:
    found = pair(replace(TINY, steps=100), 0.005, probe=20, count=12)
    assert found.probe == 20
    assert found.train > 4
    assert list(tables.pairings([found, Pairing(100, 4.0, 2.04)]))[-1] == "| 100 | x4.0 | x2.0 |"


def test_the_settings_leave_room_for_a_stage() -> None:
    for setting in SETTINGS.values():
        assert ablation.probe_length(setting)[0] >= 20
        assert setting.steps >= 14 * setting.tau0
        assert get_task(setting.task).base_lrs[setting.optimizer] > 0

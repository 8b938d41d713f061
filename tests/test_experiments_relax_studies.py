"""The studies of relaxation: tuners on tables, trials that go on, and what is summed up."""

import json
import math

import numpy as np
import pytest
from ritard.experiments.relax.comparators import BEST_FIXED, COMPARATORS, INSTANCE_OPTIMUM, LEAST
from ritard.experiments.relax.heat import plain_total, play_all, totals
from ritard.experiments.relax.peers import Step, direct, multigrid, scipys, time_peers
from ritard.experiments.relax.play import Played, play
from ritard.experiments.relax.report import render_synthetic, write_synthetic
from ritard.experiments.relax.sample import sample_costs
from ritard.experiments.relax.study import Protocol, Score, read_scores, read_seconds, run_study
from ritard.experiments.relax.summary import summarise
from ritard.experiments.relax.synthetic import ARMS, Trial, young
from ritard.experiments.relax.tabulate import Solver, tabulate
from ritard.experiments.relax.tuners import Arms
from ritard.solvers.linear.gallery import Heat, VariableHeat
from ritard.tuners.bandits import Choice


class Scripted:
    """Plays given arms and remembers what it was told."""

    def __init__(self, arms):
        self.arms, self.seen = list(arms), []

    def ask(self, context):
        return Choice(None, self.arms[len(self.seen)], 1.0, context)

    def tell(self, choice, cost):
        self.seen.append((choice.context, cost))


def test_playing_reads_the_table():
    table = np.array([[5, 3], [7, 2], [1, 9]])
    omegas = np.array([[1.0, 1.1], [1.2, 1.3], [1.4, 1.5]])
    tuner = Scripted([1, 0, 1])
    played = play(tuner, np.array([0.1, 0.2, 0.3]), omegas, table)
    assert played.costs.tolist() == [3, 7, 9] and played.omegas.tolist() == [1.1, 1.2, 1.5]
    assert tuner.seen == [(0.1, 3.0), (0.2, 7.0), (0.3, 9.0)]


# ---- the synthetic task ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def trial():
    return Trial("high", seed=0, steps=30)


def gauss_seidel_count(A, b, omega):
    """SOR row by row in plain Python."""
    x, count = np.zeros(len(b)), 0
    while np.linalg.norm(b - A @ x) > 1e-8 * np.linalg.norm(b):
        for i in range(len(b)):
            x[i] += omega / A[i, i] * (b[i] - A[i] @ x)
        count += 1
    return count


def test_the_table_holds_what_plain_sor_takes(trial):
    assert trial.table.shape == (30, 20)
    for t, arm in ((0, 14), (7, 17), (29, 12)):
        A, b, _ = trial.family[t]
        assert trial.table[t, arm] == gauss_seidel_count(A.toarray(), b, ARMS[arm])


def test_young_is_the_formula():
    beta = 4 * math.cos(math.pi / 11) / 3.85
    assert young(-0.15) == pytest.approx(2 / (1 + math.sqrt(1 - beta**2)))
    assert young(0.45) == pytest.approx(1.3279, abs=5e-5)


@pytest.mark.parametrize("name", COMPARATORS)
def test_comparators_play_every_instance_again_and_again_alike(name, trial):
    played = COMPARATORS[name](trial)
    assert played.costs.shape == played.omegas.shape == (30,)
    assert (played.costs >= 10).all() and (played.omegas >= 1).all() and (played.omegas < 2).all()
    np.testing.assert_array_equal(COMPARATORS[name](trial).costs, played.costs)


def test_hindsight(trial):
    best, least = COMPARATORS[BEST_FIXED](trial), COMPARATORS[LEAST](trial)
    assert best.costs.sum() == trial.table.sum(0).min()
    assert least.costs.tolist() == [min(row) for row in trial.table.tolist()]
    optimum = COMPARATORS[INSTANCE_OPTIMUM](trial)
    A, b, context = trial.family[3]
    assert optimum.costs[3] == gauss_seidel_count(A.toarray(), b, young(context))


@pytest.mark.slow
def test_the_synthetic_task_gives_the_papers_figures():
    """Whole trials; expected values and spreads from the authors' program and other models."""
    expected = {"low": (41.8, 59.3, 65.6, 46.7), "high": (56.4, 103.8, 119.0, 66.8)}
    spreads = {"low": (0.3, 0.7, 1.0, 0.6), "high": (0.5, 0.7, 2.0, 1.2)}
    names = (INSTANCE_OPTIMUM, BEST_FIXED, "Tsallis-INF RV", "ChebCB")
    for variance in ("low", "high"):
        trials = [Trial(variance, seed) for seed in range(4)]
        for name, mean, sd in zip(names, expected[variance], spreads[variance], strict=True):
            found = np.mean([COMPARATORS[name](trial).costs.mean() for trial in trials])
            assert found == pytest.approx(mean, abs=4 * sd / 2)  # of four trials
        for trial in trials:
            optimum = COMPARATORS[INSTANCE_OPTIMUM](trial).costs.mean()
            assert COMPARATORS["GP-Thompson on policies"](trial).costs.mean() < 1.1 * optimum


SMALL = Protocol(trials=2, steps=12)


def run_all(folder):
    return list(run_study(SMALL, folder, jobs=1))


@pytest.mark.slow
def test_trials_in_other_processes_are_the_same(tmp_path):
    run_all(tmp_path / "one")
    assert list(run_study(SMALL, tmp_path / "two", jobs=2))[-1] == (4, 4)
    for variance in ("low", "high"):
        found = [read_scores(SMALL, tmp_path / name, variance) for name in ("one", "two")]
        assert found[0] == found[1]


def test_a_study_goes_on_and_summarises(tmp_path):
    assert run_all(tmp_path)[-1] == (4, 4)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"{v}-00{s}.json" for v in ("low", "high") for s in (0, 1)}
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "low-001.json").unlink()
    (tmp_path / "high-000.json").write_text(json.dumps({"steps": 11, "seconds": 0, "scores": {}}))
    assert run_all(tmp_path) == [(2, 4), (3, 4), (4, 4)]
    for name, content in first.items():
        scores = json.loads((tmp_path / name).read_text())["scores"]
        assert scores == json.loads(content)["scores"]
    assert run_all(tmp_path) == [(4, 4)]
    assert read_seconds(SMALL, tmp_path) > 0

    trials = {v: read_scores(SMALL, tmp_path, v) for v in ("low", "high")}
    again = COMPARATORS["ChebCB"](Trial("high", 1, 12)).costs
    assert trials["high"][1]["ChebCB"] == Score.of(Played(again, again))
    assert trials["high"][1]["ChebCB"].mean == again.mean()
    assert trials["high"][1]["ChebCB"].quarters[3] == again[9:].mean()

    rows = {v: summarise(found) for v, found in trials.items()}
    row = next(row for row in rows["low"] if row.name == "ChebCB")
    a, b = (trial["ChebCB"].mean for trial in trials["low"])
    assert row.mean == pytest.approx((a + b) / 2)
    assert row.spread == pytest.approx(abs(a - b) / math.sqrt(2))
    assert row.stderr == pytest.approx(abs(a - b) / 2)
    optimum = np.mean([trial[INSTANCE_OPTIMUM].mean for trial in trials["low"]])
    assert row.to_optimum == pytest.approx(row.mean / optimum)
    assert next(row for row in rows["low"] if row.name == BEST_FIXED).to_fixed == 1

    quoted = {"low": {"ChebCB": 46.4}, "high": {}}
    write_synthetic(SMALL, trials, rows, quoted, 1.0, tmp_path / "out")
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["means"]["low"]["ChebCB"] == [round(a, 4), round(b, 4)]
    lines = (tmp_path / "out/table.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 * len(COMPARATORS)
    assert any(line.startswith("low,ChebCB,") and ",46.4," in line for line in lines)
    assert len(list(render_synthetic(SMALL, rows, quoted, 1.0))) == 5


# ---- heat ------------------------------------------------------------------------------------


def test_tuners_on_a_table_of_heat(tmp_path):
    family = Heat(8, 30, 0.03)
    *_, table = tabulate(family, Solver(), Arms().omegas, tmp_path / "t.npz", "heat")
    played = play_all(table, family, seeds=2)
    for runs in played.values():
        for run in runs:
            places = [int(np.abs(table.omegas - omega).argmin()) for omega in run.omegas]
            assert run.costs.tolist() == table.counts[np.arange(30), places].tolist()
    sums = [run.costs.sum() for run in played["chebcb"]]
    entry = next(entry for entry in totals(played) if entry.name == "chebcb")
    assert (entry.mean, entry.seeds) == (np.mean(sums), 2)
    assert entry.spread == pytest.approx(np.std(sums, ddof=1))


def test_totals_of_one_omega_are_kept(tmp_path, monkeypatch):
    family, path = Heat(8, 30, 0.03), tmp_path / "totals.json"
    *_, table = tabulate(family, Solver(), [1.3], tmp_path / "t.npz", "heat")
    assert plain_total(family, "ssor_cg", 1.3, False, path) == table.counts.sum()
    other = plain_total(family, "ssor_cg", 1.3, True, path)
    assert abs(other - table.counts.sum()) < 5
    monkeypatch.setattr("ritard.experiments.relax.heat._walk", None)  # nothing is solved again
    assert plain_total(family, "ssor_cg", 1.3, True, path) == other


def test_sampled_steps_are_those_of_the_whole_table(tmp_path):
    family = Heat(8, 45, 0.05)  # a period of 20 steps
    *_, whole = tabulate(family, Solver(), [1.0, 1.5], tmp_path / "t.npz", "heat")
    sampled = sample_costs(family, Solver(), [1.0, 1.5], every=3, period=20)
    places = [t % 20 // 3 * 3 for t in range(45)]
    np.testing.assert_allclose(sampled.counts, whole.counts[places], atol=1)  # other trajectories
    np.testing.assert_array_equal(sampled.contexts, whole.contexts)
    assert sampled.counts.max() > 4


@pytest.mark.parametrize(
    ("every", "period", "said"),
    [
        (0, 20, "every=0: expected an int >= 1"),
        (-3, 20, "every=-3: expected an int >= 1"),
        (21, 20, "every=21: expected an int from 1 to 20"),
        (1, 46, "period=46: expected an int from 1 to 45"),
        (1, 0, "period=0: expected an int >= 1"),
    ],
)
def test_steps_that_cannot_be_sampled(every, period, said):
    with pytest.raises(ValueError, match=said):
        sample_costs(Heat(8, 45, 0.05), Solver(), [1.0], every, period)


def test_peers_solve_and_are_timed():
    family = VariableHeat(10, 20, 0.05)
    system, before = family.system(13, family.before(13)), family.before(13)
    step = Step(13, system, system.A.tocsr(), before)
    for solve in (lambda s: scipys(s, 1e-8), direct, lambda s: multigrid(s, 1e-8)):
        error = np.linalg.norm(system.b - step.csr @ solve(step))
        assert error <= 1.001e-8 * np.linalg.norm(system.b)
    names = [t.name for t in time_peers(family, [3, 13], {"omega=1": np.ones(20)}, 1e-8)]
    assert "omega=1" in names and "CG" in names and "fast sine transform" not in names
    timings = time_peers(Heat(10, 20, 0.05), [3], {}, 1e-8)
    assert timings[-1].name == "fast sine transform" and all(t.seconds > 0 for t in timings)

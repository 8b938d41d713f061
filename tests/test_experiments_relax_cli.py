"""``ritard relax``: what it prints and writes, and what it refuses."""

import csv
import json

import numpy as np
import pytest
from ritard.experiments.__main__ import run
from ritard.experiments.relax.problems import get_problem
from ritard.experiments.relax.tuners import Arms, make_tuner, tuner_names
from ritard.solvers.linear import solve
from ritard.solvers.linear.gallery import LOW_VARIANCE, Parametric, Shift, laplacian

SMALL = "relax --problem heat --nx 8 --steps 40".split()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(folder):
    with (folder / "table.csv").open() as file:
        return {row["tuner"]: row for row in csv.DictReader(file)}


def systems(folder):
    """Rows of results.csv without their times."""
    with (folder / "results.csv").open() as file:
        return [row[:-1] for row in csv.reader(file)]


def test_it_writes_everything_and_prints_the_table(here, capsys):
    tuners = ["fixed:1.5", "cg", "chebcb", "tsallis"]
    assert run([*SMALL, "--tuner", ",".join(tuners), "--plot"]) == 0
    folder = here / "ritard-runs" / "relax-heat"
    names = {"results.csv", "table.csv", "report.json", "settings.json"}
    names |= {"omegas.png", "solved.png"}
    names |= {f"{name}.checkpoint" for name in ("fixed-1.5", "cg", "chebcb", "tsallis")}
    assert {path.name for path in folder.iterdir()} == names
    out, err = capsys.readouterr()
    assert "heat, 40 systems, ssor_cg, rtol 1e-08, seed 0" in out
    assert "160/160 systems" in err and "Traceback" not in err
    rows = table(folder)
    assert list(rows) == tuners and all(name in out for name in tuners)

    # The fixed one once more, by the library's functions alone.
    family = get_problem("heat").build(8, 40, 0)
    walk, x, counts = family.systems(), family.x0, []
    system = next(walk)
    for step in range(40):
        solution = solve(system.A, system.b, "ssor_cg", 1.5, x0=x, rtol=1e-8, maxiter=10_000)
        x, counts = solution.x, [*counts, solution.iterations]
        if step < 39:
            system = walk.send(x)
    assert rows["fixed:1.5"]["iterations"] == str(sum(counts))
    found = [row for row in systems(folder) if row[0] == "fixed:1.5"]
    assert [int(row[4]) for row in found] == counts
    assert float(rows["fixed:1.5"]["last_quarter"]) == np.mean(counts[30:])
    assert float(rows["cg"]["to_first"]) == int(rows["cg"]["iterations"]) / sum(counts)
    assert rows["cg"]["median_omega"] == "" and rows["fixed:1.5"]["median_omega"] == "1.5"

    made = {name: (folder / name).read_bytes() for name in ("results.csv", "report.json")}
    assert run([*SMALL, "--tuner", ",".join(tuners), "--json"]) == 0  # nothing is left to solve
    assert capsys.readouterr().out == made["report.json"].decode()
    assert {name: (folder / name).read_bytes() for name in made} == made
    assert json.loads(made["report.json"])["task"]["nx"] == 8


def test_another_run_in_the_same_folder_is_refused(here, capsys):
    assert run([*SMALL, "--tuner", "chebcb", "--out", "a"]) == 0
    capsys.readouterr()
    for options, message in (
        ("--nx 9 --steps 40", "nx=8, not 9"),
        ("--nx 8 --steps 41", "steps=40, not 41"),
        ("--nx 8 --steps 40 --seed 1", "seed=0, not 1"),
        ("--nx 8 --steps 40 --arms 5", "arms"),
        ("--nx 8 --steps 40 --method sor", "method='ssor_cg', not 'sor'"),
    ):
        assert run(["relax", *options.split(), "--tuner", "chebcb", "--out", "a"]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--problem nosuch", "heat, variable-heat, shifted-low"),
        ("--problem spd:nosuch", "spd:bcsstk01"),
        ("--tuner nosuch", "chebcb"),
        ("--tuner chebcb,", "tuner='chebcb,'"),
        ("--tuner chebcb,chebcb", "tuner='chebcb': given twice"),
        ("--tuner fixed:", "expected a number after fixed:"),
        ("--tuner fixed:2", "(0, 2)"),
        ("--tuner adaptive", "needs method sor"),
        ("--tuner gp-policies", "shifted-low"),
        ("--tuner lanczos-young --problem variable-heat", "shifted-low"),
        ("--problem convection", "not symmetric"),
        ("--problem convection --method sor --tuner cg", "not symmetric"),
        ("--method jacobi", "sor, ssor, ssor_cg"),
        ("--nx -1", "nx=-1"),
        ("--nx 1", "nx=1"),
        ("--steps 0", "steps=0"),
        ("--steps many", "steps"),
        ("--seed -1", "seed='-1': expected"),
        ("--rtol 0", "rtol=0.0"),
        ("--rtol nan", "rtol=nan"),
        ("--maxiter 0", "maxiter=0"),
        ("--arms 1", "arms=1"),
        ("--omega-max 2", "omega-max=2.0"),
        ("--out file/below", "is a file"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(arguments, message, here, capsys):
    (here / "file").write_text("")
    assert run(["relax", *arguments.split(" ")]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    assert message in err
    assert [path.name for path in here.iterdir()] == ["file"]


def test_solves_that_fail_are_counted_not_raised(here, capsys):
    options = "relax --problem nine-point --nx 12 --steps 12 --method sor --maxiter 30".split()
    assert run([*options, "--tuner", "fixed:1,thompson", "--json"]) == 1  # not one succeeds
    out, err = capsys.readouterr()
    assert err.splitlines()[-1] == "error: no solve came to rtol=1e-08 within --maxiter"
    rows = json.loads(out)["tuners"]
    assert [row["systems"] for row in rows] == [12, 12]
    assert rows[0]["failed"] == 12 and rows[0]["iterations"] == 360


def test_a_system_that_cannot_be_solved_is_exit_code_1(here, capsys, monkeypatch):
    from ritard.experiments.relax import run as module

    def broken(*arguments, **settings):
        raise RuntimeError("the disk is gone")

    family = get_problem("heat").build(8, 40, 0)
    monkeypatch.setattr(type(family), "source", broken)
    assert module.Task("heat").problem == "heat"
    assert run([*SMALL, "--tuner", "chebcb"]) == 1
    assert "the disk is gone" in capsys.readouterr().err


# ---- tuners by name --------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in tuner_names() if n not in ("fixed:OMEGA", "cg")])
def test_every_tuner_solves_a_sequence_and_keeps_to_its_arms(name, here, capsys):
    command = "relax --problem shifted-high --method sor --steps 60 --json --tuner".split()
    assert run([*command, name]) == 0
    row = json.loads(capsys.readouterr().out)["tuners"][0]
    assert row["failed"] == 0 and row["systems"] == 60
    omegas = {float(line[3]) for line in systems(here / "ritard-runs/relax-shifted-high")[1:]}
    assert len(omegas) > 1 and all(1 <= omega < 2 for omega in omegas)
    if name in ("chebcb", "gp", "tsallis", "tsallis-cb", "ucb1", "thompson"):
        assert omegas <= set(Arms().omegas)


def test_policies_and_lanczos_know_the_shifts():
    family = Parametric(Shift(laplacian(10, 10)), LOW_VARIANCE, length=3)
    exact = 2 / (1 + np.sqrt(1 - (4 * np.cos(np.pi / 11) / 4.45) ** 2))
    assert make_tuner("lanczos-young", family, Arms(), 0).ask(0.45).value == pytest.approx(
        exact, abs=1e-3
    )
    policies = make_tuner("gp-policies", family, Arms(count=3, largest=1.9), 0).arms
    assert len(policies) == 11
    found = [policy(-0.15) for policy in policies]
    np.testing.assert_allclose(found, np.linspace(1, 1.9, 11), rtol=1e-9)

"""``ritard search``: what it finds and writes, that it goes on after a kill, what it refuses."""

import csv
import itertools
import json
import math
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch
from ritard.experiments.__main__ import run
from ritard.experiments.search.feeds import METHODS, Sweep
from ritard.experiments.search.report import load
from ritard.experiments.search.subject import get_subject
from ritard.experiments.testbeds import get_testbed
from ritard.experiments.trials.ledger import DIED, DUPLICATE
from ritard.experiments.trials.storage import check_storage, open_study
from ritard.solvers.diffusion import (
    EDM,
    Discrete,
    GaussianMixture,
    SolverSchedule,
    lower,
    reference,
    sample,
)
from ritard.solvers.diffusion.saved import load_sampler
from ritard.tuners.solver_search import Noises, fixed_samplers, key

SMALL = "search --model mixture --nfe 3 --evaluations 44 --noises 24,24,32".split()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(folder):
    with (folder / "table.csv").open() as file:
        return list(csv.DictReader(file))


def saved(path):
    """What --save wrote: a schedule, or a coefficient table where one was the best."""
    return load_sampler(json.loads(path.read_text()))


def timeless(value):
    """A report without its wall times."""
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k not in ("seconds", "spent")}
    return [timeless(v) for v in value] if isinstance(value, list) else value


def report(folder):
    return timeless(json.loads((folder / "report.json").read_text()))


# ---- what it finds ---------------------------------------------------------------------------


def test_it_reports_what_the_library_alone_makes_of_the_schedule(here, capsys):
    assert run([*SMALL, "--save", "schedule.json", "--plot", "--json"]) == 0
    folder = here / "ritard-runs" / "search-mixture"
    out, err = capsys.readouterr()
    assert out == (folder / "report.json").read_text() and "Traceback" not in err
    assert "saved schedule.json" in err and "journal:" in err
    assert {path.name for path in folder.iterdir()} == {
        "report.json", "table.csv", "errors.png", "schedule-nfe3.png", "trials.log", "exact",
    }  # fmt: skip

    bed = get_testbed("mixture")
    eps = Noises.draw(bed.shape, 24, 24, 32, seed=0, dtype=bed.dtype)
    sampler = saved(here / "schedule.json")
    result = load(folder / "report.json")[3].result
    assert sampler == result.sampler and sampler.nfe == 3

    sigma = float(bed.model.noise.node(bed.t_start).sigma)
    starts = {name: getattr(eps, name) * sigma for name in ("train", "validation", "test")}
    exact = {k: reference(bed.model, x, bed.t_start, bed.t_end, 1e-6) for k, x in starts.items()}

    def error(sampler, name):
        table = lower(sampler) if isinstance(sampler, SolverSchedule) else sampler
        rms = (sample(bed.model, starts[name], table) - exact[name]).square().mean(1).sqrt()
        return float(rms.log().mean().exp())

    for name in starts:
        assert error(sampler, name) == pytest.approx(getattr(result.scores, name), rel=1e-3)
    fixed = fixed_samplers(bed.model.noise, 3, bed.t_start, bed.t_end)
    assert error(fixed[result.fixed_name], "test") == pytest.approx(
        result.fixed_scores.test, rel=1e-3
    )
    assert result.scores.validation <= result.fixed_scores.validation

    rows = table(folder)
    assert rows[0]["sampler"] == "found" and float(rows[0]["test"]) == result.scores.test
    solvers = [row["sampler"].split(" ")[0] for row in rows[1:]]
    assert len(solvers) == len(set(solvers)) > 10  # every solver once, on its best grid
    for row in rows[2:5]:
        assert error(fixed[row["sampler"]], "test") == pytest.approx(float(row["test"]), rel=1e-3)

    assert run(SMALL) == 0  # nothing is left to do
    assert (folder / "report.json").read_text() == out
    assert "mixture: 44 evaluations an NFE, s3, seed 0" in capsys.readouterr().out


def test_several_nfes_share_a_search_and_are_saved_apart(here, capsys):
    command = "search --model mixture --nfe 2,4 --evaluations 8 --noises 8,8,8 --no-refine".split()
    assert run([*command, "--save", "found/s.json", "--out", "o"]) == 0
    for nfe in (2, 4):
        assert saved(here / "found" / f"s-nfe{nfe}.json").nfe == nfe
    assert [one.result.nfe for one in load(here / "o/report.json").values()] == [2, 4]
    report = (here / "o/report.json").read_bytes()
    command[command.index("2,4")] = "4,2"  # the same search: it is finished
    assert run([*command, "--out", "o"]) == 0
    assert (here / "o/report.json").read_bytes() == report


@pytest.mark.parametrize("method", ["evolution", "genetic"])
def test_other_methods(method, here, capsys):
    command = "search --model mixture --nfe 2 --evaluations 30 --noises 8,8,8 --no-refine --json"
    assert run([*command.split(), "--method", method]) == 0
    found = json.loads(capsys.readouterr().out)["found"]["2"]["result"]
    assert found["settings"]["method"] == method and found["costs"]["search"]["evaluations"] > 5


# ---- who does it makes no difference ---------------------------------------------------------

LONGER = "search --model mixture --nfe 2 --evaluations 100 --noises 64,24,32".split()


def start(*more):
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "ritard.experiments", *LONGER, *more]
    return subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)


def evaluations(url):
    """Of each trial of the search itself, its state, or why it was lost."""
    if not check_storage(url):
        return []
    study = open_study(url, "ritard-search")
    trials = study.storage.get_all_trials(study.id)
    found = [t for t in trials if t.user_attrs.get("phase") == "search"]
    return [t.user_attrs.get("failed", t.state.name) for t in found]


def test_killed_in_the_middle_or_shared_by_two_it_finds_the_same(here):
    assert run([*LONGER, "--out", "alone"]) == 0
    url = f"journal:{here}/shared.log"
    process = start("--storage", url, "--out", "killed")
    while evaluations(url).count("COMPLETE") < 3:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = evaluations(url)
    assert process.returncode == -signal.SIGKILL and not (here / "killed/report.json").exists()

    # What had finished is not done again; the one in hand is, by whoever comes: here two.
    assert run([*LONGER, "--storage", url, "--out", "killed", "--jobs", "2"]) == 0
    assert report(here / "killed") == report(here / "alone")
    after = evaluations(url)
    assert after[: len(before)].count("COMPLETE") == before.count("COMPLETE")
    assert after.count(DIED) <= 1 and set(after) <= {"COMPLETE", DUPLICATE, DIED}
    assert after.count("COMPLETE") == evaluations(f"journal:{here}/alone/trials.log").count(
        "COMPLETE"
    )
    assert (here / "killed/table.csv").read_bytes() == (here / "alone/table.csv").read_bytes()


@pytest.mark.parametrize("method", METHODS)
def test_proposals_do_not_depend_on_the_order_of_results(method):
    """Told one by one in order, or all that is open in any order: the same, with equal bounds."""
    law = GaussianMixture(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.full((2,), 0.2))
    model, rng = law.model(EDM(t_max=20, t_min=0.1)), random.Random(0)

    def cost(sampler):
        return abs(float(sampler.nodes[1].lam)) + 0.01 * (int(key(sampler)[:4], 16) % 7)

    def play(tell_all):
        feed = METHODS[method](model, (2, 3), 26, 1, (20.0, 0.1))
        seen = {}
        while not feed.done:
            seen |= {key(s): feed.bound(s) for s in feed.open() if key(s) not in seen}
            turn = list(feed.open()) if tell_all else feed.open()[:1]
            rng.shuffle(turn)
            for sampler in turn:
                if key(sampler) in map(key, feed.open()):
                    feed.tell(sampler, cost(sampler))
        return [(row.schedule, row.cost) for row in feed.history], seen

    one, other = play(tell_all=False), play(tell_all=True)
    assert one[0] == other[0] and len(one[0]) >= 52
    shared = one[1].keys() & other[1].keys()
    assert len(shared) >= 52 and all(one[1][name] == other[1][name] for name in shared)
    assert any(math.isfinite(bound) for bound in one[1].values())


def test_a_sweep_knows_the_batches_before():
    samplers = dict(itertools.islice(fixed_samplers(EDM(t_max=20, t_min=0.1), 3).items(), 45))
    sweep, costs = Sweep(samplers), {}
    while not sweep.done:
        best = min(costs.values(), default=math.inf)
        turn = list(sweep.open())
        for sampler in reversed(turn):
            assert sweep.bound(sampler) == best
            costs[key(sampler)] = 5 + int(key(sampler)[:3], 16)
            sweep.tell(sampler, costs[key(sampler)])
    assert list(sweep.costs) != list(samplers)
    assert sweep.costs == {name: costs[key(s)] for name, s in samplers.items()}


# ---- a checkpoint on disk --------------------------------------------------------------------


@pytest.fixture
def checkpoint(tmp_path):
    """A small random UNet, as a pipeline saves it."""
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    torch.manual_seed(0)
    network = UNet2DModel(
        sample_size=8, in_channels=1, out_channels=1, layers_per_block=1, norm_num_groups=4,
        block_out_channels=(4, 8), down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    folder = tmp_path / "pipeline"
    DDPMPipeline(network, DDPMScheduler(beta_schedule="linear")).save_pretrained(str(folder))
    return folder


def test_a_checkpoint_is_searched_and_its_schedule_runs_in_its_pipeline(checkpoint, here, capsys):
    from diffusers import DDPMPipeline
    from ritard.solvers.diffusion import RitardScheduler

    command = f"search --model {checkpoint} --nfe 2 --evaluations 8 --noises 4,4,4 --no-refine"
    assert run([*command.split(), "--save", "s.json", "--plot"]) == 0
    assert (here / "ritard-runs/search-pipeline/samples.png").stat().st_size > 5000
    schedule = saved(here / "s.json")
    assert schedule.noise == Discrete.from_betas("linear")

    pipe = DDPMPipeline.from_pretrained(str(checkpoint))
    pipe.scheduler = RitardScheduler.from_config(pipe.scheduler.config, schedule=schedule)
    pipe.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(0)
    images = pipe(2, generator, num_inference_steps=2, output_type="np").images
    assert images.shape == (2, 8, 8, 1)


def test_the_same_checkpoint_elsewhere_is_the_same_model(checkpoint, tmp_path):
    import shutil

    moved = tmp_path / "elsewhere"
    shutil.copytree(checkpoint, moved)
    assert get_subject(str(moved)).identity == get_subject(str(checkpoint)).identity
    flat = tmp_path / "flat"  # network and scheduler in one folder
    shutil.copytree(checkpoint / "unet", flat)
    shutil.copy(checkpoint / "scheduler" / "scheduler_config.json", flat)
    assert get_subject(str(flat)).shape == (1, 8, 8)


def test_checkpoints_that_cannot_be_searched(checkpoint, capsys):
    config = checkpoint / "unet" / "config.json"
    good = json.loads(config.read_text())
    for change, message in (
        ({"_class_name": "UNet2DConditionModel"}, "UNet2DConditionModel"),
        ({"num_class_embeds": 10}, "more than x"),
        ({"sample_size": None}, "no sample_size"),
        (None, "damaged"),
    ):
        config.write_text("{" if change is None else json.dumps(good | change))
        assert run(["search", "--model", str(checkpoint)]) == 2
        assert message in capsys.readouterr().err
    config.unlink()
    assert run(["search", "--model", str(checkpoint)]) == 2
    assert "no unet/config.json" in capsys.readouterr().err


def test_weights_that_are_not_finite_are_refused_before_anything_is_written(
    checkpoint, here, capsys
):
    from diffusers import UNet2DModel

    network = UNet2DModel.from_pretrained(str(checkpoint / "unet"))
    with torch.no_grad():
        network.conv_in.weight.fill_(math.nan)
    network.save_pretrained(str(checkpoint / "unet"))
    assert run(["search", "--model", str(checkpoint), "--noises", "4,4,4", "--out", "o"]) == 2
    assert "is not finite" in capsys.readouterr().err
    assert not (here / "o" / "trials.log").exists()


# ---- mistakes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--model nosuch", "digits, mixture"),
        ("--model no/such", "no such folder"),
        ("--model empty", "no config.json"),
        ("--nfe", "nfe"),
        ("--nfe 0", "nfe=0"),
        ("--nfe 5,x", "nfe='5,x': expected whole numbers"),
        ("--nfe 5,", "nfe='5,'"),
        ("--nfe 5,5", "nfe=5: given twice"),
        ("--evaluations 3", "evaluations=3"),
        ("--seed -1", "seed='-1': expected"),
        ("--method annealing", "s3, evolution, genetic, random"),
        ("--noises 8,8", "three numbers"),
        ("--noises 8,0,8", "noises=0"),
        ("--save schedule.txt", "ends in .json"),
        ("--save empty/../file/s.json", "is a file"),
        ("--out file/below", "is a file"),
        ("--storage nonsense", "expected an SQLAlchemy URL"),
        ("--storage journal:no/such.log", "does not exist"),
        ("--jobs 0", "jobs='0': expected"),
        ("--accelerator tpu", "cpu, gpu, mps, auto"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(arguments, message, here, capsys):
    (here / "file").write_text("")
    (here / "empty").mkdir()
    assert run(["search", *arguments.split(" ")]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    assert message in err
    assert sorted(path.name for path in here.iterdir()) == ["empty", "file"]

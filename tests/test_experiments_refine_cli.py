"""``ritard refine`` and ``ritard score`` on the norms of a real training, and ``refined(PATH)``."""

import json
import pickle
import warnings

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from ritard.experiments.__main__ import run
from ritard.experiments.cli import read
from ritard.experiments.tasks import get_task
from ritard.schedules import (
    GradNormCallback,
    GradNorms,
    Linear,
    Polynomial,
    Schedule,
    ScheduleCallback,
    ScheduleLR,
    Tabulated,
    bound,
    fit_closed_form,
    predicted_gain,
    refine,
)

STEPS = 300


@pytest.fixture(scope="module")
def digits_norms():
    """Gradient norms of a small network on scikit-learn's digits, by torch's own function."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    images, labels = torch.tensor(pixels / 16, dtype=torch.float32), torch.tensor(labels)
    threads, draws = torch.get_num_threads(), torch.Generator().manual_seed(0)
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    scheduler, found = ScheduleLR(optimizer, Linear().warmup(0.05), STEPS), []
    for _ in range(STEPS):
        rows = torch.randint(0, len(images), (32,), generator=draws)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(images[rows]), labels[rows]).backward()
        grads = [p.grad for p in net.parameters()]
        found.append(torch.nn.utils.get_total_norm(grads).item())
        optimizer.step()
        scheduler.step()
    torch.set_num_threads(threads)
    return GradNorms.of(found, "l2", optimizer="SGD")


@pytest.fixture
def here(tmp_path, monkeypatch, digits_norms):
    monkeypatch.chdir(tmp_path)
    digits_norms.save("norms.jsonl")
    return tmp_path


def refine_json(capsys, *arguments):
    assert run(["refine", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


# ---- ritard refine ---------------------------------------------------------------------------


def test_refine_prints_what_the_log_says_and_what_to_do_next(here, capsys, digits_norms):
    assert run(["refine", "norms.jsonl"]) == 0
    out, err = capsys.readouterr()
    gain = predicted_gain(digits_norms)
    assert "300 steps, l2 norms of SGD" in out and f"x{gain:.4g} predicted" in out
    assert f"refining can pay at most x{gain:.3g} in the bound" in out
    assert "polynomial(power=" in out and "rms" in out
    assert 'ritard compare --schedules "linear,refined(norms.jsonl)' in out
    assert err == "" and [path.name for path in here.iterdir()] == ["norms.jsonl"]


def test_refine_saves_the_schedule_draws_it_and_prints_json(here, capsys, digits_norms):
    files = ["--save", "new/s.json", "--plot", "--out", "new", "--smoothing", "0.2"]
    data = refine_json(capsys, "norms.jsonl", *files)
    expected = refine(digits_norms, 0.2)
    saved = json.loads((here / "new/s.json").read_text())
    assert Schedule.from_dict(saved) == expected
    names = {path.name for path in (here / "new").iterdir()}
    assert names == {"s.json", "refined.png", "report.json"}
    assert (here / "new/refined.png").stat().st_size > 20_000
    assert json.loads((here / "new/report.json").read_text()) == data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        form = fit_closed_form(expected)
    assert data["predicted_gain"] == predicted_gain(digits_norms, 0.2)
    assert (data["steps"], data["missing"], data["not_finite"]) == (STEPS, 0, 0)
    assert (data["norm"], data["optimizer"], data["smoothing"]) == ("l2", "SGD", 0.2)
    shown = data["closed_form"]
    assert {k: shown[k] for k in vars(form)} == vars(form)
    assert shown["fits"] == (form.max_error <= 0.1)
    near = Schedule.parse(shown["text"]).values(500)
    np.testing.assert_allclose(near, form.schedule().values(500), rtol=0, atol=2e-3)
    assert run(["refine", "norms.jsonl", "--save", "new/s.json"]) == 0  # again: replaced whole
    assert Schedule.from_dict(json.loads((here / "new/s.json").read_text())) == refine(digits_norms)
    assert "refined(new/s.json)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("decay", "advice"),
    [
        (0.0, "hardly worth a second run"),
        (0.9, "it may be worth a second run; compare with linear"),
        (1.6, "it may be worth a second run; compare with linear"),
        (3.0, "do not count on it"),
    ],
)
def test_the_advice_follows_the_gain(here, capsys, decay, advice):
    GradNorms.of(np.exp(-decay * np.linspace(0, 1, 400))).save("made.jsonl")
    data = refine_json(capsys, "made.jsonl")
    assert advice in data["advice"]
    if decay == 0:
        assert data["predicted_gain"] == 1 and data["closed_form"]["text"] == "polynomial"


def test_a_curve_that_has_no_closed_form_is_said_so(here, capsys):
    bumpy = 1 + 2 * np.sin(np.linspace(0, 20, 400)) ** 2
    GradNorms.of(bumpy).save("made.npz")
    assert run(["refine", "made.npz", "--smoothing", "0.01"]) == 0
    out, err = capsys.readouterr()
    assert "not of this form" in out and "warning" not in err.lower()
    assert 'linear,refined(made.npz)"' in out  # the form is not proposed


def test_columns_gaps_and_l1_norms(here, capsys):
    (here / "log.csv").write_text("step,norm\n0,4\n1,nan\n3,1\n4,1\n5,2\n")
    data = refine_json(capsys, "log.csv", "--norm", "l1")
    assert (data["norm"], data["steps"]) == ("l1", 6)
    assert (data["missing"], data["not_finite"]) == (1, 1)
    assert run(["refine", "log.csv", "--norm", "l1"]) == 0
    out = capsys.readouterr().out
    assert "1 missing, 1 not finite: interpolated" in out and "an indication" in out
    assert refine_json(capsys, "log.csv")["norm"] == "l2"


def test_zero_norms_and_short_logs_are_drawn(here, capsys):
    for norms in ([1.0], [1.0, 0.0], [0.0, 0.0, 2.0]):
        GradNorms.of(norms).save("short.jsonl")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert run(["refine", "short.jsonl", "--plot"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("no.jsonl", "no.jsonl"),
        ("norms.jsonl --norm l1", "log of l2 norms"),
        ("norms.jsonl --norm l3", "l3"),
        ("norms.jsonl --smoothing 0", "smoothing=0"),
        ("norms.jsonl --smoothing nan", "smoothing=nan"),
        ("norms.jsonl --save s.txt", "save='s.txt': expected a name that ends in .json"),
        ("norms.jsonl --save folder.json", "it is a folder"),
        ("norms.jsonl --save text/s.json", "is a file, not a folder"),
        ("norms.jsonl --plot --out text", "out='text'"),
        ("log.json --save log.json", "it is the log itself"),
        ("log.json --save ./link.json", "it is the log itself"),
        ("s.json", "not a log of gradient norms"),
        ("empty", "empty"),
        ("zeros.jsonl", "none is positive"),
        ("nan.jsonl", "none of 2 is finite"),
        ("text", "line 2"),
        ("cut.npz", "not an NPZ log"),
        ("", "'log'"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(here, capsys, digits_norms, arguments, message):
    digits_norms.save("log.json")
    (here / "link.json").hardlink_to(here / "log.json")
    (here / "folder.json").mkdir()
    (here / "s.json").write_text(json.dumps(Linear().to_dict()))
    (here / "empty").write_text("")
    (here / "text").write_text("step norm\nhello world\n")
    GradNorms.of([0, 0]).save("zeros.jsonl")
    GradNorms.of([np.nan, np.inf]).save("nan.jsonl")
    digits_norms.save("whole.npz")
    (here / "cut.npz").write_bytes((here / "whole.npz").read_bytes()[:200])
    before = {path.name: path.is_dir() or path.read_bytes() for path in here.iterdir()}
    assert run(["refine", *arguments.split()]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    assert message in err
    assert {path.name: path.is_dir() or path.read_bytes() for path in here.iterdir()} == before


# ---- refined(PATH) ---------------------------------------------------------------------------


def test_refined_reads_a_log_or_a_saved_schedule(here, digits_norms):
    table = refine(digits_norms)
    (here / "s, (1)+.json").write_text(json.dumps(table.to_dict()))
    digits_norms.save("norms.npz")
    text = "refined(norms.jsonl), linear,refined(norms.npz)+warmup(0.1), refined(./s, (1)+.json)"
    log, linear, warm, saved = read.schedules(text)
    assert log.table == saved.table == table.table and linear == Linear() and log == saved
    assert np.array_equal(warm.values(500), table.warmup(0.1).values(500))
    (here / "p.json").write_text(json.dumps(Polynomial(2).warmup(3).to_dict()))
    assert read.schedules("refined(p.json)") == (Polynomial(2).warmup(3),)


def test_refined_prints_shortly_and_tells_versions_apart(here, digits_norms):
    (log,) = read.schedules(f"refined({here}/norms.jsonl)+floor(0.1)")
    assert str(log).startswith("refined(norms.jsonl#") and str(log).endswith(")+floor(0.1)")
    assert len(str(log)) < 50 and str(pickle.loads(pickle.dumps(log))) == str(log)
    assert Schedule.from_dict(log.to_dict()) == refine(digits_norms).floor(0.1)
    assert str(read.schedules("refined(norms.jsonl)+floor(0.1)")[0]) == str(log)
    GradNorms.of(2 + np.sin(digits_norms.norms)).save("norms.jsonl")
    assert str(read.schedules("refined(norms.jsonl)+floor(0.1)")[0]) != str(log)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("refined(no.jsonl)", "no.jsonl"),
        ("refined()", "Is a directory"),
        ("refined", "refined"),
        ("refined(norms.jsonl)+liner", "'liner' is not an operator"),
        ("linear+refined(norms.jsonl)", "'refined' is not an operator"),
        ("refined(zeros.jsonl)", r"refined\(zeros.jsonl\): .*none is positive"),
        ("refined(cut.json)", r"refined\(cut.json\): expected a log of gradient norms or a saved"),
        ("refined(bad.json)", r"refined\(bad.json\): .*'nosuch' is not a schedule"),
    ],
)
def test_what_refined_refuses(here, text, message):
    GradNorms.of([0, 0]).save("zeros.jsonl")
    (here / "cut.json").write_text('{"name": "tabulated", "table": [1, 0.')
    (here / "bad.json").write_text('{"name": "nosuch"}')
    with pytest.raises((ValueError, OSError), match=message):
        read.schedules(text)


def test_the_library_reads_no_file(here):
    with pytest.raises(ValueError):
        Schedule.parse("refined(norms.jsonl)")


def test_compare_takes_a_refined_schedule(here, capsys):
    arguments = "compare --budgets 1 --seeds 1 --lr-grid 0.1 --json --schedules".split()
    assert run([*arguments, "linear,refined(norms.jsonl)+warmup(0.1)"]) == 0
    data = json.loads(capsys.readouterr().out)
    label = data["table"][1]["schedule"]
    assert label.startswith("refined(norms.jsonl#") and len(label) < 50
    found = Schedule.from_dict(data["schedules"][1])
    assert isinstance(found.base, Tabulated) and len(found.base.table) == STEPS
    assert run(["plot", "--schedules", "rex,refined(norms.jsonl)"]) == 0


# ---- ritard score ----------------------------------------------------------------------------


def score_json(capsys, *arguments):
    assert run(["score", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_score_ranks_and_carries_rates_over(here, capsys):
    text = "constant,cosine,linear"
    data = score_json(capsys, "--schedules", text, "--steps", "4000")
    assert [row["schedule"] for row in data["schedules"]] == ["linear", "cosine", "constant"]
    linear, cosine, constant = data["schedules"]
    assert linear["relative"] == 1 and constant["rate_factor"] == 1
    assert cosine["relative"] == pytest.approx(2.061 / 2.002, rel=5e-4)
    assert linear["rate_factor"] == pytest.approx(0.999 / 0.318, rel=2e-3)
    assert linear["bound"] == bound(Linear(), 4000).value
    assert linear["best_base_lr"] == bound(Linear(), 4000).best_base_lr


def test_score_carries_rates_over_between_horizons(here, capsys):
    """Under constant norms the best rate falls as one over the root of the horizon."""
    arguments = ["--schedules", "linear,cosine", "--steps", "4000", "--steps-from", "1000"]
    data = score_json(capsys, *arguments)
    found = bound(Linear(), 4000).best_base_lr / bound(Linear(), 1000).best_base_lr
    assert data["schedules"][0]["rate_factor"] == pytest.approx(found, rel=1e-12)
    assert found == pytest.approx(0.5, abs=2e-3) and data["steps_from"] == 1000


def test_score_uses_recorded_norms(here, capsys, digits_norms):
    arguments = ["--schedules", "linear,refined(norms.jsonl)", "--steps", "800"]
    data = score_json(capsys, *arguments, "--norms", "norms.jsonl")
    first, second = data["schedules"]
    assert first["schedule"].startswith("refined(norms.jsonl#")
    expected = (
        bound(Linear(), 800, digits_norms).value
        / bound(refine(digits_norms), 800, digits_norms).value
    )
    assert second["relative"] == pytest.approx(expected, rel=1e-12) and expected > 1


def test_score_prints_a_table_and_draws(here, capsys):
    GradNorms.of([3, 2, 1], "l1").save("l1.jsonl")
    arguments = "--schedules wsd,linear,refined(l1.jsonl) --steps 400 --norms l1.jsonl".split()
    assert run(["score", *arguments, "--steps-from", "200", "--plot", "--out", "new"]) == 0
    out, err = capsys.readouterr()
    lines = [line for line in out.splitlines() if line.startswith("│")]
    assert len(lines) == 3 and "1.000" in lines[0]
    assert "tuned for wsd over 200 updates" in out and "recorded l1 norms" in out
    assert "an indication" in out and err == "the results are in new\n"
    assert (here / "new/scores.png").stat().st_size > 20_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--schedules linear", "steps"),
        ("--steps 10", "schedules"),
        ("--schedules liner --steps 10", "linear"),
        ("--schedules linear --steps 0", "error: steps=0"),
        ("--schedules linear --steps 10 --steps-from 0", "error: steps-from=0"),
        ("--schedules constant(0) --steps 10", "zero throughout"),
        ("--schedules linear+warmup(50) --steps 10", "warmup length=50 does not fit"),
        ("--schedules linear --steps 10 --norms no.jsonl", "no.jsonl"),
        ("--schedules linear --steps 10 --plot --out norms.jsonl", "out='norms.jsonl'"),
    ],
)
def test_a_mistake_in_score_is_one_line_and_writes_nothing(here, capsys, arguments, message):
    assert run(["score", *arguments.split()]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    assert message in err
    assert [path.name for path in here.iterdir()] == ["norms.jsonl"]


def test_the_callbacks_log_of_a_fit_is_refined_and_scored(tmp_path, monkeypatch, capsys):
    """From a Lightning training on real data to the commands, against the library's own values."""
    monkeypatch.chdir(tmp_path)
    pl.seed_everything(0, verbose=False)
    task, steps = get_task("digits"), 120
    pl.Trainer(
        max_steps=steps, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
        callbacks=[ScheduleCallback(Linear()), GradNormCallback("norms.jsonl")],
    ).fit(task.module("sgd", 0.1), task.loaders(0).train)  # fmt: skip
    norms = GradNorms.load("norms.jsonl")
    assert norms.norm == "l2" and norms.steps.tolist() == list(range(steps))
    capsys.readouterr()

    assert run(["refine", "norms.jsonl", "--save", "refined.json", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["predicted_gain"] == pytest.approx(predicted_gain(norms), rel=1e-9)
    assert Schedule.from_dict(json.loads((tmp_path / "refined.json").read_text())) == refine(norms)

    schedules = "linear,refined(norms.jsonl)"
    words = ["--schedules", schedules, "--steps", str(steps), "--norms", "norms.jsonl", "--json"]
    assert run(["score", *words]) == 0
    rows = json.loads(capsys.readouterr().out)["schedules"]
    grad_norms = norms.norms
    values = {row["schedule"].partition("(")[0]: row["bound"] for row in rows}
    assert values["linear"] == pytest.approx(bound(Linear(), steps, grad_norms).value, rel=1e-9)
    assert values["refined"] == pytest.approx(
        bound(refine(norms), steps, grad_norms).value, rel=1e-9
    )
    assert values["refined"] < values["linear"]

"""The evidence of the solver search: its metrics against SciPy, its protocol, its resumption."""

import csv
import json
import math
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ritard.experiments.search.evidence import distributions as dist
from ritard.experiments.search.evidence.bootstrap import geometric_ratio, rms_ratio
from ritard.experiments.search.evidence.errors import Errors, distances
from ritard.experiments.search.evidence.features import WIDTH, train_classifier
from ritard.experiments.search.evidence.figures import save_ratios
from ritard.experiments.search.evidence.judged import floor_of
from ritard.experiments.search.evidence.methods import METHODS, alone
from ritard.experiments.search.evidence.protocol import Cell, Protocol
from ritard.experiments.search.evidence.report import (
    markdown,
    markdown_distances,
    markdown_payback,
    markdown_ratios,
    write_report,
)
from ritard.experiments.search.evidence.span import span_distances
from ritard.experiments.search.evidence.study import read_outcomes, run_study, whole_ground
from ritard.experiments.search.evidence.summary import Payback, payback, summarise
from ritard.solvers.diffusion import (
    EDM,
    GaussianMixture,
    Model,
    SolverSchedule,
    dpmpp_2m,
    grids,
    lower,
    sample,
)
from ritard.solvers.diffusion.saved import load_sampler
from ritard.tuners.solver_search import Evaluator, RandomSearch, fixed_samplers


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


# ---- what outputs can say ------------------------------------------------------------------


def test_span_distances_are_those_of_numpys_projection():
    """Outputs of a network that are noise of their own span a random subspace."""
    fixed = {}

    def network(x, t):
        return fixed.setdefault(float(t[0]), normal(*x.shape, seed=len(fixed) + 1))

    noise, eps, exact = EDM(), normal(5, 9), normal(5, 9, seed=99)
    sampler = dpmpp_2m(noise, grids.edm_rho(noise, 3))
    judge = Evaluator(Model(network, noise, "data"), eps, None, exact)
    found = span_distances(judge, sampler)
    columns = [eps, *(fixed[t] for t in sampler.times[:-1])]
    for i in range(5):
        basis = np.stack([c[i].numpy() for c in columns], axis=1)
        gap = basis @ np.linalg.pinv(basis) @ exact[i].numpy() - exact[i].numpy()
        assert float(found[i]) == pytest.approx(np.sqrt(np.mean(gap**2)), rel=1e-9)


def test_span_distances_bound_every_sampler_and_vanish_where_solutions_are_linear():
    noise, eps = EDM(t_max=20.0, t_min=0.01), normal(16, 6)
    means = normal(3, 6, seed=5)
    data = GaussianMixture(means, torch.full((3,), 0.05, dtype=torch.float64))
    judge = Evaluator(data.model(noise), eps)
    for sampler in list(fixed_samplers(noise, 3).values())[::9]:
        own = distances(judge.samples(sampler), judge.reference)
        assert bool((span_distances(judge, sampler) <= own + 1e-12).all())
    round_one = GaussianMixture(means[:1], torch.full((1,), 0.05, dtype=torch.float64))
    judge = Evaluator(round_one.model(noise), eps)
    sampler = dpmpp_2m(noise, grids.edm_rho(noise, 3))
    assert float(distances(judge.samples(sampler), judge.reference).min()) > 1e-4
    assert float(span_distances(judge, sampler).max()) < 1e-7


# ---- errors --------------------------------------------------------------------------------


def test_errors_against_numpy_and_scipy():
    each = normal(501).abs() + 0.01
    found = Errors.of(each, scale=2.0)
    x = each.numpy()
    assert found.geometric == pytest.approx(scipy.stats.gmean(x), rel=1e-12)
    assert found.rmse == pytest.approx(np.sqrt(np.mean(x**2)), rel=1e-12)
    assert found.median == pytest.approx(np.median(x), rel=1e-12)
    assert found.q90 == pytest.approx(np.quantile(x, 0.9), rel=1e-12)
    assert found.q99 == pytest.approx(np.quantile(x, 0.99), rel=1e-12)
    near = torch.tensor([0.299, 0.301, 0.3, 1.0], dtype=torch.float64)  # 0.15 of the scale: 0.3
    assert found.flips == np.mean(x > 0.3) and Errors.of(near, scale=2.0).flips == 0.5


def test_distances_are_root_mean_squares_of_each_sample():
    samples, reference = normal(7, 2, 3), normal(7, 2, 3, seed=1)
    gap = (samples - reference).numpy().reshape(7, 6)
    expected = np.linalg.norm(gap, axis=1) / math.sqrt(6)
    np.testing.assert_allclose(distances(samples, reference), expected, rtol=1e-13)
    with pytest.raises(ValueError, match=r"samples: shape \(7, 2, 3\)"):
        distances(samples, reference[:, 0])


def test_a_sample_without_error_leaves_the_geometric_mean_finite():
    assert Errors.of(torch.zeros(3), 1.0).geometric > 0


# ---- distances of distributions ------------------------------------------------------------


def test_sliced_wasserstein_of_one_dimension_is_scipys_quantile_coupling():
    x, y = normal(60, 1), 2 * normal(60, 1, seed=1) + 0.3
    expected = np.sqrt(np.mean((np.sort(x[:, 0]) - np.sort(y[:, 0])) ** 2))
    assert dist.sliced_wasserstein(x, y, directions=5) == pytest.approx(expected, rel=1e-12)


def test_wasserstein_of_unequal_sizes_against_scipy():
    # SciPy has the first power: at two-valued samples whose gaps are 0 or 1 both are equal.
    x = torch.tensor([0.0] * 3 + [1.0] * 4, dtype=torch.float64)[:, None]
    y = torch.tensor([0.0] * 9 + [1.0] * 2, dtype=torch.float64)[:, None]
    first = scipy.stats.wasserstein_distance(x[:, 0], y[:, 0])
    assert dist.sliced_wasserstein(x, y) ** 2 == pytest.approx(first, rel=1e-12)


@given(st.integers(2, 9), st.integers(2, 9), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_unequal_sizes_are_samples_repeated_to_a_common_size(n, m, seed):
    x, y = normal(n, 3, seed=seed), normal(m, 3, seed=seed + 100)
    repeated = dist.sliced_wasserstein(x.repeat(m, 1), y.repeat(n, 1), directions=8)
    assert dist.sliced_wasserstein(x, y, directions=8) == pytest.approx(repeated, rel=1e-9)


def test_directions_average_to_the_distance_of_normals():
    # A shift by v is |v . theta| in each direction, and E (v . theta)^2 = |v|^2 / d.
    x, v = normal(50, 4), torch.tensor([3.0, 0.0, -1.0, 2.0], dtype=torch.float64)
    found = dist.sliced_wasserstein(x, x + v, directions=20_000)
    assert found == pytest.approx(math.sqrt(14 / 4), rel=0.01)


def test_energy_distance_against_scipy():
    x, y = normal(80, 1), normal(50, 1, seed=1) + 0.7
    # SciPy's is the root of the biased form, whose pairs within count n^2.
    within = [np.abs(np.subtract.outer(z, z)).sum() for z in (x[:, 0].numpy(), y[:, 0].numpy())]
    biased = scipy.stats.energy_distance(x[:, 0], y[:, 0]) ** 2
    change = within[0] / 80**2 - within[0] / (80 * 79) + within[1] / 50**2 - within[1] / (50 * 49)
    assert dist.energy_distance(x, y) == pytest.approx(biased + change, rel=1e-7)


def test_kernel_distance_is_the_sum_over_pairs():
    x, y = normal(9, 3).numpy(), normal(7, 3, seed=1).numpy() + 0.5

    def k(a, b):
        return (a @ b / 3 + 1) ** 3

    xx = np.mean([k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
    yy = np.mean([k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
    xy = np.mean([k(a, b) for a in x for b in y])
    found = dist.kernel_distance(torch.tensor(x), torch.tensor(y))
    assert found == pytest.approx(xx + yy - 2 * xy, rel=1e-10)


@pytest.mark.parametrize("of", [dist.energy_distance, dist.kernel_distance])
def test_the_unbiased_distances_average_to_zero(of):
    found = [of(normal(40, 2, seed=2 * s), normal(40, 2, seed=2 * s + 1)) for s in range(200)]
    assert abs(np.mean(found)) < 3.5 * np.std(found) / math.sqrt(200)
    assert min(found) < 0


def test_blocks_change_nothing(monkeypatch):
    x, y = normal(30, 2), normal(23, 2, seed=1)
    whole = dist.energy_distance(x, y), dist.kernel_distance(x, y)
    monkeypatch.setattr(dist, "BLOCK", 7)
    assert (dist.energy_distance(x, y), dist.kernel_distance(x, y)) == pytest.approx(whole)


def test_frechet_distance_against_scipys_square_root():
    x = normal(200, 5) @ normal(5, 5, seed=2)
    y = normal(150, 5, seed=1) + 0.4
    a, b = np.cov(x.numpy().T), np.cov(y.numpy().T)
    root = scipy.linalg.sqrtm(a @ b).real
    gap = x.mean(0).numpy() - y.mean(0).numpy()
    expected = gap @ gap + np.trace(a + b - 2 * root)
    assert dist.frechet_distance(x, y) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("of", [dist.frechet_distance, dist.sliced_wasserstein])
def test_nothing_between_a_set_and_itself(of):
    x = normal(100, 3)
    assert of(x, x) == pytest.approx(0, abs=1e-7)


def test_samples_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="of one shape"):
        dist.energy_distance(normal(5, 2), normal(5, 3))
    with pytest.raises(ValueError, match="more than 8"):
        dist.frechet_distance(normal(8, 8), normal(20, 8))


# ---- features ------------------------------------------------------------------------------


def test_classifier_learns_and_leaves_random_numbers_alone():
    labels = torch.arange(300) % 3
    data = normal(300, 2, 3) + 2 * labels[:, None, None]
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    model = train_classifier(data, labels, steps=200)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert float((model(data).argmax(1) == labels).float().mean()) > 0.95
    assert model.features(data).shape == (300, WIDTH)
    again = train_classifier(data, labels, steps=200)
    assert torch.equal(again.features(data), model.features(data))


# ---- bootstrap -----------------------------------------------------------------------------


def errors_of_two():
    theirs = (normal(300, seed=3) - 2).exp()
    ours = theirs * (0.5 * normal(300, seed=4) - 0.1).exp()
    return ours, theirs


def test_geometric_ratio_against_scipys_bootstrap():
    ours, theirs = errors_of_two()
    found = geometric_ratio(ours, theirs, resamples=20_000)
    gap = np.log(ours.numpy()) - np.log(theirs.numpy())
    theory = scipy.stats.bootstrap(
        (gap,), np.mean, n_resamples=20_000, method="percentile", random_state=1
    ).confidence_interval
    assert found.value == pytest.approx(np.exp(gap.mean()), rel=1e-12)
    width = theory.high - theory.low
    assert math.log(found.low) == pytest.approx(theory.low, abs=0.02 * width)
    assert math.log(found.high) == pytest.approx(theory.high, abs=0.02 * width)


def test_rms_ratio_against_scipys_paired_bootstrap():
    ours, theirs = (x.numpy() for x in errors_of_two())

    def ratio(a, b, axis=-1):
        return np.sqrt((a**2).mean(axis) / (b**2).mean(axis))

    theory = scipy.stats.bootstrap(
        (ours, theirs), ratio, paired=True, n_resamples=20_000, method="percentile", random_state=1
    ).confidence_interval
    found = rms_ratio(torch.tensor(ours), torch.tensor(theirs), resamples=20_000)
    assert found.value == pytest.approx(ratio(ours, theirs), rel=1e-12)
    assert found.low == pytest.approx(theory.low, abs=0.02 * (theory.high - theory.low))
    assert found.high == pytest.approx(theory.high, abs=0.02 * (theory.high - theory.low))


def test_seeds_are_averaged_and_their_order_does_not_matter():
    ours, theirs = errors_of_two()
    both = torch.stack([ours, 4 * ours])
    one, two = geometric_ratio(ours, theirs), geometric_ratio(both, theirs)
    assert two.value == pytest.approx(2 * one.value) and two.low == pytest.approx(2 * one.low)
    assert rms_ratio(both, theirs) == rms_ratio(both.flip(0), theirs)


def test_verdicts():
    ours, theirs = errors_of_two()
    assert geometric_ratio(ours / 2, theirs).verdict == "better"
    assert geometric_ratio(2 * ours, theirs).verdict == "worse"
    assert geometric_ratio(theirs.roll(1), theirs).verdict == "no difference seen"
    with pytest.raises(ValueError, match="ours: shape"):
        geometric_ratio(ours[:5], theirs)


# ---- the study -----------------------------------------------------------------------------

TINY = Protocol("mixture", (3, 4), seeds=2, train=8, validation=8, test=40, evaluations=12)
CELLS = [Cell("mixture", nfe, "fixed") for nfe in (3, 4)] + [
    Cell("mixture", 3, "random", seed) for seed in range(2)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    list(run_study({"mixture": TINY}, CELLS, folder))
    return folder


def test_noises_are_disjoint_and_their_solutions_exact(folder):
    ground = whole_ground(TINY, folder)
    parts = [ground.train(0), ground.train(1), ground.validation(), ground.test()]
    assert [len(part.eps) for part in parts] == [8, 8, 8, 40]
    assert len(torch.cat([part.eps for part in parts]).unique(dim=0)) == 64
    noise, x = ground.bed.model.noise, ground.test().eps
    times = grids.uniform_lambda(noise, 3000)
    fine = sample(ground.bed.model, x * noise.node(1.0).sigma, lower(dpmpp_2m(noise, times)))
    torch.testing.assert_close(fine, ground.test().reference, rtol=0, atol=2e-4)


def test_a_cell_says_what_its_sampler_does_on_the_test_noises(folder):
    held = json.loads((folder / "mixture-03-fixed-0.json").read_text())
    ground = whole_ground(TINY, folder)
    noise, test = ground.bed.model.noise, ground.test()
    table = load_sampler(held["found"]["sampler"])
    table = lower(table) if isinstance(table, SolverSchedule) else table
    assert table.nfe == 3
    x = sample(ground.bed.model, test.eps * noise.node(1.0).sigma, table)
    each = (x - test.reference).square().mean(1).sqrt().numpy()
    np.testing.assert_allclose(held["each"], each, rtol=1e-4)
    assert held["errors"]["geometric"] == pytest.approx(scipy.stats.gmean(each), rel=1e-9)
    assert set(held["distances"]) >= {"SWD data", "SWD reference", "energy data"}


def test_the_fixed_solver_is_the_best_of_all_on_the_validation_noises(folder):
    held = json.loads((folder / "mixture-03-fixed-0.json").read_text())["found"]
    ground = whole_ground(TINY, folder)
    bed = ground.bed
    scores = {
        name: ground.validation()(sampler)
        for name, sampler in fixed_samplers(bed.model.noise, 3, bed.t_start, bed.t_end).items()
    }
    assert held["validation"] == pytest.approx(min(scores.values()))
    assert scores[held["origin"]] == min(scores.values())


def test_a_killed_study_goes_on_and_does_nothing_twice(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "half")
    gone = tmp_path / "half" / "mixture-03-random-1.json"
    gone.unlink()
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "half").iterdir()}
    done = [(done, total) for done, total, _ in run_study({"mixture": TINY}, CELLS, gone.parent)]
    assert done == [(3, 4), (4, 4)]
    assert all((gone.parent / name).stat().st_mtime_ns == then for name, then in kept.items())
    again, once = (json.loads((path / gone.name).read_text()) for path in (gone.parent, folder))
    for one in (again, once):  # times differ
        one["found"].pop("seconds")
        one["found"]["sampler"].pop("record", None)
    assert again == once


def test_half_a_search_is_no_evidence(folder, monkeypatch, tmp_path):
    class Stopped(RandomSearch):
        asked = 0

        def ask(self):
            self.asked += 1
            if self.asked > 3:
                raise KeyboardInterrupt  # the search ends, and gives what it has
            return super().ask()

    monkeypatch.setitem(METHODS, "stopped", alone(Stopped))
    with pytest.raises(KeyboardInterrupt):
        list(run_study({"mixture": TINY}, [Cell("mixture", 3, "stopped", 0)], tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["mixture-ground.pt"]


def test_a_damaged_cell_or_ground_is_named(folder, tmp_path):
    for name in ("mixture-03-random-1.json", "mixture-ground.pt"):
        half = tmp_path / name
        shutil.copytree(folder, half)
        whole = (half / name).read_bytes()
        (half / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ValueError, match=rf"{re.escape(str(half / name))} is damaged"):
            read_outcomes(TINY, CELLS, half)
            whole_ground(TINY, half)


def strict(path):
    """JSON as other programs read it, without Python's words for what is not finite."""

    def refuse(word):
        raise AssertionError(f"{path}: {word}")

    return json.loads(path.read_text(), parse_constant=refuse)


def test_what_is_not_finite_is_null_and_read_as_what_it_was(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "some")
    first = tmp_path / "some" / "mixture-03-fixed-0.json"
    held = strict(first)
    assert held["found"]["train"] is None  # it has no training noises
    held["each"][0] = held["errors"]["rmse"] = held["distances"]["SWD data"] = None
    first.write_text(json.dumps(held))
    outcomes = read_outcomes(TINY, CELLS, first.parent)
    found = outcomes[0]
    assert math.isnan(found.found.train) and math.isinf(found.each[0])
    assert math.isinf(found.errors.rmse) and math.isinf(found.distances["SWD data"])
    rows = summarise(read_outcomes(TINY, CELLS, folder))
    write_report(TINY, rows, {}, outcomes, {"far": math.inf}, tmp_path)
    report = strict(tmp_path / "report.json")
    assert report["far"] is None and report["cells"][0]["errors"]["rmse"] is None


def test_cells_of_other_settings_are_run_again(folder):
    changed = TINY.smaller(evaluations=13)
    done, total, _ = next(run_study({"mixture": changed}, CELLS, folder))
    assert (done, total) == (0, 4)
    with pytest.raises(ValueError, match="other noises"):
        whole_ground(TINY.smaller(test=41), folder)


def test_rows_tables_and_picture(folder, tmp_path):
    outcomes = read_outcomes(TINY, CELLS, folder)
    rows = summarise(outcomes)
    assert [(row.nfe, row.method, row.seeds) for row in rows] == [
        (3, "fixed", 1),
        (3, "random", 2),
        (4, "fixed", 1),
    ]
    fixed, found = rows[0], rows[1]
    ratio = found.errors.geometric / fixed.errors.geometric
    assert found.to_fixed.value == pytest.approx(ratio, rel=1e-4)
    assert scipy.stats.gmean(found.by_seed) == pytest.approx(ratio, rel=1e-4)
    assert outcomes[2].found.evaluations["search"] == 12
    labels = {"fixed": "best fixed", "random": "random search"}
    text = "".join(markdown(rows, labels))
    assert f"{found.to_fixed.value:.2f} (" in text and fixed.label in text
    low, high = min(found.by_seed), max(found.by_seed)
    ends = "" if low == high else f"({low:.2g} to {high:.2g})"
    short = "".join(markdown_ratios(rows, labels)).splitlines()
    assert short[0] == "| | 3 | 4 |" and len(short) == 4
    assert f"| random search | {ratio:.2g}" in short[3] and ends in short[3]
    floor = floor_of(whole_ground(TINY, folder))
    assert "the floor" in "".join(markdown_distances(rows, floor, labels))
    write_report(TINY, rows, floor, outcomes, {}, tmp_path)
    lines = list(csv.DictReader((tmp_path / "table.csv").open()))
    assert [line["method"] for line in lines] == ["fixed", "random", "fixed"]
    report = json.loads((tmp_path / "report.json").read_text())
    assert load_sampler(report["cells"][0]["sampler"]).nfe == 3
    save_ratios({"mixture": rows}, labels, tmp_path / "ratios.png")
    assert (tmp_path / "ratios.png").stat().st_size > 10_000


def test_payback_interpolates_between_the_fixed_solvers(folder):
    row = summarise(read_outcomes(TINY, CELLS, folder))[0]
    fixed = {3: 1.0, 4: 0.1, 8: 0.001}

    def at(error):
        return replace(row, errors=replace(row.errors, geometric=error))

    assert payback(at(0.1), fixed, 1000.0) == Payback(4, 8, 1000.0)
    assert payback(at(0.01), fixed, 1000.0) == Payback(6, 8, 1000 / 3)
    assert payback(at(2.0), fixed, 1000.0).images == math.inf
    assert payback(at(1e-4), fixed, 1000.0) == Payback(math.inf, 8, 200.0)
    rows = [(row, payback(at(error), fixed, 1000.0)) for error in (0.01, 2.0, 1e-4)]
    text = markdown_payback([*rows, (row, Payback(math.inf, 3, math.inf))], {})
    assert [line.split(" | ")[2:] for line in text.splitlines()[2:]] == [
        ["6 NFE", "333 |"],
        ["3 NFE", "never |"],
        ["more than 8 NFE", "at most 200 |"],
        ["more than 3 NFE", "not known |"],
    ]

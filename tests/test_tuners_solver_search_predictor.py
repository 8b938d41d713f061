"""The ranking predictor: padding, loss, gradients of learning, state, and what it ranks."""

import json
import math

import numpy as np
import pytest
import torch
from ritard.solvers.diffusion import EDM, SolverSchedule, SolverStep
from ritard.tuners.solver_search import Predictor, Space, random_schedule
from ritard.tuners.solver_search.archive import Archive
from ritard.tuners.solver_search.encode import WIDTH, encode
from ritard.tuners.solver_search.predictor import Ensemble, _shares, forward, ranking_loss
from scipy.stats import kendalltau

NOISE = EDM(20.0, 0.01)


def _schedules(count: int, nfe: int = 5, seed: int = 0) -> list[SolverSchedule]:
    rng = np.random.default_rng(seed)
    return [random_schedule(NOISE, nfe, Space(), rng) for _ in range(count)]


def _cost(schedule: SolverSchedule) -> float:
    """Smooth in the times, with a share of the decisions."""
    lambdas = -np.log(schedule.times)
    equal = np.linspace(lambdas[0], lambdas[-1], len(lambdas))
    noise = np.mean([step.prediction == "noise" for step in schedule.steps])
    return math.exp(float(np.abs(lambdas - equal).mean()) + float(noise))


def _archive(schedules: list[SolverSchedule]) -> dict[int, Archive]:
    archives = {n: Archive() for n in sorted({s.nfe for s in schedules})}
    for schedule in schedules:
        archives[schedule.nfe].add(schedule, _cost(schedule))
    return archives


def test_padding_changes_nothing() -> None:
    """A short schedule scores the same beside a long one, and whatever stands in the padding."""
    ensemble = Ensemble(Predictor(), 0)
    short, long = _schedules(6), _schedules(3, nfe=11)
    alone, beside = ensemble.members(short), ensemble.members([*short, *long])
    assert beside[:, :6] == pytest.approx(alone, rel=1e-12, abs=1e-14)
    tokens, mask = (torch.from_numpy(part) for part in encode([*short, *long]))
    noisy = torch.where(mask[..., None], tokens, torch.randn(tokens.shape, dtype=torch.float64))
    found = [
        forward(ensemble._parameters, t.expand(4, *t.shape), mask.expand(4, *mask.shape))
        for t in (tokens, noisy)
    ]
    assert torch.equal(*found)


def test_the_lstm_is_torchs() -> None:
    """Each member against torch.nn.LSTM with the same weights, on full sequences."""
    settings = Predictor(members=2, hidden=6)
    p = Ensemble(settings, 3)._parameters
    tokens = torch.randn(2, 4, 5, WIDTH, dtype=torch.float64)
    found = forward(p, tokens, torch.ones(2, 4, 5, dtype=torch.bool))
    order = [1, 0, 3, 2]  # ours: forget, input, output, cell; torch's: input, forget, cell, output
    for m in range(2):
        lstm = torch.nn.LSTM(WIDTH, 6, batch_first=True).double()
        gates = {
            name: torch.cat([p[name][m].reshape(-1, 4, 6)[:, k].T for k in order])
            for name in ("input", "recurrent", "bias")
        }
        with torch.no_grad():
            lstm.weight_ih_l0.copy_(gates["input"])
            lstm.weight_hh_l0.copy_(gates["recurrent"])
            lstm.bias_ih_l0.copy_(gates["bias"][:, 0])
            lstm.bias_hh_l0.zero_()
            out = torch.nn.functional.normalize(lstm(tokens[m])[0], dim=-1).mean(1)
            out = torch.nn.functional.normalize(out, dim=-1)
            layer = torch.relu(out @ p["layer_1"][m] + p["bias_1"][m])
            expected = (layer @ p["layer_2"][m] + p["bias_2"][m])[:, 0]
        assert torch.allclose(found[m], expected, rtol=1e-8)


def test_the_loss_is_the_mean_hinge_of_the_pairs_that_count() -> None:
    settings = Predictor(margin=0.7, least=0.1)
    rng = np.random.default_rng(0)
    scores, logs = rng.normal(size=(2, 1, 7)), rng.normal(size=(2, 1, 7))[1]
    groups = np.array([[3, 3, 3, 5, 5, 5, 5]])
    logs[0, 1] = logs[0, 0] + 0.05  # too close to be compared
    hinges = [
        max(0.0, 0.7 - (scores[0][0, i] - scores[0][0, j]))
        for i in range(7)
        for j in range(7)
        if groups[0, i] == groups[0, j] and logs[0, i] - logs[0, j] >= 0.1
    ]
    found = ranking_loss(*map(torch.from_numpy, (scores[0], logs, groups)), settings)
    assert float(found) == pytest.approx(np.mean(hinges), rel=1e-12)
    same = torch.zeros(1, 4, dtype=torch.float64)
    assert float(ranking_loss(same, same, same, settings)) == 0.0


def test_it_learns_to_rank_what_it_has_not_seen() -> None:
    """Of both NFEs, by Kendall's tau; an untrained one does not."""
    settings = Predictor(steps=120)
    seen = _schedules(120) + _schedules(120, nfe=8)
    ensemble, untrained = Ensemble(settings, 0), Ensemble(settings, 0)
    archives = _archive(seen)
    losses = [ensemble.fit(archives, stage) for stage in range(2)]
    assert losses[1] < losses[0] < 1
    for nfe in (5, 8):
        new = _schedules(100, nfe, seed=9)
        costs = [_cost(s) for s in new]
        assert kendalltau(ensemble.score(new), costs)[0] > 0.6
        assert abs(kendalltau(untrained.score(new), costs)[0]) < 0.5


def test_costs_without_a_number_are_left_out() -> None:
    schedules = _schedules(30)
    with_inf, without = _archive(schedules[:20]), _archive(schedules[:20])
    for schedule in schedules[20:]:
        with_inf[5].add(schedule, math.inf)
    one, two = Ensemble(Predictor(steps=5), 0), Ensemble(Predictor(steps=5), 0)
    assert one.fit(with_inf, 1) == two.fit(without, 1)
    assert one.state_dict() == two.state_dict()
    assert Ensemble(Predictor(), 0).fit({5: Archive()}, 1) == 0.0
    zero = _archive(schedules[:5])
    zero[5].add(schedules[5], 0.0)  # log cost -inf
    one.fit(zero, 2)
    assert np.isfinite(one.score(schedules)).all()


def test_training_and_state_are_a_function_of_seed_and_stage() -> None:
    archives, new = _archive(_schedules(40)), _schedules(10, seed=5)
    one, two = Ensemble(Predictor(steps=5), 1), Ensemble(Predictor(steps=5), 1)
    one.fit(archives, 1)
    two.load_state_dict(json.loads(json.dumps(one.state_dict())))
    one.fit(archives, 2)
    two.fit(archives, 2)
    assert one.state_dict() == two.state_dict()
    assert (one.score(new) == two.score(new)).all()
    other = Ensemble(Predictor(steps=5), 2)
    other.fit(archives, 1)
    assert (other.score(new) != one.score(new)).all()


def test_the_score_is_free_of_each_members_level_and_unit() -> None:
    ensemble, new = Ensemble(Predictor(), 0), _schedules(20)
    before = ensemble.score(new)
    ensemble._parameters["layer_2"][1] *= 7
    ensemble._parameters["bias_2"][1] = 100.0
    assert ensemble.score(new) == pytest.approx(before, rel=1e-9, abs=1e-9)
    raw = ensemble.members(new)
    unit = (raw - raw.mean(1, keepdims=True)) / raw.std(1, keepdims=True)
    assert before == pytest.approx(unit.mean(0) - Predictor().kappa * unit.std(0), rel=1e-9)


def test_tokens_hold_what_decides_a_schedule() -> None:
    """Every change of a decision that has an effect changes its token, and others are zero."""
    times = (20.0, 5.0, 1.0, 0.2, 0.01)
    usual = (SolverStep(), SolverStep(order=2), SolverStep(order=3), SolverStep(order=2))

    def token(step: SolverStep, first: str = "network") -> np.ndarray:
        steps = (*usual[:2], step, usual[3])
        return encode([SolverSchedule(NOISE, times, steps, first)])[0][0]  # pyright: ignore

    changes = [
        {"prediction": "noise"},
        {"order": 2},
        {"start": 2},
        {"points": 1},
        {"scaling": 0.1},
        {"scaling": "bh2"},
        {"corrector": "pseudo"},
        {"corrector": "pseudo", "corrector_scaling": 0.2},
        {"d2_scale": 0.5},
    ]
    rows = [token(SolverStep(**{"order": 3, **change})) for change in changes]  # pyright: ignore
    rows += [token(SolverStep(order=3)), token(SolverStep(order=3), "zero")]
    assert len({row.tobytes() for row in rows}) == len(rows)
    assert all(row.shape == (4, WIDTH) for row in rows)
    assert all(np.array_equal(row[3], rows[-2][3]) for row in rows[:-1])


def test_a_token_begins_with_where_its_step_lies() -> None:
    schedule = SolverSchedule(
        NOISE,
        (20.0, 5.0, 1.0, 0.01),
        (SolverStep(), SolverStep(order=2, start=2, scaling=100.0), SolverStep("noise", 2)),
    )
    lambdas = -np.log(schedule.times)
    places = (lambdas - lambdas[0]) / (lambdas[-1] - lambdas[0])
    tokens = encode([schedule])[0][0]
    for i, base in ((1, 0), (2, 0), (3, 2)):
        share = places[i] - places[i - 1]
        expected = [places[i - 1], places[i], (lambdas[i] - lambdas[base]) / 4]
        expected += [np.log(3 * share), 3 / 10]
        for wave in (1, 2, 4, 8):
            expected += [np.sin(np.pi * wave * places[i]), np.cos(np.pi * wave * places[i])]
        assert tokens[i - 1, :13] == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert tokens[1].max() == 3.0  # a huge scaling is clipped
    assert (tokens[:, 4] == 0.3).all()


def test_the_first_weights_lie_within_their_fans_and_the_forget_gate_is_open() -> None:
    ensemble = Ensemble(Predictor(members=3, hidden=5), seed=1)
    weights = {n: np.array(p) for n, p in ensemble.state_dict().items()}
    fans = {"input": WIDTH, **dict.fromkeys(weights.keys() - {"input"}, 5)}
    weights["bias"][..., :5] -= 1.0
    for name, values in weights.items():
        assert np.abs(values).max() <= 1 / math.sqrt(fans[name]) + 1e-15
    assert np.abs(weights["input"]).max() > 0.999 / math.sqrt(WIDTH)
    assert np.abs(weights["recurrent"]).max() > 0.99 / math.sqrt(5)
    assert abs(weights["bias"][..., :5].mean()) < 0.2


def test_better_ranks_are_drawn_more_often() -> None:
    """Rank r of n of one NFE counts as 1 / (r + n / 5)."""
    logs = torch.tensor([0.3, -1.0, 2.0, 0.1, 0.2], dtype=torch.float64)
    shares = _shares(logs, torch.tensor([4, 4, 4, 7, 7]))
    expected = [1 / (1 + 0.6), 1 / 0.6, 1 / (2 + 0.6), 1 / 0.4, 1 / (1 + 0.4)]
    assert shares.tolist() == pytest.approx(expected, rel=1e-12)


def test_pairs_count_from_the_least_difference_on() -> None:
    settings = Predictor(least=0.1, margin=1.0)
    zeros = torch.zeros(1, 2, dtype=torch.float64)
    for gap, loss in ((0.0999, 0.0), (0.1001, 1.0)):
        logs = torch.tensor([[0.0, gap]], dtype=torch.float64)
        assert float(ranking_loss(zeros, logs, torch.ones(1, 2), settings)) == loss


def test_adams_first_step_is_the_rate() -> None:
    """Where there is a gradient, it moves each weight by lr, whatever the gradient's size."""
    ensemble = Ensemble(Predictor(members=2, hidden=4, steps=1, lr=0.003), seed=0)
    before = ensemble.state_dict()
    ensemble.fit(_archive(_schedules(20)), 0)
    moves = np.abs(np.array(ensemble.state_dict()["layer_2"]) - np.array(before["layer_2"]))
    assert moves.max() == pytest.approx(0.003, rel=1e-4)


def test_infinite_ends_have_tokens() -> None:
    from ritard.solvers.diffusion import Flow

    rng = np.random.default_rng(0)
    for nfe in (1, 2, 4):
        schedule = random_schedule(Flow(), nfe, Space(), rng, end=0.0)
        assert np.isfinite(encode([schedule])[0]).all()


@pytest.mark.parametrize(
    "settings", [{"members": 0}, {"hidden": 0}, {"batch": 1}, {"lr": 0.0}, {"kappa": -1.0}]
)
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Predictor(**settings)  # pyright: ignore[reportArgumentType]


def test_weights_of_another_shape_are_refused_and_nothing_changes() -> None:
    ensemble = Ensemble(Predictor(), 0)
    before = ensemble.state_dict()
    with pytest.raises(ValueError, match="predictor: input"):
        ensemble.load_state_dict(Ensemble(Predictor(hidden=5), 0).state_dict())
    assert ensemble.state_dict() == before

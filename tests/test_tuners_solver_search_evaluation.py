"""Noises, objectives, and the true evaluation of a sampler: against closed forms."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from ritard.solvers.diffusion import (
    EDM,
    Model,
    SolverSchedule,
    SolverStep,
    VPLinear,
    ddim,
    dpmpp_2m,
    grids,
    lower,
)
from ritard.tuners.solver_search import (
    RMSE,
    Cost,
    Evaluator,
    GeometricMean,
    Noises,
    OnSamples,
    Reject,
    best_fixed,
    fixed_samplers,
    rank_fixed,
)
from ritard.tuners.solver_search._books import Books
from ritard.tuners.solver_search._reference import refined

NOISE = EDM(t_max=20.0, t_min=0.1)
MEAN, DEVIATION = torch.tensor([1.0, -2.0]).double(), torch.tensor([0.5, 1.5]).double()


def gaussian(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """The denoiser of N(MEAN, DEVIATION^2)."""
    signal, noise = DEVIATION.to(x) ** 2, t[:, None].to(x) ** 2
    return (signal * x + noise * MEAN.to(x)) / (signal + noise)


def exact(x: torch.Tensor, start: float, end: float) -> torch.Tensor:
    ratio = (DEVIATION**2 + end**2) / (DEVIATION**2 + start**2)
    return MEAN + ratio.sqrt() * (x - MEAN)


MODEL = Model(gaussian, NOISE, "data")
EPS = torch.randn(12, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
SAMPLER = dpmpp_2m(NOISE, grids.edm_rho(NOISE, 4))


# ---- noises ------------------------------------------------------------------------------


def test_noises_are_disjoint_and_repeatable() -> None:
    a, b = (Noises.draw((2, 3), 5, 7, 9, seed=3, dtype=torch.float64) for _ in range(2))
    rows = torch.cat([a.train, a.validation, a.test]).flatten(1)
    assert len(torch.unique(rows, dim=0)) == 5 + 7 + 9
    for name in ("train", "validation", "test"):
        assert torch.equal(getattr(a, name), getattr(b, name))
    assert not torch.equal(a.train, Noises.draw((2, 3), 5, 7, 9, seed=4, dtype=torch.float64).train)
    single = Noises.draw((2, 3), 5, 7, 9, seed=3)
    assert single.test.dtype == torch.float32
    assert torch.equal(single.test, a.test.float())


def test_noises_are_standard_normal() -> None:
    eps = Noises.draw((50,), 400, 1, 1).train
    assert abs(float(eps.mean())) < 0.03
    assert abs(float(eps.std()) - 1) < 0.03


@pytest.mark.parametrize("counts", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_an_empty_set_is_refused(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="=0: expected an int >= 1"):
        Noises.draw((2,), *counts)


def test_noises_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match=r"test: .* train is"):
        Noises(torch.randn(2, 3), torch.randn(2, 3), torch.randn(2, 4))
    with pytest.raises(TypeError, match="validation"):
        Noises(torch.randn(2, 3), torch.ones(2, 3, dtype=torch.int64), torch.randn(2, 3))


# ---- objectives --------------------------------------------------------------------------


def test_objectives_against_numpy() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 5, 3, 4))
    errors = np.sqrt(((a - b) ** 2).mean((1, 2)))
    samples, reference = torch.tensor(a), torch.tensor(b)
    assert float(GeometricMean()(samples, reference)) == pytest.approx(errors.prod() ** (1 / 5))
    assert float(RMSE()(samples, reference)) == pytest.approx(np.sqrt(((a - b) ** 2).mean()))
    assert float(OnSamples(lambda x: x.amax())(samples, None)) == a.max()


def test_an_exact_sample_is_no_infinity() -> None:
    x = torch.zeros(3, 2, dtype=torch.float64, requires_grad=True)
    score = GeometricMean()(x, torch.zeros(3, 2, dtype=torch.float64))
    (gradient,) = torch.autograd.grad(score, x)
    assert 0 <= float(score.detach()) < 1e-100
    assert bool(torch.isfinite(gradient).all())


def test_objectives_say_what_they_miss() -> None:
    with pytest.raises(ValueError, match="reference=None"):
        RMSE()(torch.zeros(2, 2), None)
    with pytest.raises(ValueError, match="expected one number"):
        OnSamples(lambda x: x.mean(1))(torch.zeros(2, 2), None)


# ---- evaluation --------------------------------------------------------------------------


def test_reference_is_the_closed_form() -> None:
    evaluator = Evaluator(MODEL, EPS, tol=1e-8)
    assert torch.allclose(evaluator.reference, exact(20.0 * EPS, 20.0, 0.1), rtol=0, atol=1e-8)
    assert evaluator.cost == Cost()
    assert evaluator.reference_cost.calls > 64


def test_a_score_by_hand() -> None:
    """Euler steps in sigma, written out; errors to the closed form."""
    times = (20.0, 5.0, 1.0, 0.1)
    x = 20.0 * EPS.numpy()
    mean, deviation = MEAN.numpy(), DEVIATION.numpy()
    for s, t in pairwise(times):
        denoised = (deviation**2 * x + s**2 * mean) / (deviation**2 + s**2)
        x = x + (t - s) * (x - denoised) / s
    errors = np.sqrt(((x - exact(20.0 * EPS, 20.0, 0.1).numpy()) ** 2).mean(1))
    evaluator = Evaluator(MODEL, EPS, tol=1e-9)
    assert evaluator(ddim(NOISE, times)) == pytest.approx(np.exp(np.log(errors).mean()), rel=1e-6)
    assert evaluator.per_sample(ddim(NOISE, times)).numpy() == pytest.approx(errors, rel=1e-5)


@pytest.mark.parametrize("batch", [None, 5])
@pytest.mark.parametrize("reject", [None, Reject(4)])
def test_blocks_do_not_change_a_score(batch: int | None, reject: Reject | None) -> None:
    whole = Evaluator(MODEL, EPS, reject=None)
    parts = Evaluator(MODEL, EPS, reference=whole.reference, batch=batch, reject=reject)
    assert parts(SAMPLER) == pytest.approx(whole(SAMPLER), rel=1e-12)
    assert parts.cost.forwards == whole.cost.forwards == 4 * 12
    blocks = {(None, False): 1, (5, False): 3, (None, True): 2, (5, True): 3}
    assert parts.cost.calls == 4 * blocks[batch, reject is not None]


def test_hopeless_candidates_are_rejected_early_and_counted() -> None:
    evaluator = Evaluator(MODEL, EPS, reject=Reject(4, factor=1.5))
    full = evaluator(SAMPLER)
    errors = evaluator.per_sample(SAMPLER)
    before = evaluator.cost
    rejected = evaluator(SAMPLER, best=full / 100)
    spent = evaluator.cost - before
    assert rejected == pytest.approx(float(errors[:4].log().mean().exp()))
    assert (spent.evaluations, spent.rejected, spent.forwards) == (1, 1, 4 * 4)
    assert evaluator(SAMPLER, best=full) == full
    assert evaluator.cost.rejected == 1


def test_rejection_begins_above_the_factor() -> None:
    evaluator = Evaluator(MODEL, EPS, reject=Reject(4, factor=1.5))
    first = float(evaluator.per_sample(SAMPLER)[:4].log().mean().exp())
    for best, rejected in ((first / 1.5 * 1.002, 0), (first / 1.5 / 1.002, 1)):
        before = evaluator.cost
        evaluator(SAMPLER, best=best)
        assert (evaluator.cost - before).rejected == rejected
    assert (Reject().first, Reject().factor) == (64, 2.0)


def test_no_rejection_without_a_reference() -> None:
    evaluator = Evaluator(MODEL, EPS, OnSamples(lambda x: x.abs().mean()), reject=Reject(4))
    assert evaluator(SAMPLER, best=1e-9) > 0.1
    assert evaluator.cost == Cost(1, 4, evaluator.cost.seconds, 4 * 12, 0)
    assert evaluator.reference_cost == Cost()


def test_divergence_is_infinite_and_no_exception() -> None:
    model = Model(lambda x, t: torch.where(t[:, None] < 3.0, math.nan, 1.0) * x, NOISE, "data")
    evaluator = Evaluator(model, EPS, reference=torch.zeros_like(EPS), reject=Reject(4))
    assert evaluator(SAMPLER) == math.inf
    assert evaluator.cost.evaluations == 1
    assert bool(torch.isinf(evaluator.per_sample(SAMPLER)).all())
    with pytest.raises(FloatingPointError):
        evaluator.samples(SAMPLER)


def test_samplers_for_elsewhere_are_refused() -> None:
    evaluator = Evaluator(MODEL, EPS, reference=torch.zeros_like(EPS))
    with pytest.raises(ValueError, match="starts at t=10"):
        evaluator(ddim(NOISE, (10.0, 1.0, 0.1)))
    with pytest.raises(ValueError, match=r"ends at t=0\.2"):
        evaluator(ddim(NOISE, (20.0, 1.0, 0.2)))
    with pytest.raises(ValueError, match="noise schedule"):
        evaluator(ddim(EDM(), (20.0, 1.0, 0.1)))
    free = Evaluator(MODEL, EPS, OnSamples(lambda x: x.mean()))
    assert math.isfinite(free(ddim(NOISE, (20.0, 1.0, 0.0))))


@pytest.mark.parametrize(
    ("keywords", "error"),
    [
        ({"eps": torch.ones(3, dtype=torch.float64)}, "eps"),
        ({"reference": torch.zeros(3, 2)}, "reference"),
        ({"batch": 0}, "batch=0"),
        ({"t_end": 50.0}, "t=50"),
    ],
)
def test_bad_settings_are_refused(keywords: dict[str, object], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        Evaluator(**{"model": MODEL, "eps": EPS, **keywords})
    with pytest.raises(TypeError, match=r"eps: expected a floating tensor, got torch\.int64"):
        Evaluator(MODEL, torch.ones(2, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match="factor"):
        Reject(4, factor=0.5)


@pytest.mark.parametrize("batch", [None, 5])
def test_the_loss_has_the_gradient_of_the_score(batch: int | None) -> None:
    """Against central differences of the score in the inner times."""
    evaluator = Evaluator(MODEL, EPS, batch=batch, reject=None, tol=1e-8)
    inner = torch.tensor([4.0, 0.7], dtype=torch.float64, requires_grad=True)

    def times(values: list[float]) -> SolverSchedule:
        steps = (SolverStep(), SolverStep(order=2, scaling="bh2"), SolverStep(order=2))
        return SolverSchedule(NOISE, (20.0, *values, 0.1), steps)

    ends = torch.tensor([20.0, 0.1], dtype=torch.float64)
    table = lower(times([4.0, 0.7]), times=[ends[0], *inner.unbind(), ends[1]])
    loss = evaluator.loss(table)
    (gradient,) = torch.autograd.grad(loss, inner)
    assert float(loss.detach()) == pytest.approx(evaluator(times([4.0, 0.7])), rel=1e-12)
    for i in range(2):
        up, down = [4.0, 0.7], [4.0, 0.7]
        up[i] += 1e-5
        down[i] -= 1e-5
        slope = (evaluator(times(up)) - evaluator(times(down))) / 2e-5
        assert float(gradient[i]) == pytest.approx(slope, rel=1e-5)
    assert evaluator.cost.evaluations == 6


def test_half_precision_is_what_the_network_sees_and_no_more() -> None:
    seen = set[torch.dtype]()

    def network(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        seen.add(x.dtype)
        return gaussian(x, t)

    reference = Evaluator(MODEL, EPS.half().double()).reference
    evaluator = Evaluator(Model(network, NOISE, "data"), EPS.half(), reference=reference)
    samples = evaluator.samples(SAMPLER)
    assert seen == {torch.float16}
    assert samples.dtype == torch.float32
    full = Evaluator(MODEL, EPS.half().double(), reference=reference)
    assert torch.allclose(samples.double(), full.samples(SAMPLER), atol=5e-3)


def test_solutions_are_refined_sample_by_sample() -> None:
    """Sample i moves by 2^i / steps at each doubling: the steps it needs are known."""
    asked: list[tuple[int, ...]] = []

    def run(rows: torch.Tensor, steps: int) -> torch.Tensor:
        asked.append(tuple(rows.tolist()))
        return (1 - 2.0 ** rows.double() / steps)[:, None]

    found = refined(run, 3, tol=0.009)
    # from n/2 to n steps sample i moves by 2^i / n: 1/128 < .009, 2/256, 4/512
    assert asked == [(0, 1, 2), (0, 1, 2), (1, 2), (2,)]
    assert found.flatten().tolist() == [1 - 1 / 128, 1 - 2 / 256, 1 - 4 / 512]
    with pytest.raises(RuntimeError, match="1 of 2 reference solutions still move"):
        refined(lambda rows, steps: rows[:, None] * math.log(steps), 2, tol=1e-3)


def test_a_reference_that_failed_costs_no_evaluation_its_calls() -> None:
    calls = 0

    def network(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 30:
            raise KeyboardInterrupt
        return MODEL.network(x, t)

    evaluator = Evaluator(Model(network, MODEL.noise, "data"), EPS)
    with pytest.raises(KeyboardInterrupt):
        _ = evaluator.reference
    assert evaluator.cost.calls == evaluator.cost.forwards == 0
    sampler = ddim(NOISE, (20.0, 1.0, 0.1))
    assert math.isfinite(evaluator(sampler))
    assert evaluator.cost.calls == sampler.nfe


def test_a_part_of_an_evaluation_counts_as_one_and_parts_add_up() -> None:
    evaluator = Evaluator(MODEL, EPS, reference=torch.zeros_like(EPS))
    for calls, evaluations in ((1, 1), (3, 1), (4, 1), (5, 2)):
        before = evaluator.cost.evaluations
        with evaluator.charged(nfe=4):
            for _ in range(calls):
                evaluator.model(EPS, 1.0)
        assert evaluator.cost.evaluations - before == evaluations
        evaluator.settle()


def test_many_parts_add_up_to_whole_evaluations() -> None:
    evaluator = Evaluator(MODEL, EPS)
    with evaluator.charged(2), torch.no_grad():
        for _ in range(400):
            evaluator.model(EPS, 1.0)
    assert evaluator.cost.evaluations == 200


def test_the_history_of_a_search_has_what_changed_the_best() -> None:
    books = Books(2)
    for t, score in ((5.0, 3.0), (4.0, 2.0), (3.0, 2.0), (2.0, math.inf), (1.0, 1.0)):
        books.take(ddim(NOISE, (20.0, t, 0.1)), score)
    assert books.history == [(1, 3.0), (2, 2.0), (5, 1.0)]
    assert [s.score for s in books.top(3)] == [1.0, 2.0, 2.0]


# ---- the best fixed sampler --------------------------------------------------------------


def test_best_fixed_is_the_least_of_all() -> None:
    evaluator = Evaluator(MODEL, EPS, reject=Reject(6))
    scores = {name: evaluator(s) for name, s in fixed_samplers(NOISE, 2).items()}
    found = best_fixed(evaluator, nfe=2)
    assert found.score == min(scores.values()) == scores[found.name]
    assert evaluator(found.sampler) == found.score
    ranked = rank_fixed(evaluator, fixed_samplers(NOISE, 2))
    assert [s.score for s in ranked] == sorted(s.score for s in ranked)
    assert len(ranked) == len(scores)


def test_no_best_where_all_diverge() -> None:
    model = Model(lambda x, t: x * math.nan, VPLinear())
    with pytest.raises(ValueError, match="every fixed solver diverges"):
        best_fixed(Evaluator(model, EPS, reference=torch.zeros_like(EPS)), nfe=1)

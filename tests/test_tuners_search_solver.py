"""search_solver: the whole course, its rules, its accounts, and the way into pipelines."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ritard.solvers.diffusion import (
    EDM,
    ClassifierFree,
    CoefficientTable,
    GaussianMixture,
    Model,
    RitardScheduler,
    SolverSchedule,
    VPLinear,
    dpmpp_2m,
    from_diffusers,
    grids,
    lower,
    sample,
    sample_ritard,
)
from ritard.tuners.solver_search import (
    RMSE,
    Evaluator,
    GaussNewton,
    GradientRefinement,
    Judges,
    Noises,
    OnSamples,
    Progress,
    Scores,
    SearchResult,
    SolverSearch,
    fixed_samplers,
    search_on,
    search_solver,
)

NOISE = VPLinear()
MEANS = torch.tensor([[1.0, 0.0], [-1.0, 0.5], [0.0, 2.0]], dtype=torch.float64)
DATA = GaussianMixture(MEANS, torch.full((3,), 0.04, dtype=torch.float64))
MODEL = DATA.model(NOISE)
NOISES = Noises.draw((2,), 24, 24, 48, dtype=torch.float64)
FEW = {k: v for k, v in fixed_samplers(NOISE, 3).items() if k.split()[0] in ("ddim", "unipc_2")}


def quick(nfe: int | list[int] = 3, evaluations: int = 24) -> SolverSearch:
    return SolverSearch(NOISE, nfe, evaluations, predictor=None, batch=8)


@pytest.fixture(scope="module")
def found() -> SearchResult:
    return search_solver(MODEL, NOISES, 3, evaluations=64, method=quick(), share=0.625, fixed=FEW)


# ---- what is found, and its accounts -----------------------------------------------------


def test_it_beats_the_best_fixed_sampler_on_noises_it_never_saw(found: SearchResult) -> None:
    assert found.nfe == found.sampler.nfe == 3
    assert found.origin == "refinement"
    assert found.scores.validation < found.searched
    assert found.ratio < 0.5


def test_scores_are_what_fresh_evaluators_say(found: SearchResult) -> None:
    for sampler, scores in (
        (found.sampler, found.scores),
        (found.fixed_sampler, found.fixed_scores),
    ):
        for name in ("train", "validation", "test"):
            again = Evaluator(MODEL, getattr(NOISES, name))(sampler)
            assert again == pytest.approx(getattr(scores, name), rel=1e-9)


def test_the_best_fixed_sampler_is_the_best_on_validation(found: SearchResult) -> None:
    train, validation = Evaluator(MODEL, NOISES.train), Evaluator(MODEL, NOISES.validation)
    finalists = sorted(FEW, key=lambda name: train(FEW[name]))[:5]
    assert found.fixed_name == min(finalists, key=lambda name: validation(FEW[name]))


def test_every_phase_is_counted(found: SearchResult) -> None:
    costs = found.costs
    assert set(costs) == {"reference", "fixed", "search", "choice", "refinement", "test"}
    assert costs["fixed"].evaluations == len(FEW)
    # 24 proposals, those that were fixed samplers already scored cost nothing again
    assert 24 - len(FEW) <= costs["search"].evaluations <= 24
    assert costs["choice"].evaluations <= 25
    assert 4 <= costs["refinement"].evaluations <= 40 + 3
    assert costs["test"].evaluations == 4
    assert costs["test"].forwards == 2 * 3 * (24 + 48)
    assert costs["reference"].evaluations == 0 < costs["reference"].calls
    assert found.cost.calls == sum(cost.calls for cost in costs.values())
    assert found.cost.seconds > 0


def test_network_calls_are_those_of_the_network() -> None:
    calls = 0

    def network(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return MODEL.network(x, t)

    model = Model(network, NOISE, "data")
    result = search_solver(
        model, NOISES, 3, evaluations=12, method=quick(evaluations=12), refine=None, fixed=FEW
    )
    assert result.cost.calls == calls - 2  # two ask whether the network repeats itself
    assert "refinement" not in result.costs


def test_test_noises_are_used_once() -> None:
    """Other test noises change the reported score, and nothing else."""
    other = Noises(NOISES.train, NOISES.validation, NOISES.test.flip(0)[:30])
    results = [
        search_solver(MODEL, n, 3, evaluations=24, method=quick(evaluations=14), fixed=FEW)
        for n in (NOISES, other)
    ]
    assert results[0].sampler.to_dict()["noise"] == results[1].sampler.to_dict()["noise"]
    tables = [
        lower(r.sampler) if isinstance(r.sampler, SolverSchedule) else r.sampler for r in results
    ]
    assert tables[0] == tables[1]
    assert results[0].scores.test != results[1].scores.test


def test_same_seed_same_result_and_the_history_falls() -> None:
    a, b = (
        search_solver(MODEL, NOISES, 3, evaluations=30, seed=5, refine=None, fixed=FEW)
        for _ in range(2)
    )
    assert a.sampler == b.sampler
    assert a.history == b.history
    scores = [score for _, score in a.history]
    assert scores == sorted(scores, reverse=True)
    assert a.settings["method"] == "SolverSearch"


def test_never_worse_on_validation_than_the_best_fixed() -> None:
    """A method that proposes only bad schedules: the best fixed sampler is the result."""

    class Bad:
        def ask(self, context: Any = None) -> SolverSchedule:
            return dpmpp_2m(NOISE, (1.0, 0.99, 0.98, NOISE.t_min))

        def tell(self, choice: SolverSchedule, cost: float) -> None: ...
        def state_dict(self) -> dict[str, Any]: ...
        def load_state_dict(self, state_dict: dict[str, Any]) -> None: ...

    result = search_solver(MODEL, NOISES, 3, evaluations=4, method=Bad(), refine=None, fixed=FEW)
    assert result.origin == result.fixed_name
    assert result.scores == result.fixed_scores
    assert result.ratio == 1.0
    assert result.searched > result.scores.validation


def test_several_numbers_of_evaluations_in_one_call() -> None:
    results = search_solver(
        MODEL, NOISES, [2, 3], evaluations=8, method=quick([2, 3], 8), refine=None
    )
    assert list(results) == [2, 3]
    assert [r.sampler.nfe for r in results.values()] == [2, 3]
    assert results[3].scores.test < results[2].scores.test
    assert all(r.history[-1][0] <= 8 for r in results.values())


def test_a_rmse_and_a_function_of_samples() -> None:
    far = OnSamples(lambda x: (x[:, None] - MEANS.to(x)).norm(dim=2).amin(1).mean())
    for objective in (RMSE(), far):
        result = search_solver(
            MODEL, NOISES, 3, objective, evaluations=24, method=quick(evaluations=12), fixed=FEW
        )
        assert result.settings["objective"] == objective.name
        assert result.scores.validation <= result.fixed_scores.validation


def test_one_number_of_evaluations_may_be_numpys() -> None:
    kept: dict[str, Any] = {"evaluations": 4, "refine": None, "fixed": FEW}
    one = search_solver(MODEL, NOISES, np.int64(3), method=quick(evaluations=4), **kept)
    assert isinstance(one, SearchResult)
    assert list(search_solver(MODEL, NOISES, (3, 3), method=quick(evaluations=4), **kept)) == [3]


def test_what_a_refiner_returns_counts_whether_or_not_it_was_told() -> None:
    """Better in truth, and found without a word to the callback."""
    better = dpmpp_2m(NOISE, grids.uniform_lambda(NOISE, 30))

    def silent(sampler: Any, train: Any, validation: Any, count: int, callback: Any = None) -> Any:
        return better

    result = search_solver(
        MODEL, NOISES, 3, evaluations=24, method=quick(evaluations=12), fixed=FEW, refine=silent
    )
    assert result.sampler.times == better.times and result.origin == "refinement"


def test_a_score_on_test_that_is_infinite_is_strict_json() -> None:
    """The network fails on the test noises alone."""
    model = Model(lambda x, t: MODEL.network(x, t) * math.inf, NOISE, "data")
    exact = Evaluator(MODEL, NOISES.test).reference
    judges = Judges(
        Evaluator(MODEL, NOISES.train),
        Evaluator(MODEL, NOISES.validation),
        Evaluator(model, NOISES.test, reference=exact),
    )
    result = search_on(judges, 3, 8, method=quick(evaluations=8), refine=None, fixed=FEW)[3]
    assert result.scores.test == math.inf
    text = json.dumps(result.to_dict(), allow_nan=False)
    assert SearchResult.from_dict(json.loads(text)).scores == result.scores


# ---- progress and interrupts -------------------------------------------------------------


def interrupt(phase: str, at: int) -> Callable[[Progress], None]:
    def callback(progress: Progress) -> None:
        if progress.phase == phase and progress.done >= at:
            raise KeyboardInterrupt

    return callback


def test_progress_is_told() -> None:
    seen: list[Progress] = []
    search_solver(
        MODEL,
        NOISES,
        3,
        evaluations=54,
        method=quick(evaluations=14),
        share=0.75,
        fixed=FEW,
        callback=seen.append,
    )
    phases = [p.phase for p in seen]
    assert list(dict.fromkeys(phases)) == ["fixed", "search", "choice", "refinement"]
    searching = [p for p in seen if p.phase == "search"]
    assert [p.done for p in searching] == list(range(1, len(searching) + 1))
    assert all(p.best <= p.fixed < math.inf for p in searching)
    assert all(p.done <= p.total for p in searching)


def test_an_interrupted_search_keeps_its_best() -> None:
    result = search_solver(
        MODEL, NOISES, 3, evaluations=40, method=quick(), fixed=FEW, callback=interrupt("search", 6)
    )
    assert result.interrupted
    assert result.scores.validation <= result.fixed_scores.validation
    assert result.history[-1][0] <= 6
    assert "refinement" not in result.costs


@pytest.mark.parametrize("saved", [False, True])
def test_a_search_whose_network_failed_goes_on_to_the_same_end(saved: bool) -> None:
    """The same method again, or one that loaded its state: nothing told is lost."""

    def search(method: SolverSearch, callback: Any = None) -> SearchResult:
        settings: dict[str, Any] = {"refine": None, "fixed": FEW, "callback": callback}
        return search_solver(MODEL, NOISES, 3, evaluations=24, method=method, **settings)

    def failing_at(progress: Progress) -> None:
        if (progress.phase, progress.done) == ("search", 17):
            raise RuntimeError("the network failed")

    method, expected = quick(), search(quick())
    with pytest.raises(RuntimeError, match="the network failed"):
        search(method, failing_at)
    if saved:
        method, state = quick(), json.loads(json.dumps(method.state_dict()))
        method.load_state_dict(state)
    assert len(method.history) == 17
    again = search(method)
    assert again.sampler == expected.sampler
    assert (again.scores, again.searched) == (expected.scores, expected.searched)
    assert again.history == expected.history
    assert again.costs["search"].evaluations < expected.costs["search"].evaluations
    assert search(method).searched == expected.searched  # done already


def test_an_interrupted_refinement_keeps_its_best() -> None:
    result = search_solver(
        MODEL,
        NOISES,
        3,
        evaluations=60,
        method=quick(evaluations=12),
        share=0.8,
        fixed=FEW,
        callback=interrupt("refinement", 1),
    )
    assert result.interrupted
    assert result.origin == "refinement"
    assert result.scores.validation < result.searched


@pytest.mark.parametrize("phase", ["fixed", "choice"])
def test_elsewhere_an_interrupt_is_raised(phase: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        search_solver(
            MODEL,
            NOISES,
            3,
            evaluations=4,
            method=quick(evaluations=4),
            refine=None,
            fixed=FEW,
            callback=interrupt(phase, 1),
        )


# ---- what is refused, and when -----------------------------------------------------------


def failing(network: Callable[..., Any], error: type[Exception], match: str, **more: Any) -> None:
    def no_progress(progress: Progress) -> None:
        raise AssertionError("the search has begun")

    more = {"prediction": "data", **more}
    model = Model(network, NOISE, more.pop("prediction"))
    with pytest.raises(error, match=match):
        search_solver(model, NOISES, 3, evaluations=40, callback=no_progress, **more)


def test_wrong_models_are_refused_before_the_search() -> None:
    failing(lambda x, t: x[:, :1], ValueError, "output of shape")
    failing(lambda x, t: x * math.nan, ValueError, "not finite")
    failing(lambda x, t: x + torch.rand_like(x), ValueError, "two calls with the same x and t")
    failing(MODEL.network, ValueError, "predicts 'data'", prediction="noise", data=DATA.draw(16))


def test_noises_and_data_of_another_shape_are_refused_by_name() -> None:
    convolution = torch.nn.Conv2d(3, 3, 1).requires_grad_(False)
    model = Model(lambda x, t: convolution(x), NOISE)
    with pytest.raises(ValueError, match=r"noises, model: .* x of shape \(2, 1, 4, 4\) in torch"):
        search_solver(model, Noises.draw((1, 4, 4), 4, 4, 4), 3)
    with pytest.raises(ValueError, match=r"data: samples of shape \(1, 4, 4\), but the noises' is"):
        search_solver(model, Noises.draw((3, 4, 4), 4, 4, 4), 3, data=torch.ones(8, 1, 4, 4))


def test_refinements_that_cannot_be_are_refused_before_the_search() -> None:
    def detached(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return MODEL.network(x, t).detach()

    blind = OnSamples(lambda x: float(x.abs().mean()))
    failing(detached, TypeError, "no gradient passes", refine=GradientRefinement())
    failing(
        MODEL.network,
        TypeError,
        "through the objective",
        objective=blind,
        refine=GradientRefinement(),
    )
    seen = OnSamples(lambda x: x.abs().mean())
    failing(MODEL.network, ValueError, "no reference", objective=seen, refine=GaussNewton())


def test_the_usual_refinement_is_left_out_where_it_cannot_be() -> None:
    blind = OnSamples(lambda x: float(x.abs().mean()))
    result = search_solver(
        MODEL, NOISES, 3, blind, evaluations=40, method=quick(evaluations=8), fixed=FEW
    )
    assert result.settings["refine"] is None


@pytest.mark.parametrize(
    ("keywords", "error"),
    [
        ({"nfe": 0}, "nfe=0"),
        ({"nfe": 3, "evaluations": 3}, "evaluations=3"),
        ({"nfe": 3, "share": 1.0}, "share=1.0"),
        ({"nfe": 3, "fixed": {}}, "fixed={}"),
    ],
)
def test_bad_settings_are_refused(keywords: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        search_solver(MODEL, NOISES, **keywords)


def test_candidates_that_diverge_end_nothing() -> None:
    """A network that fails for t in (.5, .6): some samplers never ask there."""

    def network(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        bad = (t > 0.5) & (t < 0.6)
        return torch.where(bad[:, None], math.nan, MODEL.network(x, t))

    references = [
        Evaluator(MODEL, getattr(NOISES, n)).reference for n in ("train", "validation", "test")
    ]
    model, costs = Model(network, NOISE, "data"), list[float]()
    judges = Judges(
        *(
            Evaluator(model, eps, reference=reference)
            for eps, reference in zip(
                (NOISES.train, NOISES.validation, NOISES.test), references, strict=True
            )
        )
    )
    method = quick()
    result = search_on(judges, 3, 24, method=method, refine=None)[3]
    costs = [row.cost for row in method.history]
    assert math.inf in costs
    assert math.isfinite(result.scores.test)


# ---- saved and loaded --------------------------------------------------------------------


def test_results_are_saved_and_loaded(found: SearchResult, tmp_path: Path) -> None:
    found.save(tmp_path / "result.json")
    again = SearchResult.load(tmp_path / "result.json")
    assert again.to_dict() == found.to_dict()
    assert again.sampler == found.sampler
    assert again.costs == found.costs
    assert str(again) == str(found)


def test_damaged_results_are_refused(found: SearchResult, tmp_path: Path) -> None:
    data = json.loads(json.dumps(found.to_dict()))
    with pytest.raises(ValueError, match="version=99"):
        SearchResult.from_dict({**data, "version": 99})
    with pytest.raises(ValueError, match="format"):
        SearchResult.from_dict({**data, "format": "other"})
    for damage, error in [
        ({"nfe": "3"}, "nfe='3'"),
        ({"settings": None}, "settings=None"),
        ({"interrupted": 1}, "interrupted=1"),
        ({"costs": {"search": {"evaluations": "x"}}}, "evaluations='x'"),
        ({"costs": {"search": {"seconds": -1.0}}}, "seconds=-1"),
        ({"history": [[1.5, 2.0]]}, "history=1.5"),
    ]:
        with pytest.raises(ValueError, match=error):
            SearchResult.from_dict({**data, **damage})
    assert replace(found, fixed_scores=Scores(0.0, 0.0, 0.0)).ratio == math.inf
    nothing = Scores(0.0, 0.0, 0.0)
    assert replace(found, scores=nothing, fixed_scores=nothing).ratio == 1.0
    del data["scores"]
    with pytest.raises(ValueError, match="damaged"):
        SearchResult.from_dict(data)
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(ValueError, match="not JSON"):
        SearchResult.load(tmp_path / "x.json")


def test_a_found_schedule_carries_its_record() -> None:
    result = search_solver(
        MODEL, NOISES, 3, evaluations=8, method=quick(evaluations=8), refine=None, fixed=FEW
    )
    assert isinstance(result.sampler, SolverSchedule)
    record = SolverSchedule.from_dict(json.loads(json.dumps(result.sampler.to_dict()))).record
    assert record["scores"][2] == result.scores.test
    assert record["best fixed"] == [result.fixed_name, result.fixed_scores.test]
    assert record["seed"] == 0


# ---- conditions, pipelines ---------------------------------------------------------------


def labelled(x: torch.Tensor, t: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """The same mixture, moved by the label."""
    shift = label.to(x).expand_as(x) * NOISE.node(float(t[0])).alpha
    return MODEL.network(x - shift, t) + label.to(x)


def test_one_condition_for_all_and_one_each() -> None:
    one = torch.tensor([[0.5, -0.5]], dtype=torch.float64)
    model = Model(lambda x, t: labelled(x, t, one), NOISE, "data")
    common = search_solver(
        model, NOISES, 3, evaluations=8, method=quick(evaluations=8), refine=None, fixed=FEW
    )
    assert common.scores.validation <= common.fixed_scores.validation

    def judge(eps: torch.Tensor) -> Evaluator:
        labels = torch.linspace(-1, 1, len(eps), dtype=torch.float64)[:, None]
        guided = ClassifierFree(labelled, labels, torch.zeros(1, dtype=torch.float64), 1.5)
        return Evaluator(Model(guided, NOISE, "data"), eps, reject=None)

    judges = Judges(judge(NOISES.train), judge(NOISES.validation), judge(NOISES.test))
    each = search_on(judges, 3, 8, method=quick(evaluations=8), refine=None, fixed=FEW)[3]
    assert each.scores.validation <= each.fixed_scores.validation


def test_judges_that_ask_for_different_things_are_refused() -> None:
    a, b = Evaluator(MODEL, NOISES.train), Evaluator(MODEL, NOISES.test, RMSE())
    with pytest.raises(ValueError, match="test: objective 'rmse'"):
        Judges(a, a, b)
    with pytest.raises(ValueError, match=r"validation: .* ends"):
        Judges(a, Evaluator(MODEL, NOISES.train, t_end=0.1), a)


def test_into_an_unmodified_pipeline() -> None:
    hf = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    unet = hf.UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=4,
    ).eval()
    pipe = hf.DDPMPipeline(unet, hf.DDPMScheduler())
    pipe.set_progress_bar_config(disable=True)
    model = from_diffusers(pipe.unet, pipe.scheduler)
    noises = Noises.draw((1, 8, 8), 4, 4, 4)
    few = {k: v for k, v in fixed_samplers(model.noise, 4).items() if k.startswith("unipc_2")}
    found = search_solver(model, noises, 4, evaluations=20, share=0.5, fixed=few)
    assert found.scores.validation <= found.fixed_scores.validation
    for sampler in (found.sampler, found.fixed_sampler):
        config = pipe.scheduler.config
        pipe.scheduler = RitardScheduler.from_config(config, schedule=sampler, clip_sample=False)
        calls = 0

        def count(*_: Any) -> None:
            nonlocal calls
            calls += 1

        hook = unet.register_forward_hook(count)
        generator = torch.Generator().manual_seed(1)
        images = pipe(2, generator, num_inference_steps=4, output_type="np").images
        hook.remove()
        assert calls == 4
        x = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))
        table = lower(sampler) if isinstance(sampler, SolverSchedule) else sampler
        own = (sample(model, x, table) / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
        assert torch.allclose(torch.from_numpy(images), own.detach(), atol=1e-4)


def test_into_k_diffusion() -> None:
    noise = EDM(20.0, 0.05)
    model, x = DATA.model(noise), 20.0 * NOISES.test
    result = search_solver(
        model,
        NOISES,
        3,
        evaluations=20,
        share=0.5,
        method=SolverSearch(noise, 3, 10, predictor=None),
        fixed={"unipc_2": dpmpp_2m(noise, grids.edm_rho(noise, 3))},
    )
    table = result.sampler
    assert isinstance(table, CoefficientTable | SolverSchedule)
    own = sample(model, x, lower(table) if isinstance(table, SolverSchedule) else table)
    theirs = sample_ritard(lambda x, s: DATA.denoise(x, s), x, schedule=table)
    assert torch.allclose(own, theirs, rtol=1e-9, atol=1e-9)

"""Settings as they are kept, printed and saved: whatever type of number they were given as."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from ritard.solvers import diffusion
from ritard.solvers.diffusion import (
    EDM,
    CoefficientTable,
    Discrete,
    EmpiricalDenoiser,
    Flow,
    GaussianMixture,
    LowRankMixture,
    Model,
    NoiseSchedule,
    Row,
    SolverSchedule,
    SolverStep,
    VPCosine,
    VPLinear,
    check_prediction,
    ddim,
    dpmpp_2m,
    grids,
    lower,
    reference,
    sample,
)
from ritard.solvers.diffusion.saved import same_noise
from ritard.tuners.solver_search import Noises
from ritard.tuners.solver_search.canonical import key

TRAINED = Discrete.from_betas("scaled_linear", 0.00085, 0.012)
GRID = grids.uniform_lambda(TRAINED, 10)

# ---- what is printed -----------------------------------------------------------------------


def test_a_noise_schedule_prints_as_it_is_made():
    rescaled = Discrete.from_betas("linear", zero_terminal_snr=True)
    for noise in (TRAINED, rescaled, EDM(20), VPLinear(), VPCosine(), Flow()):
        text = repr(noise)
        assert len(text) < 150
        assert eval(text, vars(diffusion)) == noise


def test_a_step_prints_what_is_unusual_of_it():
    step = SolverStep(order=2, scaling="bh2")
    assert repr(SolverStep()) == "SolverStep()"
    assert repr(step) == "SolverStep(order=2, scaling='bh2')"
    schedule = dpmpp_2m(VPLinear(), grids.uniform_lambda(VPLinear(), 5))
    assert eval(repr(schedule), vars(diffusion)) == schedule


def printed():
    table = Discrete(TRAINED.alphas_cumprod)
    mixture = GaussianMixture(torch.randn(200, 500), torch.ones(200))
    directions = torch.eye(500)[:, :3].repeat(20, 1, 1)
    low_rank = LowRankMixture(mixture.means[:20], directions, torch.ones(20, 3), torch.ones(20))
    many = ddim(table, grids.uniform_lambda(table, 500))
    return {
        "Discrete": table,
        "few steps": dpmpp_2m(TRAINED, GRID),
        "many steps": many,
        "their table": lower(many),
        "GaussianMixture": mixture,
        "LowRankMixture": low_rank,
        "EmpiricalDenoiser": EmpiricalDenoiser(torch.randn(5000, 3, 8, 8)),
        "Model": mixture.model(TRAINED),
        "Noises": Noises.draw((3, 16, 16)),
    }


@pytest.mark.parametrize("name", printed())
def test_what_holds_many_numbers_prints_few(name):
    assert len(repr(printed()[name])) < 1500


def test_what_is_left_out_is_counted():
    assert repr(Discrete.from_betas([0.5] * 100)).endswith("(0.5, 0.25, 0.125, <97 more>))")
    assert "means=<(2, 3) torch.float32>" in repr(GaussianMixture(torch.ones(2, 3), torch.ones(2)))


# ---- what is kept --------------------------------------------------------------------------

FORMS = [int, float, np.float32, np.float64, np.int64, lambda v: torch.tensor(v), np.array]


@pytest.mark.parametrize("form", FORMS)
def test_numbers_of_any_type_are_kept_as_plain_ones(form):
    noise = EDM(t_max=form(80), t_min=form(1))
    steps = (SolverStep(), SolverStep(order=2, scaling=form(1), d2_scale=form(1)))
    schedule = SolverSchedule(noise, (form(80), form(10), form(1)), steps)
    usual = SolverSchedule(EDM(80.0, 1.0), (80.0, 10.0, 1.0), (SolverStep(), steps[1]))
    usual = replace(usual, steps=(SolverStep(), SolverStep(order=2, scaling=1.0)))
    assert schedule == usual
    assert key(schedule) == key(usual)
    assert json.dumps(schedule.to_dict()) == json.dumps(usual.to_dict())
    assert repr(schedule) == repr(usual)


def test_every_setting_of_a_noise_schedule_is_kept_as_a_float():
    half = np.float32(0.5)
    for noise in (VPLinear(half, 20, half), VPCosine(1, half, 0.1), EDM(80, half), Flow(half)):
        assert {type(v) for v in vars(noise).values()} == {float}
        assert NoiseSchedule.from_dict(json.loads(json.dumps(noise.to_dict()))) == noise
    made = Discrete.from_betas("linear", np.float32(1e-4), 1e-1, np.int64(10))
    assert NoiseSchedule.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_whole_decisions_and_node_numbers_may_be_numpys():
    one, two = np.int64(1), np.int64(2)
    step = SolverStep(order=np.int64(3), start=one, points=one)
    assert json.dumps([step.order, step.start, step.points]) == "[3, 1, 1]"
    table = lower(ddim(EDM(), (80.0, 10.0, 1.0)))
    rows = [
        Row(i, i - 1, row.kind, row.scale, ((i - 1, row.terms[0][1]),), row.role, row.evaluate)
        for i, row in zip((one, two), table.rows, strict=True)
    ]
    numpys = CoefficientTable(table.noise, table.nodes, tuple(rows))
    assert CoefficientTable.from_dict(json.loads(json.dumps(numpys.to_dict()))) == table


def test_a_scaling_that_is_learned_stays_the_tensor_it_is():
    c = torch.tensor(0.25, dtype=torch.float64, requires_grad=True)
    schedule = SolverSchedule(EDM(), (80.0, 9.0, 1.0), (SolverStep(), SolverStep("data", 2)))
    last = replace(schedule.steps[1], scaling=c)
    lower(replace(schedule, steps=(schedule.steps[0], last))).rows[1].terms[0][1].backward()
    assert c.grad is not None and c.grad != 0


def test_a_training_table_is_the_same_up_to_rounding_only():
    rounded = Discrete(tuple(float(np.float32(a)) for a in TRAINED.alphas_cumprod))
    assert same_noise(TRAINED, rounded)
    for other in (
        Discrete.from_betas("scaled_linear", 0.00085, 0.0122),
        Discrete.from_betas("scaled_linear", 0.00088, 0.012),
        Discrete.from_betas("scaled_linear", 0.00085, 0.012, 999),
        VPLinear(),
    ):
        assert not same_noise(TRAINED, other)
        assert not same_noise(other, TRAINED)


# ---- shapes that do not fit -----------------------------------------------------------------


def test_a_mean_of_another_shape_is_refused_before_the_first_call():
    def never(x, t):
        raise AssertionError("the network was called")

    table = lower(SolverSchedule(EDM(), (80.0, 1.0), (SolverStep(),), "mean"))
    for shape in ((7,), (5, 1, 3), (2, 2)):
        model = Model(never, EDM(), "data", torch.zeros(shape))
        with pytest.raises(ValueError, match=r"mean of shape .* for x of \(2, 3\)"):
            sample(model, torch.ones(2, 3), table)
    for shape in ((3,), (1, 3), (2, 1), ()):
        model = Model(never, EDM(), "data", torch.zeros(shape))
        assert sample(model, torch.ones(2, 3), table).shape == (2, 3)
    with pytest.raises(TypeError, match=r"mean=\[0\]"):
        Model(never, EDM(), "data", [0])


@pytest.mark.parametrize("name", ["GaussianMixture", "LowRankMixture", "EmpiricalDenoiser"])
def test_samples_of_another_size_than_the_data_are_refused(name):
    law = {
        "GaussianMixture": GaussianMixture(torch.ones(2, 6), torch.ones(2)),
        "LowRankMixture": LowRankMixture(
            torch.ones(2, 6), torch.eye(6)[:, :1].repeat(2, 1, 1), torch.ones(2, 1), torch.ones(2)
        ),
        "EmpiricalDenoiser": EmpiricalDenoiser(torch.ones(4, 6)),
    }[name]
    for shape in ((3, 5), (3, 1), (3, 2, 6)):
        with pytest.raises(ValueError, match=r"y: shape \(3, .* of 6 numbers"):
            law.denoise(torch.ones(shape), torch.tensor(1.0))
    flat = law.denoise(torch.arange(18.0).view(3, 6), torch.tensor(1.0))
    square = law.denoise(torch.arange(18.0).view(3, 2, 3), torch.tensor(1.0))
    assert torch.equal(square.flatten(1), flat)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("noise", [VPLinear(), EDM(), Flow()])
def test_an_exact_denoiser_takes_half_precision_over_the_whole_range(noise, dtype):
    mixture = GaussianMixture(torch.tensor([[1.0, 0.0], [-1.0, 0.5]]), torch.tensor([0.1, 0.2]))
    model = mixture.model(noise)
    for t in (noise.t_max * 0.999, 0.5 * noise.t_max, 0.1):
        x = (noise.node(t).sigma * torch.tensor([[1.0, -2.0], [0.5, 0.25]])).to(dtype)
        found, exact = model(x, t), model(x.double(), t)
        assert found.dtype == dtype
        assert torch.allclose(found.double(), exact, atol=1e-2)


def test_data_of_whole_numbers_are_refused_by_name():
    """Their weights would be rounded to 0, their mean has no type."""
    whole = torch.ones(2, 6, dtype=torch.uint8)
    for make, name in (
        (lambda: GaussianMixture(whole, torch.ones(2)), "means"),
        (lambda: GaussianMixture(torch.ones(2, 6), torch.ones(2), torch.tensor([1, 2])), "weights"),
        (lambda: EmpiricalDenoiser(whole), "data"),
        (lambda: LowRankMixture.fit(whole, 1, 1), "data"),
        (lambda: Noises(torch.ones(2, 6), whole, whole), "validation"),
    ):
        with pytest.raises(TypeError, match=f"{name}: expected a floating tensor, got torch.u?int"):
            make()


def test_an_empty_batch_stays_one():
    model = GaussianMixture(torch.ones(2, 3), torch.ones(2)).model(VPLinear())
    x = torch.zeros(0, 3)
    for preset in diffusion.SOLVERS.values():
        grid = grids.uniform_lambda(VPLinear(), 4)
        assert sample(model, x, lower(preset(VPLinear(), grid))).shape == (0, 3)


@pytest.mark.parametrize("output", [None, (1,), np.ones((2, 3))])
def test_an_output_that_is_no_tensor_is_refused_by_name(output):
    model = Model(lambda x, t: output, VPLinear())
    name = type(output).__name__
    with pytest.raises(TypeError, match=f"network: output is a {name}: expected a tensor"):
        model(torch.ones(2, 3), 0.5)


@pytest.mark.parametrize("prediction", ["noise", "data", "v", "score", "flow"])
def test_a_network_that_predicts_exactly_that_has_no_error(prediction):
    """Of one sample the noise is known: eps = (x - alpha x_0) / sigma."""
    data = torch.tensor([[0.5, -2.0, 1.5]], dtype=torch.float64)
    noise = VPLinear()

    def network(x, t):
        node = noise.node(float(t[0]))
        eps = (x - node.alpha * data) / node.sigma
        return {
            "noise": eps,
            "data": data,
            "v": node.alpha * eps - node.sigma * data,
            "score": -eps / node.sigma,
            "flow": eps - data,
        }[prediction]

    errors = check_prediction(Model(network, noise, prediction), data)
    assert errors[prediction] < 1e-20
    assert all(error > 1e-3 for name, error in errors.items() if name != prediction)


def test_data_that_are_none_cannot_tell_what_is_predicted():
    model = GaussianMixture(torch.zeros(1, 3), torch.ones(1)).model(VPLinear())
    for data in ([1.0], torch.ones(4, 3, dtype=torch.long)):
        with pytest.raises(TypeError, match=r"data.*: expected a floating tensor"):
            check_prediction(model, data)
    for data in (torch.ones(3), torch.ones(0, 3)):
        with pytest.raises(ValueError, match=r"data: shape"):
            check_prediction(model, data)


def test_a_reference_of_nothing_and_one_that_is_zero():
    model = Model(lambda x, t: x, VPLinear(), "noise")
    assert reference(model, torch.zeros(0, 3)).shape == (0, 3)
    assert torch.equal(reference(model, torch.zeros(2, 3)), torch.zeros(2, 3))

"""Numbers of the tables: phi functions, differences, noise schedules, rows, JSON."""

import json
import math
from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from ritard.solvers.diffusion import (
    EDM,
    CoefficientTable,
    Discrete,
    NoiseSchedule,
    SolverSchedule,
    SolverStep,
    VPCosine,
    VPLinear,
    ddim,
    deis_tab,
    dpm_solver_3m_exact,
    dpmpp_2m,
    dpmpp_3m,
    dpmpp_3m_exact,
    dpmpp_3s,
    grids,
    heun,
    ipndm,
    lms,
    lower,
    unipc,
)
from ritard.solvers.diffusion.phi import derivative_weights, phi
from solver_schedules import NOISES, schedules
from tables import checked

named = pytest.mark.parametrize("noise", NOISES, ids=lambda noise: noise.name)


def exact_phi(k, z):
    """phi_k(z) = 1F1(1; k + 1; z) / k!, to 40 digits."""
    with mpmath.workdps(40):
        return float(mpmath.hyp1f1(1, k + 1, mpmath.mpf(z)) / mpmath.factorial(k))


@checked
@given(st.floats(-30, 30) | st.floats(-3, 3) | st.floats(-1e-6, 1e-6))
def test_phi_keeps_its_digits(z):
    for k, value in enumerate(phi(6, z), 1):
        assert value == pytest.approx(exact_phi(k, z), rel=2e-14)


@pytest.mark.parametrize("z", [0.03, -0.1, 0.2, -0.45, 0.9, -1.7, 1.99, -2.01])
def test_phi_keeps_its_digits_where_the_recursion_would_not(z):
    for k, value in enumerate(phi(6, z), 1):
        assert value == pytest.approx(exact_phi(k, z), rel=2e-14)


def test_phi_of_a_tensor_has_the_same_value_and_its_derivative():
    for z in (-5.0, -0.3, 1e-9, 0.7, 4.0):
        zt = torch.tensor(z, dtype=torch.float64, requires_grad=True)
        for k, (a, b) in enumerate(zip(phi(5, zt), phi(5, z), strict=True), 1):
            assert a.item() == pytest.approx(b, rel=1e-15)
            (slope,) = torch.autograd.grad(a, zt, retain_graph=True)
            step = 1e-4
            expected = (exact_phi(k, z + step) - exact_phi(k, z - step)) / (2 * step)
            assert float(slope) == pytest.approx(expected, rel=1e-6)


deltas = st.lists(
    st.integers(-400, 400).filter(bool).map(lambda n: n / 100), min_size=1, max_size=4, unique=True
)


@checked
@given(deltas)
def test_derivative_weights_solve_the_moment_equations(places):
    """sum_j a_j delta_j^i / i! = [i == k] for i = 1..p, in exact arithmetic of the answer."""
    p = len(places)
    for k, row in enumerate(derivative_weights(places, p), 1):
        assert sum(row) == pytest.approx(0, abs=1e-9 * max(map(abs, row)))
        for i in range(1, p + 1):
            terms = [
                Fraction(a) * Fraction(d) ** i / math.factorial(i)
                for a, d in zip(row[1:], places, strict=True)
            ]
            size = float(max(map(abs, terms)))
            assert float(sum(terms)) == pytest.approx(float(i == k), abs=1e-11 * max(size, 1))


# ---- noise schedules ---------------------------------------------------------------------


@named
def test_lambda_and_time_are_inverse(noise):
    for share in np.linspace(0, 1, 41):
        t = noise.t_min + share * (noise.t_max - noise.t_min)
        lam = noise.lambda_at(t)
        if math.isinf(lam):
            assert (noise.name, t) == ("flow", 1.0)
            continue
        assert noise.time_at(lam) == pytest.approx(t, rel=1e-12, abs=1e-12)
        node = noise.node(t)
        assert math.log(node.alpha / node.sigma) == pytest.approx(lam, abs=1e-12)
    assert math.isinf(noise.node(noise.clean).lam)
    assert noise.node(noise.clean).sigma == 0
    assert noise.node(noise.clean).alpha == 1


@named
def test_tensors_have_the_same_values_and_gradients(noise):
    for share in (0.1, 0.43, 0.9):
        t = noise.t_min + share * (noise.t_max - noise.t_min)
        tensor = torch.tensor(t, dtype=torch.float64, requires_grad=True)
        node = noise.node(tensor)
        assert [v.item() if torch.is_tensor(v) else v for v in node] == pytest.approx(
            list(noise.node(t)), rel=1e-13
        )
        back = noise.time_at(node.lam)
        (slope,) = torch.autograd.grad(back, tensor, retain_graph=True)
        assert float(slope) == pytest.approx(1.0, rel=1e-9)  # the inverse's derivative
        (rate,) = torch.autograd.grad(node.lam, tensor)
        eps = 1e-6 * noise.t_max
        numeric = (noise.lambda_at(t + eps) - noise.lambda_at(t - eps)) / (2 * eps)
        assert float(rate) == pytest.approx(numeric, rel=1e-5)


def test_vp_linear_by_its_integral():
    """Log alpha = -1/2 integral of beta."""
    noise = VPLinear(0.2, 15.0)
    for t in (1e-3, 0.3, 1.0):
        integral = mpmath.quad(lambda s: 0.2 + s * 14.8, [0, t])
        assert math.log(noise.node(t).alpha) == pytest.approx(-float(integral) / 2, rel=1e-12)


def test_the_usual_settings_are_the_papers():
    assert (VPLinear().beta_min, VPLinear().beta_max) == (0.1, 20.0)
    assert (VPCosine().s, VPCosine().t_max) == (0.008, 0.9946)
    assert (EDM().t_min, EDM().t_max) == (0.002, 80.0)
    assert grids.edm_rho(EDM(), 5) == grids.edm_rho(EDM(), 5, rho=7.0)


def test_vp_cosine_by_its_definition():
    noise = VPCosine()
    for t in (1e-3, 0.5, 0.99):
        alpha = math.cos(math.pi / 2 * (t + 0.008) / 1.008) / math.cos(math.pi / 2 * 0.008 / 1.008)
        assert noise.node(t).alpha == pytest.approx(alpha, rel=1e-12)


def test_discrete_tables_equal_diffusers():
    diffusers = pytest.importorskip("diffusers")
    for shape, start, end in (
        ("linear", 1e-4, 0.02),
        ("scaled_linear", 8.5e-4, 0.012),
        ("squaredcos_cap_v2", 1e-4, 0.02),
    ):
        for rescaled in (False, True):
            theirs = diffusers.DPMSolverMultistepScheduler(
                beta_schedule=shape, beta_start=start, beta_end=end, rescale_betas_zero_snr=rescaled
            )
            ours = Discrete.from_betas(shape, start, end, zero_terminal_snr=rescaled)
            table = np.array(ours.alphas_cumprod)
            other = theirs.alphas_cumprod.double().numpy()
            assert np.allclose(table[:-1], other[:-1], rtol=2e-3 if rescaled else 3e-4, atol=3e-7)
            last = other[-1]
            if rescaled and other[-2] <= last:  # theirs rises at its end
                last = table[-2] / 4
            assert table[-1] == pytest.approx(last, rel=1e-3)
            assert table[-2] > table[-1]
    assert Discrete.from_betas([0.1, 0.2]).alphas_cumprod == pytest.approx((0.9, 0.72))


@named
def test_noise_schedules_are_saved_by_name(noise):
    again = NoiseSchedule.from_dict(json.loads(json.dumps(noise.to_dict())))
    assert again == noise
    assert type(again) is type(noise)


# ---- grids -------------------------------------------------------------------------------


def test_grids_have_the_spacing_they_are_named_for():
    noise = EDM()
    assert np.ptp(np.diff(grids.uniform_t(noise, 7))) < 1e-12
    assert np.ptp(np.diff(np.sqrt(grids.quadratic_t(noise, 7)))) < 1e-12
    assert np.ptp(np.diff(np.log(grids.uniform_lambda(noise, 7)))) < 1e-12
    assert np.ptp(np.diff(np.power(grids.edm_rho(noise, 7), 1 / 7))) < 1e-12
    assert (
        np.ptp(np.diff(np.power(grids.edm_rho(noise, 7, rho=3, start=20, end=0.1), 1 / 3))) < 1e-12
    )
    for make in (grids.uniform_t, grids.quadratic_t, grids.uniform_lambda, grids.edm_rho):
        times = make(VPLinear(), 5, start=0.8, end=0.01)
        assert (times[0], times[-1], len(times)) == (0.8, 0.01, 6)
        assert min(-np.diff(times)) > 0
    vp = VPLinear()
    assert np.ptp(np.diff([vp.lambda_at(t) for t in grids.uniform_lambda(vp, 9)])) < 1e-12


def test_stages_lie_inside_their_steps_in_lambda():
    times = grids.with_stages(EDM(), (8.0, 1.0), (1 / 3, 2 / 3))
    assert times == pytest.approx((8.0, 4.0, 2.0, 1.0))
    assert grids.shifted((1.0, 0.5, 0.0), 3.0) == pytest.approx((1.0, 0.75, 0.0))


def test_published_levels():
    pytest.importorskip("diffusers")
    noise = Discrete.from_betas("scaled_linear", 8.5e-4, 0.012)
    times = grids.ays(noise)
    sigmas = [n.sigma / n.alpha for n in map(noise.node, times)]
    levels = [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.0]
    assert sigmas == pytest.approx(levels, rel=1e-3)
    assert len(grids.ays(noise, 5)) == 6
    with pytest.raises(ValueError, match="name='none'"):
        grids.ays(noise, name="none")


# ---- rows --------------------------------------------------------------------------------


def test_2m_reads_like_the_paper():
    """Lu et al. (2022), Algorithm 2, line 6-7, with r = h_(i-1) / h_i."""
    noise, times = VPLinear(), grids.quadratic_t(VPLinear(), 5)
    row = lower(dpmpp_2m(noise, times)).rows[3]
    n = [noise.node(t) for t in times]
    h, before = n[4].lam - n[3].lam, n[3].lam - n[2].lam
    r, outer = before / h, -n[4].alpha * math.expm1(-h)
    assert row.scale == pytest.approx(n[4].sigma / n[3].sigma)
    expected = {3: outer * (1 + 1 / (2 * r)), 2: -outer / (2 * r)}
    assert dict(row.terms) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind", ["noise", "data"])
def test_scalings_by_their_definition(kind):
    """The named ones take z (-h for data), the linear one takes h for both."""
    noise, times = VPLinear(), grids.quadratic_t(VPLinear(), 2)
    lam = [noise.lambda_at(t) for t in times]
    h = lam[2] - lam[1]
    z = h if kind == "noise" else -h
    rest = math.exp(z) - 1 - z

    def slope(scaling):  # the weight of the earlier output, R_1 times a constant
        steps = (SolverStep(), SolverStep(kind, 2, scaling=scaling))
        return dict(lower(SolverSchedule(noise, times, steps)).rows[1].terms)[0]

    expected = {
        "bh1": z * z / 2 / rest,
        "bh2": z / 2 * (math.exp(z) - 1) / rest,
        "pexp": 1 + (math.exp(z) - 1) / 2,
        "mexp": 1 - (math.exp(z) - 1) / 2,
        0.3: 1 + 0.3 * h,
        -1 / 3: 1 - h / 3,
    }
    for scaling, factor in expected.items():
        assert slope(scaling) / slope("none") == pytest.approx(factor, rel=1e-9)


@checked
@given(schedules())
def test_any_schedule_gives_a_sound_table(schedule):
    table = lower(schedule)
    replace(table)  # checks every row
    assert table.nfe == schedule.nfe
    assert table.steps == len(schedule.steps)
    for row in table.rows:
        s, t = table.nodes[row.base], table.nodes[row.target]
        weight = sum(c for _, c in row.terms)
        # Consistency: a constant prediction is integrated exactly.
        if row.kind == "data":
            assert row.scale == pytest.approx(t.sigma / s.sigma, rel=1e-12)
            exact = t.alpha - s.alpha * t.sigma / s.sigma
        else:
            assert row.scale == pytest.approx(t.alpha / s.alpha, rel=1e-12)
            exact = t.sigma - s.sigma * t.alpha / s.alpha
        size = max(abs(c) for _, c in row.terms)
        assert weight == pytest.approx(exact, abs=1e-9 * max(size, 1))


@checked
@given(schedules(noise=VPLinear()))
def test_another_noise_schedule_and_back(schedule):
    other = schedule.on(EDM(t_max=1e3))
    assert [n.lam for n in other.nodes] == pytest.approx([n.lam for n in schedule.nodes])
    assert other.steps == schedule.steps
    assert other.on(VPLinear()).times == pytest.approx(schedule.times)


@checked
@given(schedules(), st.integers(0, 5))
def test_tails_are_schedules_of_their_own(schedule, begin):
    assume(begin < len(schedule.steps))
    tail = schedule.tail(begin)
    assert tail.times == schedule.times[begin:]
    assert [s.prediction for s in tail.steps] == [s.prediction for s in schedule.steps[begin:]]
    assert max(step.order - i for i, step in enumerate(tail.steps)) <= 1
    lower(tail)


def test_lower_final():
    times = grids.uniform_lambda(VPLinear(), 6)
    schedule = dpmpp_3m(VPLinear(), times).lower_final()
    assert [s.order for s in schedule.steps] == [1, 2, 3, 3, 2, 1]
    assert schedule.steps[4].scaling == "bh2"  # the warm-up's own order-2 step
    corrected = unipc(VPLinear(), times, 3).lower_final()
    assert [s.corrector for s in corrected.steps] == ["pseudo"] * 5 + ["none"]


def test_tables_made_directly_survive_json_and_end_in_clean_data(tmp_path):
    noise = EDM()
    times = (*grids.edm_rho(noise, 5), 0.0)
    for make in (ipndm, lms, deis_tab, heun):
        table = make(noise, times)
        text = json.dumps(table.to_dict(), allow_nan=False)
        assert CoefficientTable.from_dict(json.loads(text)) == table
    assert heun(noise, times).nfe == 11
    assert heun(noise, times[:-1]).nfe == 10
    path = tmp_path / "schedule.json"
    schedule = ddim(noise, times)
    schedule.save(path)
    assert SolverSchedule.load(path) == schedule


@pytest.mark.parametrize("make", [dpmpp_3m_exact, dpm_solver_3m_exact])
def test_the_exact_3m_integrates_a_parabola_in_lambda(make):
    """By Gauss and Legendre, from the variation of constants."""

    def parabola(lam):
        return 0.3 - 0.7 * lam + 0.4 * lam**2

    table = lower(make(VPLinear(), grids.edm_rho(VPLinear(), 6)))
    places, weights = np.polynomial.legendre.leggauss(30)
    for row in table.rows[2:]:
        s, t = table.nodes[row.base], table.nodes[row.target]
        lams = s.lam + (t.lam - s.lam) * (places + 1) / 2
        sign, outer = (-1, -t.alpha) if row.kind == "noise" else (1, t.sigma)
        values = np.exp(sign * lams) * parabola(lams)
        exact = outer * (t.lam - s.lam) / 2 * (weights @ values)
        found = sum(c * parabola(table.nodes[j].lam) for j, c in row.terms)
        assert found == pytest.approx(exact, rel=1e-9)


def test_a_step_of_deis_to_clean_data_predicts_the_data():
    for noise in (VPLinear(), EDM()):
        grid = (*grids.uniform_lambda(noise, 3), noise.clean)
        row, s = deis_tab(noise, grid).rows[-1], noise.node(grid[-2])
        assert row.scale == pytest.approx(1 / s.alpha, rel=1e-12)
        assert dict(row.terms)[row.base] == pytest.approx(-s.sigma / s.alpha, rel=1e-12)
        assert len([c for _, c in row.terms if c]) == 1


def test_published_polynomials_in_sigma():
    """Order 2 of LMS and of tAB under EDM (t = sigma): s - t weighted by the line's integral."""
    noise, times = EDM(), (10.0, 4.0, 1.5)
    h, before = 1.5 - 4.0, 4.0 - 10.0
    expected = {1: h + h * h / (2 * before), 0: -h * h / (2 * before)}
    for make in (lms, deis_tab):
        assert dict(make(noise, times, 2).rows[1].terms) == pytest.approx(expected, rel=1e-10)
    assert dict(ipndm(noise, times, 2).rows[1].terms) == pytest.approx({1: 1.5 * h, 0: -0.5 * h})


def test_blocks_of_the_singlestep_solvers():
    table = lower(dpmpp_3s(VPLinear(), grids.uniform_lambda(VPLinear(), 6), "heun"))
    assert [row.base for row in table.rows] == [0, 0, 0, 3, 3, 3]
    assert [sorted(j for j, _ in row.terms) for row in table.rows[:3]] == [[0], [0, 1], [0, 1, 2]]

"""What holds of the table of any schedule, its decisions drawn at random.

The integrals that a row stands for are taken by quadrature: no phi function, no divided
difference and no code of the library is behind the expected values.
"""

import json
import math
from dataclasses import replace

import numpy as np
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from ritard.solvers.diffusion import (
    CoefficientTable,
    Counted,
    Execution,
    GaussianMixture,
    Model,
    SolverSchedule,
    VPLinear,
    lower,
    sample,
)
from solver_schedules import NOISES, schedules
from tables import checked

POINTS, WEIGHTS = np.polynomial.legendre.leggauss(40)


def exact_step(row, nodes, m):
    """What a row adds to the state, for an output that is the function m of lambda.

    Variation of constants: x_t = alpha_t / alpha_s x_s - alpha_t Int e^-l m(l) dl for the noise,
    sigma_t / sigma_s x_s + sigma_t Int e^l m(l) dl for the data, l from lambda_s to lambda_t.
    """
    s, t = nodes[row.base], nodes[row.target]
    half = (t.lam - s.lam) / 2
    at = s.lam + half * (POINTS + 1)
    sign, outer = (-1, -t.alpha) if row.kind == "noise" else (1, t.sigma)
    return outer * half * float(WEIGHTS @ (np.exp(sign * at) * m(at)))


def made_step(row, nodes, m):
    return sum(c * float(m(np.array(nodes[j].lam))) for j, c in row.terms)


def rows_with_steps(schedule):
    """Each row with a finite step, and the decisions that it comes from."""
    table = lower(schedule)
    found = [(row, schedule.steps[row.target - 1]) for row in table.rows]
    return table.nodes, [(r, s) for r, s in found if math.isfinite(table.nodes[r.target].lam)]


def plain(row, step):
    """The highest degree that a row integrates exactly, and whether R_1 or R_2 is not 1."""
    corrects = row.role == "correct"
    terms, points = step.order + corrects, step.first_points + corrects
    scaling = step.corrector_scaling if corrects else step.scaling
    scaled = scaling not in ("none", 0) and terms > 1
    scaled |= step.d2_scale != 1 and step.order > 2 and not corrects
    return min(terms - 1, points), scaled


@checked
@given(schedules(), st.floats(-2, 2))
def test_a_row_is_exact_for_polynomials_in_lambda_up_to_its_order(schedule, centre):
    nodes, rows = rows_with_steps(schedule)
    for row, step in rows:
        degree, scaled = plain(row, step)
        for k in range(1 if scaled else degree + 1):

            def m(lam, k=k, middle=nodes[row.base].lam + centre):
                return (lam - middle) ** k

            found, expected = made_step(row, nodes, m), exact_step(row, nodes, m)
            size = sum(abs(c) * abs(float(m(np.array(nodes[j].lam)))) for j, c in row.terms)
            assert abs(found - expected) <= 1e-10 * (size + abs(expected))


def shrunk(schedule, base, factor):
    """All lambdas that much closer to that of a node."""
    noise, lams = schedule.noise, [node.lam for node in schedule.nodes]
    times = [noise.time_at(lams[base] + factor * (lam - lams[base])) for lam in lams]
    return replace(schedule, times=tuple(map(float, times)))


@checked
@given(schedules(noise=VPLinear(), clean=False))
def test_the_error_of_a_row_falls_with_the_steps_as_its_order_says(schedule):
    """Of degree q exact: h^(q+2) a step; R_1 = 1 + O(h), or another R_2, leave h^3 of it."""
    rates = (-1.1, 0.6, 0.9)  # of exponentials: no derivative of theirs is ever 0
    for k, (row, step) in enumerate(rows_with_steps(schedule)[1]):
        sizes = []
        for factor in (0.2, 0.1):
            nodes, rows = rows_with_steps(shrunk(schedule, row.base, factor))
            at = nodes[row.base].lam
            pairs = [
                (made_step(rows[k][0], nodes, m), exact_step(rows[k][0], nodes, m))
                for m in [lambda lam, a=a, at=at: np.exp(a * (lam - at)) for a in rates]
            ]
            sizes.append(math.hypot(*(a - b for a, b in pairs)))
        degree, scaled = plain(row, step)
        order = min(degree + 2, 3) if scaled else degree + 2
        if sizes[1] > 1e-12:
            assert math.log2(sizes[0] / sizes[1]) > order - 0.5


LAW = GaussianMixture(
    torch.tensor([[1.0, 0.0], [-1.0, 0.5]], dtype=torch.float64),
    torch.tensor([0.3, 0.5], dtype=torch.float64),
)


def model_of(noise, prediction):
    inner = LAW.model(noise).network

    def network(x, t):
        node = noise.node(float(t[0]))
        data = inner(x, t)
        eps = (x - node.alpha * data) / node.sigma
        return {
            "data": data,
            "noise": eps,
            "v": node.alpha * eps - node.sigma * data,
            "score": -eps / node.sigma,
            "flow": eps - data,
        }[prediction]

    return Model(Counted(network), noise, prediction)


@checked
@given(
    schedules(noise=VPLinear(), clean=False),
    st.sampled_from(NOISES),
    st.sampled_from(["noise", "data", "v", "score", "flow"]),
)
def test_the_path_is_the_same_under_any_noise_schedule_and_prediction(schedule, noise, prediction):
    """Samples divided by alpha; and the network is called as often as the table says."""
    try:
        other = schedule.on(noise)
    except ValueError:  # a lambda beyond that table's range
        assume(False)
    found = []
    for one, kind in ((schedule, "data"), (other, prediction)):
        model = model_of(one.noise, kind)
        a, b = one.nodes[0], one.nodes[-1]
        x = a.alpha * 50.0 * torch.linspace(-1, 1, 8, dtype=torch.float64).view(4, 2)
        found.append(sample(model, x, lower(one)) / b.alpha)
        assert model.network.calls == lower(one).nfe == one.nfe == len(lower(one).evaluations)
    assert torch.allclose(*found, rtol=1e-8, atol=1e-8 * float(found[0].abs().max()))


@checked
@given(schedules())
def test_saved_and_loaded_it_is_the_same_bit_for_bit(schedule):
    """Whatever is asked of it afterwards: its table, and that of its table's own JSON."""
    text = json.dumps(schedule.to_dict(), allow_nan=False)
    again = SolverSchedule.from_dict(json.loads(text))
    assert json.dumps(again.to_dict()) == text
    table, loaded = lower(schedule), lower(again)
    assert loaded == table == lower(table)
    text = json.dumps(table.to_dict(), allow_nan=False)
    assert CoefficientTable.from_dict(json.loads(text)) == table


@checked
@given(schedules(), st.booleans())
def test_a_run_keeps_only_finite_numbers_and_ends_where_the_table_does(schedule, data):
    table = lower(schedule)
    x = table.nodes[0].sigma * torch.linspace(-2, 2, 6, dtype=torch.float64).view(3, 2)
    run = Execution(table, x)
    if table.first != "network":
        run.advance(x / table.nodes[0].sigma, "noise")
    places = []
    while run.node is not None:
        places.append(run.node)
        run.advance(0.1 * run.x, "data" if data else "noise")
        assert bool(torch.isfinite(run.x).all())
    assert tuple(places) == table.evaluations
    assert run.step == len(schedule.steps) == table.steps

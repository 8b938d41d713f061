"""Timesteps by dynamic programming: against enumeration, and against plain NumPy."""

import inspect
import math
from itertools import combinations, pairwise

import numpy as np
import pytest
import torch
from ritard.solvers.diffusion import (
    EDM,
    Counted,
    Flow,
    GaussianMixture,
    Model,
    VPLinear,
    grids,
)
from ritard.tuners.solver_search import cheapest, gits_times, step_costs, teacher


def enumerated(costs, steps, coefficient):
    """The best path of all there are: cost(0, i) + c (cost(i, j) + c (...))."""
    last = len(costs) - 1

    def total(path):
        return sum(coefficient**k * costs[i][j] for k, (i, j) in enumerate(pairwise(path)))

    paths = ([0, *inner, last] for inner in combinations(range(1, last), steps - 1))
    return min(paths, key=total)


@pytest.mark.parametrize("coefficient", [0.7, 1.0, 1.15, 2.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_path_is_the_best_of_all(seed, coefficient):
    costs = np.random.default_rng(seed).normal(1.0, 1.0, (9, 9))  # some are negative
    for steps in range(1, 9):
        found = cheapest(torch.tensor(costs), steps, coefficient)
        assert found == enumerated(costs, steps, coefficient)


@pytest.mark.parametrize(("advantage", "through"), [(1.155, 1), (1.145, 2)])
def test_the_usual_coefficient_is_1_15(advantage, through):
    """Two paths that tie at 1.155 and at 1.145: on either side of 1.15 the other wins."""
    costs = torch.full((4, 4), math.inf)
    costs[0, 1], costs[1, 3] = 1.0, 2.0
    costs[0, 2], costs[2, 3] = 1.0 + advantage, 1.0
    assert cheapest(costs, 2) == [0, through, 3]
    assert inspect.signature(gits_times).parameters["coefficient"].default == 1.15


# ---- the costs against plain NumPy -------------------------------------------------------


def plain(means, variance, x, sigmas):
    """IPNDM-4 and the mean deviations, written out for one Gaussian and sigma = t."""

    def eps(x, sigma):
        return sigma * (x - means) / (variance + sigma**2)

    states, slopes = [x], []
    adams = [
        [1],
        [3 / 2, -1 / 2],
        [23 / 12, -16 / 12, 5 / 12],
        [55 / 24, -59 / 24, 37 / 24, -9 / 24],
    ]
    for n, (s, t) in enumerate(pairwise(sigmas)):
        slopes.append(eps(states[-1], s))
        weights = adams[min(n, 3)]
        latest = slopes[::-1][: len(weights)]
        states.append(
            states[-1] + (t - s) * sum(w * e for w, e in zip(weights, latest, strict=True))
        )
    first, last = states[0], states[-1]
    unit = (last - first) / np.linalg.norm(last - first, axis=1, keepdims=True)

    def from_line(y):
        gap = y - first
        return np.sqrt(np.maximum((gap**2).sum(1) - (gap * unit).sum(1) ** 2, 0))

    count = len(sigmas)
    dev, l1, l2 = (np.full((count, count), np.inf) for _ in range(3))
    for i in range(count - 1):
        for j in range(i + 1, count):
            end = states[i] + (sigmas[j] - sigmas[i]) * slopes[i]
            dev[i, j] = np.mean(from_line(end) - from_line(states[j]))
            l1[i, j] = np.abs(end - states[j]).sum(1).mean()
            l2[i, j] = np.sqrt(((end - states[j]) ** 2).sum(1)).mean()
    return {"dev": dev, "l1": l1, "l2": l2}


def gaussian():
    means = np.array([[1.0, -2.0, 0.5]])
    variance = np.array([[0.3, 0.05, 1.0]])
    return means, variance, GaussianMixture(torch.tensor(means), torch.tensor(variance))


@pytest.mark.parametrize("metric", ["dev", "l1", "l2"])
def test_the_costs_are_those_of_plain_numpy(metric):
    means, variance, data = gaussian()
    noise = EDM(t_max=20.0, t_min=0.01)
    x = 20 * np.random.default_rng(0).normal(size=(7, 3))
    sigmas = np.linspace(20 ** (1 / 7), 0.01 ** (1 / 7), 13) ** 7
    expected = plain(means, variance, x, sigmas)[metric]
    found = step_costs(teacher(data.model(noise), torch.tensor(x), 13), metric).numpy()
    upper = np.triu(np.ones((13, 13), bool), 1)
    scale = np.abs(expected[upper]).max()
    # The distance from the line loses digits where it is small.
    assert np.allclose(found[upper], expected[upper], rtol=1e-5, atol=1e-6 * scale)
    assert np.isinf(found[~upper]).all()


def test_a_grid_is_the_path_of_the_papers_settings():
    """61 knots, rho 7, 1.15; every number of evaluations from one set of trajectories."""
    means, variance, data = gaussian()
    noise = EDM(t_max=20.0, t_min=0.01)
    x = 20 * torch.randn(40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    model = data.model(noise)
    network = Counted(model.network)
    found = gits_times(Model(network, noise, model.prediction), x, range(1, 9))
    assert network.calls == 60
    knots = grids.edm_rho(noise, 60, 7.0)
    costs = plain(means, variance, x.numpy(), np.array(knots))["dev"]
    for steps, times in found.items():
        # The recursion once more, from the end, in NumPy.
        value, choice = costs[:, -1], []
        for _ in range(steps - 1):
            table = np.where(np.isinf(costs), np.inf, costs + 1.15 * value[None, :])
            choice.append(table.argmin(1))
            value = table.min(1)
        path = [0]
        for best in choice[::-1]:
            path.append(best[path[-1]])
        assert times == pytest.approx([knots[i] for i in [*path, 60]], rel=1e-12)
    assert found != gits_times(model, x, range(1, 9), coefficient=1.0)


def test_the_same_lambdas_under_every_noise_schedule():
    """Y = x / alpha obeys one equation in kappa, whatever alpha is."""
    _, _, data = gaussian()
    edm = EDM(t_max=20.0, t_min=0.01)
    x = 20 * torch.randn(20, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = [edm.lambda_at(t) for t in gits_times(data.model(edm), x, 5)[5]]
    for noise in (VPLinear(), Flow()):
        start, end = (float(noise.time_at(lam)) for lam in (expected[0], expected[-1]))
        found = gits_times(data.model(noise), x * noise.node(start).alpha, 5, start, end)[5]
        assert [noise.lambda_at(t) for t in found] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"nfe": 61}, "nfe=61"),
        ({"nfe": [5, 0]}, "nfe=0"),
        ({"nfe": 5, "knots": 2}, "knots=2"),
        ({"nfe": 5, "coefficient": 0.0}, "coefficient=0.0"),
        ({"nfe": 5, "metric": "l3"}, "metric='l3'"),
    ],
)
def test_what_cannot_be_is_refused(settings, message):
    _, _, data = gaussian()
    with pytest.raises(ValueError, match=message):
        gits_times(data.model(EDM()), torch.ones(2, 3, dtype=torch.float64), **settings)


def test_what_is_not_finite_is_refused():
    model = Model(lambda x, t: x * math.nan, EDM(), "noise")
    with pytest.raises(ValueError, match="not finite"):
        gits_times(model, torch.ones(2, 3), 4)
    with pytest.raises(ValueError, match="steps=4"):
        cheapest(torch.zeros(4, 4), 4)
    with pytest.raises(ValueError, match="lambda is infinite"):
        gits_times(Model(lambda x, t: x, Flow(), "flow"), torch.ones(2, 3), 4)

"""Timesteps by dynamic programming over a teacher's trajectories (GITS)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from ...schedules._checks import number, one_of, whole
from ...solvers.diffusion import Execution, Model, grids, ipndm
from ...solvers.diffusion._scalar import as_float
from ...solvers.diffusion.model import as_model, convert
from .known import nfes_of

Metric = Literal["dev", "l1", "l2"]


def gits_times(
    model: Model,
    x: Tensor,
    nfe: int | Sequence[int],
    start: float | None = None,
    end: float | None = None,
    *,
    knots: int = 61,
    coefficient: float = 1.15,
    metric: Metric = "dev",
) -> dict[int, tuple[float, ...]]:
    """Time grids for solvers of one evaluation per step, all from one set of trajectories.

    The cost of a step from one of the teacher's knots to a later one is how much further Euler's
    jump ends from the straight line between the trajectory's ends than the teacher does; a grid
    is the path of least total, later costs weighing more.

    Args:
        model: The model; it is called ``knots - 1`` times on ``x``.
        x: The states at ``start``, shape (batch, ...); a few hundred do.
        nfe: Number of steps of each grid, from 1 to ``knots - 1``.
        start: First time; the noise schedule's ``t_max`` where it is not given.
        end: Last time; its ``t_min``.
        knots: Of the teacher (iPNDM of order 4 on the rho = 7 grid).
        coefficient: How much more each later step's cost weighs; > 0.
        metric: What a step costs: see :func:`step_costs`.

    Returns:
        For each number of steps its times, one more than steps, for any solver.

    Raises:
        ValueError: a number of steps that the teacher's knots do not allow, settings out of
            range, a start of pure noise, or trajectories that are not finite.

    Example:
        >>> from ritard.solvers.diffusion import EDM, GaussianMixture
        >>> means = torch.tensor([[1.0, 0.0], [-1.0, 0.5]])
        >>> data = GaussianMixture(means, torch.tensor([0.1, 0.1]))
        >>> noise = EDM(t_max=20.0, t_min=0.01)
        >>> x = 20 * torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
        >>> [round(t, 3) for t in gits_times(data.model(noise), x.double(), 4)[4]]
        [20.0, 1.873, 1.065, 0.655, 0.01]

    Source: Chen et al. (2024), arXiv:2405.11326, with the settings of its released code.
    """
    wanted = nfes_of(nfe)
    whole("knots", knots, low=3)
    for steps in wanted:
        if steps > knots - 1:
            raise ValueError(f"nfe={steps}: expected at most knots - 1 = {knots - 1} steps")
    path = teacher(model, x, knots, start, end)
    costs = step_costs(path, metric)
    if not bool(torch.isfinite(costs.triu(1)).all()):
        raise ValueError("x: the teacher's trajectories are not finite")
    found = {steps: cheapest(costs, steps, coefficient) for steps in wanted}
    return {steps: tuple(path.times[i] for i in places) for steps, places in found.items()}


@dataclass(frozen=True, eq=False)
class Path:
    """Trajectories of a sampler in y = x / alpha, against kappa = sigma / alpha.

    Args:
        times: Of the K knots, falling.
        kappas: There, shape (K,).
        states: y, shape (K, batch, d).
        slopes: dy / dkappa, the predicted noise, at all knots but the last, (K - 1, batch, d).
    """

    times: tuple[float, ...]
    kappas: Tensor
    states: Tensor
    slopes: Tensor


@torch.no_grad()
def teacher(
    model: Model, x: Tensor, knots: int = 61, start: float | None = None, end: float | None = None
) -> Path:
    """The trajectories of iPNDM-4 on the rho = 7 grid, with the predicted noise at each knot."""
    as_model(model)
    whole("knots", knots, low=2)
    table = ipndm(model.noise, grids.edm_rho(model.noise, knots - 1, 7.0, start, end))
    alphas = [as_float(node.alpha) for node in table.nodes]
    run = Execution(table, x)
    states, slopes = list[Tensor](), list[Tensor]()
    while (place := run.node) is not None:
        run.keep_state()
        output = model(run.x.to(x.dtype), table.nodes[place].t)
        states.append(run.x.flatten(1).double() / alphas[place])
        noise = convert(output, run.x, model.prediction, "noise", table.nodes[place])
        slopes.append(noise.flatten(1).double())
        run.advance(output, model.prediction)
    states.append(run.x.flatten(1).double() / alphas[-1])
    kappas = states[0].new_tensor([as_float(n.sigma) / as_float(n.alpha) for n in table.nodes])
    times = tuple(as_float(node.t) for node in table.nodes)
    return Path(times, kappas, torch.stack(states), torch.stack(slopes))


def step_costs(path: Path, metric: Metric = "dev") -> Tensor:
    """Mean cost of a step of Euler's from knot i to knot j > i, shape (K, K); infinite elsewhere.

    Args:
        path: The trajectories.
        metric: "dev": the distance of the step's end from the straight line through the
            trajectory's ends, less the teacher's own at knot j (so it may be negative); "l1" and
            "l2": the distance of the step's end from the teacher's state at knot j.
    """
    one_of("metric", metric, get_args(Metric))
    count = len(path.times)
    first, last = path.states[0], path.states[-1]
    along = torch.nn.functional.normalize(last - first, dim=-1)

    def distance(y: Tensor) -> Tensor:
        gap = y - first
        return (gap - (gap * along).sum(-1, keepdim=True) * along).norm(dim=-1)

    costs = torch.full((count, count), math.inf, dtype=torch.float64, device="cpu")
    for i in range(count - 1):
        ahead = (path.kappas[i + 1 :] - path.kappas[i])[:, None, None]
        ends, states = path.states[i] + ahead * path.slopes[i], path.states[i + 1 :]
        if metric == "dev":
            values = distance(ends) - distance(states)
        else:
            values = (ends - states).norm(p=1 if metric == "l1" else 2, dim=-1)
        costs[i, i + 1 :] = values.mean(1).cpu()
    return costs


def cheapest(costs: Tensor, steps: int, coefficient: float = 1.15) -> list[int]:
    """The knots of the path of least cost from the first to the last in so many steps.

    V_1(j) = cost(j, last); V_k(j) = min over i > j of cost(j, i) + coefficient V_(k-1)(i).

    Args:
        costs: Of a step from i to j > i, shape (K, K); what lies elsewhere is not read.
        steps: From 1 to K - 1.
        coefficient: > 0.

    Example:
        >>> inf = math.inf
        >>> costs = torch.tensor([[inf, 1.0, 2.0, 9.0], [inf, inf, 1.0, 5.0], [inf, inf, inf, 1.0]])
        >>> cheapest(torch.cat([costs, torch.full((1, 4), inf)]), steps=2)
        [0, 2, 3]
    """
    count = len(costs)
    number("coefficient", coefficient, low=0, open_low=True)
    if whole("steps", steps, low=1) > count - 1:
        raise ValueError(f"steps={steps}: expected at most {count - 1}, one less than the knots")
    below = torch.ones_like(costs).tril().bool()
    costs = costs.double().masked_fill(below, math.inf)
    value, following = costs[:, -1], list[Tensor]()
    for _ in range(steps - 1):
        value, best = (costs + coefficient * value).min(1)
        following.append(best)
    path = [0]
    for best in reversed(following):
        path.append(int(best[path[-1]]))
    return [*path, count - 1]

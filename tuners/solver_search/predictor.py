"""The predictor of S^3: an ensemble of small LSTMs that rank schedules by their cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...schedules._checks import number, whole
from ...solvers.diffusion.schedule import SolverSchedule
from .archive import Archive
from .encode import WIDTH, encode

Parameters = dict[str, Tensor]


@dataclass(frozen=True)
class Predictor:
    """Settings of the ranking predictor.

    Args:
        members: Networks in the ensemble, each trained on a bootstrap sample.
        hidden: Width of the LSTM and of the layer after it.
        steps: Steps of Adam at each stage, from the weights of the stage before.
        batch: Schedules in a step; all pairs of them are compared.
        lr: Learning rate.
        margin: Of the hinge, in units of the score.
        least: Pairs whose log costs differ by less are not compared.
        kappa: Schedules are preferred by mean - kappa std of the members' scores.

    Raises:
        TypeError, ValueError: settings out of range.
    """

    members: int = 4
    hidden: int = 24
    steps: int = 25
    batch: int = 32
    lr: float = 5e-3
    margin: float = 1.0
    least: float = 0.05
    kappa: float = 0.3

    def __post_init__(self) -> None:
        """Check the settings."""
        for name in ("members", "hidden", "steps"):
            whole(name, getattr(self, name), low=1)
        whole("batch", self.batch, low=2)
        for name in ("lr", "margin"):
            number(name, getattr(self, name), low=0, open_low=True)
        for name in ("least", "kappa"):
            number(name, getattr(self, name), low=0)


class Ensemble:
    """The networks: they are trained by :meth:`fit` and rank by :meth:`score`, lower is better.

    Weights are float64, so that different machines agree on the order of schedules; all members
    are computed together.

    Args:
        settings: See :class:`Predictor`.
        seed: Of the first weights, and with the stage of all that training draws.
    """

    def __init__(self, settings: Predictor, seed: int) -> None:
        self.settings = settings
        self.seed = seed
        self._parameters = _initial(settings, _generator(seed, 0))

    def fit(self, archives: Mapping[int, Archive], stage: int) -> float:
        """Train on all that was told at a finite cost, from the present weights.

        Only schedules of one NFE are compared with each other. Returns the last step's loss
        (0 where there is nothing to compare).
        """
        schedules, logs, groups = _known(archives)
        if len(logs) < 2:
            return 0.0
        tokens, mask = (torch.from_numpy(part) for part in encode(schedules))
        generator = _generator(self.seed, stage + 1)
        shares = _shares(logs, groups)
        members = self.settings.members
        rows = torch.multinomial(shares.expand(members, -1), len(logs), True, generator=generator)
        parameters = {n: p.clone().requires_grad_() for n, p in self._parameters.items()}
        optimizer = torch.optim.Adam(list(parameters.values()), lr=self.settings.lr)
        loss = logs.new_zeros(())
        for _ in range(self.settings.steps):
            shape = (members, min(self.settings.batch, len(logs)))
            drawn = rows.gather(
                1, torch.randint(len(logs), shape, generator=generator, device="cpu")
            )
            with torch.enable_grad():
                scores = forward(parameters, tokens[drawn], mask[drawn])
                loss = ranking_loss(scores, logs[drawn], groups[drawn], self.settings)
                optimizer.zero_grad()
                loss.backward()
            optimizer.step()
        self._parameters = {n: p.detach() for n, p in parameters.items()}
        return float(loss.detach())

    def score(self, schedules: Sequence[SolverSchedule]) -> np.ndarray:
        """Mean - kappa std over the members, each first brought to mean 0 and deviation 1.

        A ranking knows no level and no unit, so members agree on neither without that.
        """
        scores = self.members(schedules)
        scores = scores - scores.mean(1, keepdims=True)
        scores = scores / np.maximum(scores.std(1, keepdims=True), 1e-12)
        return scores.mean(0) - self.settings.kappa * scores.std(0)

    def members(self, schedules: Sequence[SolverSchedule]) -> np.ndarray:
        """Every member's score of every schedule, shape (members, schedules)."""
        tokens, mask = (torch.from_numpy(part) for part in encode(schedules))
        count = self.settings.members
        with torch.no_grad():
            scores = forward(
                self._parameters,
                tokens.expand(count, *tokens.shape),
                mask.expand(count, *mask.shape),
            )
        return scores.numpy()

    def state_dict(self) -> dict[str, Any]:
        """The weights, as lists."""
        return {name: p.tolist() for name, p in self._parameters.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take weights of the same shapes; ValueError for others, and nothing is changed then."""
        found = {
            n: torch.tensor(state_dict[n], dtype=torch.float64, device="cpu")
            for n in self._parameters
        }
        for name, p in self._parameters.items():
            if found[name].shape != p.shape or not bool(torch.isfinite(found[name]).all()):
                raise ValueError(
                    f"predictor: {name}: expected finite numbers of shape {tuple(p.shape)}"
                )
        self._parameters = found


def forward(parameters: Parameters, tokens: Tensor, mask: Tensor) -> Tensor:
    """Scores of the members, shape (members, batch), for tokens (members, batch, steps, WIDTH).

    An LSTM over the steps; its outputs, each of length 1, are averaged over the steps that are no
    padding, brought to length 1, and scored by two layers. Padding changes neither the LSTM's
    state nor the mean.

    Source: the predictor of OMS-DPM, arXiv:2306.08860, with padding masked.
    """
    members, batch, steps, _ = tokens.shape
    hidden = parameters["recurrent"].shape[1]
    inputs = tokens.reshape(members, batch * steps, -1) @ parameters["input"]
    inputs = (inputs + parameters["bias"]).view(members, batch, steps, -1)
    active = mask.to(tokens.dtype)
    h = c = tokens.new_zeros(members, batch, hidden)
    total = h
    for i in range(steps):
        keep = active[:, :, i, None]
        gates = torch.baddbmm(inputs[:, :, i], h, parameters["recurrent"])
        sigmoids = torch.sigmoid(gates[..., : 3 * hidden])
        new_c = sigmoids[..., :hidden] * c + sigmoids[..., hidden : 2 * hidden] * torch.tanh(
            gates[..., 3 * hidden :]
        )
        new_h = sigmoids[..., 2 * hidden :] * torch.tanh(new_c)
        c, h = torch.lerp(c, new_c, keep), torch.lerp(h, new_h, keep)
        total = total + keep * _unit(new_h)
    mean = _unit(total / active.sum(2, keepdim=True))
    layer = torch.relu(torch.baddbmm(parameters["bias_1"], mean, parameters["layer_1"]))
    return torch.baddbmm(parameters["bias_2"], layer, parameters["layer_2"])[..., 0]


def ranking_loss(scores: Tensor, logs: Tensor, groups: Tensor, settings: Predictor) -> Tensor:
    """Mean over pairs of max(0, margin - (s_worse - s_better)).

    Pairs of one group whose log costs differ by at least ``least``; all arguments of shape
    (members, batch).
    """
    gap = logs[:, :, None] - logs[:, None, :]
    pairs = (gap >= settings.least) & (groups[:, :, None] == groups[:, None, :])
    hinge = torch.relu(settings.margin - (scores[:, :, None] - scores[:, None, :]))
    return (hinge * pairs).sum() / pairs.sum().clamp_min(1)


def _unit(x: Tensor) -> Tensor:
    return x * torch.rsqrt((x * x).sum(-1, keepdim=True) + 1e-12)


def _initial(settings: Predictor, generator: torch.Generator) -> Parameters:
    """Uniform in +-1 / sqrt(fan-in); the forget gate starts open."""
    m, n = settings.members, settings.hidden
    shapes = {
        "input": (m, WIDTH, 4 * n),
        "recurrent": (m, n, 4 * n),
        "bias": (m, 1, 4 * n),
        "layer_1": (m, n, n),
        "bias_1": (m, 1, n),
        "layer_2": (m, n, 1),
        "bias_2": (m, 1, 1),
    }
    found: Parameters = {}
    for name, shape in shapes.items():
        fan = n if name.startswith("bias") else shape[1]
        draw = torch.rand(shape, generator=generator, dtype=torch.float64, device="cpu")
        found[name] = (2 * draw - 1) / math.sqrt(fan)
    found["bias"][..., :n] += 1.0
    return found


def _generator(seed: int, stage: int) -> torch.Generator:
    state = int(np.random.SeedSequence([seed, stage]).generate_state(1, np.uint64)[0])
    return torch.Generator("cpu").manual_seed(state >> 1)


def _known(archives: Mapping[int, Archive]) -> tuple[list[SolverSchedule], Tensor, Tensor]:
    """All schedules of finite cost, the logs of their costs, and their NFE."""
    schedules: list[SolverSchedule] = []
    logs: list[float] = []
    groups: list[int] = []
    for nfe, archive in archives.items():
        for name, cost in archive.costs.items():
            if math.isfinite(cost):
                schedules.append(archive.schedules[name])
                logs.append(math.log(cost) if cost > 0 else -math.inf)
                groups.append(nfe)
    found = torch.tensor(logs, dtype=torch.float64, device="cpu")
    return schedules, found, torch.tensor(groups, device="cpu")


def _shares(logs: Tensor, groups: Tensor) -> Tensor:
    """Weights of the bootstrap: rank r of n in its NFE counts as 1 / (r + n / 5)."""
    shares = torch.zeros_like(logs)
    for group in groups.unique():
        rows = groups == group
        rank = logs[rows].argsort(stable=True).argsort(stable=True).double()
        shares[rows] = 1 / (rank + len(rank) / 5)
    return shares

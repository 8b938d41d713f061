"""Training of the small U-Net: a pure function of the settings, in steps that can be resumed."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...schedules import Linear, ScheduleLR
from ...schedules._checks import number, whole
from .network import make_network
from .precondition import Preconditioned


@dataclass(frozen=True)
class Settings:
    """How the network is made and trained.

    Args:
        steps: Updates in all.
        batch_size: Images an update, drawn with replacement.
        lr: Peak rate of Adam; warmed up over 5 % of the steps, then linear to zero.
        seed: Of the first weights, the batches and the noises.
        ema: Decay of the average of the weights that is kept; (1 + t) / (10 + t) before that.
        mean, std: ln sigma of a training image is normal with these. Wider and higher than the
            EDM paper's (-1.2, 1.2): most of the variance of Fashion-MNIST is in few directions.
        channels: As in :class:`~.network.PatchUNet`.

    Raises:
        TypeError, ValueError: a setting out of range.
    """

    steps: int = 10_000
    batch_size: int = 64
    lr: float = 2e-3
    seed: int = 0
    ema: float = 0.999
    mean: float = -0.5
    std: float = 1.5
    channels: tuple[int, ...] = (32, 32, 64)

    def __post_init__(self) -> None:
        """Check the settings."""
        for name in ("steps", "batch_size"):
            whole(name, getattr(self, name), low=1)
        whole("seed", self.seed)
        for name in ("lr", "std"):
            number(name, getattr(self, name), low=0, open_low=True)
        number("ema", self.ema, low=0, high=1, open_high=True)
        number("mean", self.mean)

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "channels": list(self.channels)}


class Training:
    """The state of a training run; :meth:`run` advances it.

    Two runs with the same settings, data and number of threads are the same, bit for bit on a
    CPU, whether or not they were interrupted: the random numbers of an update depend on the seed
    and the number of the update alone.

    Args:
        settings: The settings.
        data: Images (n, 1, side, side), as bytes (0 to 255 stands for -1 to 1).
        device: Where the network is; random numbers are drawn on the CPU wherever it is.

    Attributes:
        step: Updates done.
        losses: Mean losses, for the record: the caller appends them.
        average: The network of averaged weights.
    """

    def __init__(
        self, settings: Settings, data: Tensor, device: torch.device | str = "cpu"
    ) -> None:
        self.settings, self.data, self.step = settings, data, 0
        self.losses: list[float] = []
        self.device = torch.device(device)
        self.sigma_data = _standard_deviation(data)
        self.network = make_network(settings.seed, settings.channels, data.shape[-1])
        self.network.to(self.device)
        self.average = deepcopy(self.network).requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.network.parameters(), settings.lr)
        self.scheduler = ScheduleLR(self.optimizer, Linear().warmup(0.05), settings.steps)

    def run(self, updates: int) -> Iterator[float]:
        """Do so many updates, at most up to the end, and yield the loss of each."""
        denoiser = Preconditioned(self.network, self.sigma_data)
        for _ in range(min(updates, self.settings.steps - self.step)):
            loss = denoiser.loss(*self._batch())
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            self.scheduler.step()
            self.step += 1
            self._update_average()
            yield float(loss.detach())

    def _batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Images, noise and noise levels of the next update."""
        s = self.settings
        generator = torch.Generator().manual_seed((s.seed << 32) + self.step)
        rows = torch.randint(len(self.data), (s.batch_size,), generator=generator)
        eps = torch.randn(s.batch_size, *self.data.shape[1:], generator=generator)
        sigma = (s.mean + s.std * torch.randn(s.batch_size, generator=generator)).exp()
        x = self.data[rows].float() / 127.5 - 1
        return x.to(self.device), eps.to(self.device), sigma.to(self.device)

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        pairs = zip(self.average.parameters(), self.network.parameters(), strict=True)
        for kept, new in pairs:
            kept.lerp_(new, 1 - decay)

    def record(self) -> dict[str, Any]:
        """What the weights are, as plain values: kept in the file beside them."""
        return {
            "settings": self.settings.to_dict(),
            "step": self.step,
            "sigma_data": self.sigma_data,
            "losses": list(self.losses),
            "images": len(self.data),
            "side": self.data.shape[-1],
            "parameters": sum(p.numel() for p in self.network.parameters()),
            "torch": str(torch.__version__),
        }

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes, loadable with ``weights_only=True``."""
        return {
            "record": self.record(),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a :meth:`state_dict` of a run with the same settings.

        Raises:
            ValueError: it was made with other settings, or from other data.
        """
        for key in ("settings", "sigma_data", "images"):
            here, there = self.record()[key], state["record"][key]
            if here != there:
                raise ValueError(f"{key}: the checkpoint has {there}, this run {here}")
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.step, self.losses = state["record"]["step"], list(state["record"]["losses"])


def _standard_deviation(data: Tensor) -> float:
    """Of all pixels together, as values in [-1, 1]; exact, from the counts of the 256 levels."""
    counts = torch.bincount(data.flatten().int(), minlength=256).double()
    levels = torch.arange(256, dtype=torch.float64) / 127.5 - 1
    mean = (counts @ levels) / counts.sum()
    return float(((counts @ (levels - mean) ** 2) / counts.sum()).sqrt())

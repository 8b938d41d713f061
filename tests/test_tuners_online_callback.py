"""OnlineRefinementCallback in a Trainer, against the definition on the norms it saw."""

import math
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from ritard.schedules import GradNormCallback, GradNorms, Linear
from ritard.tuners import OnlineRefinementCallback
from test_tuners_online_refinement import BASE, reference
from torch.utils.data import DataLoader, TensorDataset

BATCHES, EPOCHS = 24, 5
QUIET: Any = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}

pytestmark = pytest.mark.filterwarnings("ignore")


class Module(pl.LightningModule):
    """Least squares; keeps the rate of every update."""

    def __init__(self, kind: type) -> None:
        super().__init__()
        self.kind, self.rates, self.layer = kind, [], torch.nn.Linear(5, 1)

    def training_step(self, batch: Any) -> torch.Tensor:
        """One batch."""
        return ((self.layer(batch[0]) - batch[1]) ** 2).mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimizer at its base rate."""
        return self.kind(self.parameters(), lr=BASE)

    def on_before_optimizer_step(self, optimizer: Any) -> None:
        """Note the rate."""
        self.rates.append(optimizer.param_groups[0]["lr"])


def fit(
    kind: type,
    callbacks: list[Any],
    checkpoint: Any = None,
    weights_only: Any = None,
    **options: Any,
) -> Any:
    torch.manual_seed(0)
    module = Module(kind)
    data = TensorDataset(torch.randn(4 * BATCHES, 5), torch.randn(4 * BATCHES, 1))
    trainer = pl.Trainer(callbacks=callbacks, **QUIET, **{"max_epochs": EPOCHS} | options)
    loader = DataLoader(data, batch_size=4)
    trainer.fit(module, loader, ckpt_path=checkpoint, weights_only=weights_only)
    return trainer


@pytest.mark.parametrize(("kind", "power"), [(torch.optim.SGD, 2), (torch.optim.AdamW, 1)])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_it_is_the_definition_on_the_norms_of_the_run_and_resumes(
    tmp_path: Path, kind: type, power: int, accumulate: int
) -> None:
    options = {"accumulate_grad_batches": accumulate, "gradient_clip_val": 0.1}
    norms = GradNormCallback(tmp_path / "norms.jsonl")
    whole = fit(kind, [OnlineRefinementCallback(0.2), norms], **options).lightning_module
    log, T = GradNorms.load(norms.path), EPOCHS * BATCHES // accumulate
    assert len(log) == len(whole.rates) == T and log.norm == f"l{power}"
    expected = np.multiply(BASE, reference(log.norms.tolist(), T, power, 0.2))
    np.testing.assert_allclose(whole.rates, expected, rtol=1e-12)
    assert not np.allclose(whole.rates, BASE * Linear().values(T), rtol=1e-2)

    first = fit(kind, [OnlineRefinementCallback(0.2, total_steps=T)], max_epochs=2, **options)
    first.save_checkpoint(path := tmp_path / "half.ckpt")
    rest = fit(kind, [OnlineRefinementCallback(0.2)], path, weights_only=True, **options)
    assert first.lightning_module.rates + rest.lightning_module.rates == whole.rates


def test_a_step_without_gradients_is_passed_over() -> None:
    class Gaps(Module):
        def training_step(self, batch: Any) -> Any:  # type: ignore[override]
            loss = super().training_step(batch)
            return None if self.global_step % 3 == 1 else loss

    module = Gaps(torch.optim.SGD)
    data = TensorDataset(torch.randn(96, 5), torch.randn(96, 1))
    trainer = pl.Trainer(callbacks=[OnlineRefinementCallback()], **QUIET, max_epochs=2)
    trainer.fit(module, DataLoader(data, batch_size=4))
    assert all(0 < rate <= BASE for rate in module.rates)


def test_bad_arguments_and_horizons_are_refused() -> None:
    with pytest.raises(ValueError, match="seconds do not count"):
        fit(torch.optim.SGD, [OnlineRefinementCallback()], max_time={"minutes": 1}, max_epochs=-1)
    for bad in (0, 2, math.nan):
        with pytest.raises(ValueError, match="smoothing="):
            OnlineRefinementCallback(smoothing=bad)
    with pytest.raises(ValueError, match="norm='l3'"):
        fit(torch.optim.SGD, [OnlineRefinementCallback(norm="l3")])  # type: ignore[arg-type]

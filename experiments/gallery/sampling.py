"""The pictures of diffusion samplers: found schedules, errors, and digits before and after."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from ...solvers.diffusion import SolverSchedule, ddim, grids, lower, reference, sample
from ...solvers.diffusion.saved import Sampler, load_sampler
from ..figures import plain_log
from ..records import read_json
from ..search.figures import draw_sampler, schedule_handles
from ..search.pictures import draw_image
from ..testbeds import Testbed, get_testbed
from .picture import BLACK, BLUE, ORANGE, SKY

REPORT = "search-digits/report.json"
NFE, COLUMNS = 5, 9
LINES = {
    "gits": ("timesteps by dynamic programming (GITS)", ORANGE, "v"),
    "fixed": ("best of all fixed solvers and grids", BLACK, "s"),
    "s3-alone": ("search (S³)", SKY, "D"),
    "s3": ("search, then refined", BLUE, "o"),
}


@cache
def _cells(path: Path) -> list[dict[str, Any]]:
    return read_json(path, lambda data: data["cells"])


def sampler_of(results: Path, method: str) -> tuple[str, Sampler, float]:
    """Origin, sampler and error of a method's first seed at NFE."""
    cells = _cells(results / REPORT)
    cell = next(c for c in cells if (c["method"], c["nfe"], c["seed"]) == (method, NFE, 0))
    return cell["origin"], load_sampler(cell["sampler"]), cell["errors"]["geometric"]


def even_ddim(bed: Testbed) -> SolverSchedule:
    """DDIM with equal steps in lambda."""
    noise = bed.model.noise
    return ddim(noise, grids.uniform_lambda(noise, NFE, bed.t_start, bed.t_end))


def decisions(axes: list[Axes], results: Path) -> None:
    """Knots and decisions of presets and of what was found, on one lambda axis."""
    (ax,) = axes
    name, fixed, before = sampler_of(results, "fixed")
    rows: list[tuple[str, Sampler]] = [
        ("DDIM\nequal steps", even_ddim(get_testbed("digits"))),
        (f"best fixed:\n{name}\n{before:.3g}", fixed),
    ]
    for method, label in (("s3-alone", "found"), ("s3", "found, refined")):
        _, sampler, error = sampler_of(results, method)
        rows.append((f"{label}\n{error:.3g}", sampler))
    places = np.arange(len(rows))[::-1]
    for place, (_, sampler) in zip(places, rows, strict=True):
        draw_sampler(sampler, float(place), ax)
    ax.set_yticks(places, [label for label, _ in rows])
    ax.set(ylim=(-0.6, len(rows) - 0.4), xlabel="λ = ln(α / σ), from noise to data")
    ax.grid(axis="y", visible=False)
    ax.legend(
        handles=schedule_handles(),
        ncols=3,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        frameon=False,
    )


def errors(axes: list[Axes], results: Path) -> None:
    """Error on held-out noises against network evaluations; the range of the seeds."""
    (ax,) = axes
    for method, (label, colour, marker) in LINES.items():
        found: dict[int, list[float]] = {}
        for cell in _cells(results / REPORT):
            if cell["method"] == method and cell["nfe"] <= 10:
                found.setdefault(cell["nfe"], []).append(cell["errors"]["geometric"])
        nfes = sorted(found)
        means = np.array([np.exp(np.mean(np.log(found[nfe]))) for nfe in nfes])
        ends = np.array([(min(found[nfe]), max(found[nfe])) for nfe in nfes]).T
        look: Any = {"color": colour, "marker": marker, "markersize": 8, "label": label}
        look["linestyle"] = "none" if method == "s3-alone" else "-"
        ax.errorbar(nfes, means, np.abs(ends - means), capsize=4, **look)
    ax.set(xlabel="network evaluations (NFE)", yscale="log", xlim=(2.8, 10.2))
    ax.set_ylabel("error: distance from exact samples")
    ax.set_title("digits, exact denoiser; bars: range of the seeds of a search")
    ax.set_xticks([3, 4, 5, 6, 8, 10])
    plain_log(ax.yaxis)
    ax.legend(frameon=False, loc="upper right")


def samples(axes: list[Axes], results: Path) -> None:
    """Digits from the same noises: the exact solution, and three samplers at NFE 5."""
    bed = get_testbed("digits")
    seeded = torch.Generator().manual_seed(0)
    x = bed.t_start * torch.randn(COLUMNS, *bed.shape, dtype=bed.dtype, generator=seeded)
    solvers = {
        "DDIM": even_ddim(bed),
        "best fixed": sampler_of(results, "fixed")[1],
        "found": sampler_of(results, "s3")[1],
    }
    exact = reference(bed.model, x, tol=bed.reference_tol)
    rows = {"exact": exact} | {name: _run(bed, s, x) for name, s in solvers.items()}
    for i, (name, images) in enumerate(rows.items()):
        line = axes[i * COLUMNS : (i + 1) * COLUMNS]
        for ax, image in zip(line, images, strict=True):
            draw_image(image.reshape(1, 8, 8).numpy(), ax)
        gap = float((images - exact).square().mean().sqrt())
        text = name if name == "exact" else f"{name}\noff by {gap:.2g}"
        line[0].set_ylabel(text, rotation=0, ha="right", va="center")


def _run(bed: Testbed, sampler: Sampler, x: Tensor) -> Tensor:
    table = lower(sampler) if isinstance(sampler, SolverSchedule) else sampler
    return sample(bed.model, x, table)

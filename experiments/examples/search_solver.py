"""Search a sampler for a diffusers pipeline, and use it there. The network is tiny and untrained.

Run it: python search_solver.py
"""

import tempfile
from typing import Any

import diffusers
import torch
from ritard.solvers.diffusion import RitardScheduler, from_diffusers
from ritard.tuners.solver_search import Noises, SearchResult, search_solver

torch.manual_seed(0)
hf: Any = diffusers  # its names are lazy: a type checker cannot see them
unet = hf.UNet2DModel(
    sample_size=16,
    in_channels=1,
    out_channels=1,
    layers_per_block=1,
    block_out_channels=(8, 16),
    down_block_types=("DownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    norm_num_groups=4,
)
pipe = hf.DDPMPipeline(unet.eval(), hf.DDPMScheduler())
pipe.set_progress_bar_config(disable=True)

with tempfile.TemporaryDirectory() as folder:
    model = from_diffusers(pipe.unet, pipe.scheduler)
    noises = Noises.draw((1, 16, 16), train=8, validation=8, test=16)
    found = search_solver(model, noises, nfe=5, evaluations=40, seed=0)
    print(found)
    found.save(f"{folder}/solver.json")

    result = SearchResult.load(f"{folder}/solver.json")
    config = pipe.scheduler.config
    pipe.scheduler = RitardScheduler.from_config(config, schedule=result.sampler, clip_sample=False)
    images = pipe(batch_size=4, num_inference_steps=result.nfe, output_type="np").images
print(f"images of shape {images.shape}")

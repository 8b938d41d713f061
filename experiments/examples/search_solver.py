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
blocks = {"down_block_types": ["DownBlock2D"], "up_block_types": ["UpBlock2D"]}
unet = hf.UNet2DModel(8, 1, 1, block_out_channels=[8], norm_num_groups=4, **blocks).eval()
pipe = hf.DDPMPipeline(unet, hf.DDPMScheduler())
pipe.set_progress_bar_config(disable=True)

with tempfile.TemporaryDirectory() as folder:
    model = from_diffusers(pipe.unet, pipe.scheduler)
    noises = Noises.draw((1, 8, 8), train=4, validation=4, test=8)  # for real: 64 or more of each
    found = search_solver(model, noises, nfe=4, evaluations=60)  # and some hundreds
    print(found)
    found.save(f"{folder}/solver.json")

    result = SearchResult.load(f"{folder}/solver.json")
    config = pipe.scheduler.config
    pipe.scheduler = RitardScheduler.from_config(config, schedule=result.sampler, clip_sample=False)
    images = pipe(batch_size=2, num_inference_steps=result.nfe, output_type="np").images
print(f"images of shape {images.shape}")

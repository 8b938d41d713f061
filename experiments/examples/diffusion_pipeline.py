"""A saved solver schedule in a diffusers pipeline. The network is tiny and untrained: no download.

Run it: python diffusion_pipeline.py
"""

import tempfile
from typing import Any

import diffusers
import torch
from ritard.solvers.diffusion import RitardScheduler, SolverSchedule, from_diffusers, grids, unipc

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
pipeline = hf.DDPMPipeline(unet, hf.DDPMScheduler())
pipeline.set_progress_bar_config(disable=True)

noise = from_diffusers(unet, pipeline.scheduler).noise
with tempfile.TemporaryDirectory() as folder:
    path = f"{folder}/schedule.json"
    unipc(noise, grids.quadratic_t(noise, 8), order=3).save(path)
    schedule = SolverSchedule.load(path)  # as a search would have left it

config = pipeline.scheduler.config
pipeline.scheduler = RitardScheduler.from_config(config, schedule=schedule, clip_sample=False)
images = pipeline(batch_size=4, num_inference_steps=schedule.nfe, output_type="np").images
timesteps = ", ".join(f"{t:.2f}" for t in pipeline.scheduler.timesteps.tolist())
print(f"{schedule.nfe} network evaluations at t = {timesteps}")
print(f"images of shape {images.shape}, values {images.min():.2f} to {images.max():.2f}")

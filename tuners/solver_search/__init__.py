"""Search of diffusion solver schedules: S^3, its baselines, and gradient refinement."""

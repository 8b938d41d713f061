"""Diffusion samplers: solver schedules, lowered to one table of coefficients."""

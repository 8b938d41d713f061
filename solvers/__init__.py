"""Solvers: what is controlled. Linear relaxation (``linear``) and diffusion samplers."""

"""Solvers: what is controlled. Linear relaxation and diffusion samplers will live here."""

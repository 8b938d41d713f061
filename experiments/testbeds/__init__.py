"""Models to sample from: exact ones, and a small network trained by a script."""

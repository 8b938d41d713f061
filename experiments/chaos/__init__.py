"""Long commands killed, stopped, starved and locked out, and what is left of their results.

``python -m ritard.experiments.chaos`` does it all; it takes about half an hour.
"""

"""The compiled loops of the linear solvers (numba), and the layouts they work on.

``layouts``, ``ends`` and ``control`` are plain Python; every other module imports numba.
"""

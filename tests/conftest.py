"""What all tests share."""

import torch

# Two test processes on two cores: more threads only get in each other's way.
torch.set_num_threads(1)


def pytest_make_parametrize_id(val):
    """Name functions among parameters by their name: an address differs between processes."""
    return val.__name__ if callable(val) and hasattr(val, "__name__") else None

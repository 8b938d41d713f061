"""What all tests share."""

import signal

import torch

# Two test processes on two cores: more threads only get in each other's way.
torch.set_num_threads(1)

# A shell starts what is in its background deaf to Ctrl-C; commands that tests stop would be too.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_make_parametrize_id(val):
    """Name functions among parameters by their name: an address differs between processes."""
    return val.__name__ if callable(val) and hasattr(val, "__name__") else None

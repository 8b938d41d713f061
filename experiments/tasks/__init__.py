"""Training tasks on real data: what schedules are compared on.

To add one: a file with a :class:`Task`, and a row in the table below.
"""

from collections.abc import Mapping

from ...schedules._checks import shown
from ..names import unknown
from .batches import Batches, Loaders
from .cifar10 import RESNET8, RESNET20
from .digits import DIGITS
from .fashion import FASHION
from .logreg import LOGREG
from .perceptron import FASHION_LARGE_START, FASHION_MLP
from .shakespeare import SHAKESPEARE
from .task import Task
from .vae_mnist import VAE_MNIST

__all__ = ["Batches", "Loaders", "Task", "get_task", "task_names"]

_TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (
        *(DIGITS, FASHION, FASHION_MLP, FASHION_LARGE_START, VAE_MNIST),
        *(RESNET20, RESNET8, SHAKESPEARE, *LOGREG),
    )
}
_ALIASES: Mapping[str, str] = {"cifar10": RESNET20.name}


def get_task(name: str) -> Task:
    """The task of a name, as ``"digits"`` or ``"logreg:iris"``.

    Raises:
        TypeError: the name is no text.
        ValueError: there is no such task; the message lists those there are.

    Example:
        >>> get_task("digits").metric
        'error %'
    """
    if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"name={shown(name)}: expected the name of a task")
    name = _ALIASES.get(name, name)
    if name in _TASKS:
        return _TASKS[name]
    if name.partition(":")[0] == "logreg":
        sets = ", ".join(task.name.partition(":")[2] for task in LOGREG)
        raise ValueError(f"task {name!r}: expected logreg:SET with SET one of {sets}")
    raise unknown("task", name, task_names())


def task_names() -> list[str]:
    """The names of all tasks, sorted; ``"cifar10"`` stands for ``"cifar10:resnet20"``."""
    return sorted({*_TASKS, *_ALIASES})

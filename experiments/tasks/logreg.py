"""Multinomial logistic regression: convex problems, on LIBSVM's sets."""

from functools import cache, partial

from torch import Tensor, nn

from ..data import DataSet, dataset, libsvm, names
from .batches import Batch, Dataset, Examples
from .objectives import Objective, each_cross_entropy, mean_cross_entropy
from .splits import Standardise, examples, hold_out, three_ways
from .task import Task

L2 = 1e-4
"""Weight of the squared norm in the training loss; without it separable sets have no minimum."""

_STEPS = 1500
_PREFIX = "libsvm/"


def regularised(network: nn.Module, batch: Batch) -> Tensor:
    """Training loss: mean cross-entropy + L2/2 ||W||^2 (the intercepts are free), a scalar."""
    weights = network.get_parameter("weight")
    return mean_cross_entropy(network, batch) + 0.5 * L2 * weights.square().sum()


def _network(columns: int, classes: int) -> nn.Module:
    """Zero weights, the usual start of a convex problem: seeds differ in the batches alone."""
    network = nn.Linear(columns, classes)
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    return network


@cache
def _dataset(name: str) -> Dataset:
    (features, labels), official = libsvm(name)
    fifth = len(labels) // 5
    if official is None:
        parts = three_ways(labels, val=fifth, test=fifth)
        train, val, test = (examples(features, labels, rows) for rows in parts)
    else:
        train, val = (examples(features, labels, rows) for rows in hold_out(labels, fifth))
        test = examples(*official)
    scale = Standardise.of(train.inputs, dim=0)
    train, val, test = (Examples(scale(x), y) for x, y in (train, val, test))
    return Dataset(train, val, test)


def _batch_size(train: int) -> int:
    return 16 if train < 1_000 else 32 if train < 5_000 else 64


def _task(entry: DataSet) -> Task:
    assert entry.shape is not None
    rows, columns, classes = entry.shape
    train = rows - rows // 5 * (3 - len(entry.files))
    batch = _batch_size(train)
    updates = train // batch
    name = entry.name.removeprefix(_PREFIX)
    return Task(
        name=f"logreg:{name}",
        metric="loss",
        total_steps=max(1, round(_STEPS / updates)) * updates,
        batch_size=batch,
        base_lrs={"sgd": 0.1, "adamw": 0.03},
        network=partial(_network, columns, classes),
        dataset=partial(_dataset, name),
        objective=Objective(loss=regularised, score=each_cross_entropy),
        weight_decay={"sgd": 0.0, "adamw": 0.0},
    )


LOGREG = tuple(_task(dataset(name)) for name in names() if name.startswith(_PREFIX))
"""One task a set, by the name ``logreg:<set>``.

The metric is the mean cross-entropy in nats, without the L2 term. 60 % / 20 % / 20 % of the rows,
stratified; where LIBSVM has a test set, that is the test part, and 20 % of the rest is held out.
Features are standardised; whole epochs, about 1500 updates in all.
"""

"""Tasks: parts that do not leak, reproducible batches, right networks, exact metrics."""

import logging
import math
import os
import subprocess
import sys
import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch
from ritard.experiments import data
from ritard.experiments.tasks import Batches, get_task, task_names
from ritard.experiments.tasks.batches import Examples
from ritard.experiments.tasks.cifar10 import crop_and_flip
from ritard.experiments.tasks.gpt import GPT
from ritard.experiments.tasks.logreg import L2, LOGREG
from ritard.experiments.tasks.losses import Losses
from ritard.experiments.tasks.objectives import each_error
from ritard.experiments.tasks.resnet import ResNet
from ritard.experiments.tasks.splits import Standardise, hold_out, three_ways
from ritard.experiments.tasks.vae import VAE, negative_elbo

needs_data = pytest.mark.skipif(not os.environ.get("RITARD_DATA"), reason="RITARD_DATA is not set")
BUNDLED = ["digits"]
SMALL = ["fashion", "vae-mnist", "cifar10:resnet8", "shakespeare", "logreg:iris"]
TASKS = BUNDLED + [pytest.param(name, marks=needs_data) for name in [*SMALL, "logreg:dna.scale"]]


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    """Decoded images of this module's tests stay out of the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ritard.experiments.data.cifar.cache_folder", lambda: folder)
        yield


def fit(name, seed=0, steps=3, optimizer="adamw"):
    """A module after some updates under a Trainer, and that Trainer."""
    from lightning.pytorch import Trainer

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    task = get_task(name)
    torch.manual_seed(seed)
    module, loaders = task.module(optimizer, task.base_lrs[optimizer]), task.loaders(seed)
    trainer = Trainer(
        max_steps=steps,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(module, loaders.train)
        trainer.validate(module, loaders.val, verbose=False)
        metrics = dict(trainer.callback_metrics)
        trainer.test(module, loaders.test, verbose=False)
    return module, loaders, {**metrics, **trainer.callback_metrics}


def outputs(module, batches):
    """Logits and targets of a whole part, float64."""
    with torch.no_grad():
        parts = [(module.network(x).double(), y) for x, y in batches]
    return torch.cat([x for x, _ in parts]), torch.cat([y for _, y in parts])


# The table


def test_names_and_aliases():
    assert {"digits", "fashion", "vae-mnist", "cifar10", "shakespeare"} <= set(task_names())
    assert get_task("cifar10") is get_task("cifar10:resnet20")
    assert [get_task(name).name for name in task_names() if name != "cifar10"] == [
        name for name in task_names() if name != "cifar10"
    ]


def test_unknown_tasks_are_refused_with_the_list():
    with pytest.raises(ValueError, match=r"task 'digit': did you mean 'digits'.*vae-mnist"):
        get_task("digit")
    for name in ("logreg", "logreg:iri"):
        with pytest.raises(ValueError, match=rf"task '{name}': expected logreg:SET.*iris"):
            get_task(name)


def test_the_table_loads_no_data_and_no_optional_package():
    code = (
        "import sys; from ritard.experiments.tasks import get_task, task_names; "
        "[get_task(name) for name in task_names()]; "
        "print({'lightning', 'sklearn', 'PIL', 'pooch'} & set(sys.modules))"
    )
    environment = {**os.environ, "RITARD_DATA": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout == "set()\n"


def test_a_missing_package_is_named_with_the_line_to_run(monkeypatch):
    monkeypatch.delitem(sys.modules, "ritard.experiments.tasks.module", raising=False)
    monkeypatch.setitem(sys.modules, "lightning", None)
    monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    with pytest.raises(ImportError, match=r"lightning.*pip install 'ritard\[experiments\]'"):
        get_task("digits").module("sgd", 0.1)


def test_module_refuses_other_optimizers_and_rates():
    task = get_task("digits")
    with pytest.raises(ValueError, match=r"optimizer='adam': expected one of sgd, adamw"):
        task.module("adam", 0.1)
    for lr in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=r"lr=.*expected a finite number > 0"):
            task.module("sgd", lr)


@pytest.mark.parametrize("name", TASKS)
def test_total_steps_are_whole_epochs(name):
    task = get_task(name)
    epochs = task.total_steps / len(task.loaders(0).train)
    assert epochs == round(epochs) >= 1


@needs_data
def test_total_steps_of_all_convex_sets_are_about_1500():
    for task in LOGREG:
        updates = len(task.loaders(0).train)
        assert task.total_steps % updates == 0 and 1000 <= task.total_steps <= 2000


# Parts


@pytest.mark.parametrize("n, val, test", [(150, 30, 30), (1797, 300, 300), (101, 20, 7)])
def test_three_ways_are_disjoint_complete_stratified_and_fixed(n, val, test):
    labels = np.arange(n) % 3
    parts = three_ways(labels, val, test)
    assert [len(part) for part in parts] == [n - val - test, val, test]
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))
    for part in parts:
        counts = np.bincount(labels[part], minlength=3)
        assert counts.max() - counts.min() <= 2  # rounding, twice
    again = three_ways(labels, val, test)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))


def test_splits_do_not_depend_on_global_seeds():
    labels = np.arange(60) % 2
    np.random.seed(1)  # noqa: NPY002 (the global state is what must not matter)
    one = hold_out(labels, 10)
    np.random.seed(2)  # noqa: NPY002
    assert np.array_equal(one[1], hold_out(labels, 10)[1])


@pytest.mark.parametrize(
    "name, sizes",
    [
        ("digits", (1197, 300, 300)),
        pytest.param("fashion", (55000, 5000, 10000), marks=needs_data),
        pytest.param("vae-mnist", (55000, 5000, 10000), marks=needs_data),
        pytest.param("cifar10:resnet8", (9000, 1000, 2000), marks=needs_data),
        pytest.param("logreg:iris", (90, 30, 30), marks=needs_data),
        pytest.param("logreg:dna.scale", (1600, 400, 1186), marks=needs_data),
        pytest.param("logreg:a9a", (26049, 6512, 16281), marks=needs_data),
        pytest.param("shakespeare", (15685, 871, 871), marks=needs_data),
    ],
)
def test_sizes_of_parts(name, sizes):
    dataset = get_task(name).dataset()
    assert tuple(len(part.targets) for part in (dataset.train, dataset.val, dataset.test)) == sizes


@needs_data
def test_shakespeare_windows_are_the_text_in_order():
    dataset = get_task("shakespeare").dataset()
    text = data.tinyshakespeare()
    alphabet = sorted(set(text))
    start = 0
    for part, length in zip(
        (dataset.train, dataset.val, dataset.test), (1_003_854, 55_770, 55_770), strict=True
    ):
        codes = torch.cat([part.inputs.flatten(), part.targets[-1, -1:]])
        assert "".join(alphabet[i] for i in codes) == text[start : start + len(codes)]
        assert length - 64 <= len(codes) <= length
        assert torch.equal(part.inputs[:, 1:], part.targets[:, :-1])
        start += length
    assert start == len(text)


def test_standardise_against_numpy():
    x = torch.tensor(np.random.default_rng(0).integers(0, 256, (2500, 3, 4, 4)).astype(np.uint8))
    scale = Standardise.of(x, dim=(0, 2, 3))
    exact = x.numpy().astype(np.float64)
    np.testing.assert_allclose(scale.mean.flatten(), exact.mean((0, 2, 3)), rtol=1e-7)
    np.testing.assert_allclose(scale.std.flatten(), exact.std((0, 2, 3)), rtol=1e-7)


def test_standardise_leaves_constants_finite():
    x = torch.full((1501, 2), 0.1)
    x[:, 1] = torch.arange(1501)
    out = Standardise.of(x, dim=0)(x)
    assert out[:, 0].abs().max() < 1e-6 and out[:, 1].std() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    "name, dim",
    [
        ("digits", None),
        pytest.param("logreg:iris", 0, marks=needs_data),
        pytest.param("cifar10:resnet8", (0, 2, 3), marks=needs_data),
        pytest.param("fashion", None, marks=needs_data),
    ],
)
def test_normalisation_is_fitted_on_the_training_part_alone(name, dim):
    dataset = get_task(name).dataset()
    prepare = dataset.prepare or (lambda x: x)

    def moments(part):
        x = prepare(part.inputs[:20000] if name == "fashion" else part.inputs).double()
        return (x.mean(), x.std()) if dim is None else (x.mean(dim), x.std(dim))

    tolerance = 0.02 if name == "fashion" else 1e-5  # only a part of it is read there
    mean, std = moments(dataset.train)
    assert mean.abs().max() < tolerance
    assert (std - 1).abs().max() < tolerance + 1 / len(dataset.train.inputs)  # n against n - 1
    # Statistics of all rows, or of its own, would leave the test part at exactly 0.
    assert moments(dataset.test)[0].abs().max() > 1e-4


# Batches


def numbers(n, batch_size, seed):
    return Batches(Examples(torch.arange(n), torch.arange(n)), batch_size, seed=seed)


def test_every_epoch_is_a_permutation_with_a_fixed_number_of_updates():
    batches = numbers(103, 10, seed=0)
    epochs = [torch.cat([x for x, _ in batches]) for _ in range(3)]
    assert len(batches) == 10
    for epoch in epochs:
        assert len(epoch) == 100 and len(set(epoch.tolist())) == 100
    assert not torch.equal(epochs[0], epochs[1])
    exact = torch.cat([x for x, _ in numbers(100, 10, seed=1)])
    assert sorted(exact.tolist()) == list(range(100))


def test_without_a_seed_all_examples_come_in_order():
    batches = numbers(103, 10, seed=None)
    assert len(batches) == len(list(batches)) == 11
    assert torch.cat([x for x, _ in batches]).tolist() == list(range(103))


def test_batches_refuse_sizes_that_give_none():
    for size, seed in ((0, None), (-1, 0), (104, 0)):
        with pytest.raises(ValueError, match=rf"batch_size={size}: expected .*1"):
            numbers(103, size, seed)


@pytest.mark.parametrize("name", TASKS)
def test_batches_are_reproducible_and_differ_by_seed(name):
    def first(seed):
        loader = get_task(name).loaders(seed).train
        return [next(iter(loader)) for _ in range(2)]  # of two epochs

    torch.manual_seed(0)
    one = first(0)
    torch.manual_seed(1)
    two, other = first(0), first(1)
    for (x, y), (x2, y2), (x3, _) in zip(one, two, other, strict=True):
        assert torch.equal(x, x2) and torch.equal(y, y2)
        assert not torch.equal(x, x3)
    assert not torch.equal(one[0][0], one[1][0])


def test_crop_and_flip_gives_shifted_and_mirrored_windows():
    x = (
        torch.arange(1, 2 * 3 * 8 * 8 + 1, dtype=torch.float32)
        .view(2, 3, 8, 8)
        .repeat(200, 1, 1, 1)
    )
    out = crop_and_flip(x, torch.Generator().manual_seed(0))
    assert out.shape == x.shape
    padded = torch.nn.functional.pad(x, [4] * 4)
    seen = set()
    for image, source in zip(out, padded, strict=True):
        matches = {
            (i, j, mirrored)
            for i in range(9)
            for j in range(9)
            for mirrored in (False, True)
            if torch.equal(
                image, source[:, i : i + 8, j : j + 8].flip(2 if mirrored else ()).contiguous()
            )
        }
        assert len(matches) == 1
        seen |= matches
    assert {i for i, _, _ in seen} == {j for _, j, _ in seen} == set(range(9))
    assert {m for _, _, m in seen} == {False, True}


# Networks


def size(network):
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("blocks, published", [(3, 0.27e6), (5, 0.46e6), (9, 0.85e6)])
def test_resnet_size_is_that_of_the_paper(blocks, published):
    # Convolutions, two numbers a channel for each normalisation, and the dense layer; option A
    # shortcuts have none. The figures are table 6 of He et al. (2016), in millions.
    widths = [3, 16] + [16] * 2 * blocks + [32] * 2 * blocks + [64] * 2 * blocks
    expected = sum(9 * a * b + 2 * b for a, b in pairwise(widths)) + 64 * 10 + 10
    assert size(ResNet(blocks)) == expected == pytest.approx(published, rel=0.02)


def test_resnet_halves_twice():
    network = ResNet(1).eval()
    x = torch.randn(2, 3, 32, 32)
    assert network.body(x).shape == (2, 64, 8, 8) and network(x).shape == (2, 10)


def test_vae_size():
    expected = (784 + 1) * 400 + (400 + 1) * 40 + (20 + 1) * 400 + (400 + 1) * 784
    assert size(VAE()) == expected == 652_824


def test_negative_elbo_against_torch_distributions():
    from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

    generator = torch.Generator().manual_seed(0)
    logits, mu, log_var, x = (
        torch.randn(7, n, generator=generator, dtype=torch.float64) for n in (50, 4, 4, 50)
    )
    x = x.sigmoid().round()
    likelihood = Independent(Bernoulli(logits=logits), 1).log_prob(x)
    prior = Normal(torch.zeros(4, dtype=torch.float64), 1.0)
    kl = kl_divergence(Normal(mu, torch.exp(0.5 * log_var)), prior).sum(1)
    torch.testing.assert_close(negative_elbo(logits, mu, log_var, x), kl - likelihood)


def test_negative_elbo_passes_divergence_on():
    zero = torch.zeros(1, 3)
    assert negative_elbo(zero, zero, torch.full((1, 3), 1000.0), zero).isinf().all()
    assert negative_elbo(torch.full((1, 3), math.nan), zero, zero, zero).isnan().all()


def test_vae_noise_makes_the_code():
    torch.manual_seed(0)
    network = VAE(pixels=6, hidden=5, code=2)
    x, noise = torch.rand(3, 6), torch.randn(3, 2)
    logits, mu, log_var = network(x, noise)
    z = mu + torch.exp(log_var / 2) * noise
    torch.testing.assert_close(logits, network.decoder(z))


def test_gpt_sees_no_future_and_all_the_past():
    torch.manual_seed(0)
    network = GPT(tokens=11, context=16, width=8, layers=2, heads=2).eval()
    tokens = torch.randint(11, (1, 16))
    logits = network(tokens)
    assert logits.shape == (1, 11, 16)
    for t in range(16):
        other = tokens.clone()
        other[0, t] = (other[0, t] + 1) % 11
        changed = (network(other) != logits).any(1)[0]
        assert not changed[:t].any() and changed[t:].all()


def test_gpt_size_and_first_loss():
    torch.manual_seed(0)
    network = get_task("shakespeare").network()
    layer = 2 * 2 * 64 + (64 + 1) * 192 + (64 + 1) * 64 + (64 + 1) * 256 + (256 + 1) * 64
    assert size(network) == 65 * 64 + 64 * 64 + 2 * layer + 2 * 64
    tokens = torch.randint(65, (8, 65))
    loss = torch.nn.functional.cross_entropy(network(tokens[:, :-1]), tokens[:, 1:])
    assert loss.item() == pytest.approx(math.log(65), abs=0.05)


# Training and metrics


@pytest.mark.parametrize("name", TASKS)
def test_three_updates_are_finite_and_reproducible_bit_for_bit(name):
    first, _, metrics = fit(name)
    again, _, metrics_again = fit(name)
    losses = first.train_losses.tolist()
    assert len(losses) == 3 and all(map(math.isfinite, losses))
    assert losses == again.train_losses.tolist()
    assert metrics == metrics_again
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert losses != fit(name, seed=1)[0].train_losses.tolist()


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("name", TASKS)
def test_the_loss_of_one_batch_goes_down(name, optimizer):
    task = get_task(name)
    torch.manual_seed(0)
    module = task.module(optimizer, 0.3 * task.base_lrs[optimizer]).train()
    batch = next(iter(task.loaders(0).train))
    chosen = module.configure_optimizers()
    for _ in range(6):
        chosen.zero_grad()
        module.training_step(batch, 0).backward()
        chosen.step()
    assert module.train_losses.tolist()[-1] < module.train_losses.tolist()[0]


def test_optimizers_are_as_stated():
    sgd = get_task("digits").module("sgd", 0.25).configure_optimizers()
    assert type(sgd) is torch.optim.SGD
    assert sgd.defaults["lr"] == 0.25 and sgd.defaults["momentum"] == 0.9
    assert get_task("cifar10").module("sgd", 0.1).configure_optimizers().defaults[
        "weight_decay"
    ] == pytest.approx(1e-4)
    assert type(get_task("digits").module("adamw", 0.1).configure_optimizers()) is torch.optim.AdamW


@pytest.mark.parametrize("name", ["digits", pytest.param("cifar10:resnet8", marks=needs_data)])
def test_error_is_that_of_scikit_learn(name):
    from sklearn.metrics import zero_one_loss

    module, loaders, metrics = fit(name)
    for part in ("val", "test"):
        logits, labels = outputs(module.eval(), getattr(loaders, part))
        # Lightning keeps metrics in single precision.
        assert metrics[f"{part}_metric"].item() == pytest.approx(
            100 * zero_one_loss(labels, logits.argmax(1)), rel=1e-6
        )


@needs_data
@pytest.mark.parametrize("name", ["logreg:iris", "logreg:dna.scale"])
def test_logistic_loss_is_that_of_scikit_learn(name):
    from sklearn.metrics import log_loss

    module, loaders, metrics = fit(name, steps=30)
    for part in ("val", "test"):
        logits, labels = outputs(module, getattr(loaders, part))
        expected = log_loss(labels, logits.softmax(1))
        assert metrics[f"{part}_metric"].item() == pytest.approx(expected, rel=1e-5)


@needs_data
def test_logistic_training_reaches_scikit_learns_minimum():
    from sklearn.linear_model import LogisticRegression

    task = get_task("logreg:wine.scale")
    train = task.dataset().train
    n = len(train.targets)
    theirs = LogisticRegression(C=1 / (L2 * n), tol=1e-10, max_iter=10_000)
    theirs.fit(train.inputs.double().numpy(), train.targets.numpy())
    module = task.module("sgd", 1.0)
    with torch.no_grad():
        module.network.weight.copy_(torch.tensor(theirs.coef_))
        module.network.bias.copy_(torch.tensor(theirs.intercept_))
    task.objective.loss(module.network, tuple(train)).backward()
    assert max(p.grad.abs().max() for p in module.parameters()) < 1e-5


@needs_data
def test_vae_metric_does_not_depend_on_the_global_generator():
    task = get_task("vae-mnist")
    torch.manual_seed(0)
    network = task.module("adamw", 1e-3).network
    batch = next(iter(task.loaders(0).test))
    with torch.no_grad():
        one, two = (task.objective.score(network, batch) for _ in range(2))
        assert torch.equal(one, two) and one.shape == (500,)
        assert not torch.equal(*(task.objective.loss(network, batch) for _ in range(2)))


def test_logits_that_are_not_numbers_are_errors():
    logits = torch.tensor([[1.0, 0.0], [math.nan, math.nan], [0.0, 1.0]])
    score = each_error(torch.nn.Identity(), (logits, torch.tensor([0, 0, 0])))
    assert score.tolist() == [0.0, 100.0, 100.0]


def test_divergence_is_kept_in_the_losses():
    task = get_task("digits")
    module = task.module("sgd", 1e30)
    optimizer = module.configure_optimizers()
    for batch, _ in zip(task.loaders(0).train, range(4), strict=False):
        optimizer.zero_grad()
        module.training_step(batch, 0).backward()
        optimizer.step()
    assert not module.train_losses.last.isfinite()


def test_under_training_shows_on_digits():
    few, many = (fit("digits", steps=steps, optimizer="sgd")[2] for steps in (18, 370))
    assert many["val_metric"] < 5 and few["val_metric"] > 2 * many["val_metric"] + 5


def test_losses_keep_every_value_across_blocks():
    losses = Losses()
    assert losses.tolist() == []
    values = [float(i) for i in range(2500)]
    for value in values:
        losses.append(torch.tensor(value, requires_grad=True))
        assert losses.last.item() == value and not losses.last.requires_grad
    assert losses.tolist() == values and len(losses) == 2500

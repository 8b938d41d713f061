"""Testbeds: exact scores against other implementations, and the training of the U-Net."""

import math
import os
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from ritard.experiments.testbeds import TESTBEDS, get_testbed
from ritard.experiments.testbeds.network import make_network
from ritard.experiments.testbeds.precondition import Preconditioned
from ritard.experiments.testbeds.train_unet import train
from ritard.experiments.testbeds.training import Settings, Training
from ritard.experiments.testbeds.unet import trained
from ritard.experiments.testbeds.weights import load
from ritard.solvers.diffusion import EDM, VPLinear, reference
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.neighbors import KernelDensity
from torch import distributions as D

needs_data = pytest.mark.skipif(not os.environ.get("RITARD_DATA"), reason="RITARD_DATA is not set")
TINY = Settings(steps=7, batch_size=4, lr=0.01, seed=3, ema=0.7, channels=(8, 8))


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def blobs(count=32, side=8):
    generator = torch.Generator().manual_seed(5)
    return torch.randint(256, (count, 1, side, side), generator=generator, dtype=torch.uint8)


# ---- what there is -----------------------------------------------------------------------------


def test_names():
    assert TESTBEDS == ("digits", "mixture", "mixture-image", "fashion-pca", "unet")
    with pytest.raises(ValueError, match=r"'digit': did you mean 'digits'\? expected one of.*unet"):
        get_testbed("digit")


@pytest.mark.parametrize(
    "name",
    ["digits", "mixture", *(pytest.param(n, marks=needs_data) for n in TESTBEDS[2:4])],
)
def test_a_testbed_fits_its_model(name):
    bed = get_testbed(name)
    noise = bed.model.noise
    assert (bed.name, bed.t_start, bed.t_end) == (name, noise.t_max, noise.t_min)
    assert bed.data.shape[1:] == bed.held_out.shape[1:] == bed.shape
    assert bed.data.dtype == bed.held_out.dtype == bed.dtype
    assert bed.image is None or math.prod(bed.image) == math.prod(bed.shape)
    assert bed.labels is None or bed.labels.shape == (len(bed.data),)
    variances = bed.data.double().numpy().reshape(len(bed.data), -1).var(axis=0)
    assert bed.scale == pytest.approx(math.sqrt(variances.mean()), rel=1e-5)
    x = torch.randn(3, *bed.shape, dtype=bed.dtype)
    assert bed.model(x, 0.5).dtype == bed.dtype
    assert get_testbed(name) is bed


def test_the_reference_of_the_digits_is_as_good_as_said():
    bed = get_testbed("digits")
    x = 20 * torch.randn(4, 64, generator=torch.Generator().manual_seed(1), dtype=bed.dtype)
    error = reference(bed.model, x, tol=bed.reference_tol) - reference(bed.model, x, tol=1e-7)
    assert error.abs().max() < 0.1 * bed.reference_tol


# ---- exact densities ---------------------------------------------------------------------------


def denoised(log_density, x, sigma, alpha=1.0, step=1e-4):
    """Tweedie: (x + sigma^2 grad log p(x)) / alpha, by central differences along every axis."""
    moves = step * np.eye(x.shape[1])
    gradient = np.stack(
        [(log_density(x + m) - log_density(x - m)) / (2 * step) for m in moves], axis=1
    )
    return (x + sigma**2 * gradient) / alpha


def test_digits_are_all_there_once():
    bed = get_testbed("digits")
    assert (len(bed.data), len(bed.held_out), bed.image) == (1200, 597, (8, 8))
    both = torch.cat([bed.data, bed.held_out]).numpy()
    pixels, labels = load_digits(return_X_y=True)
    rows = (both + 1) * 8
    assert sorted(map(tuple, rows)) == sorted(map(tuple, pixels))
    label_of = {tuple(row): label for row, label in zip(pixels, labels, strict=True)}
    assert [label_of[tuple(row)] for row in rows[:1200]] == bed.labels.tolist()
    assert bed.labels.bincount().min() > 110  # every class has its share


@pytest.mark.parametrize("name", ["digits", pytest.param("fashion-pca", marks=needs_data)])
@pytest.mark.parametrize("sigma", [0.1, 0.6, 5.0])
def test_kernel_densities_have_the_score_of_scikit_learns(name, sigma):
    bed = get_testbed(name)
    density = KernelDensity(bandwidth=math.hypot(0.05, sigma), atol=0, rtol=0, leaf_size=10**6)
    density.fit(bed.data.numpy())
    eps = torch.randn(3, 64, generator=torch.Generator().manual_seed(2), dtype=bed.dtype)
    x = bed.held_out[:3] + sigma * eps
    expected = denoised(density.score_samples, x.numpy(), sigma)
    np.testing.assert_allclose(bed.model(x, sigma).numpy(), expected, atol=2e-6)


def mixture_law(alpha, sigma):
    """The noisy mixture by its recipe, as torch's own distribution."""
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(10, 8, generator=generator, dtype=torch.float64)
    width, weight = torch.rand(2, 10, generator=generator, dtype=torch.float64)
    deviations = (0.05 * 8**width)[:, None].expand(10, 8)
    spread = torch.sqrt((alpha * deviations) ** 2 + sigma**2)
    parts = D.Independent(D.Normal(alpha * means, spread), 1)
    return D.MixtureSameFamily(D.Categorical(1 + 2 * weight), parts)


@pytest.mark.parametrize("t", [0.01, 0.2, 0.6, 1.0])
def test_the_mixture_has_the_score_of_torchs(t):
    bed = get_testbed("mixture")
    assert bed.model.noise == VPLinear()
    alpha = math.exp(-(t**2) * 19.9 / 4 - t * 0.1 / 2)
    sigma = math.sqrt(1 - alpha**2)
    x = mixture_law(alpha, sigma).sample((5,)).requires_grad_()
    (score,) = torch.autograd.grad(mixture_law(alpha, sigma).log_prob(x).sum(), x)
    expected = (x + sigma**2 * score) / alpha
    torch.testing.assert_close(bed.model(x.detach(), t), expected.detach(), rtol=1e-9, atol=1e-9)


def test_samples_of_the_mixture_are_its_own():
    bed, law = get_testbed("mixture"), mixture_law(1.0, 0.0)
    for part in (bed.data, bed.held_out):
        error = (part.mean(0) - law.mean) / torch.sqrt(law.variance / len(part))
        assert error.abs().max() < 4.5
        surprise = -law.log_prob(part)
        expected = -law.log_prob(law.sample((20_000,))).mean()
        assert abs(surprise.mean() - expected) < 5 * surprise.std() / math.sqrt(len(part))
    assert not torch.equal(bed.data, bed.held_out)


@needs_data
def test_the_mixture_of_images_looks_like_its_images():
    from ritard.experiments.data import images

    bed = get_testbed("mixture-image")
    assert (bed.shape, bed.image, bed.model.noise) == ((784,), (28, 28), EDM(80, 0.01))
    pixels = images("fashion_mnist")[0][:5000].reshape(5000, 784) / 127.5 - 1
    mean, std = pixels.mean(0), pixels.std()
    assert np.abs(bed.data.mean(0).numpy() - mean).max() < 0.06
    assert float(bed.data.std()) == pytest.approx(std, rel=0.01)
    # Far out nothing but the mean is left; very close, the image itself.
    far = bed.model(80 * torch.randn(512, 784, generator=torch.Generator().manual_seed(0)), 80.0)
    assert np.abs(far.mean(0).numpy() - mean).max() < 0.05
    near = torch.randn(8, 784, generator=torch.Generator().manual_seed(1))
    close = bed.data[:8] + 0.01 * near
    assert (bed.model(close, 0.01) - bed.data[:8]).square().mean().sqrt() < 0.0105


@needs_data
def test_principal_components_are_scikit_learns():
    from ritard.experiments.data import images

    bed = get_testbed("fashion-pca")
    train, _, test, _ = (part.reshape(len(part), -1) for part in images("fashion_mnist"))
    pca = PCA(64, svd_solver="full").fit(train[:6000] / 127.5 - 1)
    factor = 0.5 / math.sqrt(pca.transform(train[:6000] / 127.5 - 1).var(axis=0).mean())
    for found, pixels in ((bed.data[:50], train[:50]), (bed.held_out[:50], test[:50])):
        expected = factor * pca.transform(pixels / 127.5 - 1)
        np.testing.assert_allclose(np.abs(found.numpy()), np.abs(expected), atol=1e-8)
    assert bed.scale == pytest.approx(0.5)
    assert (len(bed.data), len(bed.held_out)) == (6000, 10_000)


# ---- preconditioning ---------------------------------------------------------------------------

SIGMA = torch.tensor([0.002, 0.1, 0.66, 5.0, 80.0], dtype=torch.float64)
DATA = 0.66


def parts(sigma):
    """What the denoiser adds of x, gives of F, and hands to F: read off by probes of F."""
    seen = []

    def probe(value):
        def network(x, c_noise):
            seen.append((x, c_noise))
            return torch.full_like(x, value)

        return Preconditioned(network, DATA)

    x = torch.ones(len(sigma), 1, dtype=torch.float64)
    skip = probe(0.0)(x, sigma)[:, 0]
    out = probe(1.0)(x, sigma)[:, 0] - skip
    return skip, out, seen[0][0][:, 0], seen[0][1]


def test_preconditioning_is_what_the_edm_paper_derives():
    skip, out, into, c_noise = parts(SIGMA)
    # Unit variance of the input (eq. 117) and of the target (eq. 123).
    torch.testing.assert_close(into**2 * (SIGMA**2 + DATA**2), torch.ones_like(SIGMA))
    target = (1 - skip) ** 2 * DATA**2 + skip**2 * SIGMA**2
    torch.testing.assert_close(target / out**2, torch.ones_like(SIGMA))
    # c_skip amplifies errors of F least (eq. 131): out^2 grows to both sides of it.
    for other in (skip * 1.01, skip * 0.99):
        assert ((1 - other) ** 2 * DATA**2 + other**2 * SIGMA**2 > out**2).all()
    torch.testing.assert_close(c_noise, SIGMA.log() / 4)


def test_the_loss_is_the_plain_error_of_the_network():
    generator = torch.Generator().manual_seed(0)
    clean, eps = torch.randn(2, 5, 1, 2, 2, generator=generator, dtype=torch.float64)
    sigma = SIGMA.view(-1, 1, 1, 1)
    x = clean + sigma * eps
    total = sigma**2 + DATA**2
    target = (clean - DATA**2 / total * x) * total.sqrt() / (sigma * DATA)
    for network in (torch.zeros_like, torch.sin):
        denoiser = Preconditioned(lambda x, _, f=network: f(x), DATA)
        expected = (network(x / total.sqrt()) - target).square().mean()
        torch.testing.assert_close(denoiser.loss(clean, eps, SIGMA), expected)


# ---- the network and its training --------------------------------------------------------------


def test_the_network_is_small_and_a_function_of_its_seed():
    state = torch.get_rng_state()
    network, same, other = (make_network(seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert sum(p.numel() for p in network.parameters()) == 745_476
    one, two, three = (next(iter(n.parameters())) for n in (network, same, other))
    assert torch.equal(one, two) and not torch.equal(one, three)
    assert network(torch.randn(2, 1, 32, 32), torch.zeros(2)).shape == (2, 1, 32, 32)


def weights(training):
    return torch.cat([p.flatten() for p in training.average.parameters()])


def test_training_is_a_function_of_its_seed():
    runs = [Training(settings, blobs()) for settings in (TINY, TINY, replace(TINY, seed=4))]
    losses = [list(run.run(3)) for run in runs]
    assert losses[0] == losses[1] != losses[2]
    assert torch.equal(weights(runs[0]), weights(runs[1]))


def test_training_learns():
    grey = torch.tensor([0, 90, 255], dtype=torch.uint8)[:, None, None, None].expand(3, 1, 8, 8)
    training = Training(Settings(steps=120, batch_size=16, lr=0.02, channels=(8, 8)), grey)
    losses = list(training.run(200))
    assert len(losses) == training.step == 120
    assert np.mean(losses[-15:]) < 0.8 * np.mean(losses[:15])


def test_rates_and_averages_are_as_said():
    training = Training(
        Settings(steps=40, batch_size=2, lr=0.01, ema=0.5, channels=(8, 8)), blobs()
    )
    parameter = next(iter(training.network.parameters()))
    expected = parameter.detach().clone().double()
    for step in range(12):
        lr = 0.01 * ((step + 1) / 3 if step < 2 else 1 - (step - 2) / 38)  # 5 % of 40 is 2
        assert training.optimizer.param_groups[0]["lr"] == pytest.approx(lr)
        next(training.run(1))
        decay = min(0.5, (2 + step) / (11 + step))
        expected = decay * expected + (1 - decay) * parameter.detach().double()
        kept = next(iter(training.average.parameters()))
        torch.testing.assert_close(kept.double(), expected, rtol=1e-5, atol=1e-7)


def test_a_batch_is_of_the_data_and_of_log_normal_noise():
    data = blobs()
    settings = Settings(steps=2, batch_size=20_000, mean=-0.7, std=1.3, channels=(8, 8))
    training = Training(settings, data[:, :, ::4, ::4])
    clean, eps, sigma = training._batch()
    levels = data[:, :, ::4, ::4].double() / 127.5 - 1
    rows = torch.cdist(clean.double().flatten(1), levels.flatten(1)).min(1)
    assert rows.values.max() < 1e-6 and rows.indices.unique().numel() == len(data)
    logs = sigma.double().log()
    assert abs(logs.mean() + 0.7) < 5 * 1.3 / math.sqrt(20_000)
    assert abs(logs.std() - 1.3) < 5 * 1.3 / math.sqrt(40_000)
    assert abs(eps.std() - 1) < 0.02
    training.step = 1
    assert not torch.equal(training._batch()[1], eps)


def test_sigma_data_is_the_deviation_of_all_pixels():
    expected = (blobs().numpy() / 127.5 - 1).std()
    assert Training(TINY, blobs()).sigma_data == pytest.approx(expected, rel=1e-12)


KILLED = """
import sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from ritard.experiments.testbeds.train_unet import train
from ritard.experiments.testbeds.training import Settings
generator = torch.Generator().manual_seed(5)
data = torch.randint(256, (32, 1, 8, 8), generator=generator, dtype=torch.uint8)
settings = Settings(steps=7, batch_size=4, lr=0.01, seed=3, ema=0.7, channels=(8, 8))
folder = Path(sys.argv[1])
slow = lambda line: line.startswith("step 3") and time.sleep(600)
train(settings, data, folder / "out.pt", folder / "checkpoint.pt", every=1, report=slow)
"""


def test_a_killed_run_goes_on_to_the_same_weights(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)])
    try:
        while not reached(tmp_path / "checkpoint.pt", step=3):
            assert child.poll() is None
            time.sleep(0.2)
    finally:
        child.kill()
        child.wait()
    assert not (tmp_path / "out.pt").exists()
    lines: list[str] = []
    paths = (tmp_path / "out.pt", tmp_path / "checkpoint.pt")
    resumed = train(TINY, blobs(), *paths, every=1, report=lines.append)
    whole = train(TINY, blobs(), tmp_path / "whole.pt", tmp_path / "w.pt", every=1)
    assert lines[0] == "going on from step 3" and len(lines) == 1 + 4 + 1
    assert torch.equal(weights(resumed), weights(whole))
    assert resumed.record() == whole.record() == load(tmp_path / "out.pt")["record"]
    assert len(whole.losses) == 7


def reached(checkpoint, step):
    return checkpoint.exists() and load(checkpoint)["record"]["step"] == step


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    paths = (tmp_path / "out.pt", tmp_path / "checkpoint.pt")
    train(TINY, blobs(), *paths)
    with pytest.raises(ValueError, match=r"settings: the checkpoint has .*'steps': 7"):
        train(replace(TINY, steps=9), blobs(), *paths)
    with pytest.raises(ValueError, match=r"sigma_data: the checkpoint has"):
        train(TINY, blobs()[:31], *paths)


@pytest.mark.parametrize(
    "bad",
    [{"steps": 0}, {"batch_size": 0}, {"lr": 0.0}, {"std": -1.0}, {"ema": 1.0}, {"seed": -1}],
)
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Settings(**bad)


def test_trained_weights_are_the_averaged_network_preconditioned(tmp_path):
    training = train(TINY, blobs(), tmp_path / "out.pt", tmp_path / "checkpoint.pt")
    model = trained(tmp_path / "out.pt")
    x = torch.randn(3, 1, 8, 8)
    denoiser = Preconditioned(training.average, training.sigma_data)
    with torch.no_grad():
        assert torch.equal(model(x, 2.0), denoiser(x, torch.full((3,), 2.0)))
    assert model.noise == EDM(80, 0.002) and model.prediction == "data"


def test_weights_that_are_not_there_or_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"unet-fashion\.pt: .*\.testbeds\.train_unet"):
        get_testbed("unet")
    (tmp_path / "bad.pt").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"bad\.pt is damaged: .*train_unet"):
        trained(tmp_path / "bad.pt")
    torch.save({"a": 1}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"other\.pt: not made by"):
        trained(tmp_path / "other.pt")

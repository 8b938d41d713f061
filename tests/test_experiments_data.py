"""Data sets: where they are found, that damage is noticed and left alone, what readers return."""

import gzip
import hashlib
import json
import os
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from ritard.experiments import data
from ritard.experiments.__main__ import run
from ritard.experiments.data import idx, registry, store

GIVEN = os.environ.get("RITARD_DATA")
needs_data = pytest.mark.skipif(not GIVEN, reason="RITARD_DATA is not set")
TABLES = [name for name in data.names() if name.startswith("libsvm/")]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, and no other place unless a test names one."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(store, "cache_folder", lambda: folder)
    monkeypatch.setattr("ritard.experiments.data.cifar.cache_folder", lambda: folder)
    monkeypatch.delenv("RITARD_DATA", raising=False)
    return folder


@pytest.fixture
def given(monkeypatch):
    monkeypatch.setenv("RITARD_DATA", GIVEN)
    return Path(GIVEN)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A set of two files, served over HTTP from a folder of this machine."""
    site = tmp_path / "site"
    site.mkdir()
    contents = {"a.txt": b"first\n" * 100, "b.txt": b"second\n" * 100}
    handler = partial(Quiet, directory=str(site))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    files = []
    for name, content in contents.items():
        (site / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        url = f"http://127.0.0.1:{server.server_port}/{name}"
        files.append(data.File(name, digest, len(content), url, digest))
    entry = data.DataSet("toy", "box", "none", tuple(files))
    monkeypatch.setattr(registry, "_registry", lambda: {"toy": entry})
    yield site
    server.shutdown()
    server.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        del format, args


def tree(folder):
    """All that lies below a folder, with content."""
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_registry_is_complete_and_names_no_other_place():
    text = Path(registry.__file__).with_name("registry.json").read_text()
    for name, entry in json.loads(text).items():
        record = data.dataset(name)
        assert record.files and record.licence
        for file in record.files:
            assert len(file.sha256) == 64 and file.size > 0
            assert (file.url is None) == (file.public_sha256 is None)
            assert file.url is None or file.url.startswith("https://")
        assert set(entry) <= {"folder", "licence", "files", "shape"}


@needs_data
def test_every_registered_file_is_the_one_at_hand(given):
    for name in data.names():
        record = data.dataset(name)
        for file in record.files:
            assert (given / record.folder / file.name).stat().st_size == file.size
        assert data.find(name) == given / record.folder


def test_unknown_name_lists_and_hints():
    with pytest.raises(ValueError, match=r"'fashon_mnist': did you mean 'fashion_mnist'.*cifar10"):
        data.find("fashon_mnist")


def test_missing_without_public_copy_says_what_to_do(tmp_path, cache, monkeypatch):
    sha = data.dataset("cifar10").files[0].sha256
    with pytest.raises(FileNotFoundError, match=rf"RITARD_DATA \(not set\).*sha256 {sha}"):
        data.find("cifar10")
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("RITARD_DATA", str(empty))
    with pytest.raises(FileNotFoundError, match=f"not found in RITARD_DATA={empty}"):
        data.find("libsvm/iris")
    assert data.locate("libsvm/iris") is None
    assert tree(tmp_path) == {} and not cache.exists()


def test_environment_must_name_a_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("RITARD_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"RITARD_DATA=.*nowhere: no such folder"):
        data.find("mnist")


def test_download_goes_to_the_cache_once(toy, cache):
    assert data.find("toy") == cache / "box"
    assert {p.name for p in tree(cache)} == {"a.txt", "b.txt"}
    for path in toy.iterdir():
        path.unlink()
    assert data.find("toy") == data.fetch("toy") == cache / "box"


def test_given_folder_comes_before_the_cache(toy, tmp_path, cache, monkeypatch):
    shutil.copytree(toy, tmp_path / "given" / "box")
    monkeypatch.setenv("RITARD_DATA", str(tmp_path / "given"))
    assert data.find("toy") == tmp_path / "given" / "box"
    assert not cache.exists()


@pytest.mark.parametrize("damage", ["changed", "truncated"])
def test_damaged_file_is_named_and_left_alone(toy, tmp_path, monkeypatch, damage):
    folder = tmp_path / "given" / "box"
    shutil.copytree(toy, folder)
    content = (folder / "b.txt").read_bytes()
    bad = content[:-1] if damage == "truncated" else b"X" + content[1:]
    (folder / "b.txt").write_bytes(bad)
    monkeypatch.setenv("RITARD_DATA", str(tmp_path / "given"))
    before = tree(tmp_path)
    expected, found = (hashlib.sha256(c).hexdigest() for c in (content, bad))
    with pytest.raises(data.ChecksumError, match=rf"b\.txt: expected .*{expected}.*found {found}"):
        data.find("toy")
    assert tree(tmp_path) == before


def test_file_that_changes_later_is_checked_again(toy, cache):
    path = data.find("toy") / "a.txt"
    path.write_bytes(b"short")
    with pytest.raises(data.ChecksumError, match=r"\(5 bytes\)"):
        data.find("toy")
    with pytest.raises(data.ChecksumError):
        data.fetch("toy")
    assert path.read_bytes() == b"short"


def test_wrong_download_is_not_kept(toy, cache):
    (toy / "b.txt").write_bytes(b"another file")
    with pytest.raises(data.ChecksumError, match=r"b\.txt: not kept"):
        data.find("toy")
    assert [p.name for p in tree(cache)] == ["a.txt"]


def test_failed_download_leaves_nothing(toy, cache):
    (toy / "a.txt").unlink()
    with pytest.raises(OSError, match=r"toy: downloading http://.*a\.txt failed"):
        data.find("toy")
    assert tree(cache) == {}


def test_idx_refuses_another_format_and_a_wrong_length(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"\0\0\x0d\x01" + bytes(4)))
    with pytest.raises(ValueError, match="not an IDX file of unsigned bytes"):
        idx.read_idx(path)
    path.write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x05abcd"))
    with pytest.raises(ValueError, match=r"4 bytes for the shape \(5,\)"):
        idx.read_idx(path)
    path.write_bytes(gzip.compress(b"\0\0\x08\x02\0\0\0\x02\0\0\0\x03abcdef"))
    assert idx.read_idx(path).tobytes() == b"abcdef" and idx.read_idx(path).shape == (2, 3)


@needs_data
def test_fashion_mnist_has_the_statistics_of_its_readme(given):
    train, labels, test, test_labels = data.images("fashion_mnist")
    assert train.shape == (60000, 28, 28) and test.shape == (10000, 28, 28)
    assert np.bincount(labels).tolist() == [6000] * 10
    assert np.bincount(test_labels).tolist() == [1000] * 10
    assert train.mean() == pytest.approx(72.9404, abs=5e-5)
    assert train.std() == pytest.approx(90.0212, abs=5e-5)


@needs_data
def test_mnist_content_is_the_official_one(given):
    # sha256 of the raw training files, as other projects record them.
    official = "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    with gzip.open(given / "mnist/train-images-idx3-ubyte.gz") as stream:
        assert hashlib.file_digest(stream, "sha256").hexdigest() == official
    _, labels, _, _ = data.images("mnist")
    assert labels[:5].tolist() == [5, 0, 4, 1, 9]


@needs_data
def test_cifar10_pixels_are_those_of_the_readme(given, cache):
    _, _, test, labels = data.cifar10(1, 1000)
    order = np.argsort(np.random.default_rng(0).permutation(10_000))
    assert labels[order].tolist() == [c for c in range(10) for _ in range(1000)]
    digest = hashlib.sha256(test[order].tobytes()).hexdigest()
    assert digest == "5a6aa8185204d80b65d3dfb540696dadd5f10d185ded226a96665d3e0fc6259f"


@needs_data
def test_cifar10_subset_is_balanced_shuffled_and_kept(given, cache, monkeypatch):
    first = data.cifar10(6, 3)
    assert [part.shape for part in first] == [(60, 32, 32, 3), (60,), (30, 32, 32, 3), (30,)]
    assert np.bincount(first[1]).tolist() == [6] * 10
    assert (np.diff(first[1].astype(int)) < 0).any()
    (kept,) = cache.iterdir()
    monkeypatch.delenv("RITARD_DATA")  # now only the kept file can answer
    again = data.cifar10(6, 3)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    monkeypatch.setenv("RITARD_DATA", str(given))
    whole = kept.read_bytes()
    method = whole.index(b"PK\x01\x02") + 10  # how the first part is compressed
    unknown = whole[:method] + b"\x63" + whole[method + 1 :]
    for damaged in (b"", whole[:1000], unknown):
        kept.write_bytes(damaged)
        again = data.cifar10(6, 3)
        assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
        assert list(cache.iterdir()) == [kept] and kept.read_bytes() == whole != damaged


@pytest.mark.parametrize("counts", [(0, 1), (5001, 1), (1, 1001)])
def test_cifar10_refuses_counts_out_of_range(counts):
    with pytest.raises(ValueError, match=r"(train|test)_per_class=\d+: expected 1 to"):
        data.cifar10(*counts)


@needs_data
def test_tinyshakespeare(given):
    text = data.tinyshakespeare()
    assert len(text) == 1_115_394 and len(set(text)) == 65 and text.startswith("First Citizen:")


@needs_data
@pytest.mark.parametrize("name", TABLES)
def test_libsvm_sets_have_the_shapes_of_the_readme(given, name):
    rows, columns, classes = data.dataset(name).shape
    (x, y), official = data.libsvm(name.removeprefix("libsvm/"))
    assert x.shape == (rows, columns) and x.dtype == np.float32
    assert np.unique(y).tolist() == list(range(classes))
    if official is not None:
        assert official[0].shape[1] == columns and set(official[1]) <= set(range(classes))


@needs_data
def test_iris_against_scikit_learn(given):
    from sklearn.datasets import load_iris

    (x, y), _ = data.libsvm("iris")
    theirs = load_iris()
    assert np.bincount(y).tolist() == [50, 50, 50]
    # UCI's file and scikit-learn's (Fisher's) differ in two rows by documented misprints.
    assert (np.abs(x - theirs.data).max(1) > 1e-6).sum() <= 2


@needs_data
def test_a_given_set_needs_no_package_for_downloads(given, monkeypatch):
    def missing():
        raise ImportError("pooch is not installed")

    monkeypatch.setattr(store, "cache_folder", missing)
    assert data.locate("libsvm/iris") == given / data.dataset("libsvm/iris").folder


@pytest.fixture
def ritard(capsys):
    """``ritard data`` with some arguments: its exit code, stdout and stderr."""

    def call(*arguments):
        code = run(["data", *arguments])
        return code, *capsys.readouterr()

    return call


def test_command_lists_states(toy, ritard):
    assert "downloadable" in ritard("list")[1]
    data.find("toy")
    assert "here" in ritard("list")[1]
    (data.find("toy") / "a.txt").write_bytes(b"?")
    assert "damaged" in ritard("list")[1]
    code, out, err = ritard("where", "toy")
    assert code == 1 and out == "" and err.startswith("error: ")


def test_command_fetches_and_locates(toy, cache, ritard):
    code, _, said = ritard("where", "toy")
    assert code == 1 and "ritard data fetch toy" in said
    assert ritard("fetch", "toy")[1] == f"toy: {cache / 'box'}\n"
    assert ritard("where", "toy")[1] == f"{cache / 'box'}\n"
    found = json.loads(ritard("where", "toy", "--json")[1])
    assert found == {"format": 1, "folders": {"toy": str(cache / "box")}}


def test_command_fails_with_a_sentence(cache, ritard):
    for arguments in (("fetch", "cifar10"), ("fetch", "nonsense"), ("where", "nonsense")):
        code, out, err = ritard(*arguments)
        assert code == 2 and out == "" and arguments[1] in err and err.count("\n") == 1
    assert "missing" in ritard("list")[1]


SPECTRA = {  # n, nonzeros of both triangles, largest eigenvalue as the collection's notes give it
    "LFAT5": (14, 46, 2.145e7),
    "bcsstk01": (48, 400, 3.015e9),
    "494_bus": (494, 1666, 3.001e4),
    "gr_30_30": (900, 7744, 11.96),
    "nos3": (960, 15844, 689.9),
}


@needs_data
@pytest.mark.parametrize("name", SPECTRA)
def test_spd_matrices_are_the_collections(name, given):
    matrix, (n, nonzeros, largest) = data.spd_matrix(name), SPECTRA[name]
    assert matrix.shape == (n, n) and matrix.nnz == nonzeros and abs(matrix - matrix.T).max() == 0
    eigenvalues = np.linalg.eigvalsh(matrix.toarray())
    assert eigenvalues[0] > 0 and eigenvalues[-1] == pytest.approx(largest, rel=1e-3)


def test_another_spd_matrix_is_refused():
    assert len(data.spd_names()) == 11
    with pytest.raises(ValueError, match=r"'bcsstk99'.*bcsstk16"):
        data.spd_matrix("bcsstk99")

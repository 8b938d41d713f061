"""The gallery: its page, its files, and that the pictures show what the results hold."""

import importlib.util
import json
import re
import shutil
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from ritard.experiments import figures
from ritard.experiments.gallery import PICTURES, page
from ritard.experiments.gallery.automatic import draw_run
from ritard.schedules import UBA

ROOT = Path(__file__).resolve().parent.parent
RESULTS, DOCS = ROOT / "experiments" / "results", ROOT / "docs"
SOLVING = ("ritard", "relaxation", "samples")
"""Drawn from what is solved or sampled first."""
LIGHT = [name for name in PICTURES if name not in SOLVING]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Draws a picture; gives its figure."""
    kept: list[Figure] = []

    class Kept(Figure):
        def savefig(self, *args: Any, **kwargs: Any) -> None:
            kept.append(self)
            super().savefig(*args, **kwargs)

    monkeypatch.setattr(figures, "Figure", Kept)

    def draw(name: str, results: Path = RESULTS) -> Figure:
        PICTURES[name].save(results, tmp_path / f"{name}.png")
        return kept[-1]

    yield draw


def test_the_page_is_that_of_the_table() -> None:
    assert (DOCS / "gallery.md").read_text("utf-8") == page(PICTURES)


@pytest.mark.parametrize("name", PICTURES)
def test_files_are_small_and_of_a_readable_shape(name: str) -> None:
    path = DOCS / "images" / f"{name}.png"
    assert path.stat().st_size < 150_000
    width, height = Image.open(path).size
    assert width >= 1000
    assert 1.45 <= width / height <= 2.05


def test_the_rows_that_are_named_can_be_run() -> None:
    spec = importlib.util.spec_from_file_location("rows", RESULTS / "run.py")
    assert spec and spec.loader
    rows = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rows)
    named = re.findall(r"make results ROW=([\w-]+)", page(PICTURES))
    assert len(named) >= 6
    assert set(named) <= {*rows.COMPARISONS, *rows.SCRIPTS}


@pytest.mark.parametrize("name", LIGHT)
def test_text_is_large_inside_and_apart(name: str, drawn: Any) -> None:
    _check_text(drawn(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", SOLVING)
def test_text_is_large_inside_and_apart_in_the_others(name: str, drawn: Any) -> None:
    _check_text(drawn(name))


def _check_text(figure: Figure) -> None:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]  # type: ignore[union-attr]
    boxes = {}
    for text in texts:
        box = text.get_window_extent(renderer)
        edge = figure.bbox
        on_screen = edge.x0 - 1 <= box.x0 and box.x1 <= edge.x1 + 1
        on_screen = on_screen and edge.y0 - 1 <= box.y0 and box.y1 <= edge.y1 + 1
        if box.width and _shown(text):
            assert text.get_fontsize() >= 9, text
            assert on_screen, text
            boxes[text] = box
    assert len(boxes) > 10 or figure.axes[0].images
    for (a, first), (b, second) in combinations(boxes.items(), 2):
        wide = min(first.x1, second.x1) - max(first.x0, second.x0)
        high = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert min(wide, high) < 3, f"{a} over {b}"


def _shown(text: Text) -> bool:
    """Tick labels beyond the limits of an axis are there, but not drawn."""
    for ax in text.figure.axes:  # type: ignore[union-attr]
        for axis in (ax.xaxis, ax.yaxis):
            held = [label for tick in axis.get_major_ticks() + axis.get_minor_ticks()
                    for label in (tick.label1, tick.label2)]  # fmt: skip
            if text in held:
                drawn = [tick for tick in axis._update_ticks()]  # type: ignore[attr-defined]
                return any(text is tick.label1 and tick.label1.get_visible() for tick in drawn)
    return True


def test_a_picture_is_the_same_twice(drawn: Any, tmp_path: Path) -> None:
    drawn("uba")
    first = (tmp_path / "uba.png").read_bytes()
    drawn("uba")
    assert (tmp_path / "uba.png").read_bytes() == first


def test_curves_are_those_of_the_schedules(drawn: Any) -> None:
    lines = drawn("uba").axes[0].lines
    x = lines[3].get_xdata() / 100
    np.testing.assert_allclose(lines[3].get_ydata(), UBA(5)(x * 1000, 1000))


def test_budgets_show_what_the_report_holds(drawn: Any, tmp_path: Path) -> None:
    report = json.loads((RESULTS / "digits" / "report.json").read_text("utf-8"))
    figure = drawn("budgets")
    rows = [row for row in report["table"] if row["schedule"] == "cosine"]
    shown = figure.axes[0].containers[1]
    assert shown.get_label() == "cosine"
    assert list(shown.lines[0].get_ydata()) == pytest.approx([row["mean"] for row in rows])
    linear = {row["budget"]: row["mean"] for row in report["table"] if row["schedule"] == "linear"}
    pairs = [row for row in report["comparisons"] if row["schedule"] == "cosine"]
    percent = [100 * row["difference"] / linear[row["budget"]] for row in pairs]
    assert list(figure.axes[1].containers[0].lines[0].get_ydata()) == pytest.approx(percent)


def test_a_changed_result_changes_the_picture(drawn: Any, tmp_path: Path) -> None:
    report = json.loads((RESULTS / "relax-synthetic" / "report.json").read_text("utf-8"))
    before = [bar.get_width() for bar in drawn("savings").axes[0].patches]
    report["means"]["low"]["ChebCB"] = [1.5 * x for x in report["means"]["low"]["ChebCB"]]
    other = tmp_path / "results" / "relax-synthetic"
    other.mkdir(parents=True)
    (other / "report.json").write_text(json.dumps(report))
    after = [bar.get_width() for bar in drawn("savings", other.parent).axes[0].patches]
    changed = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    assert changed == [6]
    assert after[6] == pytest.approx(1.5 * before[6])
    shutil.rmtree(other.parent)


def test_the_rate_is_base_times_scale_times_linear_decay() -> None:
    trials = [{"scale": s, "score": 1.0, "difference": 0.1, "stopped": s == 4} for s in (1, 2, 4)]
    stages = [
        {"start": 0, "before": 1, "scale": 2, "trials": trials},
        {"start": 50, "before": 2, "scale": 1, "trials": trials},
    ]
    ax = Figure().subplots()
    draw_run({"productive": 100, "stages": stages}, 0.3, ax)
    rate = ax.lines[0].get_ydata()
    for t, scale in ((0, 2), (49, 2), (50, 1), (99, 1)):
        assert rate[t] == pytest.approx(0.3 * scale * (1 - t / 100))
    marks = {line.get_label(): list(line.get_ydata()) for line in ax.lines[1:]}
    assert marks["kept or chosen"] == pytest.approx([0.6, 0.15])
    assert marks["left early"] == pytest.approx([1.2, 0.6])
    assert marks["tried"] == pytest.approx([0.3, 0.3])

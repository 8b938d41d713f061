"""Drawing: the lines are the schedules."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from ritard.schedules import REX, Budget, Cosine, InverseSqrt, Linear, plot_schedules


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def drawn(ax):
    return {line.get_label(): line.get_xydata() for line in ax.get_lines()}


def test_lines_are_the_values_of_the_schedules():
    schedules = [REX(), Linear().warmup(5), Cosine().floor(0.1).repeat(3)]
    ax = plot_schedules(schedules, 50)
    assert isinstance(ax, Axes)
    lines = drawn(ax)
    assert list(lines) == [str(s) for s in schedules]
    for schedule, data in zip(schedules, lines.values(), strict=True):
        percent, y = data.T
        assert percent[0] == 0
        assert percent[-1] == 100
        assert y == pytest.approx(schedule(percent / 100 * 50, 50), abs=1e-9)
        assert schedule.values(50).max() == pytest.approx(y.max(), abs=0.05)


def test_more_lines_than_colours_are_told_apart_by_their_dashes():
    ax = plot_schedules({str(d): REX(d) for d in np.linspace(-1, 0.9, 20)}, 10)
    styles = {(line.get_color(), line.get_linestyle()) for line in ax.get_lines()}
    assert len(styles) == 20


def test_labels_and_axes_are_taken():
    figure, (left, right) = plt.subplots(1, 2)
    ax = plot_schedules({"ours": REX(), "theirs": Linear()}, 10, ax=right)
    assert ax is right
    assert ax.figure is figure
    assert list(drawn(ax)) == ["ours", "theirs"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["ours", "theirs"]
    assert not left.get_lines()
    assert plt.get_fignums() == [figure.number]
    assert ax.get_xlabel()
    assert ax.get_ylabel()


def test_a_new_figure_each_time_and_the_default_horizon():
    one, other = plot_schedules([REX()]), plot_schedules([REX()])
    assert one.figure is not other.figure
    _, y = drawn(plot_schedules({"a": InverseSqrt(100)}))["a"].T
    assert y[-1] == pytest.approx((100 / 1100) ** 0.5)


def test_budgets():
    _, y = drawn(plot_schedules({"a": Linear().warmup(1)}, Budget.epochs(4, 10)))["a"].T
    assert y.argmax() == pytest.approx(500, abs=1)
    assert len(drawn(plot_schedules([REX().warmup(0.1)], Budget.seconds(60)))) == 1


def test_one_line_for_each_schedule_even_for_equal_ones():
    assert len(plot_schedules([REX(), REX()]).get_lines()) == 2


def test_tuples_do():
    assert len(plot_schedules((REX(), Linear())).get_lines()) == 2


@pytest.mark.parametrize(
    ("schedules", "total", "error", "message"),
    [
        ([], 10, ValueError, r"schedules=\[\]: expected at least one"),
        ({}, 10, ValueError, r"schedules=\{\}: expected at least one"),
        (["rex"], 10, TypeError, r"schedules?=?.*'rex'.*expected"),
        (REX(), 10, TypeError, r"schedules=.*expected"),
        ([REX()], 0, ValueError, r"total_steps=0: expected an int >= 1"),
        ([REX()], np.nan, TypeError, r"total_steps=nan: expected an int >= 1"),
        ([Linear().warmup(20)], 10, ValueError, r"warmup length=20 does not fit"),
    ],
)
def test_bad_input_opens_no_figure(schedules, total, error, message):
    with pytest.raises(error, match=message):
        plot_schedules(schedules, total)
    assert plt.get_fignums() == []

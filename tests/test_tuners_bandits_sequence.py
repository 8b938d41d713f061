"""tune_sequence: what it reports, what it survives, and that it goes on where it was killed."""

import contextlib
import functools
import itertools
import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import scipy.sparse as sp
from bandit_tables import OMEGAS, TUNERS, contexts
from optuna.distributions import CategoricalDistribution
from optuna.samplers import RandomSampler
from ritard.solvers.linear import Adaptive, Solution, Splitting, Stencil, gallery, solve
from ritard.tuners.bandits import (
    ChebCB,
    Fixed,
    OptunaTuner,
    PolicyClass,
    SequenceError,
    SequenceReport,
    TsallisINF,
    plot_omegas,
    plot_solved,
    tune_sequence,
)
from scipy.sparse.linalg import spsolve

LAPLACIAN = Splitting.of(Stencil.laplacian(6, 6))
SETTINGS = {"rtol": 1e-8, "relative_to": "r0", "maxiter": 2000}


def _systems(count, seed=0):
    rng = np.random.default_rng(seed)
    for c in contexts(count, seed):
        yield LAPLACIAN.shifted(c), rng.standard_normal(36), c


def _cheb(seed=0):
    return ChebCB(OMEGAS, seed, low=-0.15, high=0.65)


def _same(one, other):
    for name in ("arms", "omegas", "contexts", "iterations", "costs", "converged"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_is_ask_solve_tell() -> None:
    report, tuner = tune_sequence(_systems(40), _cheb(), **SETTINGS), _cheb()
    for i, (A, b, c) in enumerate(_systems(40)):
        choice = tuner.ask(c)
        found = solve(A, b, "sor", choice.value, **SETTINGS)
        tuner.tell(choice, found.iterations)
        assert (report.arms[i], report.omegas[i]) == (choice.arm, choice.value)
        assert (report.iterations[i], report.contexts[i]) == (found.iterations, c)
    table = np.full((40, 2), 30.0)
    np.testing.assert_allclose(report.regret(table).fixed, np.cumsum(report.costs - 30))
    assert report.total_iterations == report.costs.sum() and report.converged.all()
    assert report.wall_time >= report.seconds.sum() > 0


def test_warm_starts_and_solutions_sent_to_the_stream() -> None:
    family = gallery.Heat(nx=8, steps=30)
    kept: list[np.ndarray] = []
    report = tune_sequence(
        family, Fixed(1.3), method="ssor_cg", rtol=1e-10, warm_start=True,
        progress=lambda done, choice, solution: kept.append(solution.x),
    )  # fmt: skip
    walk, x = family.systems(), family.x0
    system = next(walk)
    for i in range(30):
        found = solve(system.A, system.b, "ssor_cg", 1.3, x0=x, rtol=1e-10)
        assert found.iterations == report.iterations[i]
        np.testing.assert_array_equal(found.x, kept[i])
        x = found.x
        system = walk.send(x) if i < 29 else None
    cold = tune_sequence(family, Fixed(1.3), method="ssor_cg", rtol=1e-10)
    assert cold.total_iterations > report.total_iterations


@pytest.mark.parametrize("name", ["ChebCB", "GPThompson", "TsallisINFCB", "PolicyClass", "Fixed"])
@pytest.mark.parametrize("stop", [1, 17])
def test_resumed_equals_uninterrupted(name, stop, tmp_path) -> None:
    path, make = tmp_path / "state.npz", TUNERS[name]
    whole = tune_sequence(_systems(40), make(), **SETTINGS)
    first = itertools.islice(_systems(40), stop)
    tune_sequence(first, make(), checkpoint=path, **SETTINGS)
    resumed = tune_sequence(_systems(40), make(), checkpoint=path, **SETTINGS)
    _same(resumed, whole)
    again = tune_sequence(_systems(40), make(), checkpoint=path, **SETTINGS)  # nothing left
    _same(again, whole)
    assert again.tuning_seconds == resumed.tuning_seconds


def test_resumed_time_stepping_goes_on_from_its_own_solution(tmp_path) -> None:
    family, path = gallery.Heat(nx=8, steps=30), tmp_path / "state.npz"
    settings = {"method": "ssor_cg", "rtol": 1e-6, "warm_start": True}
    whole = tune_sequence(family, _cheb(), **settings)

    def stop(done, choice, solution):
        if done == 11:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune_sequence(family, _cheb(), checkpoint=path, progress=stop, **settings)
    _same(tune_sequence(family, _cheb(), checkpoint=path, **settings), whole)


def test_an_interrupted_solve_is_taken_up_with_its_choice(tmp_path) -> None:
    """The draw for system 7 was made when the interrupt came; it must not be made again."""
    path, calls = tmp_path / "state.npz", []

    def relax(A, b, omega, x0):
        calls.append(omega)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return solve(A, b, "sor", omega, **SETTINGS)

    with pytest.raises(KeyboardInterrupt):
        tune_sequence(_systems(20), _cheb(), method=relax, checkpoint=path)
    resumed = tune_sequence(_systems(20), _cheb(), method=relax, checkpoint=path)
    assert calls[7] == calls[8] and len(calls) == 21
    calls[:] = [math.nan] * 30
    _same(resumed, tune_sequence(_systems(20), _cheb(), method=relax))


def _careful(context):
    return Adaptive(start=1.2)


def _eager(context):
    return 1.5


class _Forgetful:
    """A tuner that is not ours: its choices hold no context."""

    def __init__(self):
        self._tuner = TsallisINF(OMEGAS, seed=0)
        self.tell, self.state_dict = self._tuner.tell, self._tuner.state_dict
        self.load_state_dict = self._tuner.load_state_dict

    def ask(self, context):
        return self._tuner.ask()


def _from_optuna():
    return OptunaTuner(
        CategoricalDistribution([None, 1.5]), lambda seed: RandomSampler(seed=seed), seed=0
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: PolicyClass(TsallisINF([_careful, _eager], seed=0)),
        lambda: TsallisINF([Adaptive(start=1.2), 1.5, (1.0, 2.0), None, {"omega": 1.5}], seed=0),
        _from_optuna,
        _Forgetful,
    ],
    ids=["policies that return objects", "arms of all kinds", "None from Optuna", "no context"],
)
def test_choices_of_all_kinds_are_taken_up_again(make, tmp_path) -> None:
    """Interrupted within each solve in turn, the solver is given every value once more."""
    stop, calls = [False], []

    def method(A, b, value, x0):
        calls.append(value)
        stop[0] = not stop[0]
        if stop[0]:
            raise KeyboardInterrupt
        omega = value if isinstance(value, Adaptive) else 1.5
        return solve(A, b, "sor", omega, **SETTINGS)

    for _ in range(30):
        with contextlib.suppress(KeyboardInterrupt):
            path = tmp_path / "state.npz"
            found = tune_sequence(_systems(29), make(), method=method, checkpoint=path)
    assert found.contexts.tolist() == contexts(29)
    assert calls[0::2][:29] == calls[1::2][:29] and len({str(value) for value in calls}) > 1


def test_killed_process_resumes(tmp_path) -> None:
    """Killed without warning: at most what came after the last file is solved again."""
    path = tmp_path / "state.npz"
    code = (
        f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})\n"
        "from test_tuners_bandits_sequence import SETTINGS, _cheb, _systems, time, tune_sequence\n"
        "def wait(done, choice, solution):\n    time.sleep(0.02)\n"
        f"tune_sequence(_systems(400), _cheb(), checkpoint={str(path)!r}, checkpoint_every=0, "
        "progress=wait, **SETTINGS)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    while not path.exists() and process.poll() is None:
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done: list[int] = []
    resumed = tune_sequence(
        _systems(400), _cheb(), checkpoint=path, progress=lambda n, *_: done.append(n), **SETTINGS
    )
    assert 0 < len(done) < 400  # some were there already
    _same(resumed, tune_sequence(_systems(400), _cheb(), **SETTINGS))


def test_failed_solves_are_costs() -> None:
    """Capped at maxiter, diverged early, or priced by a function: never an exception."""
    told: list[float] = []

    class Spy(Fixed):
        def tell(self, choice, cost):
            told.append(cost)
            super().tell(choice, cost)

    hard = sp.csr_array([[1.0, 3.0], [3.0, 1.0]])  # indefinite: SOR diverges
    systems = [
        (LAPLACIAN, np.ones(36), 0.0),
        (hard, np.ones(2), 0.0),
        (LAPLACIAN, np.ones(36), 0.0),
    ]
    report = tune_sequence(systems, Spy(1.5), rtol=1e-12, maxiter=4000)
    assert report.converged.tolist() == [True, False, True]
    assert told[1] == 4000.0 > report.iterations[1] and told[0] == told[2] < 100
    told.clear()
    tune_sequence(systems, Spy(1.5), rtol=1e-12)
    assert told[1] == math.inf
    told.clear()
    tune_sequence(systems, Spy(1.5), cost="seconds")
    assert 0 < told[0] < 10 and told[1] == math.inf
    told.clear()
    tune_sequence(systems, Spy(1.5), cost=lambda solution, seconds: 3.0 * solution.iterations)
    assert told[0] == 3 * report_iterations(systems[0]) and told[1] == math.inf
    capped = tune_sequence(systems[:1], Fixed(1.0), rtol=1e-12, maxiter=3)
    assert capped.costs.tolist() == [3.0] and not capped.converged[0]


def report_iterations(system):
    return solve(system[0], system[1], "sor", 1.5).iterations


def test_an_interrupted_fallback_leaves_its_system_unsolved(tmp_path) -> None:
    """What the next system follows from is not known yet."""
    settings = {"method": "ssor_cg", "rtol": 1e-10, "maxiter": 1, "warm_start": True}
    found: list[np.ndarray] = []

    def direct(A, b):
        found.append(spsolve(A.tocsr().tocsc(), b))
        return found[-1]

    def interrupted(A, b):
        if len(found) == 2:
            raise KeyboardInterrupt
        return direct(A, b)

    def run(fallback, **more):
        return tune_sequence(gallery.Heat(8, 6), _cheb(), fallback=fallback, **settings, **more)

    whole, expected = run(direct), found.copy()
    found.clear()
    with pytest.raises(KeyboardInterrupt):
        run(interrupted, checkpoint=tmp_path / "state.npz")
    _same(run(direct, checkpoint=tmp_path / "state.npz"), whole)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("method", ["ask", "tell"])
def test_interrupted_within_an_ask_or_a_tell_the_last_file_stands(method, tmp_path) -> None:
    path, tuner, calls = tmp_path / "state.npz", _cheb(), itertools.count(1)
    whole_call = getattr(tuner, method)

    def interrupted(*arguments):
        found = whole_call(*arguments)
        if next(calls) == 5:
            raise KeyboardInterrupt
        return found

    setattr(tuner, method, interrupted)
    with pytest.raises(KeyboardInterrupt):
        tune_sequence(_systems(9), tuner, checkpoint=path, checkpoint_every=0, **SETTINGS)
    resumed = tune_sequence(_systems(9), _cheb(), checkpoint=path, **SETTINGS)
    _same(resumed, tune_sequence(_systems(9), _cheb(), **SETTINGS))


def test_a_resumed_run_has_the_same_functions_at_other_addresses(tmp_path) -> None:
    path = tmp_path / "state.npz"

    def one_run():
        def twice(factor, solution, seconds):
            return factor * solution.iterations

        cost = functools.partial(twice, 2)
        tune_sequence(_systems(3), _cheb(), cost=cost, checkpoint=path, **SETTINGS)
        return cost

    first = one_run()
    assert repr(first) != repr(one_run())


def test_fallback_gives_the_next_start() -> None:
    A, b = LAPLACIAN, np.ones(36)
    matrix = Stencil.laplacian(6, 6).tocsr()
    exact = spsolve(matrix.tocsc(), b)
    report = tune_sequence(
        [(A, b), (A, b)], Fixed(1.0), rtol=1e-10, maxiter=3, warm_start=True,
        fallback=lambda A, b: exact,
    )  # fmt: skip
    assert report.iterations.tolist() == [3, 0] and report.converged.tolist() == [False, True]


def _spoiled(at, spoil):
    """The usual systems, but for one."""
    for i, system in enumerate(_systems(20)):
        yield spoil(*system) if i == at else system


def _fail(A, b, c):
    raise OSError("disk on fire")


@pytest.mark.parametrize(
    ("spoil", "settings", "message"),
    [
        (_fail, {}, "OSError: disk on fire"),
        (lambda A, b, c: (A, b[:25], c), {}, "ValueError: b"),
        (
            lambda A, b, c: (Stencil.laplacian(5, 5), b[:25], c),
            {"warm_start": True},
            "ValueError: b of shape .25,. after .* equal sizes",
        ),
        (lambda A, b, c: (A, b * math.nan, c), {}, "ValueError: b"),
        (lambda A, b, c: (A, b), {}, "TypeError: context"),
        (lambda A, b, c: 7, {}, "TypeError: expected .A, b"),
    ],
    ids=["stream", "shape", "size", "nan", "context", "item"],
)
def test_errors_keep_what_was_solved(spoil, settings, message, tmp_path) -> None:
    path, settings = tmp_path / "state.npz", SETTINGS | settings
    with pytest.raises(SequenceError, match=f"system 3: {message}") as caught:
        tune_sequence(_spoiled(3, spoil), _cheb(), checkpoint=path, **settings)
    assert len(caught.value.report) == 3 and str(path) in str(caught.value)
    mended = tune_sequence(_systems(20), _cheb(), checkpoint=path, **settings)
    _same(mended, tune_sequence(_systems(20), _cheb(), **settings))


def test_numbers_of_numpy_are_settings_and_contexts(tmp_path) -> None:
    def stop(*_):
        raise KeyboardInterrupt

    systems = [(A, b, np.float32(c)) for A, b, c in _systems(5)]
    run = {"rtol": np.float32(1e-4), "maxiter": np.int64(99), "checkpoint": tmp_path / "state.npz"}
    with pytest.raises(KeyboardInterrupt):  # the checkpoint holds a choice not told
        tune_sequence(systems, _cheb(), method=stop, **run)
    whole = tune_sequence(systems, _cheb(), **run | {"checkpoint": tmp_path / "other.npz"})
    assert len(whole) == 5 and whole.converged.all()


def test_sizes_may_change_without_warm_start() -> None:
    systems = [(Stencil.laplacian(n, n), np.ones(n * n), 0.0) for n in (4, 7, 5)]
    assert tune_sequence(systems, _cheb()).converged.all()


def test_refuses_bad_settings_and_foreign_checkpoints(tmp_path) -> None:
    path = tmp_path / "state.npz"
    for bad, error in (
        ({"method": "jacobi"}, ValueError),
        ({"rtol": -1.0}, ValueError),
        ({"cost": "joules"}, ValueError),
        ({"relative_to": "x"}, ValueError),
        ({"maxiter": 1.5}, TypeError),
        ({"checkpoint_every": -1.0}, ValueError),
    ):
        with pytest.raises(error):
            tune_sequence(_systems(3), _cheb(), **bad)
    with pytest.raises(TypeError, match="systems"):
        tune_sequence(3, _cheb())  # type: ignore[arg-type]
    tune_sequence(_systems(3), _cheb(), checkpoint=path)
    for tuner, settings, match in (
        (_cheb(), {"rtol": 1e-3}, "rtol"),
        (_cheb(), {"warm_start": True}, "warm_start"),
        (TsallisINF(OMEGAS, 0), {}, "tuner"),
    ):
        with pytest.raises(ValueError, match=f"of another run: .*{match}"):
            tune_sequence(_systems(3), tuner, checkpoint=path, **settings)
    with pytest.raises(ValueError, match="2 of them, the checkpoint has 3"):
        tune_sequence(_systems(2), _cheb(), checkpoint=path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match="not a checkpoint"):
        tune_sequence(_systems(3), _cheb(), checkpoint=path)


def test_adaptive_omega_and_other_solvers() -> None:
    adaptive = tune_sequence(_systems(10), Fixed(Adaptive()), **SETTINGS)
    assert adaptive.converged.all() and (adaptive.omegas > 1).all()
    steps = {"one": 1, "many": 9}

    def pretend(A, b, name, x0):
        return Solution(b, steps[name], True, np.zeros(1), "converged", 0, math.nan)

    report = tune_sequence(_systems(300), TsallisINF(tuple(steps), 0), method=pretend)
    assert (report.iterations[150:] == 1).mean() > 0.8 and np.isnan(report.omegas).all()


def test_report_survives_json_and_csv(tmp_path) -> None:
    report = tune_sequence([(LAPLACIAN, np.ones(36))] * 4, Fixed(1.5), maxiter=5, cost="seconds")
    report.save(tmp_path / "report.json")
    loaded = SequenceReport.load(tmp_path / "report.json")
    for name in ("arms", "omegas", "contexts", "iterations", "seconds", "converged"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(report, name))
        assert getattr(loaded, name).dtype == getattr(report, name).dtype
    assert loaded.meta == report.meta and loaded.tuning_seconds == report.tuning_seconds
    report.save(tmp_path / "report.csv")
    rows = (tmp_path / "report.csv").read_text().splitlines()
    assert rows[0] == "arms,omegas,contexts,iterations,costs,seconds,converged" and len(rows) == 5
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(ValueError, match="not a saved SequenceReport"):
        SequenceReport.load(tmp_path / "bad.json")
    found = (
        report.regret([[1.0, 2.0]] * 4, optimum=[1.0] * 4)
        if np.isfinite(report.costs).all()
        else None
    )
    assert found is None


def test_plots_draw_on_given_axes() -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    report = tune_sequence(_systems(20), _cheb(), **SETTINGS)
    _, (left, right) = plt.subplots(1, 2)
    assert plot_omegas({"cheb": report}, ax=left) is left
    assert plot_solved({"cheb": report, "other": [3, 4]}, ax=right) is right
    np.testing.assert_array_equal(left.lines[0].get_ydata(), report.omegas)
    np.testing.assert_array_equal(right.lines[0].get_xdata()[1:], np.cumsum(report.iterations))
    assert right.lines[1].get_xdata().tolist() == [0, 3, 7]
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["cheb", "other"]
    plt.close("all")
    with pytest.raises(ValueError, match="at least one"):
        plot_solved({})

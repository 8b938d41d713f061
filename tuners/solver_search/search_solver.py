"""Search the best sampler of few network evaluations for a model, in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, overload

from torch import Tensor

from ...solvers.diffusion import Model, check_prediction
from ...solvers.diffusion._tensors import check_floating
from ...solvers.diffusion.saved import Sampler
from ..tuner import Tuner
from .ending import Judges
from .evaluator import Evaluator, Reject
from .noises import Noises
from .objectives import Objective
from .progress import Watch
from .refiner import Refiner
from .result import SearchResult
from .search_on import SHARE, USUAL, search_on

REJECT = Reject()
"""The usual early rejection."""


@overload
def search_solver(
    model: Model,
    noises: Noises,
    nfe: int,
    objective: Objective | None = None,
    evaluations: int = 400,
    seed: int = 0,
    **keywords: Any,
) -> SearchResult: ...
@overload
def search_solver(
    model: Model,
    noises: Noises,
    nfe: Sequence[int],
    objective: Objective | None = None,
    evaluations: int = 400,
    seed: int = 0,
    **keywords: Any,
) -> dict[int, SearchResult]: ...
def search_solver(  # pyright: ignore[reportInconsistentOverload]  # theirs are abbreviated
    model: Model,
    noises: Noises,
    nfe: int | Sequence[int],
    objective: Objective | None = None,
    evaluations: int = 400,
    seed: int = 0,
    *,
    method: Tuner[Any] | None = None,
    refine: Refiner | None = USUAL,
    share: float = SHARE,
    t_start: float | None = None,
    t_end: float | None = None,
    batch: int | None = None,
    reject: Reject | None = REJECT,
    tol: float | None = None,
    data: Tensor | None = None,
    fixed: Mapping[str, Sampler] | None = None,
    callback: Watch | None = None,
) -> SearchResult | dict[int, SearchResult]:
    """Search a sampler for a model, refine it, and report what it is worth.

    1. All fixed solvers on all usual grids are scored on the train noises.
    2. The method proposes, and is told the scores on the train noises.
    3. The best 20 are scored again on validation, with the best 5 fixed ones; the best of all is
       taken. Never, therefore, is the result worse there than the best fixed sampler.
    4. It is refined (:class:`GaussNewton`); what comes out is kept if validation agrees.
    5. It and the best fixed sampler are scored on the test noises, once.

    Ctrl-C ends the search or the refinement, not the call: what was best by then is chosen on
    validation, reported on test, and marked ``interrupted``. Before the search has begun, and
    during choice and test, it is raised as ever.

    Args:
        model: The model. It is called under ``torch.no_grad()`` except for refinement.
        noises: Train, validation and test noises; their dtype is what the network gets.
        nfe: Network evaluations per sample; for several, one search serves all.
        objective: What samples are judged by; :class:`GeometricMean` where it is not given.
        evaluations: True evaluations of search and refinement together, for each ``nfe``, at
            least 4. Those of the fixed samplers, of validation and of test come on top; all are
            counted in the result.
        seed: Of the default method. Same seed, same result.
        method: What proposes: a tuner; :class:`SolverSearch` where it is not given. One that was
            told costs before (loaded, or left by an error) goes on, and its best is chosen from
            too; the noises must be the same.
        refine: What refines the winner; None leaves it as it is. By default
            :class:`UsualRefinement`, which leaves out what is not possible.
        share: Of the evaluations, how many are the refinement's (none where that is under 10).
        t_start: Where sampling starts; the noise schedule's ``t_max`` where it is not given.
        t_end: Where it ends; its ``t_min``.
        batch: Most samples in one network call.
        reject: When to stop evaluating a hopeless candidate.
        tol: Accuracy of the reference solutions; see :class:`Evaluator`.
        data: Some clean samples, to check before all else that the network predicts what the
            model says (:func:`check_prediction`).
        fixed: The fixed samplers to compare with, by name, in place of the usual ones.
        callback: Called with a :class:`~.progress.Progress` after every evaluation.

    Returns:
        The result; for a sequence of ``nfe``, results by ``nfe``.

    Raises:
        TypeError: a refinement that was asked for and cannot be: no gradients pass. Before the
            search begins, as all that follows.
        ValueError: settings out of range; a network whose output has another shape, is not
            finite, changes from call to call, or is not what ``model.prediction`` says; or one on
            which every fixed sampler diverges. Candidates that diverge count as infinitely bad.
        FloatingPointError: the exact solution diverges, and with it the network or its scale.

    Source: arXiv:2312.07243 (S^3); refinement and the rules of comparison are our own.
    """
    if not isinstance(noises, Noises):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"noises={noises!r}: expected Noises, such as Noises.draw()")
    if data is not None:
        check_floating(data=data)
        if data.shape[1:] != noises.train.shape[1:]:
            raise ValueError(
                f"data: samples of shape {tuple(data.shape[1:])}, but the noises' is "
                f"{tuple(noises.train.shape[1:])}"
            )
        check_prediction(model, data)
    judges = Judges(
        *(
            Evaluator(model, eps, objective, None, t_start, t_end, batch, reject, tol)
            for eps in (noises.train, noises.validation, noises.test)
        )
    )
    found = search_on(
        judges,
        nfe,
        evaluations,
        seed,
        method=method,
        refine=refine,
        share=share,
        fixed=fixed,
        callback=callback,
    )
    return found if isinstance(nfe, Iterable) else found[nfe]

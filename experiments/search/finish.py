"""The end of a search at one NFE: choice, refinement, report, and every fixed solver beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...solvers.diffusion.saved import Sampler
from ...tuners.solver_search import Cost, Scored, SearchResult, key
from ...tuners.solver_search._books import Books
from ...tuners.solver_search.ending import Ending
from ...tuners.solver_search.search_on import USUAL
from ...tuners.solver_search.usual import check_refinement
from ..trials.stop import Interrupted
from .course import Course
from .jobs import Evaluation, Finish, Found, Phase, Rival, Score, solver_of


def carry_out(course: Course, job: Finish, results: Mapping[str, dict[str, Any]]) -> Found:
    """Finish one NFE: the same, whoever does it.

    Args:
        course: The search, replayed to its end.
        job: Which NFE.
        results: Of its evaluations, by key.
    """
    task, judges = course.task, course.ground.judges
    books = _books(course, job.nfe, results)
    refine = check_refinement(USUAL, judges.train) if task.refining else None
    result = Ending(judges, refine, task.refining, _settings(course))(books)
    if result.interrupted:
        raise Interrupted
    return Found(result, _rivals(course, books, result))


def _settings(course: Course) -> dict[str, Any]:
    """What was asked, for the result."""
    task, subject = course.task, course.ground.subject
    asked = {"model": subject.name, "evaluations": task.evaluations, "seed": task.seed}
    return asked | {
        "objective": course.ground.train.objective.name,
        "method": task.method,
        "refine": task.refine,
        "noises": list(task.noises),
        "ends": list(subject.ends),
    }


def _books(course: Course, nfe: int, results: Mapping[str, dict[str, Any]]) -> Books:
    """What the evaluations have told of an NFE."""
    books, samplers = Books(nfe), course.sweeps[nfe].samplers
    identity = course.ground.identity

    def score(phase: Phase, sampler: Sampler) -> Score | None:
        held = results.get(Evaluation(identity, phase, sampler).key)
        return None if held is None else Score.from_dict(held)

    fixed = {name: score("fixed", sampler) for name, sampler in samplers.items()}
    ranked = [Scored(name, samplers[name], s.value) for name, s in fixed.items() if s is not None]
    books.take_fixed(sorted(ranked, key=lambda scored: scored.score))
    books.costs["fixed"] = sum((s.cost for s in fixed.values() if s is not None), Cost())
    told = {key(row.schedule): row for row in course.search.history if row.nfe == nfe}
    searched = [score("search", row.schedule) for row in told.values()]
    books.costs["search"] = sum((s.cost for s in searched if s is not None), Cost())
    for row in told.values():
        books.take(row.schedule, row.cost)
    return books


def _rivals(course: Course, books: Books, result: SearchResult) -> tuple[Rival, ...]:
    """The best fixed sampler, and each other solver on its best grid for the train noises."""
    best = Rival(result.fixed_name, result.fixed_scores.train, result.fixed_scores.test)
    others: dict[str, Scored] = {}
    for scored in books.fixed:
        if solver_of(scored.name) != best.solver:
            others.setdefault(solver_of(scored.name), scored)
    test = course.ground.judges.test
    return (best, *(Rival(s.name, s.score, test(s.sampler)) for s in others.values()))

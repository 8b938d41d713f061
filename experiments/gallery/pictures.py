"""The table of pictures. To add one: a function that draws on a figure, and a row here."""

from __future__ import annotations

from .automatic import autolrs
from .comparison import budgets
from .feedback import refinement, scores
from .idea import idea
from .picture import Picture
from .relaxation import relaxation, savings
from .sampling import COLUMNS, decisions, errors, samples
from .shapes import rex, shapes, uba

SEARCH = "`make results ROW=search-digits`, committed"

PICTURES = {
    "ritard": Picture(
        "One idea, three iterations",
        "A control number at each step: a learning rate, a relaxation factor, a noise level.",
        "`make results ROW=refine-fashion-large-start` and `ROW=search-digits`, committed; systems "
        "solved while drawing",
        idea, columns=3,
    ),
    "shapes": Picture(
        "Schedules", "Shapes, and what operators make of them.", "closed forms", shapes,
        size=(9.0, 5.2), columns=2, sharey=True,
    ),
    "rex": Picture(
        "REX: profile and sampling rate",
        "A profile is read at every update, ten times, or twice: step decay is a profile too.",
        "closed forms", rex, columns=3, sharey=True,
    ),
    "uba": Picture(
        "UBA: one number",
        "`phi` tells how early a schedule falls; 2 is cosine; `phi = 2 kappa` suits the condition "
        "number kappa.",
        "closed forms", uba,
        size=(9.0, 5.6), columns=2, sharey=True,
    ),
    "refined": Picture(
        "Refining",
        "Norms that are large at first call for a long warm-up: here 40 % of the run.",
        "`make results ROW=refine-fashion-large-start`, committed", refinement,
        size=(9.0, 4.8), columns=2,
    ),
    "scores": Picture(
        "Scoring without training",
        "Last-iterate bounds of schedules, each at its best base rate, over that of the best.",
        "`ritard score`, computed while drawing", scores, columns=2,
    ),
    "budgets": Picture(
        "Comparing",
        "Test error of digits against the budget, ten seeds; right, paired differences: most "
        "intervals hold zero.",
        "`make results ROW=digits`, committed", budgets, size=(9.0, 5.2), columns=2,
    ),
    "autolrs": Picture(
        "A rate found while training",
        "A run that starts at a tenth of the default rate; at each stage others are tried from the "
        "same state.",
        "`make results ROW=autolrs-mlp`, committed", autolrs,
    ),
    "relaxation": Picture(
        "Relaxation: what omega costs",
        "Each system has an omega of its own; learners find it from iteration counts.",
        "solved while drawing", relaxation, size=(9.0, 4.8), columns=2,
    ),
    "savings": Picture(
        "Relaxation: what learning saves",
        "Means of 40 trials and their standard deviation. Light: one omega for all; dark: learned "
        "on the way; green: the best omega of each system.",
        "`make results ROW=relax-synthetic`, committed", savings, columns=2, sharey=True,
    ),
    "decisions": Picture(
        "Samplers, drawn",
        "Four samplers with five evaluations, and their errors. At each step its order, or how "
        "many outputs it uses; beside that a scaling of its derivative.",
        SEARCH, decisions, size=(9.0, 5.4),
    ),
    "errors": Picture(
        "Error against network evaluations",
        "What a search finds against all fixed solvers on all grids.", SEARCH, errors,
    ),
    "samples": Picture(
        "Before and after",
        "Digits from the same noises, five network evaluations of the exact denoiser; off by: root "
        "mean square of these nine.",
        f"sampled while drawing; samplers: {SEARCH}", samples, rows=4, columns=COLUMNS,
    ),
}  # fmt: skip
"""By the name of the file."""

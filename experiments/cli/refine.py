"""``ritard refine``: what the gradient norms of a run say about its schedule."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from . import options, output, read

if TYPE_CHECKING:
    from ...schedules import ClosedForm, GradNorms, Tabulated

WORTH, DOUBTFUL = 1.05, 3.0
"""Predicted gains: up to the first hardly worth a run; above the second the norms have collapsed,
as they do on a training set that is being fitted. In between the prediction says what the bound
allows; in our own runs it did not tell whether refining pays."""


def refine(
    log: Annotated[Path, typer.Argument(help="Gradient norms of a run: .jsonl, .npz or columns.")],
    norm: Annotated[
        Literal["l1", "l2"] | None,
        typer.Option(help="Which norm a file of two columns holds (default: l2), or any must."),
    ] = None,
    smoothing: Annotated[
        float, typer.Option(help="Width of the median filter as a part of the log, in (0, 1].")
    ] = 0.1,
    save: options.Save = None,
    out: options.Out = None,
    plot: options.Plot = False,
    json: options.Json = False,
) -> None:
    """Refine a schedule from the gradient norms of a run, and say whether that can pay.

    Files are written only where --save, --out or --plot asks for them.
    """
    from ...schedules import predicted_gain
    from ...schedules import refine as refined
    from ..records import json_text

    if save is not None:
        read.output("save", save, (".json",), keep=log)
    folder = output.folder("refine", log.stem, out) if out is not None or plot else None
    norms = read.norms("log", log, norm)
    schedule = refined(norms, smoothing)
    form = _fit(schedule)
    report = _report(log, norms, smoothing, predicted_gain(norms, smoothing), form)
    if save is not None:
        output.save_schedule(schedule, save)
    if folder is not None:
        output.write_report(folder, json_text(report))
        if plot:
            from ..refine_figures import save_refinement

            save_refinement(norms, smoothing, schedule, form, folder / "refined.png")
    if json:
        output.show_json(json_text(report))
    else:
        _show(report, save or log)
    if folder is not None:
        output.told_folder(folder)


def _fit(schedule: Tabulated) -> ClosedForm:
    from ...schedules import fit_closed_form

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the report says it
        return fit_closed_form(schedule)


def _report(
    log: Path, norms: GradNorms, smoothing: float, gain: float, form: ClosedForm
) -> dict[str, Any]:
    import numpy as np

    from ...schedules.refinement.closed_form import POOR

    steps = int(norms.steps[-1] - norms.steps[0]) + 1
    return {
        "log": str(log),
        "norm": norms.norm,
        "optimizer": norms.optimizer,
        "steps": steps,
        "missing": steps - len(norms),
        "not_finite": int(np.sum(~np.isfinite(norms.norms))),
        "smoothing": smoothing,
        "predicted_gain": gain,
        "advice": _advice(gain),
        "closed_form": {
            "text": _text(form),
            "warmup": form.warmup,
            "power": form.power,
            "rms_error": form.rms_error,
            "max_error": form.max_error,
            "fits": form.max_error <= POOR,
        },
    }


def _advice(gain: float) -> str:
    most = f"refining can pay at most x{gain:.3g} in the bound"
    if gain <= WORTH:
        return f"{most}: hardly worth a second run"
    if gain > DOUBTFUL:
        return (
            f"{most}, but so large a gain comes from norms that collapse, as where the training "
            "set is fitted: do not count on it"
        )
    return f"{most}: it may be worth a second run; compare with linear before relying on it"


def _text(form: ClosedForm) -> str:
    """The form as a schedule's text, to four digits."""
    from ...schedules import Polynomial

    decay, rise = Polynomial(float(f"{form.power:.4g}")), float(f"{form.warmup:.4g}")
    return str(decay.warmup(rise) if rise > 0 else decay)


def _show(report: dict[str, Any], source: Path) -> None:
    say, form = output.say, report["closed_form"]
    of = f" of {report['optimizer']}" if report["optimizer"] else ""
    say(f"log          {report['steps']} steps, {report['norm']} norms{of}{_gaps(report)}")
    say(f"gain         x{report['predicted_gain']:.4g} predicted{_caveat(report)}")
    say(f"             {report['advice']}")
    say(f"closed form  {form['text']}")
    errors = f"error {form['rms_error']:.2g} rms, {form['max_error']:.2g} at most"
    poor = "" if form["fits"] else ": the curve is not of this form; use the table itself"
    say(f"             {errors}{poor}")
    usable = f"refined({source})" + (f",{form['text']}" if form["fits"] else "")
    say(f'next         ritard compare --schedules "linear,{usable}"')
    say("             each at its own best base rate; it is the last iterate that gains")


def _gaps(report: dict[str, Any]) -> str:
    found = {"missing": report["missing"], "not finite": report["not_finite"]}
    parts = [f"{count} {what}" for what, count in found.items() if count]
    return f" ({', '.join(parts)}: interpolated)" if parts else ""


def _caveat(report: dict[str, Any]) -> str:
    return " (derived for l2 norms: an indication)" if report["norm"] == "l1" else ""

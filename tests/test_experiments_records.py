"""Results in files: one form of JSON for the whole room, written in one place."""

import json
import math
from pathlib import Path

import pytest
from ritard.experiments.records import finite, json_text, or_inf, read_json, write_json

ROOM = Path(__file__).parent.parent / "experiments"
OTHERS = {
    "records.py": 1,  # the one place
    "settings.py": 1,  # to compare
    "relax/heat.py": 1,  # a key
    "relax/tabulate.py": 1,  # a key
    "search/evidence/ground.py": 1,  # a key
    "trials/journal.py": 1,  # Optuna's form
}
"""Where ``json.dumps`` stands, and how often."""


def test_what_is_not_finite_is_null_wherever_it_stands(tmp_path):
    data = {
        "lr": 0.1,
        "tests": [1.5, math.inf, -math.inf],
        "deep": {"x": (math.nan, 2, None, "inf")},
    }
    plain = {"lr": 0.1, "tests": [1.5, None, None], "deep": {"x": [None, 2, None, "inf"]}}
    assert finite(data) == plain
    assert json.loads(json_text(data)) == {"format": 1, **plain}
    write_json(tmp_path / "a.json", data)
    assert read_json(tmp_path / "a.json", dict) == plain
    assert [or_inf(value) for value in plain["tests"]] == [1.5, math.inf, math.inf]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": {1, 2}})
    assert read_json(path, dict) == {"a": 1} and [*tmp_path.iterdir()] == [path]


def test_json_is_written_in_one_place():
    """Another writer would have another word for what is not finite."""
    found = {
        str(path.relative_to(ROOM)): path.read_text().count("json.dumps(")
        for path in ROOM.rglob("*.py")
        if path.relative_to(ROOM).parts[0] not in ("benchmarks", "examples", "gallery")
    }
    assert {path: count for path, count in found.items() if count} == OTHERS

"""What all commands of ``ritard`` have in common: options, folders, JSON, mistakes, exit codes."""

import json
import re
import sys
from pathlib import Path

import pytest
import typer
from ritard.experiments.__main__ import run
from ritard.experiments.cli import app
from ritard.schedules import GradNorms

COMMON = {
    "--schedules": "With commas between them",
    "--seed": "Seed of all that is random.",
    "--seeds": "How many seeds of all that is random",
    "--storage": "Where finished work is kept and shared",
    "--jobs": "Worker processes.",
    "--threads": "Torch threads of each worker.",
    "--accelerator": "cpu, gpu, mps or auto.",
    "--save": "Write the schedule found here (.json).",
    "--out": "Folder of the results.",
    "--plot": "Draw pictures too, into the folder of the results.",
    "--json": "Print one JSON object on stdout instead of text.",
}
SMALL = {
    "compare": "--budgets 1 --lr-grid 0.1 --schedules linear,rex --seeds 2",
    "autolrs": "--steps 60 --overhead 0.6 --stages 1 --candidates 2 --scored 2",
    "plot": "--schedules linear",
    "refine": "norms.jsonl",
    "relax": "--nx 8 --steps 30 --tuner tsallis",
    "score": "--schedules linear,rex --steps 100",
    "search": "--model mixture --nfe 2 --evaluations 8 --noises 8,8,8 --no-refine",
    "data list": "",
    "data fetch": "digits",
    "data where": "digits",
}
WRONG = {
    "--schedules": ["liner", "linear+nosuch"],
    "--seed": ["-1", "x", "1.5", "4294967296"],
    "--seeds": ["0", "-2", "many", "10001"],
    "--storage": [
        "",
        "nonsense",
        "journal:no/such.log",
        "sqlite:///no/such.db",
        "journal:folder.json",
    ],
    "--jobs": ["0", "-1", "two", "1025"],
    "--threads": ["0", "1.5", "1025"],
    "--accelerator": ["abacus"] + ["mps"] * (sys.platform != "darwin"),
    "--save": ["schedule.txt", "file/s.json", "folder.json"],
    "--out": ["file", "file/below", "link-to-nothing"],
}


def commands():
    """Every subcommand by its words, with its options by their names."""
    found = {}

    def walk(command, words):
        for name, sub in getattr(command, "commands", {}).items():
            walk(sub, [*words, name])
        if not hasattr(command, "commands"):
            found[" ".join(words)] = {p.opts[0]: p for p in command.params}

    walk(typer.main.get_command(app), [])
    return found


COMMANDS = commands()


def call(command, *more):
    return [*command.split(), *SMALL[command].split(), *more]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "link-to-nothing").symlink_to("nothing")
    GradNorms.of([4.0, 3.0, 2.0, 2.0, 1.0] * 8).save("norms.jsonl")
    return tmp_path


def listing(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# ---- options ---------------------------------------------------------------------------------


def test_the_table_holds_every_command():
    assert set(SMALL) == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_common_options_have_common_words(command):
    """The same option has the same words everywhere, and nothing but it has them."""
    for option, words in COMMON.items():
        if option in COMMANDS[command]:
            assert COMMANDS[command][option].help.startswith(words)
        for name, parameter in COMMANDS[command].items():
            assert name == option or not (parameter.help or "").startswith(words)
    assert "--json" in COMMANDS[command]
    assert not {"--seed", "--seeds"} <= set(COMMANDS[command])
    assert ("--jobs" in COMMANDS[command]) == ("--storage" in COMMANDS[command])
    assert "--plot" not in COMMANDS[command] or "--out" in COMMANDS[command]


def test_common_options_have_common_defaults():
    for option in set(COMMON) - {"--schedules"}:
        found = {repr(c[option].default) for c in COMMANDS.values() if option in c}
        assert len(found) == 1, option


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_them(command, capsys, monkeypatch):
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 300)
    assert run([*command.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(COMMON[option] in shown for option in COMMON if option in COMMANDS[command])


def test_the_docs_have_the_same_table():
    page = (Path(__file__).parent.parent / "docs" / "experiments.md").read_text()
    head, _, *rows = re.search(r"^\| \| `compare`.*?\n\n", page, re.M | re.S)[0].strip().split("\n")
    names = [cell.strip(" `") for cell in head.strip("|").split("|")[1:]]
    told = {name: set() for name in names}
    for row in rows:
        option, *cells = (cell.strip() for cell in row.strip("|").split("|"))
        for name, cell in zip(names, cells, strict=True):
            told[name] |= {option.split("`")[1]} if cell else set()
    for command, options in COMMANDS.items():
        assert told[command.split(" ")[0]] == set(COMMON) & set(options), command


# ---- mistakes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        (command, option, value)
        for command, options in COMMANDS.items()
        for option in WRONG
        if option in options
        for value in WRONG[option]
    ],
)
def test_a_wrong_value_is_one_line_and_writes_nothing(command, option, value, here, capsys):
    before = listing(here)
    assert run(call(command, option, value)) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    assert value in err and option.lstrip("-") in err
    assert listing(here) == before


OWN = [
    ("autolrs --steps 0", "steps=0: expected an int >= 1"),
    ("plot --steps 0", "steps=0: expected an int >= 1"),
    ("score --steps 0", "steps=0: expected an int >= 1"),
    ("score --steps-from 0", "steps-from=0: expected an int >= 1"),
    ("score --norms nowhere", "norms='nowhere': No such file"),
    ("score --norms folder.json", "norms='folder.json': Is a directory"),
    ("score --norms file", "file: the file is empty; expected a log"),
    ("relax --steps 0", "steps=0: expected an int >= 1"),
    ("relax --omega-max 2", "omega-max=2.0: expected a number in (1, 2)"),
    ("relax --tuner fixed:x", "tuner='fixed:x': expected a number after fixed:"),
    ("relax --tuner gp,gp", "tuner='gp': given twice"),
    ("compare --lr-grid 0", "lr-grid=0.0: expected a finite number > 0"),
    ("compare --lr-grid 0.1,0.10", "lr-grid=0.1: given twice"),
    ("compare --lr-grid auto,1", "lr-grid='auto,1': expected numbers"),
    ("compare --schedules uba(phi=1),uba(phi=1.0)", "schedules=UBA(phi=1): given twice"),
    ("compare --optimizer adam", "optimizer='adam': task 'digits' knows sgd, adamw"),
    ("compare --optimizer sgd,sgd", "optimizer='sgd': given twice"),
    ("compare --task digits,digits", "task='digits': given twice"),
    ("compare --budgets 1,1.0", "budgets=1.0: given twice"),
    ("compare --budgets 101", "budgets=101.0: expected a number in (0, 100]"),
    ("compare --reference wsd", "reference='wsd': expected one of linear, rex"),
    ("compare --schedules refined(nowhere)", "schedules='refined(nowhere)': [Errno 2] No such"),
    ("search --nfe 5,5", "nfe=5: given twice"),
    ("search --noises 1,2", "noises='1,2': expected three numbers"),
    ("search --model no/such", "model='no/such': no such folder; expected"),
    ("data fetch nosuch", "data set 'digits': expected one of"),
]


@pytest.mark.parametrize(("wrong", "said"), OWN)
def test_a_mistake_has_the_name_of_its_option(wrong, said, here, capsys):
    """As it was typed, and not what the library calls it."""
    command = max((c for c in COMMANDS if wrong.startswith(c)), key=len)
    before = listing(here)
    assert run(call(command, *wrong.removeprefix(command).split())) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"error: {said}") and err.count("\n") == 1
    assert listing(here) == before


LONG = {"--schedules": "linear," * 9000, "--storage": "x" * 9000, "--budgets": "1," * 9000}
LONG |= {"--seeds": "x" * 9000, "--out": "/x" * 9000, "--nosuch" * 9000: "1"}


@pytest.mark.parametrize("option", LONG)
def test_a_mistake_of_any_length_is_told_in_one_short_line(option, here, capsys):
    assert run(call("compare", option, LONG[option])) in (1, 2)
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    assert len(err) < 3100


@pytest.mark.parametrize("path", ["nowhere", "folder.json", ""])
def test_a_log_that_is_no_file_is_named_as_the_argument_it_is(path, here, capsys):
    assert run(["refine", path]) == 2
    assert capsys.readouterr().err.startswith(f"error: log='{path or '.'}': ")


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_no_option_or_takes_no_value(command, here, capsys):
    for more in (["--nosuch"], ["--json=yes"], ["one-too-many"] * (command != "data fetch")):
        if more:
            before = listing(here)
            assert run(call(command, *more)) == 2
            out, err = capsys.readouterr()
            assert out == "" and err.startswith("error: ") and err.count("\n") == 1
            assert listing(here) == before


@pytest.mark.parametrize("command", ["score", "refine"])
def test_what_writes_nothing_needs_no_folder(command, here, capsys):
    (here / "ritard-runs").write_text("")  # where nobody can make one
    before = listing(here)
    assert run(call(command)) == 0
    assert "the results are in" not in capsys.readouterr().err
    assert run(call(command, "--plot")) == 2 and "is a file" in capsys.readouterr().err
    assert listing(here) == before


@pytest.mark.parametrize("command", ["compare", "search", "relax", "autolrs"])
def test_a_folder_may_have_any_name(command, here, capsys):
    """Elsewhere it is a pattern, a markup, a query, an escape; the command goes on in it, too."""
    name, before = "a %41?x=1&y [b]*{c} #d äö'\";", listing(here)
    assert run(call(command, "--out", name)) == 0
    made = {path.split("/")[0] for path in listing(here)} - set(before)
    assert made == {name}
    first = (here / name / "report.json").read_bytes()
    assert run(call(command, "--out", name)) == 0
    assert (here / name / "report.json").read_bytes() == first
    kept = {path.name for path in (here / name).iterdir() if path.name.startswith("trials")}
    assert kept == {"compare": {"trials.db"}, "search": {"trials.log"}}.get(command, set())


# ---- JSON and seeds --------------------------------------------------------------------------


def comparable(value):
    """A report without its wall times and without what was asked."""
    if isinstance(value, dict):
        left_out = ("seconds", "spent", "search_seconds", "costs", "seed")
        return {k: comparable(v) for k, v in value.items() if k not in left_out}
    return [comparable(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("command", [name for name in COMMANDS if not name.startswith("data")])
def test_json_is_one_object_in_one_folder_and_seeds_reproduce(command, here, capsys):
    options, before = COMMANDS[command], listing(here)
    plot = ["--plot"] * ("--plot" in options)
    assert run(call(command, "--json", *plot)) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["format"] == 1
    (folder,) = (here / "ritard-runs").iterdir()
    assert folder.name.partition("-")[0] == command
    assert {path.split("/")[0] for path in listing(here)} - set(before) == {"ritard-runs"}
    assert command == "plot" or json.loads((folder / "report.json").read_text()) == data
    assert list(folder.glob("*.png"))
    if "--seed" in options:
        for seed, same in ((0, True), (1, False)):
            assert run(call(command, "--json", "--out", f"s{seed}", "--seed", str(seed))) == 0
            found = json.loads(capsys.readouterr().out)
            assert (comparable(found) == comparable(data)) is same


def test_data_as_json(here, capsys, monkeypatch):
    assert run(["data", "list", "--json"]) == 0
    sets = json.loads(capsys.readouterr().out)["sets"]
    assert {"name", "bytes", "state", "licence"} == set(sets[0]) and len(sets) > 10
    monkeypatch.setenv("RITARD_DATA", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    assert run(["data", "where", "mnist", "--json"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "ritard data fetch mnist" in err


# ---- exit codes ------------------------------------------------------------------------------


def broken(error):
    def fail(*args, **settings):
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (OSError(30, "Read-only file system"), 1, "Read-only file system"),
        (MemoryError(), 1, "out of memory"),
        (FileNotFoundError(2, "No such file", "norms"), 2, "norms"),
        (ModuleNotFoundError("No module", name="numba.core"), 2, 'pip install "ritard[solvers]"'),
        (ModuleNotFoundError("No module", name="optuna"), 2, 'pip install "ritard[experiments]"'),
        (KeyboardInterrupt(), 130, "the same command goes on"),
    ],
)
def test_what_ends_a_command_is_one_line_and_a_code(error, code, said, here, capsys, monkeypatch):
    monkeypatch.setattr(GradNorms, "load", broken(error))
    assert run(["refine", "norms.jsonl"]) == code
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and said in err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ZeroDivisionError("one over zero"), "one over zero"),
        (ValueError("shapes differ"), "shapes differ"),  # not by a check of ours
        (ImportError("cannot import"), "cannot import"),
        (ModuleNotFoundError("No module", name="ritard.nowhere"), "No module"),
    ],
)
def test_a_mistake_of_ours_shows_its_traceback(error, said, here, capsys, monkeypatch):
    monkeypatch.setattr(GradNorms, "load", broken(error))
    assert run(["refine", "norms.jsonl"]) == 70
    err = capsys.readouterr().err
    assert "Traceback" in err and said in err and "not yours" in err


def test_every_error_shows_where_it_was_raised_if_that_is_wanted(here, capsys, monkeypatch):
    assert run(["refine", "nowhere.jsonl"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    monkeypatch.setenv("RITARD_TRACEBACK", "1")
    assert run(["refine", "nowhere.jsonl"]) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err and err.splitlines()[-1].startswith("error: ")


def test_exit_codes_are_told(capsys):
    page = (Path(__file__).parent.parent / "docs" / "experiments.md").read_text()
    assert run(["--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    for code in ("0", "1", "2", "70", "130", "141", "143"):
        assert re.search(rf"\b{code} ", told) and f"| {code} |" in page


def test_all_diverged_is_exit_code_1(here, capsys):
    call = "compare --budgets 1 --seeds 1 --schedules linear --lr-grid 1e30 --json".split()
    assert run(call) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["table"][0]["note"] == "diverged"
    assert "error: every run diverged" in err


def test_text_that_is_none_in_this_locale_is_refused(here, capsys):
    """As Python reads the names of files that are in another encoding."""
    before = listing(here)
    assert run(["compare", "--out", "\udce4"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(r"error: argument '\udce4': expected")
    assert listing(here) == before

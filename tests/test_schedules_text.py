"""Text and JSON: round trips, what is refused, and that nothing is evaluated."""

import copy
import json
import pickle
import sys
import time
from dataclasses import FrozenInstanceError, dataclass, fields
from typing import ClassVar

import numpy as np
import pytest
from ritard.schedules import (
    REX,
    UBA,
    WSD,
    Constant,
    Cosine,
    Floor,
    Linear,
    OneMinusSqrt,
    Polynomial,
    Product,
    Repeat,
    Sampled,
    Schedule,
    Step,
    Tabulated,
    Then,
    Warmup,
    _text,
)
from tables import EVERY

READ = {
    "rex": REX(),
    "REX": REX(),
    " rex ( d = .9 ) ": REX(d=0.9),
    "rex(0.9)": REX(d=0.9),
    "rex()": REX(),
    "1-sqrt": OneMinusSqrt(),
    "uba(phi=5)+warmup(0.05)": UBA(phi=5).warmup(0.05),
    "uba(5)+warmup(length=12)": UBA(phi=5).warmup(12),
    "linear+floor(.1)+warmup(3)": Linear().floor(0.1).warmup(3),
    "linear+warmup(3)+floor(.1)": Linear().warmup(3).floor(0.1),
    "linear\n + floor(1e-1)": Linear().floor(0.1),
    "exponential(gamma=-3)+reflect(d=-2.5)": Schedule.parse("exponential").reflect(-2.5),
    "step": Step(),
    "step(at=(0.5, 0.75))": Step(),
    "step(factor=0.3, at=(10,))": Step(0.3, (10,)),
    "step(0.3,(10,0.5))": Step(0.3, (10, 0.5)),
    "step(at=())": Step(at=()),
    "step(at=(0.5))": Step(at=(0.5,)),
    "tabulated((1, 0.5, 0))": Tabulated((1, 0.5, 0)),
    "wsd(decay=0.1, shape=linear)": WSD(0.1, "linear"),
    "wsd(shape=1-sqrt)": WSD(),
    "constant+cooldown(0.2, cosine+floor(0.1))": Constant().cooldown(0.2, Cosine().floor(0.1)),
    "rex+sampled(at=(.5, .75))": REX().sampled(at=(0.5, 0.75)),
    "rex+sampled(every=0.01)": REX().sampled(0.01),
    "linear+then(other=cosine+repeat(3), at=0.6)": Linear().then(Cosine().repeat(3), at=0.6),
    "linear+then(cosine+then(rex(d=.9)+warmup(2), 5), 0.6)+floor(0.1)": Linear()
    .then(Cosine().then(REX(0.9).warmup(2), 5), at=0.6)
    .floor(0.1),
    "linear+times(other=uba(phi=1))": Linear() * UBA(1),
    "uba(phi=1)+repeat(lengths=(0.5, 0.3, 0.2))": UBA(1).repeat((0.5, 0.3, 0.2)),
    "constant(value=1e-05)": Constant(1e-5),
    "constant(value=1e+20)": Constant(1e20),
}


@pytest.mark.parametrize("text", READ)
def test_text_is_read(text):
    assert Schedule.parse(text) == READ[text]


@pytest.mark.parametrize("schedule", [*EVERY, *READ.values()], ids=str)
def test_round_trips(schedule):
    assert Schedule.parse(str(schedule)) == schedule
    assert str(Schedule.parse(str(schedule))) == str(schedule)
    assert Schedule.from_dict(schedule.to_dict()) == schedule
    assert (
        Schedule.from_dict(json.loads(json.dumps(schedule.to_dict(), allow_nan=False))) == schedule
    )
    again = pickle.loads(pickle.dumps(schedule))
    assert again == schedule
    assert hash(again) == hash(schedule)
    assert {schedule: 1}[copy.deepcopy(schedule)] == 1
    assert eval(repr(schedule), vars(sys.modules["ritard.schedules"])) == schedule  # dataclass repr


@pytest.mark.parametrize("schedule", [*EVERY, Warmup(REX(), 3)], ids=str)
def test_schedules_are_frozen(schedule):
    schedule.values(60)  # also after a call
    for name in [field.name for field in fields(schedule)] + ["new"]:
        with pytest.raises(FrozenInstanceError):
            setattr(schedule, name, 0.5)
    for field in fields(schedule):
        with pytest.raises(FrozenInstanceError):
            delattr(schedule, field.name)


def test_different_schedules_differ():
    assert len({str(s) for s in EVERY}) == len(EVERY) == len(set(EVERY))
    assert Linear() != Polynomial()
    assert Linear() != "linear"
    assert REX() != Linear().reflect(0.5)  # equal in values, not as objects
    assert REX().warmup(1) != REX().warmup(2)


def test_text_forms_are_what_they_were():  # files and shell histories hold them
    assert str(UBA(phi=5).warmup(0.05)) == "uba(phi=5)+warmup(0.05)"
    assert str(REX()) == "rex"
    assert str(Linear().then(Cosine().floor(0.1), at=3)) == "linear+then(cosine+floor(0.1), at=3)"
    assert str(WSD(shape="linear")) == "wsd(shape=linear)"
    assert str(Linear().repeat((3, 4))) == "linear+repeat(lengths=(3, 4))"
    assert UBA(phi=5).warmup(0.05).to_dict() == {
        "name": "warmup",
        "base": {"name": "uba", "phi": 5},
        "length": 0.05,
    }


def test_dicts_share_nothing_with_the_schedule():
    schedule = Step(at=(0.1, 0.2))
    data = schedule.to_dict()
    data["at"].append(0.5)
    assert schedule == Step(at=(0.1, 0.2))
    Schedule.from_dict(data)
    assert data["at"] == [0.1, 0.2, 0.5]


# ---- bad text -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"schedule '': expected one of .*cosine.*rex"),
        ("   ", r"expected one of .*cosine.*rex"),
        ("lineer", r"'lineer' is not a schedule \(did you mean 'linear'\?\); expected one of"),
        ("nonsense", r"'nonsense' is not a schedule; expected one of 1-sqrt, chebyshev"),
        ("linear+warmpu(3)", r"'warmpu' is not an operator \(did you mean 'warmup'\?\)"),
        ("linear+cosine", r"'cosine' is not an operator.*; expected one of cooldown"),
        ("warmup(3)", r"'warmup' is not a schedule"),
        ("uba", r"uba needs phi"),
        ("uba()", r"uba needs phi"),
        ("linear+warmup", r"warmup needs length"),
        ("linear+then(cosine)", r"then needs at"),
        ("rex(e=1)", r"'e' is not a setting of rex; it has: d"),
        ("rex(d=0.5, d=0.6)", r"'d' is given twice of rex"),
        ("rex(0.5, d=0.6)", r"'d' is given twice of rex"),
        ("rex(0.5, 0.6)", r"rex takes 1 settings: d"),
        ("linear(0.5)", r"linear takes 0 settings"),
        ("rex(base=linear)", r"'base' is not a setting of rex"),
        ("linear+floor(base=cosine, ratio=0.1)", r"'base' is given twice of floor; it has: ratio"),
        ("uba(phi=-1)", r"phi=-1: expected a finite number >= 0"),
        ("uba(phi=nan)", r"phi=nan: expected a finite number >= 0"),
        ("uba(phi=inf)", r"phi=inf: expected a finite number >= 0"),
        ("uba(phi=True)", r"(?i)'true'"),
        ("uba(phi=linear)", r"phi=.*: expected a number"),
        ("uba(phi=(1,))", r"phi=\(1,\): expected a number"),
        ("uba(phi=)", r"uba\(phi=\)|phi="),
        ("linear+warmup(1.5)", r"length=1\.5: expected a fraction of the run"),
        ("linear+warmup(-1)", r"length=-1: expected a fraction of the run"),
        ("linear+warmup(linear)", r"length=.*: expected a fraction of the run"),
        ("linear+times(3)", r"other=3: expected a schedule"),
        ("linear+then(0.5, cosine)", r"other=0\.5: expected a schedule"),
        ("step(at=0.5)", r"at=0\.5"),
        ("linear+sampled(at=0.5)", r"at=0\.5"),
        ("linear+repeat(lengths=0.5)", r"lengths=0\.5"),
        ("step(at=((0.5,),))", r"at=\(0\.5,\): expected a fraction"),
        ("tabulated(())", r"table=\(\): expected one or more numbers"),
        ("tabulated((1, -1))", r"table\[1\]=-1: expected finite numbers"),
        ("tabulated((1, nan))", r"table\[1\]=nan: expected finite numbers"),
        ("tabulated((1,,2))", r"expected"),
        ("tabulated((1,2,,,))", r"expected"),
        ("linear+", r"'linear\+'.*cannot read ''"),
        ("+linear", r"'\+linear'.*cannot read ''"),
        ("linear++floor(0.1)", r"cannot read ''"),
        ("linear;cosine", r"cannot read 'linear;cosine'"),
        ("linear cosine", r"cannot read 'linear cosine'"),
        ("linear(", r"brackets do not match"),
        ("linear)", r"brackets do not match"),
        ("linear)(", r"brackets do not match"),
        ("step(at=(0.5)", r"brackets do not match"),
        ("linear+then(cosine, 0.5))", r"brackets do not match"),
        ("step(at=[0.5])", r"cannot read '\[0\.5\]'"),
        ("linear(,)", r"expected|takes 0 settings"),
        ("refined(norms.jsonl)", r"'refined' is not a schedule"),
    ],
)
def test_bad_text_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        Schedule.parse(text)


@pytest.mark.parametrize("bad", [5, None, b"rex", ["rex"], REX(), 0.5])
def test_text_is_a_string(bad):
    with pytest.raises(TypeError, match=r"text=.*expected"):
        Schedule.parse(bad)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "__import__('os').system('touch {path}')",
        "uba(phi=__import__('os').system('touch {path}'))",
        "uba(phi=open('{path}', 'w'))",
        "exec(open('{path}','w'))",
        "uba(phi=1*2)",
        "uba(phi=1+1)",
        "uba(phi=2**8)",
        "uba(phi=1 if 1 else 2)",
        "uba(phi=lambda: 1)",
        "uba(phi=0x10)",
        "uba(phi='1')",
        "cosine.floor(0.1)",
        "linear.__class__",
        "Linear().__init__",
        "tabulated([x for x in (1, 2)])",
        "{path}",
        "@{path}",
        "f'{path}'",
    ],
)
def test_nothing_is_evaluated_and_no_file_touched(text, tmp_path):
    path = tmp_path / "touched"
    with pytest.raises(ValueError, match=r"\w"):
        Schedule.parse(text.replace("{path}", str(path)))
    assert not path.exists()


HUGE = {
    "open brackets": "(" * 10_000,
    "brackets": "linear" + "(" * 10_000 + ")" * 10_000,
    "tuples": "step(at=" + "(" * 10_000 + ")" * 10_000 + ")",
    "phases": "linear+then(" * 10_000 + "linear" + ",0.5)" * 10_000,
    "cooldowns": "linear+cooldown(0.1, " * 10_000 + "linear" + ")" * 10_000,
    "operators": "linear" + "+floor(0.1)" * 20_000,
    "unclosed": "linear+then(" * 10_000,
    "name": "x" * 1_000_000,
    "digits": "9" * 1_000_000,
    "spaces": "linear" + " " * 50_000 + "!",
    "settings": "linear(" + "1," * 50_000 + ")",
}


@pytest.mark.parametrize("kind", HUGE)
def test_deep_and_large_text_is_refused_quickly(kind):
    start = time.process_time()
    with pytest.raises(ValueError, match=r"\w") as caught:
        Schedule.parse(HUGE[kind])
    assert time.process_time() - start < 2
    assert len(str(caught.value)) < 5_000  # a message that a person can read


def test_reasonable_depth_is_read():
    text = "linear"
    for _ in range(20):
        text = f"cosine+then({text}, 0.5)"
    assert str(Schedule.parse(text)) == str(Schedule.parse(str(Schedule.parse(text))))
    chain = Schedule.parse("linear" + "+floor(0.1)" * 40)
    assert Schedule.parse(str(chain)) == chain


# ---- bad dicts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (5, r"5: expected a saved schedule"),
        (None, r"None: expected a saved schedule"),
        ("rex", r"'rex': expected a saved schedule"),
        ([{"name": "rex"}], r"expected a saved schedule"),
        ({}, r"\{\}: expected a saved schedule"),
        ({"name": 5}, r"expected a saved schedule"),
        ({"name": ["rex"]}, r"expected a saved schedule"),
        ({"d": 0.5}, r"expected a saved schedule"),
        ({"name": "rexx"}, r"'rexx' is not a schedule \(did you mean 'rex'\?\)"),
        ({"name": "rex", "e": 1}, r"'e' is not a setting of rex; it has: d"),
        ({"name": "rex", 5: 1}, r"5 is not a setting of rex"),
        ({"name": "rex", "d": "0.5"}, r"d='0\.5': expected a number"),
        ({"name": "rex", "d": None}, r"d=None: expected a number"),
        ({"name": "rex", "d": True}, r"d=True: expected a number"),
        ({"name": "rex", "d": 2}, r"d=2: expected a finite number < 1"),
        ({"name": "uba"}, r"uba needs phi"),
        ({"name": "uba", "phi": {"name": "linear"}}, r"phi=.*: expected a number"),
        ({"name": "uba", "phi": float("nan")}, r"phi=nan: expected a finite number"),
        ({"name": "floor", "ratio": 0.1}, r"floor needs base"),
        ({"name": "floor", "ratio": 0.1, "base": 5}, r"base=5: expected a schedule"),
        ({"name": "floor", "ratio": 0.1, "base": "linear"}, r"base='linear': expected a schedule"),
        ({"name": "floor", "ratio": 0.1, "base": None}, r"base=None: expected a schedule"),
        ({"name": "floor", "ratio": 0.1, "base": {"name": "x"}}, r"'x' is not a schedule"),
        ({"name": "floor", "ratio": 0.1, "base": {}}, r"\{\}: expected a saved schedule"),
        ({"name": "times", "base": {"name": "rex"}, "other": [1]}, r"other=.*expected a schedule"),
        ({"name": "step", "at": None}, r"at=None"),
        ({"name": "step", "at": 0.5}, r"at=0\.5"),
        ({"name": "step", "at": ["x"]}, r"at='x': expected a fraction"),
        ({"name": "step", "at": [[0.5]]}, r"at=\(0\.5,\): expected a fraction"),
        ({"name": "tabulated"}, r"tabulated needs table"),
        ({"name": "tabulated", "table": []}, r"table=\(\): expected one or more numbers"),
        ({"name": "tabulated", "table": [[1], [2, 3]]}, r"table=.*expected one or more numbers"),
        ({"name": "tabulated", "table": "ab"}, r"table='ab': expected one or more numbers"),
        ({"name": "tabulated", "table": [1, None]}, r"table=.*expected one or more numbers"),
        ({"name": "wsd", "shape": 5}, r"shape=5: expected a schedule"),
        ({"name": "repeat", "base": {"name": "rex"}}, r"expected exactly one"),
        ({"name": "repeat", "base": {"name": "rex"}, "times": 2.5}, r"times=2\.5: expected an int"),
    ],
)  # fmt: skip
def test_a_corrupt_dict_is_named(data, message):
    before = copy.deepcopy(data)
    with pytest.raises(ValueError, match=message):
        Schedule.from_dict(data)
    assert repr(data) == repr(before)


def test_a_dict_nested_too_deeply_is_refused():
    data = {"name": "linear"}
    for _ in range(5_000):
        data = {"name": "floor", "ratio": 0.1, "base": data}
    with pytest.raises(ValueError, match=r"nested|deep"):
        Schedule.from_dict(data)


@pytest.mark.parametrize("cls", [Warmup, Floor, Then, Product, Sampled, Repeat])
def test_the_base_of_an_operator_is_a_schedule(cls):
    given = {
        Warmup: (0.1,), Floor: (0.1,), Then: (Cosine(), 0.5), Product: (Cosine(),),
        Sampled: (0.1,), Repeat: (2,),
    }  # fmt: skip
    with pytest.raises(TypeError, match=r"base=5: expected a schedule"):
        cls(5, *given[cls])


# ---- classes of users -----------------------------------------------------------------------


@pytest.fixture
def registry(monkeypatch):
    """Names registered by a test are forgotten after it."""
    monkeypatch.setattr(_text, "_CLASSES", dict(_text._CLASSES))


def test_a_users_shape_registers_parses_and_round_trips(registry):
    @dataclass(frozen=True)
    class Parabola(Schedule):
        name: ClassVar[str] = "parabola"
        top: float = 1.0
        bends: tuple[float, ...] = ()
        inner: Schedule = Linear()  # noqa: RUF009  (it is frozen)

        def _at(self, t, T):
            x = t / T if T > 0 else np.ones_like(t)
            return self.top * 4 * x * (1 - x)

    schedule = Parabola(top=0.5, bends=(1, 2.5), inner=Cosine().floor(0.1)).warmup(3).repeat(2)
    assert Schedule.parse(str(schedule)) == schedule
    assert Schedule.from_dict(json.loads(json.dumps(schedule.to_dict()))) == schedule
    assert Schedule.parse("parabola(top=0.5)+floor(0.1)") == Parabola(0.5).floor(0.1)
    assert Parabola()(5, 10) == 1.0
    assert Parabola()([0, 5, 10, 20], 10).tolist() == [0, 1, 0, 0]
    with pytest.raises(ValueError, match="did you mean 'parabola'"):
        Schedule.parse("parabolla")


def test_a_users_operator_registers(registry):
    @dataclass(frozen=True)
    class Squared(Schedule):
        name: ClassVar[str] = "squared"
        base: Schedule

        def _at(self, t, T):
            return self.base._at(t, T) ** 2

    assert Schedule.parse("linear+squared+floor(0.5)") == Squared(Linear()).floor(0.5)
    composite = Squared(Linear().warmup(2)).floor(0.5)
    assert Schedule.parse(str(composite)) == composite
    assert Squared(Linear().warmup(2)).values(4).tolist() == [1 / 9, 4 / 9, 1, 0.25]


def test_a_name_of_another_module_is_refused(registry):
    with pytest.raises(ValueError, match=r"name='rex': already the name of ritard\.schedules"):

        class Impostor(Schedule):
            name: ClassVar[str] = "rex"

    assert Schedule.parse("rex") == REX()
    with pytest.raises(ValueError, match=r"name='warmup': already the name of"):
        type("Warmup", (Schedule,), {"name": "warmup", "__module__": "elsewhere"})
    assert Schedule.parse("rex+warmup(3)") == REX().warmup(3)


def test_a_module_may_be_loaded_again(registry):
    for _ in range(2):
        type("Again", (Schedule,), {"name": "again", "__module__": "m", "__qualname__": "Again"})


@pytest.mark.parametrize("name", ["My Shape", "a+b", "x(1)", "", "Upper", "1", "0.5", "nan", "a,b"])
def test_a_name_that_text_cannot_carry_is_refused(registry, name):
    with pytest.raises(ValueError, match="name="):
        type("Odd", (Schedule,), {"name": name, "__module__": "m"})


def test_a_subclass_without_a_name_of_its_own_does_not_pose_as_its_parent(registry):
    try:

        @dataclass(frozen=True)
        class Mine(REX):
            extra: float = 2.0

        text, data = str(Mine()), Mine().to_dict()
    except (TypeError, ValueError) as error:
        assert "name" in str(error)  # refused loudly is right too
    else:
        assert type(Schedule.parse(text)) is Mine
        assert type(Schedule.from_dict(data)) is Mine


def test_schedule_itself_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Schedule()

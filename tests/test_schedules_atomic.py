"""Files that several writers write at once."""

import tempfile
from pathlib import Path

from ritard.schedules._atomic import atomic_path, write_text


def test_a_writer_between_making_and_locking_its_file_is_not_taken_for_a_killed_one(
    tmp_path, monkeypatch
):
    target, make, made = tmp_path / "table.csv", tempfile.mkstemp, []

    def interrupted(**options):
        handle, name = make(**options)
        made.append(name)
        if len(made) == 1:  # another writer comes just then, and tidies up
            write_text(target, "theirs")
            assert not Path(name).exists()
        return handle, name

    monkeypatch.setattr(tempfile, "mkstemp", interrupted)
    write_text(target, "ours")
    assert target.read_text() == "ours"
    assert len(made) == 3
    assert list(tmp_path.iterdir()) == [target]


def test_a_writer_at_work_is_left_alone_and_what_a_killed_one_left_is_removed(tmp_path):
    target, left = tmp_path / "table.csv", tmp_path / ".table-abc.csv"
    left.write_text("half")
    with atomic_path(target) as mine:
        assert not left.exists()
        write_text(target, "theirs")
        assert mine.exists()
        mine.write_text("ours")
    assert target.read_text() == "ours"
    assert list(tmp_path.iterdir()) == [target]

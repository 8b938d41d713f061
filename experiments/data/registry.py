"""What data sets exist: their files, checksums and public addresses, read from registry.json."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ..names import unknown


@dataclass(frozen=True)
class File:
    """One file of a data set.

    Attributes:
        name: File name inside the folder of its set.
        sha256: Checksum of the file.
        size: Bytes.
        url: A public copy, or None where none with a known checksum is.
        public_sha256: Checksum of that copy. It differs from ``sha256`` where the same content
            was compressed again; both are accepted.
    """

    name: str
    sha256: str
    size: int
    url: str | None = None
    public_sha256: str | None = None

    @property
    def accepted(self) -> frozenset[str]:
        """The checksums of this content."""
        return frozenset({self.sha256, self.public_sha256 or self.sha256})


@dataclass(frozen=True)
class DataSet:
    """A data set: some files in one folder.

    Attributes:
        name: As ``"mnist"`` or ``"libsvm/iris"``.
        folder: Folder below ``RITARD_DATA`` or the cache.
        licence: Of the data, as far as one is stated.
        files: All files; the set is there when all are.
        shape: Rows, columns and classes of the (training) file, where the set is a table.
    """

    name: str
    folder: str
    licence: str
    files: tuple[File, ...]
    shape: tuple[int, int, int] | None = None

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    @property
    def public(self) -> bool:
        """Whether every file has a public copy to download."""
        return all(file.url is not None for file in self.files)


def names() -> list[str]:
    """The names of all data sets, sorted."""
    return sorted(_registry())


def dataset(name: str) -> DataSet:
    """The record of a data set.

    Raises:
        ValueError: no set has this name.
    """
    try:
        return _registry()[name]
    except KeyError:
        raise unknown("data set", name, names()) from None


@cache
def _registry() -> dict[str, DataSet]:
    text = (files(__package__ or "") / "registry.json").read_text("utf-8")
    return {name: _parse(name, entry) for name, entry in json.loads(text).items()}


def _parse(name: str, entry: dict[str, Any]) -> DataSet:
    def file(key: str, value: dict[str, Any]) -> File:
        public: dict[str, str] = value["public"] or {}
        return File(key, value["sha256"], value["bytes"], public.get("url"), public.get("sha256"))

    shape = entry.get("shape")
    return DataSet(
        name=name,
        folder=entry["folder"],
        licence=entry["licence"],
        files=tuple(file(key, value) for key, value in entry["files"].items()),
        shape=tuple(shape) if shape else None,
    )

"""Reads the list of provinces: how their certificates' issuers are known, and where the codes on them may lead."""

from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from recruiting.certificates import Province, Provinces

FILE = Path(__file__).with_name("provinces.yaml")
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where PyYAML has it: a tenth of the time
_Host = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")]
_Mark = Annotated[str, StringConstraints(min_length=2, max_length=20)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    marks: tuple[_Mark, ...] = Field(min_length=1)
    hosts: tuple[_Host, ...] = Field(min_length=1)
    code: bool = False


_ENTRIES = TypeAdapter(dict[str, _Entry])


def load_provinces(file: Path = FILE) -> Provinces:
    """The provinces by name. Raises ValueError: the file says something else than it may."""
    entries = _ENTRIES.validate_python(yaml.load(file.read_text("utf-8"), _LOADER))  # noqa: S506 - one of the safe ones
    return {name: Province(entry.marks, entry.hosts, entry.code) for name, entry in entries.items()}

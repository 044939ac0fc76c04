"""YAML files, validated against a model; every fault becomes one line with file, line, key and what was meant."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.spec.yaml_problems import Place, Problem, explain
from humanoid_recorder.spec.yaml_tree import Plain, UnreadableError, parse

MAX_BYTES = 262_144

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """A YAML file as it was read, before a model gives it a meaning."""

    name: str
    """What error lines begin with: the path as it was given."""
    text: str
    sha256: str
    """Of the file's bytes, hexadecimal."""

    @classmethod
    def read(cls, path: Path) -> "YamlDocument":
        """Read a file.

        Raises:
            SpecError: It cannot be read, is larger than ``MAX_BYTES`` or is not UTF-8.
        """
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as err:  # ValueError: a NUL in the path
            raise SpecError(f"{path}: cannot be read: {getattr(err, 'strerror', None) or err}") from err
        return cls.from_bytes(data, name=str(path))

    @classmethod
    def from_bytes(cls, data: bytes, *, name: str) -> "YamlDocument":
        """Take a document from memory.

        Args:
            data: UTF-8, with or without a byte order mark.
            name: What error lines begin with.

        Raises:
            SpecError: It is larger than ``MAX_BYTES`` or not UTF-8.
        """
        if len(data) > MAX_BYTES:
            raise SpecError(f"{name}: larger than {MAX_BYTES // 1024} KiB; this is not a file written by hand")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as err:
            line = data[: err.start].count(b"\n") + 1
            message = f"{name}:{line}: byte 0x{data[err.start]:02x} is not UTF-8"
            raise SpecError(message, remedy="Save the file as UTF-8.") from err
        return cls(name=name, text=text, sha256=hashlib.sha256(data).hexdigest())

    def validate(self, model: type[Model]) -> Model:
        """Return the document as a model.

        Raises:
            SpecError: With one line for each thing that is wrong, in the order of the file.
        """
        data, place, problems = self._parse()
        try:
            result = model.model_validate(data)
        except ValidationError as err:
            flawed = {problem.path for problem in problems}
            problems += [problem for problem in explain(err, place, model) if problem.path not in flawed]
            raise self._spec_error(problems) from err
        if problems:
            raise self._spec_error(problems)
        return result

    def error(self, path: tuple[str | int, ...], message: str) -> SpecError:
        """Return an error that points at a value; for what only shows after validation, such as a missing file.

        Args:
            path: Keys and positions that lead to the value.
            message: What is wrong with it.
        """
        _, place, _ = self._parse()
        return self._spec_error([Problem(place.line_of(path), path, message)])

    def _parse(self) -> tuple[Plain, Place, list[Problem]]:
        try:
            return parse(self.text)
        except UnreadableError as err:
            raise self._spec_error(err.problems) from err

    def _spec_error(self, problems: list[Problem]) -> SpecError:
        lines = dict.fromkeys(str(problem) for problem in sorted(problems, key=lambda problem: problem.line))
        return SpecError("\n".join(f"{self.name}:{line}" for line in lines))


def load_yaml(path: Path, model: type[Model]) -> Model:
    """Load a YAML file as a model.

    Args:
        path: The file.
        model: What it must hold.

    Raises:
        SpecError: It cannot be read or is wrong, with one line for each fault: ``file:line: key: what is wrong``.
    """
    return YamlDocument.read(path).validate(model)

"""What every model of a YAML file shares: strictness, units checked at the door, and located problems."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Path = tuple[str | int, ...]
"""Keys and list positions from a model down to one of its values."""

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A finite number; neither text nor true/false passes for one."""
Positive = Annotated[Number, Field(gt=0)]
Flag = Annotated[bool, Field(strict=True)]
"""true or false; neither 1 nor text passes for one."""


class SpecModel(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def refuse(model: SpecModel, problems: Iterable[tuple[Path, str]]) -> None:
    """Raise all problems of a cross check at once, each at its own key; do nothing when there are none.

    pydantic merges a ``ValidationError`` raised inside a validator into the enclosing one and prefixes its location,
    so the lines of nested models stay right.

    Args:
        model: The model whose validator calls.
        problems: Path from the model to the value at fault, and what is wrong with it.

    Raises:
        pydantic.ValidationError: If there is any problem.
    """
    details = [
        InitErrorDetails(type=PydanticCustomError("spec", "{problem}", {"problem": problem}), loc=path, input=None)
        for path, problem in problems
    ]
    if details:
        raise ValidationError.from_exception_data(type(model).__name__, details)

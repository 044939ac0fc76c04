"""Where the taxels of a tactile stream are: ``taxels`` of its entry in a profile."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from humanoid_recorder.spec.model import Number, SpecModel, refuse

Point = tuple[Number, Number, Number]
"""x, y, z in m."""
Count = Annotated[int, Field(strict=True, ge=1, le=10_000)]
_GRID_KEYS = ("rows", "columns", "row_step_m", "column_step_m")


class PadSpec(SpecModel):
    """Some taxels that one link carries: a grid, or a list of places."""

    frame: Annotated[str, Field(min_length=1)]
    """The link, as the URDF names it."""
    positions_m: Annotated[tuple[Point, ...], Field(min_length=1)] | None = None
    """Of each taxel in that frame, in the order of the data."""
    rows: Count | None = None
    columns: Count | None = None
    """Of the grid; its taxels come row by row in the data."""
    origin_m: Point = (0.0, 0.0, 0.0)
    """The first taxel of the grid."""
    row_step_m: Point | None = None
    """From a taxel to the one in the next row."""
    column_step_m: Point | None = None
    """From a taxel to the next one in its row."""

    @model_validator(mode="after")
    def _is_a_list_or_a_grid(self) -> Self:
        given = [key for key in _GRID_KEYS if getattr(self, key) is not None]
        if self.positions_m is not None:
            refuse(self, [((key,), "positions_m already says where every taxel is") for key in given])
        elif len(given) < len(_GRID_KEYS):
            lacking = ", ".join(key for key in _GRID_KEYS if key not in given)
            refuse(self, [(("frame",), f"a pad is positions_m or a grid; for a grid {lacking} is missing")])
        return self

    def places_m(self) -> tuple[Point, ...]:
        """Return the position of every taxel in ``frame``, in the order of the data."""
        if self.positions_m is not None:
            return self.positions_m
        down, right = self.row_step_m or self.origin_m, self.column_step_m or self.origin_m
        return tuple(
            (
                self.origin_m[0] + row * down[0] + column * right[0],
                self.origin_m[1] + row * down[1] + column * right[1],
                self.origin_m[2] + row * down[2] + column * right[2],
            )
            for row in range(self.rows or 0)
            for column in range(self.columns or 0)
        )

"""One entry of a profile's ``streams``: a topic to record, and what to expect of it."""

from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from humanoid_recorder.core.streams import FieldStamp, StampSource, Stream, StreamKind
from humanoid_recorder.spec.align_spec import AlignSpec
from humanoid_recorder.spec.model import Flag, Path, Positive, SpecModel, refuse
from humanoid_recorder.spec.names import MessageType, TopicName
from humanoid_recorder.spec.touch_spec import PadSpec

_NS_PER_MS = 1_000_000


class FieldStampSpec(SpecModel):
    """An integer time since the epoch at a fixed byte of the message."""

    at_byte: Annotated[int, Field(strict=True, ge=4, le=1_000_000, multiple_of=4)]
    """Offset in the serialised message, its 4-byte encapsulation header included; integers there are aligned to 4."""
    type: Literal["int32", "uint32", "int64", "uint64"]
    unit: Literal["ns", "us", "ms", "s"]

    @model_validator(mode="after")
    def _holds_an_epoch(self) -> Self:
        if self.type.endswith("32") and self.unit != "s":
            problem = (
                f"{self.type} in {self.unit} cannot hold a time since the epoch (it is perhaps a tick since power-on); "
                "use 'stamp: none'"
            )
            refuse(self, [(("unit",), problem)])
        return self


def _stamp_form(value: object) -> str:
    return "field" if isinstance(value, dict | FieldStampSpec) else "word"


StampSpec = Annotated[
    Annotated[Literal["header", "none"], Tag("word")] | Annotated[FieldStampSpec, Tag("field")],
    Discriminator(_stamp_form),
]


class StreamSpec(SpecModel):
    """A topic to record."""

    topic: TopicName
    type: MessageType
    kind: StreamKind
    rate_hz: Positive | None = None
    """Expected rate; None for event streams, which never hold up a start."""
    required: Flag | None = None
    """Whether a start waits for the first message; None = required exactly if ``rate_hz`` is given."""
    max_gap_ms: Annotated[Positive, Field(ge=0.001, le=3_600_000)] | None = None
    """Longest silence still accepted."""
    stamp: StampSpec | None = None
    """Where the measurement time is; None = the header if the type starts with one, else no stamp."""
    align: AlignSpec | None = None
    """How it takes part in frames; None = as streams of its kind do."""
    serial: str = ""
    """Serial number of the sensor, for provenance."""
    unit: str = ""
    """Unit of the values where the type does not fix it."""
    taxels: Annotated[tuple[PadSpec, ...], Field(min_length=1)] | None = None
    """Where the taxels are, pad after pad in the order of the data; None = not known."""

    @model_validator(mode="after")
    def _expects_what_can_be_expected(self) -> Self:
        problems: list[tuple[Path, str]] = []
        if self.rate_hz is None:
            if self.required:
                problems.append(
                    (("required",), "a stream without rate_hz is an event stream: a start cannot wait for it")
                )
            if self.max_gap_ms is not None:
                problems.append(
                    (("max_gap_ms",), "a stream without rate_hz is an event stream: its silence means nothing")
                )
        elif self.max_gap_ms is not None and self.max_gap_ms <= 1000 / self.rate_hz:
            period_ms = 1000 / self.rate_hz
            problems.append(
                (("max_gap_ms",), f"{self.max_gap_ms:g} ms is not longer than one period at rate_hz ({period_ms:g} ms)")
            )
        if self.taxels is not None and self.kind is not StreamKind.TACTILE:
            problems.append((("taxels",), f"a stream of kind {self.kind} has no taxels"))
        if self.align is not None:
            problems += self.align.problems(kind=self.kind, rate_hz=self.rate_hz, has_no_stamp=self.has_no_stamp)
        refuse(self, problems)
        return self

    @property
    def is_required(self) -> bool:
        """Whether a start waits for the first message of this stream."""
        return self.rate_hz is not None if self.required is None else self.required

    @property
    def has_no_stamp(self) -> bool:
        """Whether the profile declares that this stream carries no measurement time."""
        return self.stamp == "none"

    def to_stream(self, name: str) -> Stream:
        """Return the stream as the layers above know it.

        Args:
            name: Its key in the profile.
        """
        stamp: StampSource | FieldStamp | None
        if isinstance(self.stamp, FieldStampSpec):
            stamp = FieldStamp(at_byte=self.stamp.at_byte, type=self.stamp.type, unit=self.stamp.unit)
        else:
            stamp = None if self.stamp is None else StampSource(self.stamp)
        return Stream(
            name=name,
            topic=self.topic,
            type=self.type,
            kind=self.kind,
            rate_hz=self.rate_hz,
            required=self.is_required,
            max_gap_ns=None if self.max_gap_ms is None else round(self.max_gap_ms * _NS_PER_MS),
            stamp=stamp,
            serial=self.serial,
            unit=self.unit,
        )

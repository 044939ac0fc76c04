"""``metadata.yaml`` of a rosbag2 bag: version 9 is written, versions 5 to 9 are read.

The layout follows rosbag2 (``rosbag2_storage/yaml.hpp`` and ``qos.cpp``). Its parser has no defaults, so every key is
always written. Before version 9 the QoS profiles were a YAML text inside the YAML, with rmw's enumeration numbers.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.core.qos import INFINITE_NS, Durability, Liveliness, QosOffer, Reliability
from humanoid_recorder.storage.durable import write_atomically

try:  # libyaml, where PyYAML was built with it, is five times faster: 40 ms less at every stop of 60 topics
    from yaml import CSafeDumper as _SafeDumper
    from yaml import CSafeLoader as _SafeLoader
except ImportError:
    from yaml import SafeDumper as _SafeDumper  # type: ignore[assignment]
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

METADATA_FILE = "metadata.yaml"
METADATA_RECORD = "rosbag2"
"""Name of the MCAP Metadata records that repeat the metadata; the last one in a file wins."""
METADATA_RECORD_KEY = "serialized_metadata"
VERSION = 9
OLDEST_VERSION = 5
NO_START_NS = INFINITE_NS
"""``starting_time`` of a bag without messages."""

_ROOT_KEY = "rosbag2_bagfile_information"
_NS_PER_S = 1_000_000_000
_RELIABILITY_NUMBERS = {1: Reliability.RELIABLE, 2: Reliability.BEST_EFFORT}
_DURABILITY_NUMBERS = {1: Durability.TRANSIENT_LOCAL, 2: Durability.VOLATILE}
_LIVELINESS_NUMBERS = {1: Liveliness.AUTOMATIC, 3: Liveliness.MANUAL_BY_TOPIC}
_INFINITE_FROM_S = 0x7FFFFFFF
"""2^31 - 1 seconds is how Foxy's middlewares spelled an unlimited duration; nothing real lasts 68 years."""

_Policy = TypeVar("_Policy", bound=StrEnum)


class _BlockDumper(_SafeDumper):
    """Block style as rosbag2 writes it: ``~`` for nothing, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is the library's
        return True


_BlockDumper.add_representer(type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "~"))


def _load(text: str) -> Any:
    return yaml.load(text, Loader=_SafeLoader)


def _dump(value: object) -> str:
    return yaml.dump(value, Dumper=_BlockDumper, sort_keys=False, allow_unicode=True, width=1_000_000)


def _plain_duration(ns: int) -> dict[str, int]:
    seconds, nanoseconds = divmod(ns, _NS_PER_S)
    return {"sec": seconds, "nsec": nanoseconds}


def _plain_offers(offers: Iterable[QosOffer]) -> list[dict[str, object]]:
    """Return the profiles as rosbag2 lays them out; discovery never shows history and depth."""
    return [
        {
            "history": "unknown",
            "depth": 0,
            "reliability": offer.reliability.value,
            "durability": offer.durability.value,
            "deadline": _plain_duration(offer.deadline_ns),
            "lifespan": _plain_duration(offer.lifespan_ns),
            "liveliness": offer.liveliness.value,
            "liveliness_lease_duration": _plain_duration(offer.liveliness_lease_ns),
            "avoid_ros_namespace_conventions": False,
        }
        for offer in offers
    ]


def _parse_policy(value: object, numbers: Mapping[int, _Policy], unknown: _Policy) -> _Policy:
    if isinstance(value, int):
        return numbers.get(value, unknown)
    return next((policy for policy in type(unknown) if policy == value), unknown)


def _parse_duration(value: Mapping[str, int]) -> int:
    if value["sec"] >= _INFINITE_FROM_S:
        return INFINITE_NS
    return value["sec"] * _NS_PER_S + value["nsec"]


def _parse_offer(plain: Mapping[str, Any]) -> QosOffer:
    return QosOffer(
        reliability=_parse_policy(plain["reliability"], _RELIABILITY_NUMBERS, Reliability.UNKNOWN),
        durability=_parse_policy(plain["durability"], _DURABILITY_NUMBERS, Durability.UNKNOWN),
        deadline_ns=_parse_duration(plain["deadline"]),
        lifespan_ns=_parse_duration(plain["lifespan"]),
        liveliness=_parse_policy(plain["liveliness"], _LIVELINESS_NUMBERS, Liveliness.UNKNOWN),
        liveliness_lease_ns=_parse_duration(plain["liveliness_lease_duration"]),
    )


def format_qos_offers(offers: Iterable[QosOffer]) -> str:
    """Return the block-style YAML text that a channel carries as ``offered_qos_profiles``."""
    return _dump(_plain_offers(offers)).rstrip("\n")


def parse_qos_offers(value: object) -> tuple[QosOffer, ...]:
    """Read QoS profiles given as a YAML text (channels; versions up to 8) or as a list (version 9).

    Raises:
        ValueError: They are neither.
    """
    try:
        plain: Any = _load(value) if isinstance(value, str) else value
        return tuple(each if isinstance(each, QosOffer) else _parse_offer(each) for each in plain or ())
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ValueError(f"not a list of QoS profiles ({type(error).__name__}: {error})") from error


class _Part(BaseModel):
    """Fields are the keys of the file, in its order."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Duration(_Part):
    """A time span."""

    nanoseconds: int = Field(default=0, ge=0)


class StartingTime(_Part):
    """A log time."""

    nanoseconds_since_epoch: int = Field(default=NO_START_NS, ge=0)


class TopicMetadata(_Part):
    """A topic as it was offered."""

    name: str
    type: str
    serialization_format: str = "cdr"
    offered_qos_profiles: Annotated[
        tuple[QosOffer, ...], BeforeValidator(parse_qos_offers), PlainSerializer(_plain_offers)
    ] = ()
    type_description_hash: str = ""


class TopicWithMessageCount(_Part):
    """A topic and how often it was heard, which may be never."""

    topic_metadata: TopicMetadata
    message_count: int


class FileInformation(_Part):
    """One storage file."""

    path: str
    starting_time: StartingTime = StartingTime()
    duration: Duration = Duration()
    message_count: int


def _text_or_empty(value: object) -> object:
    return "" if value is None else value


class BagMetadata(_Part):
    """The whole of ``metadata.yaml``."""

    version: int = Field(default=VERSION, ge=OLDEST_VERSION, le=VERSION)
    storage_identifier: str = "mcap"
    duration: Duration = Duration()
    starting_time: StartingTime = StartingTime()
    message_count: int = 0
    topics_with_message_count: tuple[TopicWithMessageCount, ...] = ()
    compression_format: Annotated[str, BeforeValidator(_text_or_empty)] = ""
    compression_mode: Annotated[str, BeforeValidator(_text_or_empty)] = ""
    relative_file_paths: tuple[str, ...]
    files: tuple[FileInformation, ...] = ()
    custom_data: Annotated[
        dict[str, str],
        BeforeValidator(lambda value: value or {}),
        PlainSerializer(lambda value: value or None),
    ] = Field(default_factory=dict)
    ros_distro: Annotated[str, BeforeValidator(_text_or_empty)] = ""

    def to_yaml(self) -> str:
        """Return the text without its root key, as the MCAP Metadata record carries it."""
        return _dump(self.model_dump(mode="json"))

    def write(self, path: Path) -> None:
        """Write ``metadata.yaml`` atomically and durably.

        Raises:
            OSError: The write failed.
        """
        write_atomically(path, _dump({_ROOT_KEY: self.model_dump(mode="json")}))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a ``metadata.yaml``.

        Raises:
            BagReadError: It cannot be read, or is not the metadata of a rosbag2 bag of version 5 to 9.
        """
        try:
            content = _load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise BagReadError(f"Cannot read {path}: {error}") from error
        if not isinstance(content, dict) or _ROOT_KEY not in content:
            raise BagReadError(f"{path} is not a rosbag2 metadata.yaml: it has no `{_ROOT_KEY}`.")
        try:
            return cls.model_validate(content[_ROOT_KEY])
        except ValidationError as error:
            raise BagReadError(_explain(str(path), error)) from error

    @classmethod
    def parse_body(cls, text: str, *, of: Path) -> Self:
        """Read what ``to_yaml`` wrote.

        Raises:
            BagReadError: It is not the metadata of a rosbag2 bag; the message names the file ``of``.
        """
        try:
            return cls.model_validate(_load(text))
        except yaml.YAMLError as error:
            raise BagReadError(f"{of}: the `{METADATA_RECORD}` record is not YAML: {error}") from error
        except ValidationError as error:
            raise BagReadError(_explain(f"{of}: the `{METADATA_RECORD}` record", error)) from error


def _explain(what: str, error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{what} is not metadata of a rosbag2 bag of version {OLDEST_VERSION} to {VERSION}: {place}: {first['msg']}."

"""Message types by name: their classes, definitions and hashes, from what is installed.

Type names come from the graph or from a profile, so a class is imported only when the ament index lists exactly that
interface: a YAML file can name a message, never a module to run.
"""

import functools
import importlib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from humanoid_recorder.core.errors import TypeUnavailableError
from humanoid_recorder.core.message_type import MessageType

_TYPE_NAME = re.compile(r"(?P<package>[a-z][a-z0-9_]*)/msg/(?P<name>[A-Z][A-Za-z0-9]*)")
_FIELD = re.compile(r"\s*(?P<type>[A-Za-z][\w/]*)(?:<=\d+)?(?:\[[^\]]*\])?\s+[A-Za-z]")
_CONSTANT = re.compile(r"\s*\w+(?:<=\d+)?\s+[A-Z][A-Z0-9_]*\s*=")
_PRIMITIVES = frozenset(
    {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
    | {"bool", "byte", "char", "float32", "float64", "string", "wstring"}
)
_SEPARATOR = "=" * 80


def ament_prefixes() -> list[Path]:
    """Return the prefixes that are searched for packages: AMENT_PREFIX_PATH, then this Python environment's own."""
    listed = [Path(entry) for entry in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if entry]
    return [*listed, Path(sys.prefix)]


@functools.cache
def message_type(name: str) -> MessageType:
    """Look up an installed message type.

    Args:
        name: ``pkg/msg/Type``.

    Raises:
        TypeUnavailableError: The name is malformed, or no such message is installed.
    """
    share = _share_of(name)
    package, short = _split(name)
    text = _definition_text(share, package, short)
    parts, seen = [text], {name}
    pending = list(_used_types(text, package))
    while pending:
        used = pending.pop(0)
        if used in seen:
            continue
        seen.add(used)
        used_package, used_short = _split(used)
        used_text = _definition_text(_share_of(used), used_package, used_short)
        parts.append(f"{_SEPARATOR}\nMSG: {used_package}/{used_short}\n{used_text}")
        pending.extend(_used_types(used_text, used_package))
    first_field = next(_field_types(text), "")
    return MessageType(
        name=name,
        definition="\n".join(parts),
        type_hash=_type_hash(share / "msg" / f"{short}.json", name),
        has_header=first_field in {"std_msgs/Header", "Header"},
    )


@functools.cache
def message_class(name: str) -> type[Any]:
    """Import the Python class of an installed message type.

    Raises:
        TypeUnavailableError: The name is malformed, or no such message is installed.
    """
    _share_of(name)
    package, short = _split(name)
    try:
        return getattr(importlib.import_module(f"{package}.msg"), short)  # type: ignore[no-any-return]
    except (ImportError, AttributeError) as error:
        raise TypeUnavailableError(
            f"The Python bindings of {name} cannot be loaded: {error}.",
            remedy=f"Reinstall the package {package} for the Python in {sys.prefix}.",
        ) from error


def _split(name: str) -> tuple[str, str]:
    match = _TYPE_NAME.fullmatch(name)
    if match is None:
        raise TypeUnavailableError(
            f"{name!r} is not a message type.", remedy="Types are written 'package/msg/Name', e.g. sensor_msgs/msg/Imu."
        )
    return match["package"], match["name"]


def _share_of(name: str) -> Path:
    """Return the share folder of the package that installs this message."""
    package, short = _split(name)
    for prefix in ament_prefixes():
        marker = prefix / "share/ament_index/resource_index/rosidl_interfaces" / package
        try:
            interfaces = marker.read_text().split()
        except OSError:
            continue
        if f"msg/{short}.msg" in interfaces or f"msg/{short}.idl" in interfaces:
            return prefix / "share" / package
        raise TypeUnavailableError(
            f"The installed package {package} has no message {short}.",
            remedy="Compare the versions of the package on the robot and here.",
        )
    raise TypeUnavailableError(
        f"The message type {name} is not installed: there is no package {package} in AMENT_PREFIX_PATH.",
        remedy=f"Install {package} or source the workspace that holds it, then start again.",
    )


def _definition_text(share: Path, package: str, short: str) -> str:
    path = share / "msg" / f"{short}.msg"
    try:
        return path.read_text()
    except OSError as error:
        raise TypeUnavailableError(
            f"The definition of {package}/msg/{short} is not installed ({path} cannot be read).",
            remedy="Install the package with its share folder; a bag without definitions cannot be read elsewhere.",
        ) from error


def _field_types(text: str) -> Iterator[str]:
    """Yield the types of the fields of a .msg text, in order, constants and comments left out."""
    for line in text.splitlines():
        code = line.split("#", 1)[0]
        if _CONSTANT.match(code):
            continue
        match = _FIELD.match(code)
        if match is not None:
            yield match["type"]


def _used_types(text: str, package: str) -> list[str]:
    """Return the full names of the non-primitive types a definition uses, each once, in order."""
    names = []
    for field in _field_types(text):
        if field in _PRIMITIVES:
            continue
        owner, _, short = field.rpartition("/")
        owner = owner.removesuffix("/msg") or ("std_msgs" if field == "Header" else package)
        names.append(f"{owner}/msg/{short}")
    return list(dict.fromkeys(names))


def _type_hash(path: Path, name: str) -> str:
    try:
        hashes = json.loads(path.read_text())["type_hashes"]
    except (OSError, ValueError, KeyError):
        return ""  # a package built before REP-2016; the publisher's endpoint information may still tell the hash
    return next((entry["hash_string"] for entry in hashes if entry["type_name"] == name), "")

"""Which ROS packages there are on this computer, without starting any of them."""

from humanoid_recorder.core.errors import TypeUnavailableError
from humanoid_recorder.ros.message_types import ament_prefixes, message_class


def is_package_installed(name: str) -> bool:
    """Whether the ament index lists a package."""
    return any((prefix / "share/ament_index/resource_index/packages" / name).is_file() for prefix in ament_prefixes())


def is_type_installed(name: str) -> bool:
    """Whether messages of a type, ``pkg/msg/Type``, can be made here."""
    try:
        message_class(name)
    except TypeUnavailableError:
        return False
    return True

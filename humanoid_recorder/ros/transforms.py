"""Places of links as TF has them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped

TF_TYPE = "tf2_msgs/msg/TFMessage"


def transforms(
    frames: Sequence[tuple[str, str]], places: npt.NDArray[np.float64], stamp: Time
) -> list[TransformStamped]:
    """Return one transform per frame.

    Args:
        frames: Parent and child.
        places: Position in m and quaternion x, y, z, w of the child in its parent, shape (frames, 7).
        stamp: Of all of them.
    """
    made = []
    for (parent, child), (x, y, z, qx, qy, qz, qw) in zip(frames, places.tolist(), strict=True):
        transform = TransformStamped(child_frame_id=child)
        transform.header.frame_id, transform.header.stamp = parent, stamp
        translation, rotation = transform.transform.translation, transform.transform.rotation
        translation.x, translation.y, translation.z = x, y, z
        rotation.x, rotation.y, rotation.z, rotation.w = qx, qy, qz, qw
        made.append(transform)
    return made

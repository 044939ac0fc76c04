"""The skin of the hands: which pad and taxel each contact presses, in Pa.

Seven pads per hand, one row each (``PADS``); twelve taxels per pad in ``TAXELS_LONG`` by ``TAXELS_WIDE``: column
``long * TAXELS_WIDE + wide``, ``long`` from the wrist to the tip, ``wide`` from -z to +z of the link. A pad covers the
palmar side of its link, and its tip where that is the end of a finger. The normal force of a contact is shared between
the four nearest taxels, so that the pressures times the taxel's area add up to the force. Hands do not feel themselves,
only things.
"""

from dataclasses import dataclass

import mujoco
import numpy as np
import numpy.typing as npt

from humanoid_recorder.sim.humanoid.model import SIDES

Array = npt.NDArray[np.float64]

TAXELS_LONG, TAXELS_WIDE = 4, 3
TAXELS = TAXELS_LONG * TAXELS_WIDE


@dataclass(frozen=True, slots=True)
class Pad:
    """One pad, on the left hand; on the right one y is negated. Lengths in m, in the frame of its link."""

    link: str
    """Without the side."""
    start: tuple[float, float]
    """x, y of its end at the wrist."""
    along: tuple[float, float]
    """x, y from there to its other end."""
    facing: tuple[float, float]
    """x, y of the unit vector out of the skin."""
    width: float
    tip: bool = False
    """It ends a finger."""

    @property
    def taxel_m2(self) -> float:
        """Area of one taxel."""
        return float(np.hypot(*self.along)) * self.width / TAXELS


PADS = (
    Pad("hand_palm_link", (0.004, -0.02), (0.076, 0.0), (0.0, -1.0), 0.088),
    Pad("hand_thumb_1_link", (0.0, 0.0), (0.0, -0.046), (1.0, 0.0), 0.020),
    Pad("hand_thumb_2_link", (0.0, 0.0), (0.0, -0.052), (1.0, 0.0), 0.020, tip=True),
    Pad("hand_middle_0_link", (0.0, 0.0), (0.046, 0.0), (0.0, -1.0), 0.020),
    Pad("hand_middle_1_link", (0.0, 0.0), (0.052, 0.0), (0.0, -1.0), 0.020, tip=True),
    Pad("hand_index_0_link", (0.0, 0.0), (0.046, 0.0), (0.0, -1.0), 0.020),
    Pad("hand_index_1_link", (0.0, 0.0), (0.052, 0.0), (0.0, -1.0), 0.020, tip=True),
)
SHAPE = (len(PADS), TAXELS)
"""Rows and columns of one hand's array."""
_EDGE = 0.3
"""Cosine of the angle between skin and push up to which a contact counts as on the skin."""


@dataclass(frozen=True, slots=True)
class _Push:
    position_m: Array
    """In the frame of the link, shape (3,)."""
    outward: Array
    """Unit vector from the link to what it touches, in the same frame."""


class Skin:
    """Both hands' pads on a compiled model."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        self._rows: dict[int, tuple[int, int]] = {}
        self._body = np.zeros((len(SIDES), len(PADS)), dtype=np.intp)
        for hand, side in enumerate(SIDES):
            for row, pad in enumerate(PADS):
                geom = model.geom(f"{side}_{pad.link}_pad")
                self._rows[int(geom.id)] = (hand, row)
                self._body[hand, row] = int(geom.bodyid[0])

    def read(self, data: mujoco.MjData) -> Array:
        """Measure.

        Args:
            data: State whose contact forces are computed.

        Returns:
            Pressures in Pa, shape (2, 7, 12): left and right hand, pads, taxels.
        """
        pressure = np.zeros((len(SIDES), *SHAPE))
        for index in range(data.ncon):
            contact = data.contact[index]
            for geom, sign in ((int(contact.geom1), 1.0), (int(contact.geom2), -1.0)):
                place = self._rows.get(geom)
                if place is not None:
                    force = np.zeros(6)
                    mujoco.mj_contactForce(self._model, data, index, force)
                    body = self._body[place]
                    rotation = data.xmat[body].reshape(3, 3)
                    push = _Push(rotation.T @ (contact.pos - data.xpos[body]), rotation.T @ contact.frame[:3] * sign)
                    pressure[place] += force[0] / PADS[place[1]].taxel_m2 * _spread(push, PADS[place[1]], place[0])
        return pressure


def _spread(push: _Push, pad: Pad, hand: int) -> Array:
    """Share a push between the taxels of a pad; nothing if it is not on the skin."""
    mirror = 1.0 if hand == 0 else -1.0
    x, y, z = push.position_m * [1.0, mirror, 1.0]
    along = np.array(pad.along)
    outward = push.outward[:2] * [1.0, mirror]
    on_tip = pad.tip and np.dot(outward, along) >= _EDGE * np.linalg.norm(along)
    if not on_tip and np.dot(outward, pad.facing) < _EDGE:
        return np.zeros(TAXELS)
    long = float(np.dot([x - pad.start[0], y - pad.start[1]], along) / np.dot(along, along))
    return np.outer(_shares(long, TAXELS_LONG), _shares(z / pad.width + 0.5, TAXELS_WIDE)).ravel()


def _shares(place: float, count: int) -> Array:
    """Share 1 between the two nearest of ``count`` cells; ``place`` is 0..1 over their whole length."""
    centre = min(max(place * count - 0.5, 0.0), count - 1.0)
    return np.asarray(np.maximum(0.0, 1.0 - np.abs(np.arange(count) - centre)))

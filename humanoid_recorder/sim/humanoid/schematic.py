"""A picture without OpenGL: every shape as a flat outline, the far ones first."""

import mujoco
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Array = npt.NDArray[np.float64]

_SKY, _FLOOR = (176, 190, 204), (150, 152, 156)
_NEAR_M = 0.05
_BOX = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)
_FACES = ((0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5))
_LIGHT = np.array([0.3, -0.2, 0.93])


class _View:
    """A camera that projects points of the world to pixels."""

    def __init__(self, physics: mujoco.MjModel, state: mujoco.MjData, camera: int, size: tuple[int, int]) -> None:
        self.position = state.cam_xpos[camera].copy()
        self.axes = state.cam_xmat[camera].reshape(3, 3).copy()
        self.focal = size[1] / 2 / np.tan(np.radians(physics.cam_fovy[camera]) / 2)
        self.middle = np.array(size) / 2

    def project(self, points: Array) -> tuple[Array, Array]:
        """Return pixels, shape (n, 2), and depths in m, shape (n,)."""
        seen = (points - self.position) @ self.axes
        depth = np.maximum(-seen[:, 2], _NEAR_M)
        return self.middle + self.focal * seen[:, :2] / depth[:, None] * [1.0, -1.0], -seen[:, 2]


def draw(physics: mujoco.MjModel, state: mujoco.MjData, camera: int, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Draw what a camera sees.

    Args:
        physics: The model.
        state: Its state, positions computed.
        camera: Number of the camera.
        size: Width and height in pixels.

    Returns:
        RGB, shape (height, width, 3).
    """
    view = _View(physics, state, camera, size)
    image = Image.new("RGB", size, _SKY)
    canvas = ImageDraw.Draw(image)
    horizon = view.middle[1] + view.focal * view.axes[2, 2] * -1.0 / max(1e-6, view.axes[2, 1])
    canvas.rectangle((0, float(np.clip(horizon, 0, size[1])), *size), fill=_FLOOR)
    shapes = [geom for geom in range(physics.ngeom) if physics.geom_type[geom] != mujoco.mjtGeom.mjGEOM_PLANE]
    depths = view.project(state.geom_xpos[shapes])[1]
    # Distances of middles say nothing about a large table: it covers what is below, and what is above covers it.
    above = np.sign(state.geom_xpos[shapes, 2] - state.geom("table").xpos[2])
    for place in np.lexsort((-depths, above)):
        _draw_shape(canvas, view, physics, state, shapes[int(place)])
    return np.asarray(image)


def _draw_shape(
    canvas: ImageDraw.ImageDraw, view: _View, physics: mujoco.MjModel, state: mujoco.MjData, geom: int
) -> None:
    centre, turn = state.geom_xpos[geom], state.geom_xmat[geom].reshape(3, 3)
    half, colour = physics.geom_size[geom], physics.geom_rgba[geom][:3] * 255
    if physics.geom_type[geom] == mujoco.mjtGeom.mjGEOM_BOX:
        _draw_box(canvas, view, centre + (_BOX * half) @ turn.T, colour)
        return
    ends = centre + np.outer((-half[1], half[1]), turn[:, 2])
    pixels, depths = view.project(ends)
    if depths.min() < _NEAR_M:
        return
    radii = view.focal * half[0] / depths
    fill = tuple(int(value) for value in colour * 0.9)
    canvas.line([tuple(pixel) for pixel in pixels], fill=fill, width=max(1, int(radii.sum())))
    for (x, y), radius in zip(pixels, radii, strict=True):
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def _draw_box(canvas: ImageDraw.ImageDraw, view: _View, corners: Array, colour: Array) -> None:
    pixels, depths = view.project(corners)
    if depths.max() < _NEAR_M:
        return
    middle = corners.mean(axis=0)
    for face in _FACES:
        face_middle = corners[list(face)].mean(axis=0)
        outward = face_middle - middle
        if np.dot(outward, view.position - face_middle) > 0:
            shade = 0.7 + 0.3 * float(np.dot(outward / np.linalg.norm(outward), _LIGHT))
            canvas.polygon([tuple(pixels[corner]) for corner in face], fill=tuple(int(v) for v in colour * shade))

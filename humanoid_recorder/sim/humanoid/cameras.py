"""Pictures of the scene: rendered offscreen where OpenGL is to be had, else drawn schematically.

Rendering costs ten times the physics, so the cameras keep a state of their own and only need the configuration of the
robot (``SimHumanoid.configuration``), a few hundred bytes: they can live in another process.
"""

import importlib
import os
import sys
from typing import Protocol

import mujoco
import numpy as np
import numpy.typing as npt

from humanoid_recorder.sim.humanoid import model
from humanoid_recorder.sim.humanoid.scene import Array, Task
from humanoid_recorder.sim.humanoid.schematic import draw

Pixels = npt.NDArray[np.uint8]

WIDTH_PX, HEIGHT_PX = 320, 240
_BACKENDS = ("egl", "osmesa")
_VARIABLE = "MUJOCO_GL"
_OFF = ("disable", "disabled", "off", "false", "0")


class GlContext(Protocol):
    """An OpenGL context."""

    def make_current(self) -> None:
        """Make it that of this thread."""

    def free(self) -> None:
        """Give it back."""


class Cameras:
    """Every camera of a task's scene, one picture at a time. Use it from the thread that made it.

    Args:
        task: The scene.
        width_px: Columns of a picture, at most 1280.
        height_px: Rows, at most 960.

    Raises:
        SpecError: The robot description is not installed.
    """

    def __init__(self, task: Task, *, width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX) -> None:
        self._physics = model.build(task)
        self._state = mujoco.MjData(self._physics)
        self._size = (width_px, height_px)
        self._renderer: _OffscreenRenderer | None = None
        self.schematic_because = ""
        """Why pictures are only schematic; empty when they are rendered. Tell the user once."""
        try:
            self._renderer = _OffscreenRenderer(self._physics, _context(width_px, height_px), self._size)
        except _NoContextError as error:
            self.schematic_because = str(error)

    def show(self, configuration: Array) -> None:
        """Move everything to where it is.

        Args:
            configuration: What ``SimHumanoid.configuration`` gave for the same task.

        Raises:
            ValueError: It is of another task.
        """
        if configuration.shape != self._state.qpos.shape:
            raise ValueError(f"this scene has {self._state.qpos.size} coordinates, not {configuration.size}")
        self._state.qpos[:] = configuration
        mujoco.mj_kinematics(self._physics, self._state)
        mujoco.mj_comPos(self._physics, self._state)
        mujoco.mj_camlight(self._physics, self._state)

    def picture(self, camera: str) -> Pixels:
        """Take a picture.

        Args:
            camera: One of ``model.CAMERAS``, or ``model.OVERVIEW``.

        Returns:
            RGB, shape (height, width, 3).

        Raises:
            KeyError: There is no such camera.
        """
        number = int(self._physics.camera(camera).id)
        if self._renderer is None:
            return draw(self._physics, self._state, number, self._size)
        return self._renderer.render(self._state, number)

    def close(self) -> None:
        """Free the OpenGL context."""
        if self._renderer is not None:
            self._renderer.close()


class _NoContextError(Exception):
    """There is no OpenGL here."""


class _OffscreenRenderer:
    def __init__(self, physics: mujoco.MjModel, context: GlContext, size: tuple[int, int]) -> None:
        self._physics, self._context, self._size = physics, context, size
        self._closed = False
        context.make_current()
        self._render_context = mujoco.MjrContext(physics, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_resizeOffscreen(*size, self._render_context)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._render_context)
        self._scene = mujoco.MjvScene(physics, maxgeom=500)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        self._camera, self._options = mujoco.MjvCamera(), mujoco.MjvOption()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED

    def render(self, state: mujoco.MjData, camera: int) -> Pixels:
        self._context.make_current()
        self._camera.fixedcamid = camera
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(self._physics, state, self._options, None, self._camera, everything, self._scene)
        frame, pixels = mujoco.MjrRect(0, 0, *self._size), np.zeros((self._size[1], self._size[0], 3), dtype=np.uint8)
        mujoco.mjr_render(frame, self._scene, self._render_context)
        mujoco.mjr_readPixels(pixels, None, frame, self._render_context)
        return pixels[::-1]

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._context.make_current()  # else it would free what another renderer has under the same numbers
            self._render_context.free()
            self._context.free()

    def __del__(self) -> None:
        if not sys.is_finalizing():  # the bindings have ended OpenGL themselves by then
            self.close()


def _context(width_px: int, height_px: int) -> GlContext:
    """Make an offscreen context with what ``MUJOCO_GL`` names, else with the first that works.

    Raises:
        _NoContextError: None works, or it is switched off.
    """
    chosen = os.environ.get(_VARIABLE, "").lower().strip()
    if chosen in _OFF:
        raise _NoContextError(f"rendering is switched off by {_VARIABLE}={chosen}")
    reasons = []
    for backend in (chosen,) if chosen in _BACKENDS else _BACKENDS:
        try:
            context: GlContext = importlib.import_module(f"mujoco.{backend}").GLContext(width_px, height_px)
        except Exception as error:  # drivers and their bindings fail in every way there is
            reasons.append(f"{backend}: {error}")
        else:
            return context
    raise _NoContextError("there is no OpenGL to render with (" + "; ".join(reasons) + "); Debian: apt install libegl1")

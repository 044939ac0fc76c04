"""The taxels in the profile of the simulated humanoid are those of its skin."""

from pathlib import Path

import numpy as np
import pytest

from humanoid_recorder.spec.profile import load_profile

pytest.importorskip("mujoco", reason="needs the extra humanoid_recorder[sim]")

from humanoid_recorder.sim.humanoid.touch import PADS, TAXELS_LONG, TAXELS_WIDE

PROFILE = Path(__file__).parents[3] / "config" / "robots" / "g1_sim.yaml"
SKIN_M = 0.011
"""A finger's skin is at most so far from the line along its middle, from which the physics measures."""


@pytest.mark.parametrize(("side", "mirror"), [("left", 1.0), ("right", -1.0)])
def test_each_declared_taxel_is_where_the_physics_feels_it(side: str, mirror: float) -> None:
    declared = load_profile(PROFILE).profile.streams[f"{side}_touch"].taxels
    assert declared is not None
    assert [pad.frame for pad in declared] == [f"{side}_{pad.link}" for pad in PADS]
    for spec, pad in zip(declared, PADS, strict=True):
        places = np.array(spec.places_m()) * [1.0, mirror, 1.0]
        for index, place in enumerate(places):
            long, wide = divmod(index, TAXELS_WIDE)
            along = np.array(pad.start) + np.array(pad.along) * (long + 0.5) / TAXELS_LONG
            off = place[:2] - along
            assert place[2] == pytest.approx(pad.width * ((wide + 0.5) / TAXELS_WIDE - 0.5), abs=1e-5)
            assert np.dot(off, pad.along) == pytest.approx(0, abs=1e-6)
            assert 0 <= np.dot(off, pad.facing) <= SKIN_M

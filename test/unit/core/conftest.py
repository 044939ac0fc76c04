import pytest
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore


@pytest.fixture(scope="session")
def typestore() -> Typestore:
    """An implementation of CDR that is not ours."""
    return get_typestore(Stores.ROS2_KILTED)

"""Reading the graph: which topics there are, and who publishes them."""

from collections.abc import Callable

from rclpy.node import Node

from humanoid_recorder.core.graph import PublisherOnGraph, TopicOnGraph
from humanoid_recorder.ros.qos import offer_from_endpoint


def read_graph(node: Node, wanted: Callable[[str], bool]) -> dict[str, TopicOnGraph]:
    """Read what discovery knows now.

    Args:
        node: Ours; a topic that nobody else publishes is left out.
        wanted: Which topics to look at; looking costs some 50 us a topic.

    Returns:
        The wanted topics that somebody else publishes, by name, with all of their publishers.
    """
    topics = {}
    own_name = node.get_fully_qualified_name()
    for name, _types in node.get_topic_names_and_types():
        if not wanted(name):
            continue
        publishers = tuple(
            PublisherOnGraph(
                node=f"{info.node_namespace.rstrip('/')}/{info.node_name}",
                type=info.topic_type,
                type_hash=_known(str(info.topic_type_hash)),
                offer=offer_from_endpoint(info.qos_profile),
                gid=bytes(info.endpoint_gid),
            )
            for info in node.get_publishers_info_by_topic(name)
        )
        if any(publisher.node != own_name for publisher in publishers):
            topics[name] = TopicOnGraph(name, publishers)
    return topics


def _known(type_hash: str) -> str:
    return type_hash if type_hash.startswith("RIHS") else ""

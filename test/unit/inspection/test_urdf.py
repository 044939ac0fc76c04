from pathlib import Path

import pytest

from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.inspection.urdf import JointType, Mimic, parse_urdf


def robot(*joints: str, links: str = '<link name="a"/><link name="b"/>') -> str:
    return f"<robot name='r'>{links}{''.join(joints)}</robot>"


A_TO_B = '<joint name="j" type="{}"><parent link="a"/><child link="b"/>{}</joint>'


def test_a_robot_is_read(urdf_text: str) -> None:
    urdf = parse_urdf(urdf_text)
    assert urdf.root_link == "base"
    assert urdf.moving_joints == ("shoulder", "slide")
    assert [(joint.name, joint.type) for joint in urdf.joints] == [
        ("shoulder", JointType.REVOLUTE),
        ("slide", JointType.PRISMATIC),
        ("grip", JointType.CONTINUOUS),
        ("mount", JointType.FIXED),
    ]
    assert urdf.joints[1].axis == (1.0, 0.0, 0.0)
    assert urdf.joints[2].mimic == Mimic("slide", 2.0, 0.1)
    assert urdf.joints[3].xyz_m == (0.0, 0.0, 1.5)
    assert urdf.mesh_packages == ()


def test_packages_with_meshes_are_named_and_a_joint_has_an_axis_without_saying_so() -> None:
    mesh = '<visual><geometry><mesh filename="package://{}/x.stl"/></geometry></visual>'
    links = f'<link name="a">{mesh.format("g1_description")}{mesh.format("ours")}</link><link name="b"/>'
    urdf = parse_urdf(robot(A_TO_B.format("revolute", ""), links=links))
    assert urdf.mesh_packages == ("g1_description", "ours")
    assert urdf.joints[0].axis == (1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not XML"),
        ("<robot>", "not XML"),
        (robot(A_TO_B.format("floating", "")), "'floating'"),
        (robot(A_TO_B.format("fixed", '<origin xyz="0 0"/>')), "'0 0' where 3 numbers belong"),
        (robot(A_TO_B.format("fixed", '<origin rpy="0 0 nan"/>')), "where 3 numbers belong"),
        (robot(A_TO_B.format("revolute", '<axis xyz="0 0 0"/>')), "axis without a direction"),
        (robot(A_TO_B.format("revolute", '<mimic joint="k" multiplier="x"/>')), "'x 0'"),
        (robot('<joint name="j" type="fixed"><parent link="a"/></joint>'), "no child link"),
        (robot(A_TO_B.format("fixed", ""), links='<link name="a"/>'), "'b', which it does not have"),
        (robot(), "2 have no parent"),
        (
            robot(
                '<joint name="j" type="fixed"><parent link="b"/><child link="c"/></joint>',
                '<joint name="k" type="fixed"><parent link="c"/><child link="b"/></joint>',
                links='<link name="a"/><link name="b"/><link name="c"/>',
            ),
            "each other's parents",
        ),
    ],
)
def test_what_is_not_one_tree_of_links_is_refused_with_words(text: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        parse_urdf(text)


def test_a_document_type_is_refused_before_anything_is_expanded_or_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    expanding = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    reading = f'<!DOCTYPE r [<!ENTITY b SYSTEM "{secret.as_uri()}">]>'
    for kind in (expanding, reading, '<!DOCTYPE robot SYSTEM "http://127.0.0.1:9/x.dtd">'):
        with pytest.raises(SpecError, match="document type declaration"):
            parse_urdf(f'{kind}<robot name="&b;"><link name="a"/></robot>')

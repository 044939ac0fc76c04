"""YAML files become models, or lines that say where, which key, what is wrong and what was meant."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.spec.model import Flag, Number, Positive, SpecModel
from humanoid_recorder.spec.yaml_source import MAX_BYTES, YamlDocument, load_yaml
from humanoid_recorder.spec.yaml_tree import MAX_DEPTH, MAX_VALUES


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Wheel(SpecModel):
    radius_m: Positive
    colour: Colour = Colour.RED
    spokes: Annotated[int, Field(strict=True, ge=3)] = 3


class Cart(SpecModel):
    name: str
    wheels: dict[str, Wheel] = Field(default_factory=dict)
    offset_m: tuple[Number, Number] | None = None
    notes: tuple[str, ...] = ()
    braked: Flag = False
    size: Literal["small", "large"] = "small"
    spare: Wheel | None = None


def read(text: str | bytes) -> Cart:
    data = text.encode() if isinstance(text, str) else text
    return YamlDocument.from_bytes(data, name="cart.yaml").validate(Cart)


def complaints(text: str | bytes) -> list[str]:
    with pytest.raises(SpecError) as caught:
        read(text)
    return caught.value.message.splitlines()


def test_a_right_file_becomes_the_model() -> None:
    cart = read("name: c\nwheels: {a: {radius_m: 1}}\noffset_m: [0, 1e-3]\nnotes: [on, yes, 12:30, 2024-01-01]\n")
    assert cart == Cart(
        name="c",
        wheels={"a": Wheel(radius_m=1.0)},
        offset_m=(0.0, 0.001),
        notes=("on", "yes", "12:30", "2024-01-01"),
    )


def test_load_yaml_reads_a_file_and_names_it_in_errors(tmp_path: Path) -> None:
    path = tmp_path / "cart.yaml"
    path.write_text("name: c\n")
    assert load_yaml(path, Cart).name == "c"
    path.write_text("nam: c\n")
    with pytest.raises(SpecError) as caught:
        load_yaml(path, Cart)
    assert caught.value.message == f"{path}:1: nam: unknown key; did you mean 'name'?"


def test_a_misspelt_key_is_one_line_with_the_nearest_key() -> None:
    assert complaints("name: c\nwheels:\n  a:\n    radius: 1\n") == [
        "cart.yaml:4: wheels.a.radius: unknown key; did you mean 'radius_m'?"
    ]


def test_an_unknown_key_without_a_near_one_lists_the_known_ones() -> None:
    assert complaints("name: c\nspare: {radius_m: 1, zzz: 1}\n") == [
        "cart.yaml:2: spare.zzz: unknown key; known here: colour, radius_m, spokes"
    ]


def test_a_missing_key_points_at_the_enclosing_mapping() -> None:
    assert complaints("name: c\nwheels:\n\n  a:\n    colour: red\n") == ["cart.yaml:4: wheels.a.radius_m: missing"]


def test_every_fault_is_reported_at_once_in_the_order_of_the_file() -> None:
    assert complaints("size: lrge\nwheels:\n  a: {radius_m: 0, colour: gren}\n  b: 3\nwheels: {}\nnoets: []\n") == [
        "cart.yaml:1: size: 'lrge' is not one of small, large; did you mean 'large'?",
        "cart.yaml:1: name: missing",
        "cart.yaml:3: wheels.a.radius_m: 0 should be greater than 0",
        "cart.yaml:3: wheels.a.colour: 'gren' is not one of red, green; did you mean 'green'?",
        "cart.yaml:4: wheels.b: keys and values are needed here, not a number",
        "cart.yaml:5: wheels: duplicate key; it is already in line 2",
        "cart.yaml:6: noets: unknown key; did you mean 'notes'?",
    ]


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("name: 0042", "name: 0042 is read as a number where text is needed; put it in quotes"),
        ("name: true", "name: true is read as true or false where text is needed; put it in quotes"),
        ("name:", "name: text is needed here, not nothing"),
        ("name: [a]", "name: text is needed here, not a list"),
        ("name: c\nbraked: yes", "braked: true or false is needed here, not 'yes'"),
        ("name: c\nbraked: 1", "braked: true or false is needed here, not 1"),
        ("name: c\nnotes: {a: b}", "notes: a list is needed here, not keys and values"),
        ("name: c\nnotes: text", "notes: a list is needed here, not 'text'"),
        ("name: c\noffset_m: [1]", "offset_m[1]: missing"),
        ("name: c\noffset_m: [1, .nan]", "offset_m[1]: a number is needed here, not .nan"),
        ("name: c\noffset_m: [1, true]", "offset_m[1]: a number is needed here, not true"),
        ("name: c\nspare: {radius_m: '3'}", "spare.radius_m: a number is needed here, not '3'; remove the quotes"),
        ("name: c\nspare: {radius_m: wide}", "spare.radius_m: a number is needed here, not 'wide'"),
        ("name: c\nspare: {radius_m: 1, spokes: 3.5}", "spare.spokes: a number is needed here, not 3.5"),
        ("name: c\nspare: {radius_m: 1, spokes: 2}", "spare.spokes: 2 should be greater than or equal to 3"),
        ("name: c\n'a\\b': 1", "'a\\\\b': unknown key; known here: "),
        ("name: c\n1: x", "the key '1' is not text; put it in quotes"),
        ("name: c\n[a]: x", "a key must be text, not a list or a mapping"),
        ('name: "\\ud800"', "name: '\\ud800' cannot be read as str"),
        ("name: !!int x", "name: 'x' cannot be read as int"),
        (
            "name: !!python/name:os.system x",
            "name: the tag 'tag:yaml.org,2002:python/name:os.system' is not allowed here",
        ),
        (
            "name: c\nspare: !!python/object:x {}",
            "spare: the tag 'tag:yaml.org,2002:python/object:x' is not allowed here",
        ),
        ("name: c\nspare: {<<: 3, radius_m: 1}", "spare: '<<' merges mappings only"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_needed(entry: str, complaint: str) -> None:
    (line,) = complaints(entry)
    place, _, message = line.partition(": ")
    assert place == f"cart.yaml:{entry.count(chr(10)) + 1}"
    assert message.startswith(complaint)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "cart.yaml:1: the file is empty"),
        ("# nothing\n", "cart.yaml:1: the file is empty"),
        ("\n- a\n", "cart.yaml:2: the file must hold keys and values at its top level"),
        ("name:\n\t- a\n", "cart.yaml:2: a tab cannot indent YAML; use spaces"),
        ("name: c\n---\nname: d\n", "cart.yaml:2: a second document begins here ('---'); one file holds one document"),
        ("name: c\nnotes: [a\n", "cart.yaml:2: while parsing a flow sequence: "),
        ("name: c\nnotes: 'a\n\n\n", "cart.yaml:2: while scanning a quoted scalar: found unexpected end of stream"),
        ("name: c\nnotes: a: b\n", "cart.yaml:2: mapping values are not allowed here"),
        ("name: c\nnotes: *none\n", "cart.yaml:2: found undefined alias 'none'"),
        (b"name: c\nnotes: [\xff]\n", "cart.yaml:2: byte 0xff is not UTF-8"),
        ("name: c\nnotes: [\x07]\n", "cart.yaml:2: the character U+0007 is not allowed in YAML"),
        ('name: "\\U00110000"\n', "cart.yaml:1: cannot be read: "),
        ("name: c\nspare: &a {b: *a}\n", "cart.yaml:2: an alias here refers to the value that contains it"),
        ("name: c\nspare: &a {<<: *a}\n", "cart.yaml:2: an alias here refers to the value that contains it"),
        ("name: c\nnotes: " + "[" * MAX_DEPTH, f"cart.yaml:2: nested deeper than {MAX_DEPTH} levels"),
        ("#" * (MAX_BYTES + 1), f"cart.yaml: larger than {MAX_BYTES // 1024} KiB"),
        ("name: c\nnotes: [" + "a," * MAX_VALUES + "]", f"cart.yaml:2: more than {MAX_VALUES} values"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_unreadable_file_is_refused_with_its_line(text: str | bytes, complaint: str) -> None:
    (line,) = complaints(text)
    assert line.startswith(complaint)


@pytest.mark.parametrize("form", ["[{0}]", "{{<<: [{0}]}}"], ids=["sequences", "merges"])
def test_aliases_cannot_multiply_values_without_bound(form: str) -> None:
    levels = ["a0: &a0 {x: 1}"]
    levels += [f"a{n}: &a{n} " + form.format(", ".join([f"*a{n - 1}"] * 9)) for n in range(1, 12)]
    assert f"more than {MAX_VALUES} values, those that aliases repeat included" in complaints("\n".join(levels))[-1]


def test_merged_keys_yield_to_the_keys_of_the_mapping() -> None:
    cart = read("name: c\nwheels:\n  a: &a {radius_m: 1, spokes: 4}\n  b: {<<: *a, spokes: 5}\n")
    assert cart.wheels["b"] == Wheel(radius_m=1, spokes=5)


def test_a_byte_order_mark_is_accepted() -> None:
    assert read(b"\xef\xbb\xbfname: c\n").name == "c"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"none\.yaml: cannot be read: No such file"):
        load_yaml(tmp_path / "none.yaml", Cart)
    with pytest.raises(SpecError, match="cannot be read: Is a directory"):
        load_yaml(tmp_path, Cart)


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_raise_anything_but_a_spec_error(data: bytes) -> None:
    try:
        cart = read(data)
    except SpecError as err:
        assert all(line.startswith("cart.yaml:") for line in err.message.splitlines())  # noqa: PT017
    else:
        assert cart.name


YAML_BITS = st.sampled_from(
    [
        "name",
        "wheels",
        "notes",
        "radius_m",
        ": ",
        ":\n  ",
        "\n",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "&a ",
        "*a",
        "<<",
        "'",
        '"',
        "!!int ",
        "!x ",
        "|\n",
        ">\n",
        "? ",
        "---\n",
        "%YAML 1.1\n",
        "\t",
        "null",
        "true",
        "0x",
        "1" * 400,
        "1e999",
        "\\U",
    ]
)


@settings(deadline=None)
@given(st.lists(YAML_BITS, max_size=30).map("".join))
def test_no_arrangement_of_yaml_raises_anything_but_a_spec_error(text: str) -> None:
    try:
        cart = read(text)
    except SpecError as err:
        assert all(line.startswith("cart.yaml:") for line in err.message.splitlines())  # noqa: PT017
    else:
        assert isinstance(cart, Cart)

from __future__ import annotations

import json
import pickle
from dataclasses import fields

import pytest
from hypothesis import given

from eyeward.errors import UsageError
from eyeward.scenes.graph import SceneGraph
from tests.scenes.worlds import scene, scenes


@given(scenes())
def test_a_graph_survives_json_and_pickle(graph: SceneGraph) -> None:
    assert SceneGraph.from_json(graph.to_json()) == graph
    assert pickle.loads(pickle.dumps(graph)) == graph
    assert SceneGraph.from_json(graph.to_json()).to_json() == graph.to_json()


def test_json_names_every_field() -> None:
    assert set(json.loads(scene("firearm").to_json())) == {field.name for field in fields(SceneGraph)}


def test_slots_of_a_graph_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        scene("firearm").slots["weapon"] = "rifle"  # type: ignore[index]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"seed": 1}', scene("firearm").to_json().replace("flat", "oil")])
def test_what_is_not_a_graph_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="not a scene graph"):
        SceneGraph.from_json(text)

"""The graph that TensorBoard shows is that of the contract: every weight, in its shape, on the way to the loss."""

from __future__ import annotations

import dataclasses

import pytest

from lstmbench.models.weights import shapes
from lstmbench.parity.comparison import MODELS
from lstmbench.training.model_graph import model_graph

BATCH, STEPS = 3, 5

models = pytest.mark.parametrize("spec", MODELS.values(), ids=MODELS)


def nodes(spec):
    return {node.name: node for node in model_graph(spec, BATCH, STEPS).node}


def shape(node):
    (only,) = node.attr["_output_shapes"].list.shape
    return tuple(dim.size for dim in only.dim)


@models
def test_each_weight_is_a_variable_of_its_shape_under_its_canonical_name(spec):
    variables = {name: shape(node) for name, node in nodes(spec).items() if node.op == "VariableV2"}
    assert variables == {scoped(name): size for name, size in shapes(spec).items()}


def scoped(name):
    """A weight's name with the part after its layer as TensorBoard groups names."""
    return "embedding/table" if name == "embedding" else "/".join(name.rsplit(".", 1))


@models
def test_every_node_leads_to_the_loss_and_follows_what_it_reads(spec):
    found = nodes(spec)
    names = list(found)
    for name, node in found.items():
        assert all(names.index(one) < names.index(name) for one in node.input)
    reached, waiting = set(), [names[-1]]
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting += found[name].input
    assert reached == set(names)
    assert names[-1] == "loss/objective"
    assert shape(found["loss/objective"]) == ()


@pytest.mark.parametrize(
    ("model", "inputs", "logits"),
    [("language_model", (BATCH, STEPS), (BATCH, STEPS, 11)), ("classifier", (BATCH, STEPS, 4), (BATCH, 6))],
)
def test_the_shapes_are_those_of_a_batch(model, inputs, logits):
    found = nodes(MODELS[model])
    assert shape(found["inputs"]) == inputs
    assert shape(found["output/logits"]) == logits
    for layer in range(2):
        assert shape(found[f"lstm.{layer}/lstm"]) == (BATCH, STEPS, 7)
        assert shape(found[f"lstm.{layer}/hidden"]) == shape(found[f"lstm.{layer}/cell"]) == (BATCH, 7)


@pytest.mark.parametrize(
    ("model", "places"),
    [("language_model", ["dropout_0", "dropout_1", "dropout_2"]), ("classifier", ["dropout_1", "dropout_2"])],
)
def test_dropout_is_where_the_contract_has_it_and_nowhere_without_it(model, places):
    spec = dataclasses.replace(MODELS[model], keep_prob=0.75)
    found = nodes(spec)
    assert [name for name in found if name.startswith("dropout")] == places
    assert {found[name].attr["keep_prob"].f for name in places} == {0.75}
    assert not [name for name in nodes(MODELS[model]) if name.startswith("dropout")]

"""Draw the model as a graph for TensorBoard.

It is the graph of the contract (``learner.ModelSpec``), so it is the same for every implementation.  Its operations are
as coarse as the contract: a node per weight, LSTM layer and dropout.
"""

from __future__ import annotations

from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.compat.proto.types_pb2 import DT_FLOAT, DT_INT32

from lstmbench.models.learner import ModelSpec
from lstmbench.models.weights import shapes


def model_graph(spec: ModelSpec, batch: int, steps: int) -> GraphDef:
    """Return the graph from a batch's inputs to the objective, with the shapes of a training step."""
    graph = _Graph()
    weights = {name: graph.add(_scoped(name), "VariableV2", shape) for name, shape in shapes(spec).items()}
    if spec.embedding:
        inputs = graph.add("inputs", "Placeholder", (batch, steps), dtype=DT_INT32)
        width = (batch, steps, spec.input_size)
        x = graph.add("embedding/lookup", "GatherV2", width, weights["embedding"], inputs)
    else:
        x = graph.add("inputs", "Placeholder", (batch, steps, spec.input_size))
    if spec.input_dropout:
        x = graph.add_dropout(0, spec, (batch, steps, spec.input_size), x)
    every, last = (batch, steps, spec.hidden_size), (batch, spec.hidden_size)
    for layer in range(spec.num_layers):
        # The state of the batch before, or zeros.
        kind = "Placeholder" if spec.stateful else "ZerosLike"
        state = [graph.add(f"lstm.{layer}/{part}", kind, last) for part in ("hidden", "cell")]
        own = [weights[f"lstm.{layer}.{part}"] for part in ("kernel", "recurrent", "bias")]
        x = graph.add(f"lstm.{layer}/lstm", "LSTM", every, x, *state, *own)
        x = graph.add_dropout(layer + 1, spec, every, x)
    if not spec.every_step:
        x = graph.add("last_step", "StridedSlice", last, x)
    predictions = (batch, steps) if spec.every_step else (batch,)
    logits = (*predictions, spec.output_size)
    x = graph.add("output/product", "MatMul", logits, x, weights["output.kernel"])
    x = graph.add("output/logits", "BiasAdd", logits, x, weights["output.bias"])
    targets = graph.add("targets", "Placeholder", predictions, dtype=DT_INT32)
    x = graph.add("loss/cross_entropy", "SparseSoftmaxCrossEntropyWithLogits", predictions, x, targets)
    x = graph.add("loss/mean", "Mean", (), x)
    graph.add("loss/objective", "Mul", (), x, scale=spec.loss_scale)
    return graph.definition


def _scoped(name: str) -> str:
    """Return a weight's name with a slash before its last part, because TensorBoard groups nodes by slashes."""
    return "embedding/table" if name == "embedding" else "/".join(name.rsplit(".", 1))


class _Graph:
    def __init__(self) -> None:
        self.definition = GraphDef()

    def add(
        self, name: str, operation: str, shape: tuple[int, ...], *inputs: str, dtype: int = DT_FLOAT, **numbers: float
    ) -> str:
        """Add a node with one output of this shape, and return its name."""
        node = self.definition.node.add(name=name, op=operation, input=inputs)
        node.attr["dtype"].type = dtype
        size = node.attr["_output_shapes"].list.shape.add()
        for length in shape:
            size.dim.add(size=length)
        for key, number in numbers.items():
            node.attr[key].f = number
        return name

    def add_dropout(self, place: int, spec: ModelSpec, shape: tuple[int, ...], x: str) -> str:
        """Add the dropout before the first layer (place 0) or after a layer, if there is any; return what follows."""
        if spec.keep_prob == 1.0:
            return x
        return self.add(f"dropout_{place}", "Dropout", shape, x, keep_prob=spec.keep_prob)

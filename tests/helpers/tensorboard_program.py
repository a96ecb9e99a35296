"""Print as JSON what TensorBoard's plugins serve of a folder of runs: each run's graph and its embedding.

Run as a program: TensorBoard loads TensorFlow if it finds it, unless it is told to go without.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

if __name__ == "__main__":
    logdir, with_tensorflow = sys.argv[1], sys.argv[2] == "tensorflow"
    if not with_tensorflow:
        sys.modules["tensorboard.compat.notf"] = ModuleType("tensorboard.compat.notf")

    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.compat import tf
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.graph.graphs_plugin import GraphsPlugin
    from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
    from werkzeug.test import Client

    assert (tf.__version__ != "stub") == with_tensorflow
    events = EventMultiplexer().AddRunsFromDirectory(logdir)
    events.Reload()
    context = TBContext(data_provider=MultiplexerDataProvider(events, logdir), logdir=logdir, multiplexer=events)
    graphs, projector = GraphsPlugin(context).get_plugin_apps(), ProjectorPlugin(context).get_plugin_apps()

    def served(apps: dict[str, Any], path: str, **query: str) -> Any:
        response = Client(apps[path]).get("/", query_string=query)
        assert response.status_code == 200, (path, query, response.get_data())
        return response

    result: dict[str, Any] = {"graphs": {}, "embeddings": {}}
    for run, content in served(graphs, "/info").get_json(force=True).items():
        assert content["run_graph"]
        result["graphs"][run] = served(graphs, "/graph", run=run).get_data(as_text=True)
    for run in served(projector, "/runs").get_json(force=True):
        (one,) = served(projector, "/info", run=run).get_json(force=True)["embeddings"]
        name = one["tensorName"]
        values = np.frombuffer(served(projector, "/tensor", run=run, name=name).get_data(), np.float32)
        words = served(projector, "/metadata", run=run, name=name).get_data(as_text=True)
        result["embeddings"][run] = {
            "name": name,
            "shape": one["tensorShape"],
            "values": values.tolist(),
            "words": words,
        }
    Path(sys.argv[3]).write_text(json.dumps(result), encoding="utf-8")

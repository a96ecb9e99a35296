"""Write TensorBoard event files without a framework.

The usual writers import PyTorch or TensorFlow if they find them, but a process that measures one framework must not
load the other.  TensorBoard's own record writer and messages need neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from lstmbench.utils.clock import timestamp
from lstmbench.utils.files import naming

# The name by which TensorBoard finds an event file, and the first event that it expects in it.
FILE_NAME = "events.out.tfevents.0.lstm-bench"
FILE_VERSION = "brain.Event:2"


class EventFile:
    """Write the model's graph, if there is one, and scalars per epoch.

    Every attempt writes the whole file, so that a resumed run has the graph and each epoch only once.
    """

    def __init__(self, folder: Path, graph: GraphDef | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE_NAME
        self._file = self._path.open("wb")
        self._records = RecordWriter(self._file)
        self._write(Event(wall_time=timestamp(), file_version=FILE_VERSION))
        if graph is not None:
            self._write(Event(wall_time=timestamp(), graph_def=graph.SerializeToString()))

    def __enter__(self) -> EventFile:
        return self

    def __exit__(self, *_: object) -> None:
        with naming(self._path):
            self._file.close()

    def add(self, row: Mapping[str, float]) -> None:
        """Write the numbers of a history row under their names, with the row's updates as the step."""
        values = [
            Summary.Value(tag=name, simple_value=value)
            for name, value in row.items()
            if name not in ("epoch", "updates")
        ]
        self._write(Event(wall_time=timestamp(), step=row["updates"], summary=Summary(value=values)))

    def _write(self, event: Event) -> None:
        with naming(self._path):
            self._records.write(event.SerializeToString())
            self._records.flush()

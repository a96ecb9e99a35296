"""Show the progress of a long run: a bar with rate and remaining time on a terminal, plain lines in a log."""

from __future__ import annotations

import sys

from tqdm import tqdm

from lstmbench.utils.clock import Stopwatch

LINE_EVERY_SECONDS = 30.0


class Progress:
    """Count training steps, or another ``unit``; show progress, or nothing unless ``shown``."""

    def __init__(self, total: int, done: int, label: str, shown: bool = True, unit: str = "updates") -> None:
        self._bar = tqdm(
            total=total,
            initial=done,
            desc=label,
            unit=f" {unit}",
            dynamic_ncols=True,
            disable=not (shown and sys.stderr.isatty()),
        )
        self._total, self._begin, self._done = total, done, done
        self._label, self._shown, self._unit = label, shown, unit
        self._since_start, self._since_line = Stopwatch(), Stopwatch()

    def advance(self, count: int, note: str) -> None:
        """Count ``count`` more; show ``note`` beside the count."""
        self._done += count
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(count)
        if self._bar.disable and self._since_line.seconds() > LINE_EVERY_SECONDS:
            rate = (self._done - self._begin) / self._since_start.seconds()
            left = tqdm.format_interval((self._total - self._done) / rate)
            self.log(f"{self._done:,} of {self._total:,} {self._unit}, {rate:.2f} {self._unit}/s, {left} left, {note}")
            self._since_line = Stopwatch()

    def log(self, line: str) -> None:
        """Print a line without disturbing the bar."""
        if self._shown:
            tqdm.write(f"{self._label}: {line}", file=sys.stderr)
            sys.stderr.flush()

    def close(self) -> None:
        """Restore the terminal."""
        self._bar.close()

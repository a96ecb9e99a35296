from __future__ import annotations

from lstmbench.utils import progress
from lstmbench.utils.progress import Progress


def test_a_log_gets_plain_lines_with_rate_and_remaining_time(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINE_EVERY_SECONDS", 0.0)
    shown = Progress(total=1000, done=100, label="ptb/small")
    shown.advance(50, "epoch 1, loss 5.0")
    shown.close()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ptb/small: 150 of 1,000 updates, ")
    assert "updates/s" in line
    assert " left, epoch 1, loss 5.0" in line
    assert "\r" not in line


def test_a_log_is_not_flooded(capsys):
    shown = Progress(total=1000, done=0, label="x")
    for _ in range(100):
        shown.advance(1, "")
    shown.close()
    assert capsys.readouterr().err == ""

"""glyphs: images of digits drawn by an unsteady pen, in the format of MNIST and read row by row.

Each digit has a few hand-made drawings of lines and arcs (sevens with and without a bar, two fours, ...).  Every image
distorts one of them: its points wander, then the whole is stretched, slanted, rotated and shifted.  It is drawn with
its own pen width and pressure on paper with noise.  A pixel's ink depends on its distance from the nearest stroke:

    ink = pressure * clip(width / 2 + 1/2 - distance, 0, 1)        all in pixels

This is a stroke of that width with an edge one pixel wide.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from lstmbench.datasets import Prepared

TASK = "classifier"
VERSION = 1

CLASSES = 10
SIDE = 28
IMAGES = {"train": 6_000, "valid": 1_000, "test": 1_000}
SEED = 1

# Each value is drawn uniformly from its range, separately for every image.
WANDER = 0.11  # largest shift of a point, across and up, in heights of a digit
HEIGHT = (14.0, 21.0)  # pixels
ASPECT = (0.70, 1.10)  # of a drawing's width to its own height
SLANT = (-0.15, 0.40)  # sideways per upwards
ROTATION = (-0.22, 0.22)  # radians
SHIFT = 2.5  # pixels either way, across and down
WIDTH = (1.6, 3.6)  # pixels
PRESSURE = (0.65, 1.0)  # ink of a full stroke, of 255
NOISE = (0.0, 0.10)  # standard deviation of the paper's noise, of 255

CHUNK = 500
"""Number of images drawn at a time, so that their distances to a segment, float64[500, 28, 28], fit into the cache."""


def _line(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points)


def _arc(
    centre: tuple[float, float], radii: tuple[float, float], begin: float, end: float, points: int = 9
) -> np.ndarray:
    """Return points on an ellipse, with radii across and up; angles in degrees, 0 to the right, 90 up."""
    (x, y), (across, up) = centre, radii
    angle = np.deg2rad(np.linspace(begin, end, points))
    return np.stack([x + across * np.cos(angle), y + up * np.sin(angle)], axis=1)


def _path(*parts: np.ndarray) -> np.ndarray:
    """Join all parts into one stroke."""
    return np.concatenate(parts)


# Drawings of each digit, each a list of strokes: float64[points, 2], x from -0.35 to 0.35 and y from -0.5 to 0.5, up.
DRAWINGS: tuple[tuple[list[np.ndarray], ...], ...] = (
    # zero: round, narrow
    (
        [_arc((0, 0), (0.32, 0.5), 80, 440, 17)],
        [_arc((0, 0), (0.24, 0.5), 110, 490, 17)],
    ),
    # one: bare, with a flag, with a flag and a foot
    (
        [_line((0, 0.5), (0, -0.5))],
        [_line((-0.18, 0.28), (0.02, 0.5), (0.02, -0.5))],
        [_line((-0.18, 0.28), (0.02, 0.5), (0.02, -0.5)), _line((-0.2, -0.5), (0.22, -0.5))],
    ),
    # two: plain, with a loop
    (
        [_path(_arc((0, 0.22), (0.3, 0.28), 165, -35), _line((-0.3, -0.5), (0.34, -0.5)))],
        [
            _path(
                _arc((0, 0.22), (0.28, 0.28), 150, -40),
                _arc((-0.18, -0.38), (0.13, 0.11), 60, 290),
                _line((0.05, -0.44), (0.2, -0.48), (0.34, -0.4)),
            )
        ],
    ),
    # three: round, with a flat top
    (
        [_path(_arc((-0.02, 0.25), (0.27, 0.25), 150, -80), _arc((-0.02, -0.24), (0.3, 0.26), 80, -150))],
        [_path(_line((-0.28, 0.48), (0.26, 0.48), (-0.02, 0.1)), _arc((-0.02, -0.2), (0.3, 0.3), 85, -145))],
    ),
    # four: closed, open
    (
        [_line((0.12, 0.5), (-0.32, -0.14), (0.34, -0.14)), _line((0.14, 0.2), (0.14, -0.5))],
        [_line((-0.22, 0.46), (-0.28, 0.0), (0.2, 0.0)), _line((0.24, 0.5), (0.16, -0.5))],
    ),
    # five: in one stroke, in two
    (
        [_path(_line((0.3, 0.48), (-0.2, 0.48), (-0.25, 0.06)), _arc((-0.02, -0.18), (0.31, 0.32), 125, -140))],
        [
            _path(_line((-0.22, 0.46), (-0.24, 0.08)), _arc((-0.04, -0.2), (0.3, 0.3), 120, -140)),
            _line((-0.22, 0.46), (0.3, 0.5)),
        ],
    ),
    # six: curved, straight
    (
        [_path(_arc((0.22, 0.0), (0.5, 0.5), 100, 180, 6), _arc((0.0, -0.22), (0.28, 0.28), 180, 530, 13))],
        [_path(_line((0.1, 0.5), (-0.2, 0.05)), _arc((0.0, -0.24), (0.26, 0.26), 165, 500, 13))],
    ),
    # seven: plain, with a bar, curved
    (
        [_line((-0.32, 0.48), (0.32, 0.48), (-0.08, -0.5))],
        [_line((-0.32, 0.48), (0.32, 0.48), (-0.08, -0.5)), _line((-0.18, 0.02), (0.26, 0.02))],
        [_path(_line((-0.32, 0.3), (-0.3, 0.46), (0.3, 0.46)), _arc((0.42, -0.44), (0.46, 0.9), 110, 180, 5))],
    ),
    # eight: two rings, one stroke
    (
        [_arc((0, 0.25), (0.24, 0.25), -90, 270, 13), _arc((0, -0.25), (0.3, 0.25), 90, 450, 13)],
        [
            _path(
                _arc((0, 0.26), (0.24, 0.24), 45, 250, 9),
                _arc((0, -0.25), (0.29, 0.25), 70, -250, 13),
                _arc((0, 0.26), (0.24, 0.24), -50, 45, 5),
            )
        ],
    ),
    # nine: straight, curved
    (
        [_arc((-0.02, 0.23), (0.27, 0.27), 0, 360, 13), _line((0.25, 0.3), (0.2, -0.5))],
        [_path(_arc((-0.02, 0.23), (0.27, 0.27), 20, 370, 13), _arc((-0.08, -0.16), (0.33, 0.34), 20, -120, 6))],
    ),
)


def prepare(raw: Path) -> Prepared:
    """Draw the three splits; ``raw`` is ignored.

    The facts are ``classes``, and the ranges from which every image's settings are drawn.
    """
    arrays = {}
    for name, count in IMAGES.items():
        arrays[f"{name}_images"], arrays[f"{name}_labels"] = draw(count, _stream(name))
    ranges = {
        "height_pixels": HEIGHT,
        "aspect": ASPECT,
        "slant": SLANT,
        "rotation_radians": ROTATION,
        "shift_pixels": (-SHIFT, SHIFT),
        "point_wander_heights": (-WANDER, WANDER),
        "stroke_width_pixels": WIDTH,
        "pressure": PRESSURE,
        "noise": NOISE,
    }
    return Prepared(
        arrays, {"classes": CLASSES, **{name: f"{low:g} to {high:g}" for name, (low, high) in ranges.items()}}
    )


def draw(count: int, stream: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw images, uint8[count, 28, 28] (ink 255, paper 0), and labels, uint8[count], each digit equally often."""
    labels = (stream.random(count).argsort() % CLASSES).astype(np.uint8)
    choice = stream.random(count)
    distance = np.empty((count, SIDE, SIDE))
    for digit, drawings in enumerate(DRAWINGS):
        for number, strokes in enumerate(drawings):
            chosen = np.flatnonzero((labels == digit) & ((choice * len(drawings)).astype(int) == number))
            for begin in range(0, len(chosen), CHUNK):
                part = chosen[begin : begin + CHUNK]
                distance[part] = _distance(_bend(strokes, len(part), stream))
    half_width = _uniform(WIDTH, count, stream)[:, None, None] / 2.0
    pressure = _uniform(PRESSURE, count, stream)[:, None, None]
    ink = pressure * np.clip(half_width + 0.5 - distance, 0.0, 1.0)
    # Twice the sum of three centred uniform numbers has variance 1 and is close enough to normal for paper.
    grain = 2.0 * (stream.random((3, *distance.shape)).sum(axis=0) - 1.5)
    ink += _uniform(NOISE, count, stream)[:, None, None] * grain
    return np.rint(255.0 * np.clip(ink, 0.0, 1.0)).astype(np.uint8), labels


def _bend(strokes: list[np.ndarray], count: int, stream: np.random.Generator) -> list[np.ndarray]:
    """Distort the strokes for each of ``count`` images: float64[count, points, 2], in pixels, y down."""
    height = _uniform(HEIGHT, count, stream)[:, None]
    aspect = _uniform(ASPECT, count, stream)[:, None]
    slant = _uniform(SLANT, count, stream)[:, None]
    angle = _uniform(ROTATION, count, stream)[:, None]
    middle = (SIDE - 1) / 2.0 + SHIFT * (2.0 * stream.random((count, 2, 1)) - 1.0)
    # Neighbouring points wander alike, so that strokes that meet still do and curves remain round.
    phase = 2.0 * np.pi * stream.random((4, count, 1))
    bent = []
    for points in strokes:
        x, y = points.T
        moved_x = x + WANDER / 2.0 * (np.sin(5.0 * y + phase[0]) + np.sin(6.0 * x + phase[1]))
        moved_y = y + WANDER / 2.0 * (np.sin(6.0 * x + phase[2]) + np.sin(5.0 * y + phase[3]))
        x = height * (aspect * moved_x + slant * moved_y)
        y = height * moved_y
        across = np.cos(angle) * x - np.sin(angle) * y
        up = np.sin(angle) * x + np.cos(angle) * y
        bent.append(np.stack([middle[:, 0] + across, middle[:, 1] - up], axis=-1))
    return bent


def _distance(strokes: list[np.ndarray]) -> np.ndarray:
    """Return the distance of every pixel's centre from the nearest stroke: float64[count, 28, 28], in pixels."""
    row, column = np.mgrid[0:SIDE, 0:SIDE].astype(float)
    nearest = np.full((len(strokes[0]), SIDE, SIDE), np.inf)
    for stroke in strokes:
        for begin, end in zip(stroke.swapaxes(0, 1)[:-1], stroke.swapaxes(0, 1)[1:], strict=True):
            x, y = begin.T[..., None, None]
            dx, dy = (end - begin).T[..., None, None]
            along = (column - x) * dx + (row - y) * dy
            # A joint may occur twice in a path, as a segment of length 0.
            along = np.clip(along / np.maximum(dx * dx + dy * dy, 1e-12), 0.0, 1.0)
            squared = (column - x - along * dx) ** 2 + (row - y - along * dy) ** 2
            np.minimum(nearest, squared, out=nearest)
    result: np.ndarray = np.sqrt(nearest)
    return result


def _uniform(bounds: tuple[float, float], count: int, stream: np.random.Generator) -> np.ndarray:
    low, high = bounds
    return low + (high - low) * stream.random(count)


def _stream(name: str) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[SEED, zlib.crc32(name.encode())]))

"""A solution of exercise 1: the old order of the gates is i, g, f, o, and that of lstm-bench is i, f, g, o."""

import numpy as np


def from_old_cell(matrix, bias):
    """Return kernel[inputs, 4 * units], recurrent[units, 4 * units] and bias[4 * units] as lstm-bench has them."""
    units = len(bias) // 4

    def reordered(values):
        i, g, f, o = np.split(values, 4, axis=-1)
        return np.concatenate([i, f, g, o], axis=-1)

    return reordered(matrix[:-units]), reordered(matrix[-units:]), reordered(bias)

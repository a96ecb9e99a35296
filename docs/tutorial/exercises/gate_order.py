"""Exercise 1: repair the order of the gates.

The function below takes the weights of the old tutorial's cell, as an old checkpoint holds them, and should return the
same cell as weights of lstm-bench.  It runs, the shapes are right, and the cell computes nonsense.

    python docs/tutorial/check.py 1
"""

import numpy as np


def old_cell(x, hidden, cell, matrix, bias):
    """Return the next (hidden, cell) as the old cell computes it; this function is right."""

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    z_i, z_g, z_f, z_o = np.split(np.hstack([x, hidden]) @ matrix + bias, 4, axis=-1)
    cell = sigmoid(z_f) * cell + sigmoid(z_i) * np.tanh(z_g)
    return sigmoid(z_o) * np.tanh(cell), cell


def from_old_cell(matrix, bias):
    """Return kernel[inputs, 4 * units], recurrent[units, 4 * units] and bias[4 * units] as lstm-bench has them.

    matrix is [inputs + units, 4 * units], bias [4 * units].
    """
    units = len(bias) // 4
    kernel, recurrent = matrix[:-units], matrix[-units:]
    return kernel, recurrent, bias

"""Exercise 2: find the defect of the shared cell.

This is the model of the old tutorial, as it was often copied.  It trains, and nothing complains.  But its medium size
has 16,392,600 parameters instead of 19,775,200.

    python docs/tutorial/check.py 2
"""

import numpy as np


def sigmoid(z):
    """Return 1 / (1 + exp(-z))."""
    return 1 / (1 + np.exp(-z))


class LSTMCell:
    """A cell and its weights."""

    def __init__(self, inputs, hidden):
        self.kernel = np.zeros((inputs, 4 * hidden))
        self.recurrent = np.zeros((hidden, 4 * hidden))
        self.bias = np.zeros(4 * hidden)

    def __call__(self, x, hidden, cell):
        """Return the next (hidden, cell)."""
        z_i, z_f, z_g, z_o = np.split(x @ self.kernel + hidden @ self.recurrent + self.bias, 4, axis=-1)
        cell = sigmoid(z_f) * cell + sigmoid(z_i) * np.tanh(z_g)
        return sigmoid(z_o) * np.tanh(cell), cell


class Model:
    """Embedding, layers of LSTM, and a linear layer."""

    def __init__(self, num_layers, hidden_size, vocab_size):
        self.embedding = np.zeros((vocab_size, hidden_size))
        self.cells = [LSTMCell(hidden_size, hidden_size)] * num_layers
        self.output_kernel = np.zeros((hidden_size, vocab_size))
        self.output_bias = np.zeros(vocab_size)

    def load_weights(self, weights):
        """Copy weights of lstm-bench."""
        self.embedding[:] = weights["embedding"]
        for layer, cell in enumerate(self.cells):
            cell.kernel[:] = weights[f"lstm.{layer}.kernel"]
            cell.recurrent[:] = weights[f"lstm.{layer}.recurrent"]
            cell.bias[:] = weights[f"lstm.{layer}.bias"]
        self.output_kernel[:] = weights["output.kernel"]
        self.output_bias[:] = weights["output.bias"]

    def logits(self, ids):
        """Return the scores [batch, steps, vocabulary] of the next words, from ids[batch, steps] and the zero state."""
        zero = np.zeros((len(ids), self.output_kernel.shape[0]))
        state = [(zero, zero) for _ in self.cells]
        outputs = []
        for column in ids.T:
            values = self.embedding[column]
            for layer, cell in enumerate(self.cells):
                state[layer] = cell(values, *state[layer])
                values = state[layer][0]
            outputs.append(values @ self.output_kernel + self.output_bias)
        return np.stack(outputs, axis=1)

"""Draw the figures, one file per kind; ``style`` gives all of them one look."""

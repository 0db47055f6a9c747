"""New graphs, from formulas and of neural networks."""

"""New graphs: from formulas, and of networks."""

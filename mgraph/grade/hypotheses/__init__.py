"""Hypotheses: the usual mistakes of a backward pass, as changes of rules to simulate."""

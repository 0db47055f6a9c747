"""The packed encoding: the nodes of a graph as columns of a msgpack file."""

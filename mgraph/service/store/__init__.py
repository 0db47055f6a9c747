"""The store of the service: documents by the hash of their bytes, names, tokens, cached runs."""

"""The service: links that hold graphs, the store of documents, the HTTP application."""

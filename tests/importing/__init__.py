"""Programs of other systems as graphs."""

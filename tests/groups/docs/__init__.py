"""The site, the tutorial and the pictures of the documentation."""

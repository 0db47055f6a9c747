"""The page and the site in a browser."""

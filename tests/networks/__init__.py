"""Networks that tests run through the tile."""

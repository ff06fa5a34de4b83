"""The cheapest formats with which a network keeps its accuracy."""

"""Questions to the store and their answers, as text and as JSON."""

"""How long hypothesis looks: the unit tests are run often; tests/corpus fuzzes for longer."""

from hypothesis import settings

settings.register_profile("unit", max_examples=50, deadline=None, database=None)
settings.load_profile("unit")

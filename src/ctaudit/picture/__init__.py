"""Pictures as SVG: the parts that they share, and those that a page draws of the record."""

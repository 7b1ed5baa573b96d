"""Files that survive: written whole, added to line by line, checked when read."""

"""Files that survive a crash: written whole or line by line, and checked when they are read."""

"""Reports written to files: a page to look at, JUnit's XML."""

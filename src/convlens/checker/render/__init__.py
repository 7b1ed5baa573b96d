"""Reports as others read them: on a terminal, as a page, as JUnit's XML, as CSV."""

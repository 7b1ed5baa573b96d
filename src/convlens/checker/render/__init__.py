"""Show reports: on a terminal, as an HTML page, as JUnit XML, as a CSV table."""

"""A class: whose submissions there are, who grades them, where the results are, what they come to."""

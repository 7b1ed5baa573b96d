"""Tasks 4 and 5: LeNet-5 in two frameworks, as a graph that is asked and a network that is trained a step."""

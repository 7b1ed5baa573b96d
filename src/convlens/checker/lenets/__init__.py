"""Tasks 4 and 5, LeNet-5 in TensorFlow and in Keras: the checks, the right numbers, and the likely mistake.

Read first `run` (one file, on today's Keras and perhaps on Keras 2), `network_checks` (the checks), `expected` (the
right numbers) and `under_test` (the submitted function lenet5 in its sandbox). The verdict depends on outputs, losses
and weights. A wrong output is compared with the outputs of faulty variants of LeNet-5 (`variant`, `output_mistakes`),
the initial weights with he_normal (`initialization`), and a training step with a step of Adam (`adam_step`). The
guest's description of its layers (`description`, `layer_table`, `layer_difference`) only explains a failure.
"""

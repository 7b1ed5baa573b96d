"""Tasks 4 and 5, LeNet-5 in TensorFlow and in Keras: the checks, the right numbers, and the likely mistake.

Read first `network_checks` (the checks), `expected` (the right numbers) and `under_test` (the submitted lenet5 function
in its sandbox). A guest describes its layers (`description`, `layer_table`), which only explains a failure. Outputs,
losses and weights decide: a wrong output is compared with the outputs of faulty variants of LeNet-5 (`variant`,
`output_mistakes`), the first weights with he_normal (`initialization`), a step of training with Adam's (`adam_step`).
"""

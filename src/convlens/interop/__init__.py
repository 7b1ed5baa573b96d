"""Other frameworks: models in and out of Keras and ONNX, the same steps in several engines, training beyond one machine.

Keras, JAX, TensorFlow and ONNX are loaded when they are first needed.
"""

"""Other frameworks: models in and out of Keras and ONNX, the same steps in several engines, training on many hosts.

Keras, JAX, TensorFlow and ONNX are loaded when they are first needed.
"""

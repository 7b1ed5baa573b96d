"""Interoperation with other frameworks.

This package converts models to and from Keras and to ONNX, compares training steps between engines, and trains on
several hosts. Keras, JAX, TensorFlow and ONNX are loaded when they are first needed.
"""

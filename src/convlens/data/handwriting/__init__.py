"""Photographs of handwritten digits, as people take them, converted to the form of MNIST.

`decode` reads the file, `colours` gives grey levels, `ink` and `sheet` separate ink from paper and desk, `lines` and
`pieces` leave out what is no digit, `like_mnist` scales and centres, and `digits` does all of it in order.
"""

from convlens.data.handwriting.digits import Found, read_digit, read_digits

__all__ = ["Found", "read_digit", "read_digits"]

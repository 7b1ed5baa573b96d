"""Returns a list that is in itself."""

GIVEN = {}


def conv_forward(*inputs):
    result = []
    result.append(result)
    return result

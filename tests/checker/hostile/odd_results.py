"""Returns things that are no arrays, one within the other."""

GIVEN = {}


def conv_forward(*inputs):
    endless = (number for number in range(10**12))
    return endless, None, "pass" * 10**7, {"status": "pass"}, object(), conv_forward, float("nan"), 1j

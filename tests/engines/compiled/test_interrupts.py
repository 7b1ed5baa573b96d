"""Ctrl-C at any moment: the helper threads never use memory that is gone, and the next results are the same bits."""

import subprocess
import sys

import pytest
from tests.support import small

pytest.importorskip("numba")

SHAPE, CLASSES, INTERRUPTS = (32, 32, 3), 10, 150
STORM = f"""
import random, signal
import numpy as np
from convlens.models import build_model

class Interrupt(Exception):
    pass

def interrupt(number, frame):
    raise Interrupt

model = build_model("vgg_small", input_shape={SHAPE}, classes={CLASSES}, engine="numba")
x, y = np.random.default_rng(0).random((64, *{SHAPE}), dtype=np.float32), np.arange(64) % {CLASSES}
gradient = np.zeros_like(model.flat)
logits = model.logits(x)
model.loss_gradient(x, y, 1 / 64, gradient, 2)
wanted = gradient.copy()
signal.signal(signal.SIGALRM, interrupt)
random.seed(1)
seen = 0
while seen < {INTERRUPTS}:
    try:
        signal.setitimer(signal.ITIMER_REAL, 1e-4 + random.random() * 0.03)
        for _ in range(10):
            assert np.array_equal(model.logits(x), logits)
            model.loss_gradient(x, y, 1 / 64, gradient, 2)
            assert np.array_equal(gradient, wanted)
    except Interrupt:
        seen += 1
print(seen)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no timer that interrupts Python")
def test_interrupts_at_any_moment_change_nothing():
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", STORM],
        capture_output=True,
        text=True,
        env=small.environment(),
        timeout=120,
    )
    assert (done.returncode, done.stdout.strip()) == (0, str(INTERRUPTS)), done.stderr[-1500:]

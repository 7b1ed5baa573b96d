"""Signs that the learning rate is too high, told while training goes on."""

from __future__ import annotations

import math

from convlens.training.events import Batch, Epoch, Event

__all__ = ["Divergence", "lower_rate"]

_MEMORY = 0.9  # each batch's loss has a tenth of the weight in the running mean
_FALLEN, _FAR, _CHANCE = 0.8, 2.0, 0.97  # parts of the loss at chance, ln(classes)
_ENOUGH = 100  # batches after which a loss no better than chance is a sign


def lower_rate(learning_rate: float) -> str:
    """Return a tenth of the learning rate, as text."""
    return f"{learning_rate / 10:.3g}"


class Divergence:
    """Watches the events of training. A call returns a sentence when the loss shows that the rate is too high.

    It is told once when the running mean of the batches' losses had fallen below 0.8 ln(classes) and is now above
    2 ln(classes); and once after an epoch, from 100 batches on, whose loss is no better than chance, ln(classes).
    """

    def __init__(self, classes: int, learning_rate: float) -> None:
        self._chance, self._classes, self._rate = math.log(classes), classes, learning_rate
        self._sum, self._images, self._mean, self._weight = 0.0, 0, 0.0, 0.0
        self._batches = 0
        self._fallen = self._jumped = self._told = False
        self._first: float | None = None

    def __call__(self, event: Event) -> str | None:
        """Return what there is to say after this event, or None."""
        if isinstance(event, Epoch):
            self._sum, self._images = 0.0, 0
            return self._after_epoch(event)
        loss = self._loss_of(event)
        self._batches += 1
        if self._first is None:
            self._first = loss
        self._mean = _MEMORY * self._mean + (1 - _MEMORY) * loss
        self._weight = _MEMORY * self._weight + (1 - _MEMORY)
        mean = self._mean / self._weight
        self._jumped = self._jumped or mean > 1.3 * max(self._first, self._chance)
        if mean < _FALLEN * self._chance:
            self._fallen = True
        elif self._fallen and mean > _FAR * self._chance and not self._told:
            self._told = True
            return (
                f"the loss rises: {mean:.2f} in epoch {event.epoch}, batch {event.batch}, and chance is "
                f"{self._chance:.2f}; a lower learning rate may help, such as {lower_rate(self._rate)}"
            )
        return None

    def _loss_of(self, event: Batch) -> float:
        """Return the loss of this batch alone; the event has the mean of the epoch so far."""
        if event.batch == 1:
            self._sum, self._images = 0.0, 0
        total, images = event.loss * event.images, event.images
        loss = (total - self._sum) / max(1, images - self._images)
        self._sum, self._images = total, images
        return loss

    def _after_epoch(self, event: Epoch) -> str | None:
        if (
            self._told
            or not self._chance
            or self._batches < _ENOUGH
            or self._mean / self._weight < _CHANCE * self._chance
        ):
            return None
        self._told = True
        advice = f"a lower learning rate may help, such as {lower_rate(self._rate)}"
        if not self._jumped:
            advice = f"another learning rate may help, such as {lower_rate(self._rate)} or {self._rate * 10:.3g}"
        return (
            f"epoch {event.epoch} ends no better than chance, {self._chance:.2f} for {self._classes} classes; {advice}"
        )

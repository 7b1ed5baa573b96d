"""A guest whose job runs in this process, for tests of the code that asks guests."""

import contextlib
import time
import traceback

from convlens.checker.guest import GuestError


class Clocked:
    """A guest whose work is done in this process."""

    def clock(self):
        return time.process_time()


class Local(Clocked):
    """Answers requests and reports exceptions like a process in a sandbox."""

    def __init__(self, job, source, options):
        self.handler, self.file = job.start(source, options), options["file"]

    def ask(self, request, arrays=(), *, seconds=None):
        try:
            return self.handler(dict(request), [array.copy() for array in arrays])
        except GuestError:
            raise
        except Exception as error:
            lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == self.file]
            raised = {"type": type(error).__name__, "message": str(error), "line": lines[-1] if lines else None}
            return {"raised": raised}, []


def opener(job, source, options, started=None):
    """A function that starts a Local guest. Each start adds the file's name to the list `started`."""

    def open_guest():
        if started is not None:
            started.append(options["file"])
        return contextlib.nullcontext(Local(job, source, options))

    return open_guest

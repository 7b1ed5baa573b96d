"""A run of three epochs on 96 digits, for the tests of checkpoints."""

from tests.support import small

from convlens.training import Settings

DIGITS = small.digits()
SETTINGS = Settings(data="a few", batch_size=40, epochs=3)
FILES = ["checkpoint.safetensors", "history.json", "model.safetensors"]


def finish(run, digits=DIGITS, threads=1):
    return list(run.train(digits, threads))


def entries(folder):
    return sorted(path.name for path in folder.iterdir())


def model_bytes(folder):
    return (folder / "model.safetensors").read_bytes()

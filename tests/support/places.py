"""The paths of the repository's parts, for tests that read them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
COURSEWORK = ROOT / "0x07-cnn"
CHECKER = ROOT / "tests" / "checker"  # hostile files, submissions
SHARED = ROOT.parent / "shared"  # beside the repository; it may not exist

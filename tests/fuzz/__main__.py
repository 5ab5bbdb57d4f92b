"""Run as `python -m tests.fuzz --mutations 25000 --seed 0`; prints the figures that SECURITY.md states."""

import argparse
import sys

from tests.fuzz.trial import try_mutations


def main() -> int:
    """Return 1 if anything crashed."""
    parser = argparse.ArgumentParser(description="Damage drawn images in every format, open them, and count the ends.")
    parser.add_argument("--mutations", type=int, default=25_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    def progress(done: int) -> None:
        if done % 1000 == 0:
            sys.stderr.write(f"{done:,} of {options.mutations:,}\n")

    figures = try_mutations(options.mutations, seed=options.seed, progress=progress)
    sys.stdout.write(f"{figures}\n")
    return 1 if figures.crashed else 0


if __name__ == "__main__":
    sys.exit(main())

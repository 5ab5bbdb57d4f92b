"""Draw the examples that a first visit shows: `python .ci/examples.py` writes skinlens/ui/examples/<number>.jpg."""

from PIL import Image

from skinlens.ui.session import example
from skinlens.ui.triage.states import TILES

QUALITY = 85


def main() -> None:
    """Write a file for each example that is shown."""
    for number, tile in enumerate(TILES):
        tile.parent.mkdir(exist_ok=True)
        Image.fromarray(example(number).pixels).save(tile, quality=QUALITY, optimize=True)


if __name__ == "__main__":
    main()

"""What property tests draw: images, heatmaps, labels with probabilities."""

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

Pixels = npt.NDArray[np.uint8]
Heatmap = npt.NDArray[np.float32]
LabelsAndProbabilities = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]


def pixels(most: int = 40) -> st.SearchStrategy[Pixels]:
    """RGB uint8 `(H, W, 3)`, each side at least 1 and at most `most`; plain noise, since no lesion is needed."""
    sides = st.integers(1, most)
    return st.builds(
        lambda seed, height, width: np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8),
        st.integers(0, 1_000),
        sides,
        sides,
    )


def heatmaps(most: int = 12) -> st.SearchStrategy[Heatmap]:
    """Float32 `(h, w)` in [0, 1]."""
    shapes = arrays.array_shapes(min_dims=2, max_dims=2, max_side=most)
    return arrays.arrays(np.float32, shapes, elements=st.floats(0, 1, width=32))


@st.composite
def labels_and_probabilities(draw: st.DrawFn, most: int = 60) -> LabelsAndProbabilities:
    """Both labels at least once; probabilities in steps of 1/64, so with ties and exact under simple arithmetic."""
    labels = [0, 1, *draw(st.lists(st.integers(0, 1), max_size=most - 2))]
    steps = draw(st.lists(st.integers(1, 63), min_size=len(labels), max_size=len(labels)))
    return np.array(labels), np.array(steps) / 64

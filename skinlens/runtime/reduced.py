"""Graphs of lower precision: where they are kept, what was measured when they were built, and whether one may be used.

`skinlens export --int8` builds them on the user's machine, into the data folder. Nothing here builds one.
"""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from skinlens.runtime.card import ModelCard, sha256_of
from skinlens.runtime.engine_names import BUILT, Engine
from skinlens.runtime.processor import processor_name
from skinlens.storage.location import data_folder

# An engine other than the reference is chosen only within these.
AUC_CHANGE: Final = 0.002
RISK_CHANGE: Final = 0.01
DECISIONS_KEPT: Final = 0.995
# Beyond these a graph is not kept at all: it would be another model. The map's limit is for the mean over images of
# the largest difference, as a share of the largest evidence of that image.
PROBABILITY_LIMIT: Final = 0.10
MAP_LIMIT: Final = 0.25

_Share = Annotated[float, Field(ge=0, le=1)]
_Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Agreement(BaseModel):
    """How far an engine's answers are from those of the reference on the same images.

    Attributes:
        images: How many were compared.
        probability: Largest difference of P(malignant).
        risk: Largest difference of the risk in primary care; None for a model that is not calibrated.
        map: Mean over the images of the largest difference of the evidence, as a share of the heatmaps' common scale.
        decisions_kept: Share of the images on the same side of the default operating point.
        auc_change: ROC AUC minus that of the reference; None where the images have one label, or none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: Annotated[int, Field(ge=1)]
    probability: _Share
    risk: _Share | None
    map: Annotated[float, Field(ge=0)]
    decisions_kept: _Share
    auc_change: Annotated[float, Field(ge=-1, le=1)] | None

    @property
    def keeps_results(self) -> bool:
        """Whether the engine may be chosen instead of the reference."""
        changed = self.probability if self.risk is None else self.risk
        return (
            changed <= RISK_CHANGE
            and self.decisions_kept >= DECISIONS_KEPT
            and self.auc_change is not None
            and abs(self.auc_change) <= AUC_CHANGE
        )

    @property
    def same_model(self) -> bool:
        """Whether the graph may be kept."""
        return self.probability <= PROBABILITY_LIMIT and self.map <= MAP_LIMIT


class Calibrated(BaseModel):
    """How the ranges of the activations were measured.

    Attributes:
        method: Of ONNX Runtime's quantization.
        images: How many training images.
        data: Names of the manifests.
        fp32_layers: How many convolutions stayed in fp32, the first one included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["minmax", "entropy", "percentile"]
    images: Annotated[int, Field(ge=1)]
    data: tuple[str, ...]
    fp32_layers: Annotated[int, Field(ge=1)]


class Reduced(BaseModel):
    """The description beside a graph of lower precision.

    Attributes:
        graph_sha256: Of the released graph that it was made from; likewise the weights.
        sha256: Of the graph of lower precision.
        processor: On which it was measured; int8 may overflow on one and not on another.
        measured: By engine, against ONNX Runtime fp32.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    precision: Literal["int8", "fp16"]
    graph_sha256: _Digest
    weights_sha256: _Digest
    sha256: _Digest
    processor: str
    calibrated: Calibrated | None
    measured: dict[str, Agreement]


def reduced_folder(card: ModelCard) -> Path:
    """Return where a model's graphs of lower precision lie; it need not exist."""
    return data_folder() / "engines" / f"{card.name}-{card.files['graph'].sha256[:16]}"


def reduced_graph(card: ModelCard, precision: str) -> tuple[Path, Reduced] | None:
    """Return a model's graph in a precision and its description.

    Args:
        card: Of the model.
        precision: `int8` or `fp16`.

    Returns:
        None if there is none, it was made from other files than the card names, or it was changed since.
    """
    path = reduced_folder(card) / f"{precision}.onnx"
    try:
        described = Reduced.model_validate_json(path.with_suffix(".json").read_bytes())
        same = described.sha256 == sha256_of(path)
    except (OSError, ValidationError):
        return None
    of_card = (card.files["graph"].sha256, card.files["weights"].sha256)
    if not same or (described.graph_sha256, described.weights_sha256) != of_card:
        return None
    return path, described


def measured_agreement(card: ModelCard, engine: Engine) -> Agreement | None:
    """Return what was measured of an engine on this processor when a graph was built; None if nothing was."""
    for precision in sorted(BUILT):
        built = reduced_graph(card, precision)
        if built is not None and built[1].processor == processor_name() and str(engine) in built[1].measured:
            return built[1].measured[str(engine)]
    return None

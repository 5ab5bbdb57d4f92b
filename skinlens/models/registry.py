"""Networks by name: what recipes and cards call an architecture."""

from collections.abc import Callable, Mapping

from torch import nn

from skinlens.models.asff import AsffResNet50

Options = Mapping[str, str | bool | int]

_BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "asff_resnet50": AsffResNet50,
}


def architectures() -> tuple[str, ...]:
    """Names that `build` knows, sorted."""
    return tuple(sorted(_BUILDERS))


def build(name: str, options: Options) -> nn.Module:
    """A freshly initialised network.

    Raises:
        ValueError: If the name or an option is unknown.
    """
    if name not in _BUILDERS:
        raise ValueError(f"unknown architecture {name!r}; known: {', '.join(architectures())}")
    try:
        return _BUILDERS[name](**options)
    except TypeError as error:
        raise ValueError(f"architecture {name} does not take these options: {dict(options)}") from error


def parameter_count(network: nn.Module) -> int:
    """Number of trainable values."""
    return sum(parameter.numel() for parameter in network.parameters())

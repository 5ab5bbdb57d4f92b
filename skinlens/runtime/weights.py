"""Where models, cards and measured results are: one answer for the commands, the app and Python."""

import os
from pathlib import Path

VARIABLE = "SKINLENS_WEIGHTS"
_PACKAGE = Path(__file__).parents[1]
# Beside the package in a source tree; inside it where SkinLens was installed from a wheel.
_IN_SOURCE_TREE = _PACKAGE.parent / "weights"
_IN_WHEEL = _PACKAGE / "_bundle" / "weights"


def weights_folder() -> Path:
    """Return the folder of the models in use: the one that `SKINLENS_WEIGHTS` names, else the one that was shipped.

    The variable is read at every call, so a program may set it after importing SkinLens.

    Returns:
        An absolute path. It need not exist; `load_predictor` says so if it does not.

    >>> (weights_folder() / "asff_resnet50.json").is_file()
    True
    """
    named = os.environ.get(VARIABLE)
    return Path(named).expanduser().absolute() if named else shipped_folder()


def shipped_folder() -> Path:
    """Return the folder of models that came with this copy of SkinLens, whatever the environment says.

    A source tree has it beside the package, an installed wheel inside it. A card is released by writing it here.
    """
    # An installed package has neighbours, one of which might be called weights.
    is_source_tree = (_PACKAGE.parent / "pyproject.toml").is_file()
    return _IN_SOURCE_TREE if is_source_tree or not _IN_WHEEL.is_dir() else _IN_WHEEL

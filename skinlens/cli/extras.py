"""Which extra of the package a command needs that cannot import a library."""

# By the name that is imported; a test compares them with pyproject.toml.
EXTRA_OF = {
    "torch": "train",
    "torchvision": "train",
    "lightning_fabric": "train",
    "timm": "train",
    "pytorch_grad_cam": "train",
    "onnx": "train",
    "onnxscript": "train",
    "onnx_ir": "train",
    "onnx_safetensors": "train",
    "ray": "ray",
    "rawpy": "raw",
    "openvino": "openvino",
}


def install_hint(error: BaseException) -> str | None:
    """Return the sentence that says which extra to install.

    Args:
        error: That a command ended in.

    Returns:
        None if the error is about anything else.

    >>> install_hint(ModuleNotFoundError("No module named 'torch'", name="torch"))
    "This command needs torch, which is not installed: pip install 'skinlens[train]'"
    """
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    library = error.name.partition(".")[0]
    if library not in EXTRA_OF:
        return None
    return f"This command needs {library}, which is not installed: pip install 'skinlens[{EXTRA_OF[library]}]'"

"""ONNX Runtime's names of where a model runs, and those that people read; imports nothing, so that a PDF can use it."""

from typing import Final

CUDA: Final = "CUDAExecutionProvider"
CPU: Final = "CPUExecutionProvider"
_WORDS: Final = {CUDA: "CUDA", CPU: "CPU"}


def provider_in_words(provider: str) -> str:
    """Return the provider as shown to people.

    >>> provider_in_words("CPUExecutionProvider")
    'CPU'
    """
    return _WORDS.get(provider, provider.removesuffix("ExecutionProvider"))

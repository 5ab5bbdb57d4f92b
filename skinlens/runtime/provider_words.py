"""ONNX Runtime's names of where a model runs, and those that people read; imports nothing, so that a PDF can use it."""

from typing import Final

CUDA: Final = "CUDAExecutionProvider"
CPU: Final = "CPUExecutionProvider"
# The name that ONNX Runtime would give it; OpenVINO runs by itself.
OPENVINO: Final = "OpenVINOExecutionProvider"
_WORDS: Final = {CUDA: "CUDA", CPU: "CPU", OPENVINO: "OpenVINO"}


def provider_in_words(provider: str) -> str:
    """Return the provider as shown to people, with the precision where it is not fp32.

    >>> provider_in_words("CPUExecutionProvider"), provider_in_words("OpenVINOExecutionProvider int8")
    ('CPU', 'OpenVINO, int8')
    """
    place, _, precision = provider.partition(" ")
    word = _WORDS.get(place, place.removesuffix("ExecutionProvider"))
    return f"{word}, {precision}" if precision else word

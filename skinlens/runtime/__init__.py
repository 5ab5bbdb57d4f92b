"""Released models at run time: the card, the providers and the predictor (ONNX Runtime, never torch)."""

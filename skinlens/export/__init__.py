"""From a torch checkpoint to a released ONNX graph, with checks that reject a wrong one."""

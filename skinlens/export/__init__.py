"""From a torch checkpoint to a released ONNX graph, with the checks that refuse a wrong one."""

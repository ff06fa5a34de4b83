"""Networks from where they are: PyTorch, ONNX, aihwkit, a file of arrays, or those that this project knows."""

"""From a network to Verilog, descriptors and parameters, with the proof that they do what was evaluated."""

"""Networks on arrays and the unit: accuracy, errors, and proof on Verilog."""

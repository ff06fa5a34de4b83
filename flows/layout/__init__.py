"""From a mapped netlist to a layout: placed, routed, checked, drawn, and measured with its wires."""

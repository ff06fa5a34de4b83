"""A netlist of a dozen cells with all that a layout finds hard, for tests of placement and routing."""

from __future__ import annotations

from flows.layout.place import PinSides

__all__ = ["SIDES", "tiny_netlist"]

SIDES = PinSides(bottom=("a", "b"), top=("y[3]", "y[2]", "y[1]", "y[0]"))

_NETLIST = r"""
module tiny(clk, rst, a, \b , y, same, one, none, low);
  input clk, rst;
  input [3:0] a;
  input \b ;
  output [3:0] y;
  output [1:0] same;
  output one, none, low;
  wire \deep.net , \deep/net ;
  wire [3:0] n;
  NAND \u.0 (.A(a[0]), .B(a[1]), .Y(\deep.net ));
  NOR \u/0 (.A(a[2]), .B(\b ), .Y(\deep/net ));
  INV u2 (.A(\deep.net ), .Y(n[0]));
  XOR u3 (.A(\deep/net ), .B(n[0]), .Y(n[1]));
  AND u4 (.A(a[0]), .B(n[1]), .Y(n[2]));
  MUX u5 (.A(1'b1), .B(n[2]), .S(a[1]), .Y(n[3]));
  DFF f0 (.CLK(clk), .D(n[0]), .Q(y[0]));
  DFF f1 (.CLK(clk), .D(n[1]), .Q(y[1]));
  DFF f2 (.CLK(clk), .D(n[2]), .Q(y[2]));
  DFF f3 (.CLK(clk), .D(n[3]), .Q(y[3]));
  INV u6 (.A(1'b1), .Y(low));
  assign same = {a[2], y[0]};
  assign one = 1'b1;
endmodule
"""
_CELLS = {
    "osu018": {
        "NAND": "NAND2X1",
        "NOR": "NOR2X1",
        "INV": "INVX1",
        "XOR": "XOR2X1",
        "AND": "AND2X2",
        "MUX": "MUX2X1",
        "DFF": "DFFPOSX1",
    },
    "neutral": {
        "NAND": "NAND2_X1",
        "NOR": "NOR2_X1",
        "INV": "INV_X1",
        "XOR": "XOR2_X1",
        "AND": "AND2_X1",
        "MUX": "MUX2_X1",
        "DFF": "DFF_X1",
        ".CLK": ".CK",
    },
}


def tiny_netlist(library: str) -> str:
    """The Verilog, in cells of ``osu018`` or of the ``neutral`` library.

    It has escaped names that are alike without their signs, a constant at a pin, outputs that are an input, another
    output, constant or nothing, an input that drives nothing, and a bit of an input that does not.
    """
    text = _NETLIST
    for plain, cell in _CELLS[library].items():
        text = text.replace(f"  {plain} ", f"  {cell} ").replace(f"({plain}(", f"({cell}(")
    return text

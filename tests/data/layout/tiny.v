module tiny(clk, a, b, y, q);
  input clk;
  input [1:0] a;
  input b;
  output [1:0] y;
  output q;
  wire clk, b, q;
  wire [1:0] a, y;
  wire n1, \n.2[0] ;
  NAND2X1 _0_ (.A(a[0]), .B(a[1]), .Y(n1));
  INVX1 _1_ (.A(n1), .Y(\n.2[0] ));
  XOR2X1 \u0/x.1  (.A(\n.2[0] ), .B(b), .Y(y[0]));
  NAND2X1 _3_ (.A(\n.2[0] ), .B(q), .Y(y[1]));
  DFFPOSX1 _4_ (.CLK(clk), .D(n1), .Q(q));
endmodule

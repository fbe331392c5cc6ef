"""Published clinical equations: sourced coefficients, and the formulas that decision support and pipeline share."""

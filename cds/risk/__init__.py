"""Risk scores and organ function: pure equations, each with its units, its source and the range it was made for."""

"""Official measures in the loop: packages kept and compiled once, evidence, results and gaps of the same contracts."""

"""The rules, one guideline a file. Each file offers CHECKS, a tuple of `cds.engine.Check`; the engine finds it."""

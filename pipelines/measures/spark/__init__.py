"""Measures on Spark: our own as transpiled SQL, the official ones as their compiled plan over partitions of patients.

The `spark` extra holds PySpark and SQLGlot; nothing else imports this room.
"""

"""Composes the pipeline's steps without Dagster: the nightly run, changed patients, the re-measure worker."""

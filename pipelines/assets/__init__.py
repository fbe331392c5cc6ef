"""The pipeline's steps as Dagster assets: thin, one file a step; what they do is in pipelines.run."""

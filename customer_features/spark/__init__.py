"""The Spark door: a Spark DataFrame in, a Spark DataFrame out, for those who outgrow a machine.

``python -m customer_features.spark`` is the job that ``spark-submit`` runs (see ``job.py``). Neither needs DuckDB.
"""

from customer_features.spark.frames import build, check, release, write_quarantine

__all__ = ["build", "check", "release", "write_quarantine"]

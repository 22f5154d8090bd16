"""Several jobs in one Spark application: ``spark-submit spark_jobs.py JOBS RESULTS``.

To start a driver and its executors takes longer than most jobs of the tests. JOBS is a JSON file of each job's
arguments by its name, which is also the group of its stages in the event log; RESULTS gets what became of each.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    sys.path[:1] = []  # the folder of this script, which has modules of everyday names

import contextlib
import io
import json
from pathlib import Path
from unittest import mock

from pyspark.sql import SparkSession

from customer_features.spark import files, job


def main(jobs: Path, results: Path) -> None:
    session = files.session()
    found = {}
    with mock.patch.object(SparkSession, "stop"):
        for name, arguments in json.loads(jobs.read_text()).items():
            session.sparkContext.setJobGroup(name, name)
            with contextlib.redirect_stderr(io.StringIO()) as said:
                code = job.run(arguments)
            found[name] = {"code": code, "said": said.getvalue()}
    results.write_text(json.dumps(found))
    session.stop()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

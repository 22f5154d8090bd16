"""The notebook's run, and what of it is stored: `make notebook`.

The outputs are committed, for readers on the web and for the site, which shows the notebook and runs nothing. What
differs from machine to machine (versions, times) is not.
"""

from __future__ import annotations

import os
import warnings

import nbformat
from nbclient import NotebookClient

from tests.conftest import ROOT, child_environment

NOTEBOOK = ROOT / "examples" / "segmentation.ipynb"
ENVIRONMENT = child_environment(MPLBACKEND="module://matplotlib_inline.backend_inline")
"""The kernel finds the package of this folder, and draws into the notebook."""


def run(notebook: nbformat.NotebookNode) -> None:
    """Run a notebook's cells from the first to the last, and put their outputs into it."""
    described = dict(notebook.metadata.get("language_info", {}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        NotebookClient(notebook, timeout=900, kernel_name="python3", record_timing=False).execute()
    notebook.metadata["language_info"] = described


if __name__ == "__main__":
    os.environ.update(ENVIRONMENT)
    stored = nbformat.read(NOTEBOOK, as_version=4)
    run(stored)
    nbformat.write(stored, NOTEBOOK)

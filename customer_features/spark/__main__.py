"""``spark-submit`` this file, or run ``python -m customer_features.spark``: the Spark job."""

from __future__ import annotations

import sys

if __name__ == "__main__" and not __package__:  # pragma: no cover - not by its name, but as a file
    sys.path[:1] = []  # a script's own folder stands first, with modules of everyday names

import click

from customer_features.errors import MissingExtra

if __name__ == "__main__":
    try:
        from customer_features.spark.job import main
    except MissingExtra as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    main()

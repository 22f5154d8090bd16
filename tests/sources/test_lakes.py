"""Which folders are tables of a lake. How they are read is held by tests/cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from customer_features import SourceError
from customer_features.sources import lakes


@pytest.mark.parametrize(
    ("inside", "kind"),
    [
        ("_delta_log/00000000000000000000.json", "Delta"),
        (".hoodie/hoodie.properties", "Hudi"),
        ("metadata/v1.metadata.json", "Iceberg"),
        ("metadata/notes.json", None),
        ("data/a.parquet", None),
    ],
)
def test_a_folder_is_told_by_what_stands_in_it(inside: str, kind: str | None, tmp_path: Path) -> None:
    (tmp_path / inside).parent.mkdir()
    (tmp_path / inside).touch()
    assert lakes.kind_of(tmp_path) == kind
    file = tmp_path / "data" / "deep" / "a.parquet"
    around = lakes.table_around(file)
    assert (around and (around.path, around.kind)) == (kind and (str(tmp_path), kind))
    assert lakes.table_around(file.with_suffix(".csv")) is None


def test_a_link_to_a_file_of_a_table_is_one_of_its_files(tmp_path: Path) -> None:
    table = tmp_path / "table"
    (table / "_delta_log").mkdir(parents=True)
    (table / "a.parquet").touch()
    link = tmp_path / "b.parquet"
    link.symlink_to(table / "a.parquet")
    with pytest.raises(SourceError, match=r"b.parquet: holds files of the Delta table .*/table"):
        lakes.refuse_files([link], str(link))

"""Tables from spreadsheets; `test_labelled_photos` reads broken ones."""

from index.csv_tables import read_table


def test_optional_and_missing_fields_are_empty(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("\ufeffb,a,c\n 1 ,2,3\n4\n", encoding="utf-8")
    rows = read_table(table, ("a", "b"), ("d",))
    assert rows == [
        (f"{table}, line 2", {"a": "2", "b": "1", "d": ""}),
        (f"{table}, line 3", {"a": "", "b": "4", "d": ""}),
    ]

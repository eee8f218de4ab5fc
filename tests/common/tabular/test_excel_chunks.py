"""Sheets as strangers bring them: in another place, below titles, with long numbers."""

import logging
import struct
import zipfile

import numpy as np
import pandas as pd
import pytest

from pointsman.common.config import Config
from pointsman.common.errors import DataError
from pointsman.common.tabular.reader import read_chunks, read_table
from pointsman.common.wanted import Wanted

TABLE = pd.DataFrame({"day": ["2020-01-01", "2020-01-02", "2020-01-03"], "amount": [1.5, None, 2], "claim": [0, 1, 0]})


def stream(**source):
    return Wanted.of_stream(Config(schema={"time": "day", "target": "claim"}, source=source))


def request(**source):
    return Wanted.of_request(Config(schema={"time": "day", "target": "claim"}, source=source), ["day", "amount"])


def write(path, sheets, startrow=0, startcol=0, above=()):
    with pd.ExcelWriter(path) as book:
        for name, table in sheets.items():
            table.to_excel(book, sheet_name=name, index=False, startrow=startrow, startcol=startcol)
        for row, text in enumerate(above, 1):
            next(iter(book.sheets.values())).cell(row, 1, text)
    return path


INTRO = pd.DataFrame({"Report": ["of March"]})


class TestSheet:
    def test_the_one_that_has_the_columns_is_named_and_works(self, tmp_path):
        path = write(tmp_path / "a.xlsx", {"Intro": INTRO, "Data": TABLE})
        with pytest.raises(DataError, match=r"in its sheet 'Data' and not in the first one, 'Intro'; set"):
            read_table(path, stream())
        for sheet in ("Data", 2, "2"):
            pd.testing.assert_frame_equal(read_table(path, stream(sheet=sheet)), TABLE)

    def test_one_that_is_not_there_is_refused_with_those_that_are(self, tmp_path):
        path = write(tmp_path / "a.xlsx", {"Intro": INTRO, "Data": TABLE})
        for sheet in ("data", 3):
            with pytest.raises(DataError, match=f"no sheet '{sheet}' .* its sheets are 'Intro' and 'Data'"):
                read_table(path, stream(sheet=sheet))

    def test_of_a_request_it_is_found_and_told(self, tmp_path, caplog):
        path = write(tmp_path / "a.xlsx", {"Intro": INTRO, "Data": TABLE})
        with caplog.at_level(logging.WARNING):
            pd.testing.assert_frame_equal(read_table(path, request()), TABLE)
        assert "has its columns in the sheet 'Data', which is read" in caplog.text
        assert len(read_table(path, request(sheet="Elsewhere"))) == len(TABLE)

    def test_the_stated_one_is_read_of_a_request_too(self, tmp_path):
        other = TABLE.assign(amount=7.5)
        path = write(tmp_path / "a.xlsx", {"Old": TABLE, "New": other})
        pd.testing.assert_frame_equal(read_table(path, request(sheet="New")), other)
        pd.testing.assert_frame_equal(read_table(path, request()), TABLE)

    def test_an_empty_first_one_is_no_reason_to_give_up_on_a_request(self, tmp_path):
        path = write(tmp_path / "a.xlsx", {"Empty": pd.DataFrame(), "Data": TABLE})
        pd.testing.assert_frame_equal(read_table(path, request()), TABLE)


class TestHeader:
    @pytest.mark.parametrize(("startrow", "startcol"), [(3, 0), (3, 2), (0, 1), (19, 0)])
    @pytest.mark.parametrize("rows", [1, 2, 10])
    def test_rows_and_columns_beside_the_table_are_left_out(self, tmp_path, startrow, startcol, rows):
        above = ["Claims", "of March"] if startrow else []
        path = write(tmp_path / "a.xlsx", {"Data": TABLE}, startrow, startcol, above)
        table = pd.concat([chunk.table for chunk in read_chunks(path, rows, stream())], ignore_index=True)
        assert list(table) == list(TABLE)
        np.testing.assert_array_equal(table["amount"].to_numpy(dtype=float), TABLE["amount"].to_numpy())
        assert table["claim"].tolist() == [0, 1, 0]

    def test_a_header_that_lacks_the_target_is_named_by_its_row(self, tmp_path):
        path = write(tmp_path / "a.xlsx", {"Data": TABLE.rename(columns={"claim": "claims"})}, 3, above=["Claims"])
        with pytest.raises(DataError, match="has 'day' in first sheet, row 4 and not 'claim' beside it"):
            read_table(path, stream())

    def test_an_old_workbook_is_read_the_same_way(self, tmp_path):
        from test_formats import write_old_sheet

        rows = [list(TABLE), *[[day, number, float(claim)] for day, number, claim in TABLE.dropna().to_numpy()]]
        (tmp_path / "a.xls").write_bytes(write_old_sheet(["Claims of March"], *rows))
        table = read_table(tmp_path / "a.xls", stream())
        assert table.to_dict("list") == {"day": ["2020-01-01", "2020-01-03"], "amount": [1.5, 2.0], "claim": [0, 0]}
        assert struct.calcsize("<HH3x") == 7


LONG = 900719925474100568


@pytest.mark.parametrize("cells", [[LONG, None, LONG + 1], [LONG, 5, -LONG], [2**64 - 1, None, 7]])
def test_long_numbers_keep_their_digits(tmp_path, cells):
    stand_ins = [None if cell is None else 1000 + place for place, cell in enumerate(cells)]
    pd.DataFrame({"id": stand_ins, "x": 1}).astype({"id": object}).to_excel(tmp_path / "b.xlsx", index=False)
    with zipfile.ZipFile(tmp_path / "b.xlsx") as old, zipfile.ZipFile(tmp_path / "a.xlsx", "w") as new:
        for name in old.namelist():  # writers in Python round such numbers, others do not
            content = old.read(name)
            for stand_in, cell in zip(stand_ins, cells, strict=True):
                content = content.replace(f"<v>{stand_in}</v>".encode(), f"<v>{cell}</v>".encode())
            new.writestr(name, content)
    read = read_table(tmp_path / "a.xlsx")["id"]
    assert [None if pd.isna(cell) else int(cell) for cell in read] == cells
    assert pd.api.types.is_integer_dtype(read.dtype)

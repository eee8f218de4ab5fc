"""Misnamed, foreign and broken files: read as what they are, or refused in words that a stranger understands."""

import gzip
import io
import logging
import struct
import zipfile

import pandas as pd
import pytest

from pointsman.common.errors import DataError
from pointsman.common.formats import FORMATS, find_content
from pointsman.common.tabular.reader import read_table
from pointsman.common.tabular.writers import write_table

TABLE = pd.DataFrame({"day": ["2020-01-01", "2020-01-02"], "amount": ["1", "2"]})
LIBRARY_WORDS = (
    "Excel file format",
    "BOF",
    "openpyxl",
    "pandas",
    "xlrd",
    "tokenizing",
    "codec",
    "Parquet magic",
    "engine",
    "Arrow",
    "BadZip",
    "zipfile",
    "Error",
    "Exception",
)


def write_old_sheet(*rows):
    """The smallest Excel file there is: version 2, of texts and numbers."""
    records = [struct.pack("<HHHH", 0x0009, 4, 2, 0x10)]
    for place, row in enumerate(rows):
        for column, cell in enumerate(row):
            head = struct.pack("<HH3x", place, column)
            if isinstance(cell, str):
                body, kind = head + bytes([len(cell)]) + cell.encode("latin-1"), 0x0004
            else:
                body, kind = head + struct.pack("<d", cell), 0x0003
            records.append(struct.pack("<HH", kind, len(body)) + body)
    return b"".join([*records, struct.pack("<HH", 0x000A, 0)])


def make_content(kind):
    if kind == "tabs":
        return TABLE.to_csv(index=False, sep="\t").encode()
    if kind == "old":
        return write_old_sheet(list(TABLE), *([day, float(amount)] for day, amount in TABLE.to_numpy()))
    buffer = io.BytesIO()
    if kind == ".xlsx":
        TABLE.to_excel(buffer, index=False)
    elif kind == ".parquet":
        TABLE.to_parquet(buffer)
    else:
        content = TABLE.to_csv(index=False).encode()
        return gzip.compress(content) if kind == ".csv.gz" else content
    return buffer.getvalue()


def zip_of(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["tabs", "old", ".csv", ".csv.gz", ".parquet", ".xlsx"])
@pytest.mark.parametrize("ending", FORMATS)
def test_a_misnamed_table_is_read_as_what_it_is_and_that_is_told(tmp_path, caplog, kind, ending):
    path = tmp_path / f"a{ending}"
    path.write_bytes(make_content(kind))
    with caplog.at_level(logging.WARNING):
        table = read_table(path)
    assert table.astype("str").replace({"1.0": "1", "2.0": "2"}).to_dict("list") == TABLE.to_dict("list")
    named_right = {"tabs": ".csv", "old": ".xls"}.get(kind, kind) == ending
    assert bool(caplog.records) != named_right
    assert named_right or "whatever its ending says" in caplog.text


OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
FOREIGN = {
    "a web page": (b"\n <!DOCTYPE html><html><body>Please log in</body></html>", "an HTML page"),
    "a table saved as a web page": (b"\xef\xbb\xbf<table border=1><tr><td>day</td></tr></table>", "an HTML page"),
    "a web page in UTF-16": ("<html><table><tr></tr></table>\n</html>".encode("utf-16"), "an HTML page"),
    "XML": (b"<?xml version='1.0'?><rows/>", "an XML document"),
    "an Excel 2003 file": (b'<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>', "Excel 2003 XML"),
    "JSON": (b'[{"day": "2020-01-01", "amount": 1}]', "JSON"),
    "lines of JSON": (b'{"day": "2020-01-01", "amount": 1}\n', "JSON"),
    "a PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document"),
    "a database": (b"SQLite format 3\0" + bytes(90), "source.kind=sql"),
    "a zip archive": (zip_of("claims.csv", "readme.txt"), "'claims.csv'"),
    "a Word document": (zip_of("word/document.xml"), "a Word document"),
    "a LibreOffice file": (zip_of("content.xml", "mimetype"), "an OpenDocument file"),
    "a binary workbook": (zip_of("xl/workbook.bin"), ".xlsb"),
    "an archive of tar": (gzip.compress(b"a.csv" + bytes(252) + b"ustar" + bytes(250)), "packed by gzip and no text"),
    "a workbook packed by gzip": (gzip.compress(zip_of("xl/workbook.xml")), "packed by gzip and no text"),
    "a web page packed by gzip": (gzip.compress(b"<html></html>"), "an HTML page"),
    "an xz archive": (b"\xfd7zXZ\0" + bytes(20), "an xz archive"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(20), "a picture"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
    "a file with a password": (OLD_OFFICE + "EncryptedPackage".encode("utf-16-le"), "password"),
    "an old Word document": (OLD_OFFICE + bytes(600), "no workbook"),
    "any bytes": (bytes(range(32)) * 20, "no text and no format that is known here"),
    "nothing packed": (gzip.compress(b""), "empty inside"),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("ending", [".csv", ".xls", ".parquet"])
def test_what_is_no_table_is_refused_by_what_it_is(tmp_path, name, ending):
    content, told = FOREIGN[name]
    path = tmp_path / f"a{ending}"
    path.write_bytes(content)
    with pytest.raises(DataError, match="a" + ending) as refused:
        read_table(path)
    assert told in str(refused.value)
    check_sentence(refused)


@pytest.mark.parametrize("kind", [".csv.gz", ".parquet", ".xlsx", "old"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_a_table_that_was_cut_off_is_refused_as_that(tmp_path, kind, share):
    content = make_content(kind)
    path = tmp_path / f"a{'.xls' if kind == 'old' else kind}"
    path.write_bytes(content[: max(int(len(content) * share), 12)])
    with pytest.raises(DataError, match="cut off") as refused:
        read_table(path)
    check_sentence(refused)


@pytest.mark.parametrize("ending", [".parquet", ".xlsx", ".csv.gz"])
def test_a_table_that_was_altered_inside_is_refused(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    write_table(pd.concat([TABLE] * 200), path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 40] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(DataError) as refused:
        read_table(path)
    check_sentence(refused)


@pytest.mark.parametrize("ending", FORMATS)
def test_an_empty_file_is_refused_as_that(tmp_path, ending):
    (tmp_path / f"a{ending}").write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        find_content(tmp_path / f"a{ending}")


def check_sentence(refused):
    told = str(refused.value)
    assert "\n" not in told
    assert told.endswith(".")
    assert not any(word in told for word in LIBRARY_WORDS), told


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("header", ["day,amount", "Дата;сумма", "d\tü"])
def test_utf16_without_a_mark_is_read(tmp_path, encoding, header):
    separator = next(one for one in ",;\t" if one in header)
    (tmp_path / "a.csv").write_bytes(f"{header}\r\n2020-01-01{separator}7\r\n".encode(encoding))
    assert read_table(tmp_path / "a.csv").to_dict("split")["data"] == [["2020-01-01", "7"]]
    assert list(read_table(tmp_path / "a.csv")) == header.split(separator)

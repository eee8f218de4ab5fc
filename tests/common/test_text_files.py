"""Text as strangers bring it: lines above the header, other encodings, stray quotes, and lines that are told right."""

import logging

import pytest

from pointsman.common.config import Config
from pointsman.common.errors import DataError
from pointsman.common.tabular.reader import read_table
from pointsman.common.wanted import Wanted

ROWS = [[f"2020-01-{day:02}", f"{day}.5", "north", "0", "ok"] for day in range(1, 29)]
NAMES = ["day", "premium", "region", "claim", "note"]


def stream(time="day", target="claim", **source):
    return Wanted.of_stream(Config(schema={"time": time, "target": target}, source=source))


def request(*columns, **source):
    return Wanted.of_request(Config(schema={"time": "day", "target": "claim"}, source=source), columns)


def write(path, rows=ROWS, names=NAMES, separator=",", above="", encoding="utf-8", end="\n"):
    lines = end.join(separator.join(row) for row in [names, *rows])
    path.write_bytes(f"{above}{lines}{end}".encode(encoding))
    return path


class TestHeader:
    @pytest.mark.parametrize(
        "above",
        [
            "Claims\n",
            "Claims of March, all regions\n\nprinted,2020-02-01\n",
            "\n\n",
            "a\n" * 19,
            "sep=;\n",
            '"sep=;"\r\n',
            "sep=;\nClaims of March\n\n",
            '"Claims, ""all"""\n',
            ";;\n;;;\n",
        ],
    )
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
    @pytest.mark.parametrize("quoted", [False, True])
    def test_lines_above_it_are_left_out(self, tmp_path, caplog, above, encoding, quoted):
        rows = [[*row[:-1], '"o;k"'] for row in ROWS] if quoted else ROWS
        path = write(tmp_path / "a.csv", rows, separator=";", above=above, encoding=encoding)
        with caplog.at_level(logging.WARNING):
            table = read_table(path, stream())
        assert list(table) == NAMES
        assert table.to_numpy().tolist() == [[*row[:-1], "o;k" if quoted else "ok"] for row in ROWS]
        told = [one.getMessage() for one in caplog.records if "stands in line" in one.getMessage()]
        is_silent = above.strip().strip('"') in ("", "sep=;")
        expected = f"The header of '{path}' stands in line {above.count(chr(10)) + 1}; the lines above it are not read."
        assert told == ([] if is_silent else [expected])

    def test_a_stated_separator_is_taken_without_knowing_columns(self, tmp_path):
        path = write(tmp_path / "a.csv", [["1,5", "2"]], ["a,b", "c"], ";", "sep=;\n")
        assert read_table(path).to_dict("list") == {"a,b": ["1,5"], "c": ["2"]}

    def test_a_header_that_lacks_the_target_is_named_by_its_line(self, tmp_path):
        path = write(tmp_path / "a.csv", names=["day", "premium", "region", "claims", "note"], above="March\n\n")
        with pytest.raises(DataError, match=r"has 'day' in line 3 and not 'claim' beside it \(.*'claims'"):
            read_table(path, stream())
        assert len(read_table(path, stream(target="claims"))) == len(ROWS)  # what it advises works

    def test_a_request_may_lack_most_columns(self, tmp_path):
        path = write(tmp_path / "a.csv", above="Claims of March\n")
        assert list(read_table(path, request("day", "region", "u", "v", "w"))) == NAMES
        one = write(tmp_path / "b.csv", [["north"]], ["region"])
        assert list(read_table(one, request("day", "region"))) == ["region"]

    def test_the_first_line_is_the_header_where_no_line_has_the_columns(self, tmp_path):
        assert list(read_table(write(tmp_path / "a.csv"), stream("when", "what"))) == NAMES


CYRILLIC = ["Дата", "Премия", "Регион", "Убыток", "note"]


class TestEncoding:
    @pytest.mark.parametrize(
        ("encoding", "names"),
        [
            ("cp1251", CYRILLIC),
            ("koi8-r", CYRILLIC),
            ("cp866", CYRILLIC),
            ("mac-cyrillic", CYRILLIC),
            ("cp1250", ["Dátum", "Cena", "Oblasť", "Škoda", "note"]),
            ("cp1253", ["Ημέρα", "Ποσό", "Τόπος", "Ζημία", "note"]),
            ("shift_jis", ["日付", "保険料", "地域", "請求", "note"]),
            ("gb18030", ["日期", "保费", "地区", "理赔", "note"]),
            ("big5", ["日期", "保費", "地區", "理賠", "note"]),
            ("euc-kr", ["날짜", "보험료", "지역", "청구", "note"]),
            ("mac-roman", ["Jour", "Prime", "Région", "Sinistré", "note"]),
        ],
    )
    def test_the_encoding_that_is_meant_is_named_and_works(self, tmp_path, encoding, names):
        path = write(tmp_path / "a.csv", names=names, separator=";", encoding=encoding)
        with pytest.raises(DataError, match=r"set source\.encoding=") as refused:
            read_table(path, stream(names[0], names[3]))
        advised = str(refused.value).split("source.encoding=")[1].split(",")[0]
        table = read_table(path, stream(names[0], names[3], encoding=advised))
        assert list(table) == names
        assert table[names[0]].tolist() == [row[0] for row in ROWS]

    def test_another_stated_encoding_is_named_too(self, tmp_path):
        path = write(tmp_path / "a.csv", names=CYRILLIC, encoding="cp1251")
        with pytest.raises(DataError, match=r"as koi8-r.*set source\.encoding=cp1251"):
            read_table(path, stream("Дата", "Убыток", encoding="koi8-r"))

    def test_a_request_is_read_in_its_own_encoding_or_that_of_the_stream(self, tmp_path):
        wanted = request(*CYRILLIC, encoding="cp1251")
        for encoding in ("cp1251", "utf-8", "utf-8-sig", "utf-16"):
            assert list(read_table(write(tmp_path / "a.csv", names=CYRILLIC, encoding=encoding), wanted)) == CYRILLIC

    def test_a_request_that_lacks_columns_for_its_encoding_is_refused(self, tmp_path):
        names = ["day", "premium", "Регион", "claim", "note"]
        path = write(tmp_path / "a.csv", names=names, encoding="cp1251")
        with pytest.raises(DataError, match=r"no column 'Регион'.*source\.encoding=cp1251"):
            read_table(path, request("day", "premium", "Регион"))

    def test_bytes_that_the_encoding_has_not_are_told_by_their_line(self, tmp_path):
        path = write(tmp_path / "a.csv", [*ROWS, ["2020-02-01", "\u0150", "a", "0", "ok"]], encoding="cp1250")
        path.write_bytes(path.read_bytes() + b"\x81\n")
        with pytest.raises(DataError, match=r"neither UTF-8 nor Windows-1252 in line 31; set source\.encoding"):
            read_table(path)


QUOTED = [["day", "premium", "region", "claim", "note"], *ROWS]


class TestQuotes:
    def write(self, path, place, opens, closes, end="\n", separator=",", above=""):
        rows = [list(row) for row in ROWS]
        rows[opens][place] = f'"{rows[opens][place]}'
        if closes is not None:
            rows[closes][place] = f'{rows[closes][place]}"'
        return write(path, rows, separator=separator, end=end, above=above)

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    @pytest.mark.parametrize("place", [0, 2, 4])
    @pytest.mark.parametrize("above", ["", "March\n\n"])
    def test_one_that_is_never_closed_is_told_by_its_line(self, tmp_path, end, place, above):
        path = self.write(tmp_path / "a.csv", place, 19, None, end, above=above)
        line = 21 + above.count("\n")
        with pytest.raises(DataError, match=f"has a quote in line {line} that is never closed; remove it"):
            read_table(path, stream())
        path.write_bytes(path.read_bytes().replace(b'"', b""))
        assert len(read_table(path, stream())) == len(ROWS)

    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    @pytest.mark.parametrize("place", [0, 2, 4])
    @pytest.mark.parametrize("closes", [4, 5, 20])
    def test_two_that_make_rows_one_cell_are_told_by_their_lines(self, tmp_path, separator, place, closes):
        path = self.write(tmp_path / "a.csv", place, 3, closes, separator=separator)
        told = f"a quote in line 5 that ends only in line {closes + 2}, so that {closes - 3} more rows? would"
        with pytest.raises(DataError, match=told) as refused:
            read_table(path)
        assert f"one cell of '{NAMES[place]}'" in str(refused.value)
        lines = path.read_text().splitlines(keepends=True)
        lines[4] = lines[4].replace('"', "")  # as it advises
        path.write_text("".join(lines))
        assert len(read_table(path)) == len(ROWS)

    @pytest.mark.parametrize(
        "cell",
        [
            "first line\nsecond line",
            "Dear Sir,\nthe car, a van, was hit, badly, twice\nthanks",
            "a\n\nb",
            "1\n2\n3",
            "x,y,z,1,2\nx,y,z,1,2",
            "\n",
            "total: 5,\n3,\n4",
        ],
    )
    @pytest.mark.parametrize("place", [2, 4])
    def test_a_cell_that_has_lines_is_a_cell(self, tmp_path, cell, place):
        rows = [list(row) for row in ROWS]
        rows[7][place] = f'"{cell}"'
        table = read_table(write(tmp_path / "a.csv", rows))
        assert table.iloc[7, place] == cell

    @pytest.mark.parametrize("first", [True, False])
    def test_a_row_with_too_many_cells_is_told_by_its_line(self, tmp_path, first):
        rows = [list(row) for row in ROWS]
        rows[0 if first else 9][4] = '"two\nlines"'
        rows[10].append("more")
        path = write(tmp_path / "a.csv", rows)
        with pytest.raises(DataError, match=r"Line 13 of the file '.*' has 6 cells and the header has 5 names"):
            read_table(path)

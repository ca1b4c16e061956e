"""Text files as spreadsheets, databases, browsers and statistics programs leave them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Sequence

from tests.odd.case import ONE_FILE, ROWS, Case, rows

PLAIN = rows(lambda row: row % 3)
CITIES = ["Köln", "Ulm", "Łódź"]
LATIN = ["Köln", "Ulm", "Liège"]


def same(content: str | bytes, *more: str, twin: str = PLAIN, name: str = "rows.csv") -> Case:
    """Read at once, or with these words on the command line, like the clean file."""
    typed = () if name == "rows.csv" else (f"dataset.path={name}",)
    return Case({name: content}, {"rows.csv": twin}, more=(*typed, *more))


def refused(
    content: str | bytes, *told: str, remedy: Sequence[str] = (), twin: str | None = None
) -> Case:
    """Refused in such words; with the remedy, if there is one, like the clean file."""
    clean = {"rows.csv": twin or PLAIN} if remedy else None
    return Case({"rows.csv": content}, clean, told or ("rows.csv",), tuple(remedy))


def with_delimiter(delimiter: str, typed: str) -> Case:
    """Another delimiter: it is named, and can be set."""
    content = rows(lambda row: row % 3, delimiter=delimiter)
    return refused(content, "rows.csv:1", remedy=[f"dataset.delimiter={typed}"])


def cities(encoding: str, names: Sequence[str] = CITIES) -> bytes:
    return rows(lambda row: names[row % 3]).encode(encoding)


def in_words(names: Sequence[str] = CITIES) -> str:
    return rows(lambda row: names[row % 3])


def encoded(encoding: str, names: Sequence[str] = CITIES) -> Case:
    """In another encoding: refused with the line, and read when it is named."""
    return Case(
        {"rows.csv": cities(encoding, names)},
        {"rows.csv": in_words(names)},
        ("rows.csv", "dataset.encoding"),
        (f"dataset.encoding={encoding}",),
    )


def zipped(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, PLAIN)
    return content.getvalue()


def zstandard(content: bytes) -> bytes:
    import pyarrow as pa

    packed: bytes = pa.Codec("zstd").compress(content, asbytes=True)
    return packed


def lines(change: dict[int, str]) -> str:
    """The plain file with some of its lines, counted from 1, replaced."""
    return "".join(
        change.get(number, line) + "\n" for number, line in enumerate(PLAIN.splitlines(), 1)
    )


def each(change: str) -> str:
    """Every line of the plain file, written so."""
    return "".join(change.format(line) + "\n" for line in PLAIN.splitlines())


NO_HEADER = PLAIN.partition("\n")[2]
NAMED = ONE_FILE.replace("label: y", "label: column_3").replace("[a]", "[column_1]")
NAMED = NAMED.replace("[b]", "[column_2]")

CASES: dict[str, Case] = {
    # --- delimiters ------------------------------------------------------------------------------
    "semicolons": with_delimiter(";", "';'"),
    "tabs": with_delimiter("\t", "tab"),
    "bars": with_delimiter("|", "'|'"),
    "two colons": Case(
        {"rows.csv": rows(lambda row: row % 3, delimiter="::")},
        {"rows.csv": PLAIN},
        more=("dataset.delimiter='::'",),
    ),
    "colons": Case(
        {"rows.csv": rows(lambda row: row % 3, delimiter=":")},
        {"rows.csv": PLAIN},
        more=("dataset.delimiter=':'",),
    ),
    "Hive's control A": Case(
        {"rows.csv": rows(lambda row: row % 3, delimiter="\x01")},
        {"rows.csv": PLAIN},
        more=('dataset.delimiter="\\x01"',),
    ),
    "a caret": same(rows(lambda row: row % 3, delimiter="^"), "dataset.delimiter=^"),
    "a tilde": same(rows(lambda row: row % 3, delimiter="~"), "dataset.delimiter='~'"),
    "a blank between": same(rows(lambda row: row % 3, delimiter=" "), "dataset.delimiter=' '"),
    "blanks that align": refused(
        "".join(f"{line.replace(',', '   ')}\n" for line in PLAIN.splitlines()), "rows.csv:1"
    ),
    "a wrong delimiter that is a cell's": Case(
        {"rows.csv": PLAIN},
        told=("rows.csv:1", "dataset.delimiter"),
        overrides=("dataset.delimiter=';'",),
    ),
    "blanks after commas": same(PLAIN.replace(",", ", ")),
    "blanks before commas": same(PLAIN.replace(",", " ,")),
    "blanks after commas, quoted": Case(
        {"rows.csv": rows(lambda row: f' "Ulm, {"DC"[row % 2]}"').replace("a,b", "a, b")},
        {"rows.csv": rows(lambda row: f'"Ulm, {"DC"[row % 2]}"')},
    ),
    "a comma at each line's end": same(each("{},")),
    "a comma at each row's end, not the header's": refused(
        PLAIN.replace("\n", ",\n").replace("y,\n", "y\n", 1), "rows.csv:2"
    ),
    "a comma at one row's end": refused(lines({7: "5,2,1,"}), "rows.csv:7", "4 cells"),
    "sep= of Excel": refused("sep=;\n" + PLAIN, "rows.csv:1"),
    # --- lines -----------------------------------------------------------------------------------
    "Windows line ends": same(PLAIN.replace("\n", "\r\n")),
    "line ends of old Macs": same(PLAIN.replace("\n", "\r")),
    "mixed line ends": same(PLAIN.replace("\n", "\r\n", 9)),
    "no last line end": same(PLAIN.rstrip("\n")),
    "blank lines": same(PLAIN.replace("\n", "\n\n")),
    "blank lines at the end": same(PLAIN + "\n\n   \n"),
    "blank lines before the header": same("\n\n" + PLAIN),
    "lines of commas alone": refused(PLAIN + ",,\n", f"rows.csv:{ROWS + 2}"),
    "comments above": Case(
        {"rows.csv": "# made by R\n# on Monday\n" + PLAIN},
        {"rows.csv": PLAIN},
        more=("dataset.comment='#'",),
    ),
    "comments that nobody declared": refused(
        "# made by R\n" + PLAIN, "rows.csv", remedy=["dataset.comment='#'"]
    ),
    "comments among the rows": same(PLAIN.replace("\n", "\n% page\n", 5), "dataset.comment='%'"),
    "a title above the header": refused("Report of 2026\n" + PLAIN, "rows.csv:1"),
    "a title of commas above the header": refused(
        "Report of 2026,,\n" + PLAIN, "no column 'b'", "Report of 2026"
    ),
    "totals below": refused(PLAIN + "Total,40,20\n", f"rows.csv:{ROWS + 2}", "'Total'"),
    "a count below, as psql prints": refused(PLAIN + "(40 rows)\n", f"rows.csv:{ROWS + 2}"),
    "the header again in the middle": refused(PLAIN + PLAIN, f"rows.csv:{ROWS + 2}"),
    "a row too long": refused(lines({7: "5,2,1,9"}), "rows.csv:7", "4 cells"),
    "a row too short": refused(lines({7: "5,2"}), "rows.csv:7", "2 cells"),
    "the last row cut off": refused(PLAIN.rstrip("\n")[:-2], f"rows.csv:{ROWS + 1}", "2 cells"),
    "a form feed between pages": same(PLAIN + "\f\n"),
    # --- headers ---------------------------------------------------------------------------------
    "blanks around the header's names": same(PLAIN.replace("a,b,y", " a , b , y ")),
    "a quoted header": same(PLAIN.replace("a,b,y", '"a","b","y"')),
    "no header": Case(
        {"rows.csv": NO_HEADER},
        {"rows.csv": PLAIN.replace("a,b,y", "column_1,column_2,column_3")},
        ("rows.csv:1", "dataset.header"),
        ("dataset.header=none",),
        spec=NAMED,
    ),
    "no header, names given": same(NO_HEADER, "dataset.header=[a, b, y]"),
    "a header, and names given": Case(
        {"rows.csv": PLAIN}, told=("rows.csv:1",), overrides=("dataset.header=[a, b, y]",)
    ),
    "no header, too few names given": Case(
        {"rows.csv": NO_HEADER}, told=("rows.csv:1",), overrides=("dataset.header=[a, y]",)
    ),
    "two names alike, unused": same(each("{0},1,1").replace("y,1,1", "y,z,z", 1)),
    "two names alike, used": refused(PLAIN.replace("a,b,y", "b,b,y"), "'b' names two columns"),
    "nameless columns, unused": same(each("{0},,").replace("y,,", "y,,", 1)),
    "an index without a name": same(
        "".join(f"{number or ''},{line}\n" for number, line in enumerate(PLAIN.splitlines()))
    ),
    "R's row names, one header cell fewer": refused(
        "".join(
            f"{line}\n" if number == 0 else f'"{number}",{line}\n'
            for number, line in enumerate(PLAIN.splitlines())
        ),
        "rows.csv:2",
    ),
    "a header in capitals": refused(PLAIN.replace("a,b,y", "A,B,Y"), "no column 'b'", "'B'"),
    "typed headers": Case(
        {"rows.csv": PLAIN.replace("a,b,y", "a:token,b:float,y:label")},
        {"rows.csv": PLAIN},
        overrides=(),
        spec=ONE_FILE.replace("[a]", "['a:token']")
        .replace("[b]", "['b:float']")
        .replace("label: y", "label: 'y:label'"),
        twin_spec=ONE_FILE,
    ),
    "two lines of header": refused(PLAIN.replace("\n", "\nkg,m,-\n", 1), "rows.csv:2"),
    "units below the header": refused(PLAIN.replace("\n", "\n[kg],[m],\n", 1), "rows.csv:2"),
    "a zero-width space in the header": same(PLAIN.replace("a,b,y", "a,\u200bb,y")),
    "an umlaut in another normal form": Case(
        {"rows.csv": PLAIN.replace("a,b,y", "a,Gro\u0308\u00dfe,y")},
        {"rows.csv": PLAIN.replace("a,b,y", "a,Gr\u00f6\u00dfe,y")},
        overrides=("parties.bob.columns=[Gr\u00f6\u00dfe]",),
    ),
    # --- quotation marks -------------------------------------------------------------------------
    "commas within quotes": Case(
        {"rows.csv": rows(lambda row: f'"Ulm, {row % 2}"')},
        {"rows.csv": rows(lambda row: f'"Ulm, {row % 2}"', delimiter=";")},
        twin_spec=ONE_FILE.replace("label: y", "label: y, delimiter: ';'"),
    ),
    "quotes within quotes": Case(
        {"rows.csv": rows(lambda row: f'"say ""{"hi" if row % 2 else "ho"}"""')},
        {"rows.csv": rows(lambda row: f'"say ""{"hi" if row % 2 else "ho"}"""')},
    ),
    "line ends within quotes": Case(
        {"rows.csv": rows(lambda row: f'"Ulm\nDonau {"ab"[row % 2]}"')},
        {"rows.csv": rows(lambda row: f'"Ulm\nDonau {"ab"[row % 2]}"')},
    ),
    "a quote that swallows rows": refused(
        "a,b,y\n"
        + "".join(
            ('1.0,"p,3' if row == 5 else '1.0,p",1' if row == 9 else f"{row}.0,q,{row % 2}") + "\n"
            for row in range(ROWS)
        ),
        "rows.csv:7",
    ),
    "a quote that never ends": refused(lines({7: '5,"2,1'}), "rows.csv:7"),
    "inches": Case(
        {"rows.csv": rows(lambda row: f'{"57"[row % 2]}in"')},
        {"rows.csv": rows(lambda row: f'"{"57"[row % 2]}in"""')},
    ),
    "everything quoted": same(
        each("{}").replace(",", '","').replace("\n", '"\n"')[:-1].join(('"', ""))
    ),
    "backslashes before quotes, of MySQL": refused(
        rows(lambda row: f'"say \\"{row % 2}, hi\\""'), "rows.csv:2"
    ),
    "single quotes": Case(
        {"rows.csv": rows(lambda row: f"'{'xy'[row % 2]}'")},
        {"rows.csv": rows(lambda row: f"\"'{'xy'[row % 2]}'\"")},
    ),
    "single quotes around commas": refused(rows(lambda row: f"'Ulm, {row % 2}'"), "rows.csv:2"),
    "typographer's quotes": Case(
        {"rows.csv": rows(lambda row: f"“{'xy'[row % 2]}”")},
        {"rows.csv": rows(lambda row: f'"“{"xy"[row % 2]}”"')},
    ),
    # --- characters ------------------------------------------------------------------------------
    "UTF-8 with a mark": same(b"\xef\xbb\xbf" + cities("utf-8"), twin=in_words()),
    "two marks, of files put together": same("\ufeff\ufeff" + PLAIN),
    "cp1252": encoded("cp1252", LATIN),
    "latin-1": encoded("latin-1", LATIN),
    "cp1250": Case(
        {"rows.csv": cities("cp1250")}, {"rows.csv": in_words()}, more=("dataset.encoding=cp1250",)
    ),
    "Windows' Greek": Case(
        {"rows.csv": cities("cp1253", ["Αθήνα", "Ulm", "Πάτρα"])},
        {"rows.csv": in_words(["Αθήνα", "Ulm", "Πάτρα"])},
        more=("dataset.encoding=cp1253",),
    ),
    "Shift-JIS": Case(
        {"rows.csv": cities("shift_jis", ["東京", "Ulm", "表"])},
        {"rows.csv": in_words(["東京", "Ulm", "表"])},
        more=("dataset.encoding=shift_jis",),
    ),
    "GB18030": Case(
        {"rows.csv": cities("gb18030", ["北京", "Ulm", "上海"])},
        {"rows.csv": in_words(["北京", "Ulm", "上海"])},
        more=("dataset.encoding=gb18030",),
    ),
    "UTF-16 with a mark": encoded("utf-16"),
    "UTF-16, big": Case(
        {"rows.csv": cities("utf-16-be")},
        {"rows.csv": in_words()},
        more=("dataset.encoding=utf-16-be",),
    ),
    "UTF-32": Case(
        {"rows.csv": cities("utf-32")}, {"rows.csv": in_words()}, more=("dataset.encoding=utf-32",)
    ),
    "declared as ASCII": Case(
        {"rows.csv": cities("utf-8")},
        told=("rows.csv:2", "dataset.encoding"),
        overrides=("dataset.encoding=ascii",),
    ),
    "an encoding that nobody knows": Case(
        {"rows.csv": PLAIN},
        told=("dataset.encoding", "klingon"),
        overrides=("dataset.encoding=klingon",),
    ),
    "declared as UTF-16, written as UTF-8": Case(
        {"rows.csv": PLAIN}, told=("rows.csv",), overrides=("dataset.encoding=utf-16",)
    ),
    "one line in latin-1": refused(
        PLAIN.encode() + "1,ö,0\n".encode("latin-1"), f"rows.csv:{ROWS + 2}"
    ),
    "zeros of a crashed disk": refused(PLAIN.encode() + b"\0" * 64, f"rows.csv:{ROWS + 2}"),
    "a zero within a cell": refused(lines({7: "5,2\0,1"}), "rows.csv:7"),
    "umlauts in two normal forms": Case(
        {"rows.csv": rows(lambda row: ["K\u00f6ln", "Ulm"][row % 2])},
        {"rows.csv": rows(lambda row: ["K\u00f6ln", "Ulm"][row % 2])},
    ),
    # --- compression -----------------------------------------------------------------------------
    "gzip": same(gzip.compress(PLAIN.encode()), name="rows.csv.gz"),
    "gzip with a plain name": same(gzip.compress(PLAIN.encode())),
    "plain with gzip's name": same(PLAIN, name="rows.csv.gz"),
    "two gzips in a row": same(
        gzip.compress(PLAIN[:100].encode()) + gzip.compress(PLAIN[100:].encode())
    ),
    "bzip2": same(bz2.compress(PLAIN.encode()), name="rows.csv.bz2"),
    "xz": same(lzma.compress(PLAIN.encode()), name="rows.csv.xz"),
    "Zstandard": same(zstandard(PLAIN.encode()), name="rows.csv.zst"),
    "zip": same(zipped("rows.csv"), name="rows.zip"),
    "zip of two": refused(zipped("rows.csv", "more.csv"), "rows.csv", "more.csv"),
    "zip of none": refused(zipped(), "rows.csv"),
    "zip of a Mac": same(zipped("rows.csv", "__MACOSX/._rows.csv")),
    "a gzip cut off": refused(gzip.compress(PLAIN.encode())[:-20], "rows.csv"),
    "a gzip whose bytes changed": refused(
        gzip.compress(PLAIN.encode())[:-8] + b"\0" * 8, "rows.csv"
    ),
    "gzip of latin-1": Case(
        {"rows.csv": gzip.compress(cities("latin-1", LATIN))},
        {"rows.csv": in_words(LATIN)},
        ("rows.csv", "dataset.encoding"),
        ("dataset.encoding=latin-1",),
    ),
    # --- no tables at all ------------------------------------------------------------------------
    "an empty file": refused("", "rows.csv", "empty"),
    "blank lines alone": refused("\n\n\n", "rows.csv", "empty"),
    "a header alone": refused("a,b,y\n", "rows.csv", "0 row"),
    "one row": refused("a,b,y\n1,2,0\n", "rows.csv", "1 row"),
    "a page of the web": refused(
        "<!DOCTYPE html>\n<html><body><p>Sign in, please</p></body></html>\n", "rows.csv"
    ),
    "JSON": refused('[{"a": 1, "b": 2, "y": 0},\n{"a": 1, "b": 2, "y": 1}]\n', "rows.csv"),
    "JSON lines": refused('{"a": 1, "b": 2, "y": 0}\n{"a": 1, "b": 2, "y": 1}\n', "rows.csv"),
    "a spreadsheet": refused(zipped("[Content_Types].xml", "xl/workbook.xml"), "rows.csv"),
    "an old spreadsheet": refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "rows.csv"),
    "a PDF": refused(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "rows.csv"),
    "a pickle": refused(b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}\x94.", "rows.csv"),
    "a database": refused(b"SQLite format 3\0" + b"\0\x10" * 300, "rows.csv"),
    "what Git LFS leaves": refused(
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n", "rows.csv"
    ),
    "ARFF": refused("@relation odd\n@attribute a numeric\n@data\n1,2,0\n", "rows.csv"),
    "a directory": Case({"rows.csv/part.txt": "x"}, told=("rows.csv",)),
    "no file": Case({"other.csv": PLAIN}, told=("rows.csv", "No such file")),
    "a name in another case": Case({"Rows.csv": PLAIN}, told=("rows.csv", "No such file")),
}

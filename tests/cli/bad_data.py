"""Data files that cannot be used, and what their users are told."""

from __future__ import annotations

from tests.cli.trial import HEADER, ROWS, SYNTHETIC, Bad, spec

SEMICOLONS = ROWS.replace(",", ";")

HEADERS = {
    "no file": Bad(
        "rows.csv: No such file or directory; give the path of a file that can be read",
        rows=None,
    ),
    "a directory": Bad(
        "data: a directory without *.parquet files; give the path of a file that can be read",
        spec(("rows.csv", "data")),
        files={"data/rows.csv": ROWS},
    ),
    "the home of nobody": Bad(
        "~not-a-user/rows.csv: No such file or directory; give the path of a file that …",
        spec(("rows.csv", "~not-a-user/rows.csv")),
    ),
    "an empty file": Bad(
        "rows.csv: the file is empty; it needs a header and at least two rows", rows=""
    ),
    "another delimiter": Bad(
        "rows.csv:1: one column only when split at ','; set 'dataset.delimiter=\";\"'",
        rows=SEMICOLONS,
    ),
    "no header": Bad(
        "rows.csv:1: only numbers where the header should be; name the columns there, "
        "or set 'dataset.header=\"none\"'",
        rows="1,2,3,4,5\n6,7,8,9,0\n",
    ),
    "a name twice": Bad(
        "trial.yaml:5:15: parties.alice.columns[0]: 'age' names two columns in the data; "
        "give each a name of its own\n"
        "trial.yaml:8:23: parties.bob.columns[1]: no column 'city' in the data; …",
        rows=ROWS.replace("city", "age", 1),
    ),
    "no names": Bad(
        "trial.yaml:5:20: parties.alice.columns[1]: no column 'job' in the data; …\n"
        "trial.yaml:8:23: parties.bob.columns[1]: no column 'city' in the data; …",
        rows=ROWS.replace("job", "").replace("city", ""),
    ),
    "a header that is not UTF-8": Bad(
        "rows.csv:1: not UTF-8; set the file's encoding, perhaps "
        "'dataset.encoding=\"cp1252\"', or convert the file, e.g. iconv -t utf-8",
        rows=ROWS.replace("city", "größe").encode("latin-1"),
    ),
}

CELLS = {
    "a header alone": Bad(
        "rows.csv: 0 row(s) of data; at least 2 are needed, and far more to learn from",
        rows=HEADER,
    ),
    "one row": Bad(
        "rows.csv: 1 row(s) of data; at least 2 are needed, and far more to learn from",
        rows=HEADER + "20,cook,1000,Ulm,no\n",
    ),
    "a row too long": Bad(
        "rows.csv:42: 6 cells, but the header has 5; mend the line, or quote cells that hold ','",
        rows=ROWS + "20,cook,1000,Ulm,no,7\n",
    ),
    "a row too short": Bad(
        "rows.csv:42: 4 cells, but the header has 5; mend the line, or quote cells that hold ','",
        rows=ROWS + "20,cook,1000,Ulm\n",
    ),
    "an open quote": Bad(
        "rows.csv:42: a quoted cell does not end; close its quotation mark",
        rows=ROWS + '20,"cook,1000,Ulm,no\n',
    ),
    "a row that is not UTF-8": Bad(
        "rows.csv:42: not UTF-8; set the file's encoding, perhaps "
        "'dataset.encoding=\"cp1252\"', or convert the file, e.g. iconv -t utf-8",
        rows=ROWS.encode() + "20,köchin,1000,Ulm,no\n".encode("latin-1"),
    ),
    "an empty cell": Bad(
        "rows.csv:42: no number in column 'age', as in 1 of 41 rows; "
        "fill the cells, or train with dataset.missing=mean",
        rows=ROWS + ",cook,1000,Ulm,no\n",
    ),
    "a NaN": Bad(
        "rows.csv:42: no number in column 'income', as in 1 of 41 rows; "
        "fill the cells, or train with dataset.missing=mean",
        rows=ROWS + "20,cook,NaN,Ulm,no\n",
    ),
    "text among numbers": Bad(
        "rows.csv:42: 'unknown' in column 'age', which holds numbers; "
        "if nothing is known there, set 'dataset.missing_values=[\"unknown\"]', or to have "
        "categories, set 'dataset.categorical=[\"age\"]'",
        rows=ROWS + "unknown,cook,1000,Ulm,no\n",
    ),
    "decimal commas": Bad(
        "rows.csv:2: '20,5' in column 'age' has a decimal comma; "
        "set 'dataset.decimal=\",\"', or to have categories, set 'dataset.categorical=[\"age\"]'",
        spec(("label: y", "label: y, delimiter: ;")),
        rows="".join(
            line if line.startswith("age") else line.replace(";", ",5;", 1)
            for line in SEMICOLONS.splitlines(keepends=True)
        ),
    ),
    "an infinite number": Bad(
        "rows.csv:42: inf in column 'income'; numbers must be finite, mend the cell",
        rows=ROWS + "20,cook,inf,Ulm,no\n",
    ),
    "a number too large to scale": Bad(
        "rows.csv:42: -1e+300 in column 'income' is too large to be scaled; "
        "mend the cell, or take logarithms",
        rows=ROWS + "20,cook,-1e300,Ulm,no\n",
    ),
    "numbers too far apart for a range": Bad(
        "rows.csv:…: …1.7e+308 in column 'income' is too large to be scaled; "
        "mend the cell, or take logarithms",
        spec(("[income, city]\n", "[income, city]\n    scaling: minmax\n")),
        rows=ROWS + "20,cook,-1.7e308,Ulm,no\n20,cook,1.7e308,Ulm,no\n" * 4,
    ),
    "numbers too large for a mean": Bad(
        "rows.csv:…: 1.7e+308 in column 'income' is too large to be scaled; "
        "mend the cell, or take logarithms",
        spec(
            ("[income, city]\n", "[income, city]\n    scaling: none\n"),
            ("label: y", "label: y, missing: mean"),
        ),
        rows=ROWS + "20,cook,1.7e308,Ulm,no\n" * 8,
    ),
    "a label missing": Bad(
        "rows.csv:42: label 'y' is missing, as in 1 row(s) in all; fill or drop them",
        rows=ROWS + "20,cook,1000,Ulm,\n",
    ),
    "one class": Bad(
        "rows.csv: label 'y' is 'no' in every row; choose a label with at least two values",
        rows=ROWS.replace("yes", "no"),
    ),
    "three classes for two": Bad(
        "rows.csv: label 'y' has 3 values ('maybe', 'no', 'yes'), "
        "but binary_cross_entropy takes 2; use top.loss: cross_entropy",
        rows=ROWS + "20,cook,1000,Ulm,maybe\n",
    ),
    "a class that is never seen": Bad(
        "rows.csv: label 'y': 1 of 2 classes are in no training row ('…'); "
        "give more rows, or lower dataset.test_fraction",
        rows=HEADER + "20,cook,1000,Ulm,no\n20,cook,1000,Ulm,yes\n",
    ),
    "no such positive class": Bad(
        "rows.csv: label 'y' has no value 'yep' for dataset.positive; did you mean 'yes'?",
        spec(("label: y", "label: y, positive: yep")),
    ),
    "words for a regression": Bad(
        "rows.csv:2: label 'y' is 'no', but mse takes numbers; "
        "set top.loss to binary_cross_entropy",
        spec(("binary_cross_entropy", "mse")),
    ),
    "nothing left to train on": Bad(
        "rows.csv: of 40 rows, none is left to train on; lower dataset.test_fraction",
        spec(("label: y", "label: y, test_fraction: 0.99")),
    ),
    "more rows than fit in memory": Bad(
        "trial.yaml:2:28: dataset.rows: 1,000,000,000,000,000 do not fit in memory; generate fewer",
        spec(("rows: 100", "rows: 1e15"), of=SYNTHETIC),
    ),
}

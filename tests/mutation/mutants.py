"""The mutants, an entry each: a slip that somebody could make, as exact source text and what stands there instead.

A text that is not found exactly once in its file is an error, so the table stays true. Mutants that change nothing
that can be seen do not belong here; one that survives calls for a sharper suite.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "customer_features"
SUITE = ("tests/agreement/test_every_door.py", "tests/agreement/test_as_of.py")
"""The modules that are to kill a mutant, in this order."""
RULES = {
    "query/columns.py": ("tests/query/test_expressions.py",),
    "query/expressions.py": ("tests/query/test_expressions.py",),
    "query/numeric_columns.py": ("tests/query/test_numeric_columns.py",),
    "query/text_numbers.py": ("tests/query/test_text_numbers.py",),
    "definition/number_grammar.py": ("tests/query/test_text_numbers.py",),
    "engines/duckdb/numbers.py": ("tests/engines/duckdb/test_numbers.py",),
    "engines/duckdb/whole_ids.py": ("tests/engines/duckdb/test_numbers.py",),
    "engines/warehouse.py": ("tests/differential/test_refusals.py",),
    "engines/duckdb/json_ids.py": ("tests/cases/test_structure.py",),
    "query/duckdb_steps.py": ("tests/engines/test_incomplete.py",),
    "engines/outcome.py": ("tests/engines/test_outcome.py",),
    "definition/date_texts.py": ("tests/definition/test_date_texts.py",),
    "query/instants.py": ("tests/query/test_instants.py", "tests/cases/test_dates.py"),
    "sources/open_quotes.py": ("tests/sources/test_open_quotes.py", "tests/cases/test_csv_doors.py"),
    "sources/column_names.py": ("tests/sources/test_column_names.py",),
    "definition/faults.py": ("tests/definition/test_faults.py",),
    "engines/rows/faults.py": ("tests/engines/rows/test_faults.py",),
}
"""Files of rules about what stands in a source, and the modules that are to kill their mutants before the suite."""
DOOR_TEST = f"{SUITE[0]}::test_it_answers_the_oracles_bits_and_counts"
"""The test that asks a door about a scenario."""

_LIKELIEST = {
    "query/dialects/postgres.py": "PostgreSQL",
    "engines/postgres": "PostgreSQL",
    "query/dialects/clickhouse.py": "ClickHouse",
    "engines/clickhouse": "ClickHouse",
    "query/dialects/spark.py": "Spark",
    "query/one_pass.py": "Spark",
    "engines/spark": "Spark",
    **dict.fromkeys(("query/steps.py", "query/faulty_rows.py", "query/dialects/", "query/generate.py"), "printed SQL"),
    "sources/document.py": "JSON",
    "engines/duckdb/rejected_lines.py": "JSON",
    "engines/rows": "rows, in-process",
    **dict.fromkeys(
        ("definition/money.py", "definition/features.py", "definition/faults.py", "definition/options.py"),
        "rows, in-process",
    ),
}
"""Beginnings of files, and a part of the name of the door that is likeliest to kill their mutants; SQL is DuckDB's."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One slip: a name, a file of the package, its text, the text of the slip, and the test that kills it.

    The killer is ``DOOR: SCENARIO`` or, of another test of the suite, ``MODULE.py::TEST``; of a test that is not of the
    suite, its whole name.
    """

    name: str
    file: str
    text: str
    instead: str
    killer: str = ""

    @property
    def killing_test(self) -> str:
        """The recorded killer, by pytest's name for it."""
        if not self.killer or self.killer.startswith("tests/"):
            return self.killer
        if "::" in self.killer:
            return f"tests/agreement/{self.killer}"
        door, _, scenario = self.killer.partition(": ")
        return f"{DOOR_TEST}[{door}-{scenario}]"

    @property
    def first(self) -> str:
        """Part of the name of the door that is likeliest to kill it, and so is tried first."""
        for file, door in _LIKELIEST.items():
            if self.file.startswith(file) and not self.name.startswith("SQL: "):
                return door
        return "PyArrow"

    def applied(self, source: str) -> str:
        """The file with the slip in it. Raises ValueError where the text is not there exactly once."""
        if (count := source.count(self.text)) != 1:
            raise ValueError(f"{self.name}: {self.text!r} stands {count} times in {self.file}, not once")
        return source.replace(self.text, self.instead)


def killer_of(test: str) -> str:
    """Return a test as it is recorded, from pytest's name for it, or an empty string if that is no test's name."""
    if asked := re.fullmatch(rf"{re.escape(DOOR_TEST)}\[(.+)-([^-]+)\]", test):
        return f"{asked[1]}: {asked[2]}"
    return test.removeprefix("tests/agreement/") if "::" in test else ""


def _of(file: str, *mutants: tuple[str, str, str] | tuple[str, str, str, str]) -> list[Mutant]:
    """Mutants of a file: name, text, text of the slip and, once it is recorded, the killer."""
    return [Mutant(mutant[0], file, *mutant[1:]) for mutant in mutants]


MUTANTS: list[Mutant] = [
    *_of(
        "definition/money.py",
        (
            "units truncated",
            "return floor(amount * 10000 + 0.5)",
            "return int(amount * 10000 + 0.5)",
            "rows, in-process: sums beyond 2^63",
        ),
        ("totals half down", "[(units + 50) // 100 / 100", "[(units + 49) // 100 / 100", "rows, in-process: visits"),
        (
            "totals rounded as doubles",
            "[(units + 50) // 100 / 100",
            "[round(units / 10000, 2)",
            "rows, in-process: visits",
        ),
        (
            "averages of rounded totals",
            "[(2 * units + 100 * n)",
            "[(2 * ((units + 50) // 100 * 100) + 100 * n)",
            "rows, in-process: visits",
        ),
        (
            "averages truncated",
            "[(2 * units + 100 * n) // (200 * n) / 100",
            "[int((2 * units + 100 * n) / (200 * n)) / 100",
            "rows, in-process: returns in decimals",
        ),
        (
            "largest total excluded",
            "-MAX_CENTS <= cents(total_units) <= MAX_CENTS",
            "-MAX_CENTS < cents(total_units) < MAX_CENTS",
            "rows, in-process: sums beyond 2^63",
        ),
        (
            "one cent more than a double holds",
            "MAX_CENTS = 2**53 - 1",
            "MAX_CENTS = 2**53",
            "rows, in-process: sums beyond 2^63",
        ),
        (
            "amounts up to 10^12",
            "MAX_AMOUNT = 100_000_000_000.0",
            "MAX_AMOUNT = 1_000_000_000_000.0",
            "rows, in-process: visits with faults",
        ),
        (
            "SQL: division truncates below zero",
            "({numerator} - {remainder}) // {divisor}",
            "({numerator}) // {divisor}",
            "Python, PyArrow: returned lines in long decimals",
        ),
        ("SQL: totals half down", '"({total_units} + 50)"', '"({total_units} + 49)"', "Python, PyArrow: visits"),
        (
            "SQL: averages of rounded totals",
            "(2 * {total_units} + 100 * {visits})",
            "(2 * (({total_units} + 50) // 100 * 100) + 100 * {visits})",
            "Python, PyArrow: visits",
        ),
        (
            "SQL: cents times 0.01",
            "AS DOUBLE) / CAST(100 AS DOUBLE)",
            "AS DOUBLE) * CAST(0.01 AS DOUBLE)",
            "Python, PyArrow: visits",
        ),
        (
            "SQL: range ends half a cent late",
            "{MAX_CENTS * 100 + 49}",
            "{MAX_CENTS * 100 + 50}",
            "Python, PyArrow: sums beyond 2^63",
        ),
        (
            "SQL: range begins a unit early",
            "{-MAX_CENTS * 100 - 50}",
            "{-MAX_CENTS * 100 - 51}",
            "Python, PyArrow: sums beyond 2^63",
        ),
        ("SQL: units truncated", "CAST(FLOOR({amount} *", "CAST(TRUNC({amount} *", "Python, PyArrow: sums beyond 2^63"),
        (
            "SQL: units rounded down",
            "+ CAST(0.5 AS DOUBLE)) AS BIGINT)",
            "+ CAST(0 AS DOUBLE)) AS BIGINT)",
            "Python, PyArrow: visits",
        ),
        (
            "SQL: decimals round away from zero",
            "= 0.00005 THEN 1 ELSE 0",
            "= 0.00005 THEN 0 ELSE 0",
            "Python, PyArrow: returned lines in long decimals",
        ),
    ),
    *_of(
        "definition/features.py",
        (
            "average over products",
            'money.rounded_sql("units", "visits")',
            'money.rounded_sql("units", "products")',
            "Python, PyArrow: visits",
        ),
        (
            "SQL: negative zero passes",
            '"loyalty + CAST(0 AS DOUBLE)"',
            '"loyalty"',
            "Python, PyArrow: visits with faults",
        ),
        ("recency counts today", "float(m.today - last)", "float(m.today - last + 1)", "rows, in-process: visits"),
        (
            "SQL: recency backwards",
            "DATE_DIFF('day', last_day, today)",
            "DATE_DIFF('day', today, last_day)",
            "Python, PyArrow: visits",
        ),
    ),
    *_of(
        "definition/faults.py",
        (
            "SQL: an empty product is a product",
            "\"product_id IS NULL OR product_id = ''\"",
            '"product_id IS NULL"',
            "Python, PyArrow: visits with faults",
        ),
        ("SQL: today is in the future", '"day > today"', '"day >= today"', "Python, PyArrow: visits"),
        (
            "today is in the future",
            "row.day > options.today,",
            "row.day >= options.today,",
            "rows, in-process: visits with faults",
        ),
        (
            "SQL: amounts far below zero are in range",
            "NOT ABS(number) <=",
            "NOT number <=",
            "Python, PyArrow: visits with faults",
        ),
        ("SQL: zero is negative", '"number < 0"', '"number <= 0"', "Python, PyArrow: visits"),
        (
            "zero is negative",
            "row.number is not None and row.number < 0",
            "row.number is not None and row.number <= 0",
            "rows, in-process: visits with faults",
        ),
        (
            "SQL: an order on two dates passes",
            '"first_day <> last_day"',
            '"first_day > last_day"',
            "Python, PyArrow: order totals",
        ),
        (
            "SQL: scores nearly alike are alike",
            '"lowest_loyalty <> highest_loyalty"',
            '"highest_loyalty - lowest_loyalty > 1e-9"',
            "Python, PyArrow: visits with faults",
        ),
        (
            "rows: some returns are only returns",
            "lambda customer, options: customer.visits == 0,",
            "lambda customer, options: customer.units < 0,",
            "rows, in-process: returns in decimals",
        ),
        (
            "a missing customer comes last",
            "    return [f for f in FAULTS if f.scope is Scope.ROW and f.applies(options)]",
            "    return [f for f in reversed(FAULTS) if f.scope is Scope.ROW and f.applies(options)]",
            "Python, PyArrow: visits with faults",
        ),
        (
            "SQL: only returns is a negative total",
            '"visits = 0"',
            '"units < 0"',
            "Python, PyArrow: returned lines in long decimals",
        ),
    ),
    *_of(
        "definition/options.py",
        (
            "windows of days are a day short",
            "today - timedelta(days=self.days)",
            "today - timedelta(days=self.days - 1)",
            "rows, in-process: returned lines in long decimals",
        ),
        (
            "windows of months begin on the 28th at most",
            "min(today.day, monthrange(year, month + 1)[1])) if year >= 1",
            "min(today.day, 28)) if year >= 1",
            "rows, in-process: returns in decimals",
        ),
        (
            "windows of months count whole years",
            "date(year, month + 1, min(today.day",
            "date(year, today.month, min(today.day",
            "rows, in-process: returns in decimals",
        ),
    ),
    *_of(
        "query/reading.py",
        (
            "time zone dropped",
            'f"CAST(timezone({literal(timezone)}, {sql}) AS DATE)"',
            "f\"CAST(timezone('UTC', {sql}) AS DATE)\"",
            "Python, PyArrow: instants where midnight is skipped",
        ),
        (
            "time zone of text dropped",
            '"timezone({literal(timezone)}, TRY_CAST({joined} AS TIMESTAMPTZ))"',
            """"timezone('UTC', TRY_CAST({joined} AS TIMESTAMPTZ))\"""",
            "Python, PyArrow: order totals at times in text",
        ),
        (
            "offset of text dropped",
            '"timezone({literal(timezone)}, TRY_CAST({joined} AS TIMESTAMPTZ))"',
            '"TRY_CAST({sql}[:19] AS TIMESTAMP)"',
            "Python, PyArrow: lines of text",
        ),
        (
            "ids trimmed",
            '{"VARCHAR", NUMERIC}:\n        return mapped.sql',
            '{"VARCHAR", NUMERIC}:\n        return f"TRIM({mapped.sql})"',
            "Python, PyArrow: visits",
        ),
        (
            "ids folded",
            '{"VARCHAR", NUMERIC}:\n        return mapped.sql',
            '{"VARCHAR", NUMERIC}:\n        return f"LOWER({mapped.sql})"',
            "Python, PyArrow: visits",
        ),
        (
            "ids normalised",
            '{"VARCHAR", NUMERIC}:\n        return mapped.sql',
            '{"VARCHAR", NUMERIC}:\n        return f"NFC_NORMALIZE({mapped.sql})"',
            "Python, PyArrow: visits",
        ),
        (
            "ids read as numbers",
            '{"VARCHAR", NUMERIC}:\n        return mapped.sql',
            '{"VARCHAR", NUMERIC}:\n        return f"COALESCE(TRY_CAST({mapped.sql} AS BIGINT)::TEXT, {mapped.sql})"',
            "Python, PyArrow: visits",
        ),
        (
            "scores a little above 1 pass",
            "{score} BETWEEN 0 AND 1, FALSE",
            "{score} BETWEEN 0 AND 1.0000001, FALSE",
            "Python, PyArrow: visits with faults",
        ),
        (
            "an empty amount is unreadable",
            "missing += f\" OR COALESCE({sql} = '', FALSE)\"",
            'missing += ""',
            "Python, PyArrow: lines of text",
        ),
        (
            "days of other forms are read",
            "{sql} LIKE '____-__-__' AND {sql} BETWEEN '0' AND ':' AND RIGHT({sql}, 1) >= '0'",
            "TRY_CAST({sql} AS DATE) IS NOT NULL",
            "Python, PyArrow: lines of text",
        ),
        (
            "days past the calendar are read",
            'return f"CASE WHEN {day} {_DAYS} THEN {day} END"',
            "return day",
            "Python, PyArrow: visits with faults",
        ),
        (
            "whole amounts a digit short",
            'f"CAST({sql} AS BIGINT) * 10000"',
            'f"CAST({sql} AS BIGINT) * 1000"',
            "Python, PyArrow: whole numbers",
        ),
        (
            "decimals read as doubles",
            "units = money.units_of_decimal_sql(sql, int(scaled[1]))",
            "units = money.units_of_double_sql(number)",
            "Python, PyArrow: returned lines in long decimals",
        ),
    ),
    *_of(
        "query/text_numbers.py",
        (
            "digits grouped by underscores are read",
            '_OF_THE_CAST = ("_", "+-", "(")',
            '_OF_THE_CAST = ("+-", "(")',
            "tests/query/test_text_numbers.py::test_every_form_by_its_value[marks0-0]",
        ),
        (
            "two signs before a number are read",
            '_OF_THE_CAST = ("_", "+-", "(")',
            '_OF_THE_CAST = ("_", "(")',
            "tests/query/test_text_numbers.py::test_every_form_by_its_value[marks0-0]",
        ),
        (
            "text read in single precision",
            "{plain} THEN TRY_CAST({sql} AS DOUBLE) END",
            "{plain} THEN CAST(TRY_CAST({sql} AS FLOAT) AS DOUBLE) END",
            "Python, PyArrow: lines of text",
        ),
        (
            "a point is read as one beside decimal commas",
            "{plain} AND NOT CONTAINS({sql}, '.') THEN {point}",
            "{plain} THEN {point}",
            "tests/query/test_text_numbers.py::test_every_form_by_its_value[marks1-1]",
        ),
        (
            "money below zero is above it",
            "THEN -{value} ELSE {value} END",
            "THEN {value} ELSE {value} END",
            "tests/query/test_text_numbers.py::test_every_form_by_its_value[marks0-0]",
        ),
        (
            "money with two signs is read",
            " AND NOT regexp_matches({sql}, {literal(marks.no_money)}) THEN {signed} END",
            " THEN {signed} END",
            "tests/query/test_text_numbers.py::test_every_form_by_its_value[marks0-0]",
        ),
        (
            "money that stands in a text is read",
            "CASE WHEN regexp_full_match({sql}, {literal(marks.money)})",
            "CASE WHEN regexp_matches({sql}, {literal(marks.money)})",
            "tests/query/test_text_numbers.py::test_every_form_by_its_value[marks0-0]",
        ),
        (
            "a decimal comma speaks against nothing",
            "self.points > FEW * self.commas",
            "self.points > 0",
            "tests/query/test_text_numbers.py::test_what_tells_a_decimal_mark[texts5-1.250]",
        ),
        (
            "no decimal point settles anything",
            "self.points > FEW * self.commas",
            "self.points > FEW * self.commas and not self.either_point",
            "Python, PyArrow: lines of text",
        ),
        (
            "thousands with a comma are never in doubt",
            "either = self.either_point or self.either_comma",
            "either = self.either_point",
            "tests/query/test_text_numbers.py::test_what_tells_a_decimal_mark[texts1-1,250]",
        ),
        (
            "the readings of a text with two are swapped",
            'if mark == "." else (whole, decimals)',
            'if mark == "," else (whole, decimals)',
            "tests/query/test_text_numbers.py::test_both_readings_are_shown",
        ),
    ),
    *_of(
        "definition/number_grammar.py",
        (
            "thousands begin with a zero",
            'f"[1-9][0-9]{{0,2}}(',
            'f"[0-9]{{1,3}}(',
            "tests/query/test_text_numbers.py::test_every_form_by_its_value[marks0-0]",
        ),
        (
            "groups of two digits stand alone",
            "(,[0-9]{2})+,[0-9]{3}",
            "(,[0-9]{2})+(,[0-9]{3})?",
            "tests/query/test_text_numbers.py::test_every_form_by_its_value[marks0-0]",
        ),
        (
            "thousands of four digits",
            "[0-9]{{0,2}}({_CLASSES[mark]}[0-9]{{3}})+",
            "[0-9]{{0,3}}({_CLASSES[mark]}[0-9]{{3}})+",
            "tests/query/test_text_numbers.py::test_every_form_by_its_value[marks0-0]",
        ),
        (
            "a typographic minus is none",
            'NEGATIVE = f"([(]|{_MINUS})"',
            'NEGATIVE = "([(]|-)"',
            "tests/query/test_text_numbers.py::test_every_form_by_its_value[marks0-0]",
        ),
        (
            "brackets are no minus",
            'NEGATIVE = f"([(]|{_MINUS})"',
            'NEGATIVE = f"({_MINUS})"',
            "tests/query/test_text_numbers.py::test_every_form_by_its_value[marks0-0]",
        ),
        (
            "a currency's point is one of the number",
            "{_WORD}[.]|[^0-9",
            "[^0-9",
            "tests/query/test_text_numbers.py::test_every_form_by_its_value[marks0-0]",
        ),
        (
            "a number may stand between two currencies",
            'return f"{_TWO_SIGNS}|{_TWO_CURRENCIES}|{word}"',
            'return f"{_TWO_SIGNS}|{word}"',
            "tests/query/test_text_numbers.py::test_every_form_by_its_value[marks0-0]",
        ),
        (
            "a decimal mark may follow a currency's word",
            'return f"{_TWO_SIGNS}|{_TWO_CURRENCIES}|{word}"',
            'return f"{_TWO_SIGNS}|{_TWO_CURRENCIES}"',
            "tests/query/test_text_numbers.py::test_every_form_by_its_value[marks0-0]",
        ),
        (
            "half a currency may touch a number",
            "{_WORD}([.]{_BLANK})?){_BLANKS}",
            "{_WORD}[.]?){_BLANKS}",
            "tests/query/test_text_numbers.py::test_every_form_by_its_value[marks1-1]",
        ),
        (
            "every mark parts thousands",
            "return [self.thousands]",
            "return list(THOUSANDS)",
            "tests/query/test_text_numbers.py::test_one_mark_between_thousands",
        ),
        (
            "1.250 tells a point",
            '"point": _around(\n        "[0-9]+[.]([0-9]{1,2}|',
            '"point": _around(\n        "[0-9]+[.]([0-9]{1,3}|',
            "tests/query/test_text_numbers.py::test_what_tells_a_decimal_mark[texts0-1.250]",
        ),
        (
            "1,250 tells a comma",
            '"comma": _around(\n        "[0-9]+,([0-9]{1,2}|',
            '"comma": _around(\n        "[0-9]+,([0-9]{1,3}|',
            "tests/query/test_text_numbers.py::test_what_tells_a_decimal_mark[texts7-None]",
        ),
        (
            "0,125 has two readings",
            '"either_comma": _around("[1-9][0-9]{0,2},',
            '"either_comma": _around("[0-9]{1,3},',
            "tests/query/test_text_numbers.py::test_what_tells_a_decimal_mark[texts9-None]",
        ),
    ),
    *_of(
        "query/expressions.py",
        (
            "an expression may name its result",
            "if isinstance(tree, exp.Alias) or (not isinstance(tree, exp.Column)",
            "if (not isinstance(tree, exp.Column)",
            "tests/query/test_expressions.py::test_what_is_nearly_a_name_is_refused[Total AS x-Total-duckdb]",
        ),
        (
            "what reads no column is a constant",
            "if tree.find(exp.Column) is None:",
            "if tree is None:",
            "tests/query/test_expressions.py::test_what_reads_no_column_is_refused['customer_id'-duckdb]",
        ),
        (
            "what is nearly a name is SQL",
            "if ratio >= _NEAR else",
            "if ratio > 1 else",
            "tests/query/test_expressions.py"
            "::test_what_is_nearly_a_name_is_refused[Emial (Billing)-Email (Billing)-duckdb]",
        ),
        (
            "a word with brackets apart is a call",
            "if _CALL_APART.fullmatch(text) or (",
            "if (",
            "tests/query/test_expressions.py::test_words_are_a_name_where_no_column_is_known[Email (Billing)-duckdb]",
        ),
        (
            "names that differ by case alone are the first",
            "return same[0] if len(same) == 1 else None",
            "return same[0] if same else None",
            "tests/query/test_expressions.py::test_columns_that_differ_by_case_alone",
        ),
        (
            "double quotes stand around text in some dialects",
            """"IDENTIFIERS": [*tokenizer.IDENTIFIERS, '"']""",
            '"IDENTIFIERS": tokenizer.IDENTIFIERS',
            "tests/query/test_expressions.py::test_a_name_is_a_column_in_every_dialect[spark]",
        ),
        (
            "a comment is part of an expression",
            "if any(node.comments for node in inner.walk()):",
            "if False:",
            "tests/query/test_expressions.py::test_comments_are_refused[qty -- the rest]",
        ),
    ),
    *_of(
        "query/numeric_columns.py",
        (
            "a number that a cast cannot hold is nothing",
            "if self._as is not self.number and not self._compares:",
            "if False:",
            "tests/cases/test_mapping.py::test_so_is_one_that_is_computed_with_exactly[coalesce(price // size, 0)]",
        ),
        (
            "text is compared as text",
            "elif isinstance(node, COMPARISONS) and self._compares_numbers(node):",
            "elif isinstance(node, ()):",
            "tests/query/test_numeric_columns.py::test_the_totals_of_an_expression"
            "[CASE WHEN qty > price THEN qty ELSE price END-expected3]",
        ),
        (
            "a choice of texts is text",
            "elif isinstance(node, (*ARITHMETIC, *_CHOICES)):",
            "elif isinstance(node, ARITHMETIC):",
            "tests/query/test_numeric_columns.py::test_a_cell_that_is_no_number_is_told_with_its_column"
            "[coalesce(list_price, price)]",
        ),
        (
            "text that meets text is text",
            "return all(self.holds_numbers(self.filled(self._sql(text))) for text in texts)",
            "return False",
            "tests/query/test_numeric_columns.py::test_the_totals_of_an_expression"
            "[CASE WHEN qty > price THEN qty ELSE price END-expected3]",
        ),
        (
            "unreadable cells are nothing",
            "self.read[shown] = sql",
            "self.read.clear()",
            "tests/query/test_numeric_columns.py::test_the_totals_of_an_expression"
            "[coalesce(nullif(amount, 0), list_price)-expected9]",
        ),
        (
            "an integer cast goes through a double",
            "return lambda sql: self.exact(sql, None)",
            "return self.number",
            "tests/query/test_numeric_columns.py::test_long_ids_stay_apart[cast(customer_id as bigint)]",
        ),
        (
            "long ids are compared as doubles",
            "return self._reads_text(one) or self._reads_text(other)",
            "return False",
            "tests/query/test_numeric_columns.py::test_long_ids_are_compared_exactly[order_id = '9007199254740993']",
        ),
        (
            "a whole quotient is a plain one",
            "elif (operation := _operation(node)) and self._reads_text(node):",
            "elif (operation := _operation(node)) and not self._reads_text(node):",
            "tests/query/test_numeric_columns.py::test_whole_quotients_of_texts[price // qty-expected0]",
        ),
        (
            "a product of doubles rounds long ids",
            "elif self._rounds:",
            "elif self._rounds and False:",
            "tests/cases/test_mapping.py::test_an_id_that_a_product_would_round_is_a_fault_of_its_row[pyarrow]",
        ),
        (
            "the subject of a case is text",
            "(self.as_number if of_numbers else self.as_it_is)(one)",
            "self.as_it_is(one)",
            "tests/query/test_numeric_columns.py::test_the_totals_of_an_expression"
            "[CASE qty WHEN 2.0 THEN 1 ELSE 2 END-expected6]",
        ),
    ),
    *_of(
        "engines/duckdb/numbers.py",
        (
            "a sample settles two readings",
            "if sampled and _sample(",
            "if sampled or _sample(",
            "tests/engines/duckdb/test_numbers.py::test_columns_with_two_readings[texts0-True]",
        ),
        (
            "two readings of what is in doubt pass",
            "if found.in_doubt is not None:",
            "if found.in_doubt is None:",
            "tests/engines/duckdb/test_numbers.py::test_columns_with_two_readings[texts0-True]",
        ),
        (
            "several currencies are one",
            "if len(found) > 1:",
            "if len(found) > 2:",
            "tests/engines/duckdb/test_numbers.py::test_one_currency_beside_amounts[texts2-marks2]",
        ),
        (
            "what is no number has a currency",
            "currency_mark IS NOT NULL AND number IS NOT NULL",
            "currency_mark IS NOT NULL",
            "tests/engines/duckdb/test_numbers.py::test_one_currency_beside_amounts[texts4-marks4]",
        ),
        (
            "half a column's texts are numbers",
            "> len(rows)",
            ">= len(rows)",
            "tests/engines/duckdb/test_numbers.py::test_a_column_holds_numbers_where_most_of_its_texts_do",
        ),
    ),
    *_of(
        "engines/duckdb/whole_ids.py",
        (
            "a sample tells whole numbers",
            "return not mixed",
            "return True",
            "tests/engines/duckdb/test_numbers.py::test_whole_numbers_written_as_floats[texts4-False]",
        ),
        (
            "whole numbers alone are floats",
            "    if not floats:\n        return False\n",
            "",
            "tests/engines/duckdb/test_numbers.py::test_whole_numbers_written_as_floats[texts2-False]",
        ),
        (
            "two digits of an id are cut",
            "THEN left({sql}, -2)",
            "THEN left({sql}, -3)",
            "tests/engines/duckdb/test_numbers.py::test_the_whole_number_of_an_id",
        ),
    ),
    *_of(
        "engines/warehouse.py",
        (
            "a warehouse asks its first rows alone",
            "        if not found.settled:\n",
            "        if False:\n",
            "tests/differential/test_refusals.py::test_postgresql",
        ),
        (
            "a warehouse asks no more after a fault",
            "            _refuse_two_readings(source, shown, _evidence(warehouse, portable.evidence(sql)))\n",
            "            pass\n",
            "tests/differential/test_refusals.py::test_postgresql",
        ),
        (
            "a warehouse adds several currencies",
            "    if len(marks) > 1:",
            "    if len(marks) > 2:",
            "tests/differential/test_refusals.py::test_postgresql",
        ),
    ),
    *_of(
        "engines/duckdb/json_ids.py",
        (
            "a column of objects is one of faulty ids",
            "if count and values == count:",
            "if count and values < count:",
            "tests/cases/test_structure.py::test_f2_a_column_of_objects_is_refused_with_the_paths_inside",
        ),
    ),
    *_of(
        "engines/outcome.py",
        (
            "a limit of its own is one less",
            "if count / self.rows_in > limit:",
            "if count / self.rows_in >= limit:",
            "tests/engines/test_outcome.py::test_limits[faults5-options5-False]",
        ),
        (
            "tolerated faults count for the rest",
            'if name not in tolerated and name != "incomplete_customer")',
            'if name != "incomplete_customer")',
            "tests/engines/test_outcome.py::test_limits[faults5-options5-False]",
        ),
        (
            "customers set aside whole count as faulty",
            'if name not in tolerated and name != "incomplete_customer")',
            "if name not in tolerated)",
            "tests/engines/test_outcome.py::test_limits[faults10-options10-False]",
        ),
        (
            "one fault in a hundred is too many",
            "if rest / self.rows_in <= options",
            "if rest / self.rows_in < options",
            "tests/engines/test_outcome.py::test_limits[faults1-options1-False]",
        ),
    ),
    *_of(
        "definition/date_texts.py",
        (
            "the hour 24 is read",
            "([01][0-9]|2[0-3]):",
            "([01][0-9]|2[0-4]):",
            "tests/definition/test_date_texts.py::test_the_patterns_say_what_the_table_says",
        ),
        (
            "the second 60 is read",
            "(:[0-5][0-9]([.]",
            "(:([0-5][0-9]|60)([.]",
            "tests/definition/test_date_texts.py::test_the_patterns_say_what_the_table_says",
        ),
        (
            "offsets reach to 15 hours",
            "(0[0-9]|1[0-3])(:?",
            "(0[0-9]|1[0-5])(:?",
            "tests/definition/test_date_texts.py::test_the_patterns_say_what_the_table_says",
        ),
        (
            "minutes of an offset reach to 99",
            "(0[0-9]|1[0-3])(:?[0-5][0-9])?",
            "(0[0-9]|1[0-3])(:?[0-9][0-9])?",
            "tests/definition/test_date_texts.py::test_the_patterns_say_what_the_table_says",
        ),
    ),
    *_of(
        "query/instants.py",
        (
            "milliseconds since 1970 are local",
            "return node if kind is not None and not _is_naive(kind) else",
            "return node if kind is None or _is_naive(kind) else",
            "tests/query/test_instants.py::test_instants_are_put_on_the_local_clock"
            "[EPOCH_MS(ts)-TIMEZONE('Asia/Tokyo', TIMEZONE('UTC', EPOCH_MS(ts)))]",
        ),
        (
            "a function of an instant goes by UTC",
            "return not isinstance(node, _KEEPING) and _name(node) not in _OF_AN_INSTANT and not _is_epoch(node)",
            "return isinstance(node, exp.TimestampTrunc)",
            "tests/cases/test_dates.py::test_functions_of_an_instant_go_by_the_timezone"
            "[make_date(year(ts), month(ts), date_part('day', ts))-1]",
        ),
        (
            "a literal offset goes the wrong way",
            "{stamp} - INTERVAL ({offset})",
            "{stamp} + INTERVAL ({offset})",
            "tests/query/test_instants.py::test_instants_are_put_on_the_local_clock"
            "[STRPTIME(text, '%Y-%m-%d %H:%M -03')-TIMEZONE('Asia/Tokyo', TIMEZONE('UTC',"
            " STRPTIME(text, '%Y-%m-%d %H:%M -03') - INTERVAL (-180) MINUTE))]",
        ),
        (
            "the day of an instant is the session's",
            '        if kind != "VARCHAR":\n            if _is_instant(kind):',
            '        if kind != "VARCHAR":\n            if kind is None:',
            "tests/query/test_instants.py::test_instants_are_put_on_the_local_clock"
            "[CAST(instant AS DATE)-CAST(TIMEZONE('Asia/Tokyo', instant) AS DATE)]",
        ),
    ),
    *_of(
        "sources/open_quotes.py",
        (
            "rows inside closed quotes pass",
            "if row is None and (spread.closed or",
            "if spread.closed or (row is None and",
            "tests/cases/test_csv_doors.py::test_f1_the_case_itself[]",
        ),
        (
            "a quote that stays open passes",
            "        if waiting and (ended or",
            "        if waiting and (False or",
            "tests/sources/test_open_quotes.py::test_a_quote_that_stays_open",
        ),
        (
            "two lines are a text",
            "if len(after) >= width - place and len(before) > place:",
            "if False:",
            "tests/sources/test_open_quotes.py::test_a_row_between_two_quotes_that_belong_to_others",
        ),
        (
            "no row looks like one",
            "wrong <= len(looked_at) // 3",
            "wrong < 0",
            "tests/sources/test_open_quotes.py::test_what_looks_like_a_row[c99,99,2024-12-31,0.5,q,thanks-True]",
        ),
    ),
    *_of(
        "sources/column_names.py",
        (
            "letters in capitals make another name",
            "setdefault(name.lower(), [])",
            "setdefault(name, [])",
            "tests/sources/test_column_names.py::test_names_are_compared_without_regard_to_case",
        ),
        (
            "two names may be one",
            "if len(same) > 1), [])",
            "if len(same) > 2), [])",
            "tests/sources/test_column_names.py::test_the_refusal_names_the_columns_and_their_places",
        ),
    ),
    *_of(
        "engines/duckdb/engine.py",
        (
            "scores of the rows give way in silence",
            'if self.connection.execute(f"SELECT 1 FROM {part.sound_rows} WHERE {some} LIMIT 1").fetchall():',
            "if False:",
            "tests/cases/test_loyalty_sources.py::test_scores_in_two_files_are_refused_and_one_can_be_chosen",
        ),
        (
            "scores of nearly the same ids are not told",
            'if out.loyalty["unknown_customers"]:',
            "if False:",
            "tests/cases/test_loyalty_sources.py::test_the_columns_of_the_loyalty_file_are_stated",
        ),
    ),
    *_of(
        "query/reading.py",
        (
            "a score that is no number is out of range",
            "CASE WHEN ({score}) IS NULL THEN {QUOTE}",
            "CASE WHEN FALSE THEN {QUOTE}",
            "tests/cases/test_loyalty_sources.py::test_a_faulty_score_names_its_file_and_why"
            "[high-words3-'high' in column 'loyalty_score' in {} cannot be read: {}]",
        ),
    ),
    *_of(
        "query/duckdb_steps.py",
        (
            "window's eve counts",
            'f"day <= {date_literal(options.window_opens_after)}"',
            'f"day < {date_literal(options.window_opens_after)}"',
            "Python, PyArrow: lines of text",
        ),
        (
            "last date's own rows are outside",
            'f"day <= {date_literal(last)}"',
            'f"day < {date_literal(last)}"',
            "Python, PyArrow: many dates",
        ),
        (
            "eves of many windows count",
            "day > {date_literal(opens_after)} AND",
            "day >= {date_literal(opens_after)} AND",
            "Python, PyArrow: many dates of returned lines",
        ),
        (
            "rows after today count when excluded",
            'out.append("day > today")',
            'out.append("day > today + 1")',
            "Python, PyArrow: lines of text",
        ),
        (
            "COUNT for COUNT DISTINCT",
            'visits = "DISTINCT " + purchase.format("transaction_id")',
            'visits = purchase.format("transaction_id")',
            "Python, PyArrow: lines of text",
        ),
        (
            "COUNT DISTINCT for COUNT",
            "if options.grain is Grain.TRANSACTION:\n        visits = ",
            "if options.grain is None:\n        visits = ",
            "Python, PyArrow: visits",
        ),
        (
            "returns count for recency",
            'MAX({purchase.format("day")}) AS last_day',
            "MAX(day) AS last_day",
            "Python, PyArrow: returned lines in long decimals",
        ),
        (
            "a purchase of nothing is a return",
            '"CASE WHEN number >= 0 THEN {} END"',
            '"CASE WHEN number > 0 THEN {} END"',
            "Python, PyArrow: returns in decimals",
        ),
        (
            "sums of 64 bits",
            'return f"SUM({units})"',
            'return f"CAST(SUM({units}) AS BIGINT)"',
            "Python, PyArrow: sums beyond 2^63",
        ),
        (
            "sums in doubles",
            'return f"SUM({units})"',
            'return f"CAST(SUM(CAST({units} AS DOUBLE)) AS HUGEINT)"',
            "Python, PyArrow: sums beyond 2^63",
        ),
        (
            "orders of two totals pass",
            "MIN(units) AS lowest_units",
            "MAX(units) AS lowest_units",
            "Python, PyArrow: order totals",
        ),
        (
            "an order's total counts on each line",
            "SELECT * EXCLUDE (order_units) REPLACE (order_units AS units)",
            "SELECT * EXCLUDE (order_units)",
            "Python, PyArrow: order totals",
        ),
        (
            "conflicting orders keep their rows",
            " ANTI JOIN conflicting_orders USING",
            " LEFT JOIN conflicting_orders USING",
            "Python, PyArrow: order totals",
        ),
        (
            "one faulty score of two passes",
            "BOOL_OR(loyalty_faulty) AS loyalty_faulty, MIN",
            "BOOL_AND(loyalty_faulty) AS loyalty_faulty, MIN",
            "Python, PyArrow: visits with faults",
        ),
        (
            "totals of some dates unseen",
            "{up} + {down} >= 0 THEN {up} ELSE {down}",
            "{up} + {down} >= 0 THEN {down} ELSE {up}",
            "Python, PyArrow: many dates of returned lines",
        ),
        (
            "customers without a vector are incomplete",
            "FROM customers_measured SEMI JOIN ({faulty}) USING (customer_id){without}",
            "FROM ({faulty}) SEMI JOIN customers_measured USING (customer_id)",
            "tests/engines/test_incomplete.py::test_each_is_counted_once[line-; 1 customer has a vector]",
        ),
        (
            "conflicting orders leave customers complete",
            'conflicting_orders" if orders_out else ""',
            'conflicting_orders" if False else ""',
            "tests/engines/test_incomplete.py::test_each_is_counted_once[repeated_total-; 2 customers have vectors]",
        ),
        (
            "ORDER BY dropped",
            'FROM ({measures}) ORDER BY customer_id"',
            'FROM ({measures})"',
            "Python, PyArrow: visits",
        ),
        (
            "keys of hashes run into products",
            "({HASH.format('customer_id')} & CAST({2**64 - 2**bits} AS UBIGINT))",
            "{HASH.format('customer_id')}",
            "Python, PyArrow: visits",
        ),
        (
            "products of returns count",
            'purchases = " WHERE number >= 0" if',
            'purchases = "" if',
            "Python, PyArrow: returned lines in long decimals",
        ),
        (
            "excluded rows go with their customer",
            '"own || CASE WHEN outside THEN [] ELSE of_group END"',
            '"own || of_group"',
            "Python, PyArrow: lines of text",
        ),
        (
            "filed under the last fault",
            "names[1] AS fault",
            "names[len(names)] AS fault",
            "Python, PyArrow: visits with faults",
        ),
    ),
    *_of(
        "query/duckdb_as_of.py",
        (
            "many dates: order of another collation",
            "OVER (ORDER BY customer_id) - 1",
            "OVER (ORDER BY LOWER(customer_id), customer_id) - 1",
            "Python, PyArrow: many dates",
        ),
        (
            "many dates: a purchase of nothing is a return",
            "f'{signed} >= 0'",
            "f'{signed} > 0'",
            "Python, PyArrow: many dates of returned lines",
        ),
        (
            "many dates: the days of an order the wrong way round",
            "list_sort(list(DISTINCT day))",
            "list_reverse_sort(list(DISTINCT day))",
            "Python, PyArrow: many dates of returned lines",
        ),
    ),
    *_of(
        "engines/duckdb/as_of.py",
        (
            "many dates: a date does not see its own day",
            "np.searchsorted(dates, ends)",
            'np.searchsorted(dates, ends, "right")',
            "Python, PyArrow: many dates",
        ),
        (
            "many dates: a window sees its eve",
            "np.searchsorted(opens, ends)",
            'np.searchsorted(opens, ends, "right")',
            "Python, PyArrow: many dates",
        ),
        (
            "many dates: a product counts again",
            "np.maximum(begin[1:], end[:-1] * again[1:], out=begin[1:])",
            "np.maximum(begin[1:], 0, out=begin[1:])",
            "Python, PyArrow: many dates",
        ),
        (
            "many dates: returns are visits",
            "            if options.returns is Returns.NET:\n                # A return",
            "            if options.returns is None:\n                # A return",
            "Python, PyArrow: many dates of returned lines",
        ),
    ),
    *_of(
        "engines/duckdb/products.py",
        (
            "a bit too few for products",
            "max(int(products) - 1, 1).bit_length()",
            "max(int(products) // 2 - 1, 1).bit_length()",
            "Python, PyArrow: visits",
        ),
    ),
    *_of(
        "engines/duckdb/distinct.py",
        (
            "words that stand twice count twice",
            "np.not_equal(block[1:], block[:-1], out=new[1:])",
            "new[1:] = True",
            "Python, PyArrow: visits",
        ),
    ),
    *_of(
        "engines/duckdb/rejected_lines.py",
        (
            "an array is an object",
            'return None if isinstance(value, dict) else "not an object"',
            "return None",
            "command line, NDJSON: visits with faults",
        ),
    ),
    *_of(
        "engines/rows/kernel.py",
        (
            "rows: units truncated",
            "units += floor(amount * 10000 + 0.5)",
            "units += int(amount * 10000 + 0.5)",
            "rows, in-process: returns in decimals",
        ),
        (
            "rows: half to even",
            "units += floor(amount * 10000 + 0.5)",
            "units += round(amount * 10000)",
            "rows, in-process: visits",
        ),
        ("rows: the first day for the last", "if day > last_day:", "if day < last_day:", "rows, in-process: visits"),
        ("rows: repeated ids are not looked at", "if found[1] == len(own):", "if found:", "rows, in-process: visits"),
    ),
    *_of(
        "engines/rows/engine.py",
        (
            "rows: window's eve counts",
            "row.date > opens_after)]",
            "row.date >= opens_after)]",
            "rows, in-process: lines of text",
        ),
        (
            "rows: COUNT DISTINCT for COUNT",
            "[_visits(own) for own in rows] if options.grain is Grain.TRANSACTION else orders",
            "orders",
            "rows, in-process: visits",
        ),
        (
            "rows: a purchase of nothing is a return",
            "[row for row in own if row.amount >= 0]",
            "[row for row in own if row.amount > 0]",
            "rows, in-process: returns in decimals",
        ),
        (
            "rows: an order on two dates passes",
            "orders[row.transaction_id] != (money.units(row.amount), row.date)",
            "orders[row.transaction_id][0] != money.units(row.amount)",
            "rows, in-process: order totals",
        ),
        (
            "rows: scores of other customers",
            "loyalty = [loyalty[place] for place in kept]",
            "loyalty = loyalty[: len(kept)]",
            "rows, in-process: lines of text",
        ),
        (
            "rows: a total is rounded before it is averaged",
            "units=units,\n",
            "units=[(u + 50) // 100 * 100 for u in units],\n",
            "rows, in-process: visits",
        ),
    ),
    *_of(
        "engines/rows/faults.py",
        (
            "rows: sums judged over rows that cannot be read",
            "if found.count == before and rows:",
            "if rows:",
            "rows, in-process: visits with faults",
        ),
        (
            "rows: excluded rows are judged",
            "late = options.future is Future.EXCLUDE and row.day > options.today",
            "late = False",
            "rows, in-process: returned lines in long decimals",
        ),
        (
            "rows: a customer may come twice",
            "Sent(customer_id, customer_id in seen, count)",
            "Sent(customer_id, False, count)",
            "rows, in-process: visits with faults",
        ),
    ),
    *_of(
        "sources/document.py",
        (
            "document: a score of each row",
            '_text(customer.get("loyalty_score"))',
            '_text(row.get("loyalty_score"))',
            "command line, JSON: visits with faults",
        ),
        (
            "document: text keeps its quotes",
            "if value is None or isinstance(value, str):",
            'if value is None or value == "":',
            "command line, JSON: visits",
        ),
    ),
    *_of(
        "query/steps.py",
        (
            "printed: rows on the day before the window count",
            'f"day > {self.day(opens)}"',
            'f"day >= {self.day(opens)}"',
            "printed SQL, DuckDB: many dates of returned lines",
        ),
        (
            "printed: the window opens a day late",
            'out.append(f"day <= {self.day(options.window_opens_after)}")',
            'out.append(f"day < {self.day(options.window_opens_after)}")',
            "printed SQL, DuckDB: lines of text",
        ),
        (
            "printed: rows after today count",
            'out.append("day > today")',
            'out.append("FALSE")',
            "printed SQL, DuckDB: lines of text",
        ),
        (
            "printed: visits are lines",
            'visits = f"COUNT(DISTINCT {self._bought(',
            'visits = f"COUNT({self._bought(',
            "printed SQL, DuckDB: lines of text",
        ),
        (
            "printed: products are rows",
            'return f"COUNT(DISTINCT {self._bought(f',
            'return f"COUNT({self._bought(f',
            "printed SQL, DuckDB: visits",
        ),
        (
            "printed: returns count as purchases",
            'return f"CASE WHEN {sign} >= 0 THEN {sql} END" if self._net',
            "return sql if self._net",
            "printed SQL, DuckDB: returns in decimals",
        ),
        (
            "printed: the first day is the last",
            '"MAX(day) AS last_day", *self._loyalty_columns',
            '"MIN(day) AS last_day", *self._loyalty_columns',
            "printed SQL, DuckDB: order totals",
        ),
        (
            "printed: unsound customers have vectors",
            'return " AND ".join(f"NOT COALESCE({sql}, FALSE)"',
            'return " OR ".join(f"TRUE OR ({sql})"',
            "printed SQL, DuckDB: visits with faults",
        ),
        ("printed: no order", 'v ORDER BY {order}"', 'v"', "printed SQL, DuckDB: visits"),
        (
            "printed: dates see later rows",
            'seen = "r.last_day <= d.as_of" if by_orders else "r.day <= d.as_of"',
            'seen = "r.last_day <= d.as_of" if by_orders else "TRUE"',
            "printed SQL, DuckDB: many dates",
        ),
        (
            "printed: a date without a visit has a vector",
            "WHERE t.visits > 0",
            "WHERE t.visits >= 0",
            "printed SQL, DuckDB: many dates of returned lines",
        ),
        (
            "printed: an amount is not judged",
            'THEN {units} END") + " AS units"',
            'THEN {units} * 10 END") + " AS units"',
            "printed SQL, DuckDB: visits",
        ),
        (
            "printed: ids as they are read are trimmed",
            "            return self.dialect.identifier(sql)\n",
            '            return f"TRIM({self.dialect.identifier(sql)})"\n',
            "printed SQL, DuckDB: visits",
        ),
    ),
    *_of(
        "query/faulty_rows.py",
        ("listed: rows outside go with their order", ' AND NOT w.outside"', '"', "printed SQL, DuckDB: lines of text"),
        (
            "listed: the last fault first",
            'first.append(f"{letter}.{step}_first")',
            'first.insert(0, f"{letter}.{step}_first")',
            "printed SQL, DuckDB: returns in decimals",
        ),
    ),
    *_of(
        "query/dialects/duckdb.py",
        (
            "printed: divided as doubles",
            'return f"{numerator} // {divisor}"',
            'return f"({numerator} + 1) // {divisor}"',
            "printed SQL, DuckDB: returned lines in long decimals",
        ),
    ),
    *_of(
        "query/dialects/base.py",
        (
            "printed: units are truncated",
            "FLOOR({number} * {self.a_double(10000)}",
            "TRUNC({number} * {self.a_double(10000)}",
            "printed SQL, DuckDB: sums beyond 2^63",
        ),
        (
            "printed: text with a zone keeps its own day",
            "AND {written} THEN {instant} END",
            "AND {written} THEN {day} END",
            "printed SQL, DuckDB: lines of text",
        ),
    ),
    *_of(
        "query/dialects/postgres.py",
        (
            "PostgreSQL: units of decimals are truncated",
            'self.cast(f"FLOOR({wide} * 10000 + 0.5)", self.bigint)',
            'self.cast(f"TRUNC({wide} * 10000 + 0.5)", self.bigint)',
            "PostgreSQL, pushed down: returned lines in long decimals",
        ),
        (
            "PostgreSQL: text beyond a double is unreadable",
            "ELSE CAST({infinite} AS DOUBLE PRECISION) END",
            "END",
            "PostgreSQL, pushed down: lines of text",
        ),
    ),
    *_of(
        "query/dialects/clickhouse.py",
        (
            "ClickHouse: the timezone is dropped",
            'return f"toInt32(toDate32({sql}, {self.literal(timezone)}))"',
            'return f"toInt32(toDate32({sql}))"',
            "ClickHouse: instants where midnight is skipped",
        ),
        ("ClickHouse: sums in 64 bits", "AS Nullable(Int128))", "AS Nullable(Int64))", "ClickHouse: sums beyond 2^63"),
        (
            "ClickHouse: each fourth year is a leap year",
            "({year} % 100 <> 0 OR {year} % 400 = 0)",
            "TRUE",
            "ClickHouse: lines of text",
        ),
    ),
    *_of(
        "engines/duckdb/ids.py",
        (
            "rounded orders and products pass",
            "if rows <= _SHEET * len(run.staged):",
            "if rows > _SHEET * len(run.staged):",
            "tests/cases/test_id_warnings.py::test_ids_that_a_spreadsheet_rounded_are_counted_by_field",
        ),
        (
            "ids of one digit are not rounded ones",
            "[1-9]([.][0-9]+)?E",
            "[1-9][.][0-9]+E",
            "tests/cases/test_id_warnings.py::test_ids_that_a_spreadsheet_rounded_are_counted_by_field",
        ),
    ),
    *_of(
        "engines/warehouse_ids.py",
        (
            "ids in a warehouse are whole numbers beside others",
            "if found[2 * place] and found[2 * place + 1] == 0]",
            "if found[2 * place]]",
            "tests/cases/test_numbers.py::test_d8_whole_numbers_written_as_floats[clickhouse]",
        ),
        (
            "ids in a warehouse lose a digit",
            "LENGTH({texts[field]}) - 2",
            "LENGTH({texts[field]}) - 3",
            "tests/cases/test_numbers.py::test_d8_whole_numbers_written_as_floats[clickhouse]",
        ),
    ),
    *_of(
        "engines/duckdb/json_types.py",
        (
            "numbers of JSON keep their point beside decimal commas",
            "THEN REPLACE({text}, '.', ',') ELSE",
            "THEN {text} ELSE",
            "tests/cases/test_json_numbers.py::test_a_number_of_json_has_a_decimal_point[words2]",
        ),
        (
            "numbers of JSON tell of the texts beside them",
            'f"CASE WHEN NOT {number} THEN {text} END"',
            "text",
            "tests/cases/test_json_numbers.py::test_a_number_of_json_has_a_decimal_point[words0]",
        ),
        (
            "numbers inside objects are texts",
            "node = tree.find(*EXTRACTIONS) if part.of_json else None",
            "node = None",
            "tests/cases/test_json_numbers.py::test_numbers_inside_objects_and_expressions",
        ),
    ),
    *_of(
        "sources/document.py",
        (
            "numbers of a document are texts",
            "numbers[key].append(isinstance(value, _Number))",
            "numbers[key].append(False)",
            "tests/cases/test_json_numbers.py::test_a_number_of_json_has_a_decimal_point[words2]",
        ),
    ),
    *_of(
        "engines/duckdb/numbers.py",
        (
            "one file settles how another one is read",
            "if len(part.files) < 2:",
            "if True:",
            "tests/cases/test_json_numbers.py::test_each_file_is_in_doubt_by_itself",
        ),
    ),
    *_of(
        "query/duckdb_steps.py",
        (
            "customers set aside whole have vectors",
            'faulty += " UNION ALL SELECT customer_id FROM faulty_customers"',
            "pass",
            "tests/engines/test_incomplete.py::test_so_are_those_who_are_faulty_as_a_whole",
        ),
        (
            "customers set aside whole count still",
            'counting = f"(SELECT customer_id FROM {counting} ANTI JOIN faulty_customers USING (customer_id))"',
            "pass",
            "tests/engines/test_incomplete.py::test_so_are_those_who_are_faulty_as_a_whole",
        ),
    ),
    *_of(
        "engines/duckdb/json_types.py",
        (
            "a boolean is an id",
            "NO_IDS = \"('OBJECT', 'ARRAY', 'BOOLEAN')\"",
            "NO_IDS = \"('OBJECT', 'ARRAY')\"",
            "tests/cases/test_structure.py::test_f2_an_id_that_is_none[true-customer_id-ndjson]",
        ),
        (
            "an array is an id",
            "NO_IDS = \"('OBJECT', 'ARRAY', 'BOOLEAN')\"",
            "NO_IDS = \"('OBJECT', 'BOOLEAN')\"",
            "tests/cases/test_structure.py::test_f2_an_id_that_is_none[array-customer_id-ndjson]",
        ),
        (
            "rounded numbers of JSON are ids",
            "ABS(TRY_CAST({text} AS DOUBLE)) >= 2**53 OR {digits} >= {_DIGITS}",
            "FALSE",
            "tests/cases/test_json_numbers.py::test_ids_that_the_reader_rounds_are_faults[words0]",
        ),
    ),
    *_of(
        "sources/parts.py",
        (
            "a file in the home folder is read",
            'if str(path).startswith("~"):',
            "if False:",
            "tests/cases/test_home_folder.py::test_the_source_is_the_file_of_that_name[~rows.csv]",
        ),
    ),
    *_of(
        "query/columns.py",
        (
            "what is written goes to the home folder",
            'if str(path).startswith("~") else str(path)',
            "if False else str(path)",
            "tests/cases/test_home_folder.py::test_what_is_written_stands_there[.csv]",
        ),
    ),
    *_of(
        "query/dialects/spark.py",
        (
            "Spark: one half of a total",
            '{high} * CAST({2**_BITS} AS DECIMAL(10, 0)) + {low})"',
            '{high} * CAST({2**_BITS} AS DECIMAL(10, 0)))"',
            "Spark: visits with faults",
        ),
        (
            "Spark: days before 1970 round up",
            "({local} - PMOD({local}, {_DAY})) DIV",
            "({local} + {_DAY} - 1) DIV",
            "Spark: lines of text",
        ),
        (
            "Spark: the timezone is dropped",
            "UNIX_MICROS(FROM_UTC_TIMESTAMP({sql}, {self.literal(timezone)}))",
            "UNIX_MICROS({sql})",
            "Spark: instants where midnight is skipped",
        ),
    ),
]


def source_of(mutant: Mutant, package: Path = PACKAGE) -> str:
    """Return the text of the file that a mutant changes."""
    return (package / mutant.file).read_text(encoding="utf-8")

"""SQL on lines that people can read: the same tokens in the same order, with other blanks between them."""

from __future__ import annotations

from sqlglot import Token, TokenType, tokenize
from sqlglot.errors import SqlglotError

_CLAUSES = {
    TokenType.SELECT,
    TokenType.FROM,
    TokenType.WHERE,
    TokenType.GROUP_BY,
    TokenType.HAVING,
    TokenType.ORDER_BY,
    TokenType.LIMIT,
    TokenType.UNION,
    TokenType.JOIN,
}
_SIDES = {TokenType.LEFT, TokenType.ANTI}


def laid_out(sql: str) -> str:
    """The statement with each clause, and each item of a select list, on a line of its own.

    Only blanks between tokens change, so it is the same statement. What cannot be told apart stays as it is.
    """
    try:
        tokens = tokenize(sql, read="duckdb")
    except SqlglotError:
        return sql
    out: list[str] = []
    level = 0  # of the line at hand
    # Of each open parenthesis: whether a query stands in it, its level, its clause, and the level of its line.
    outer = [(True, 0, TokenType.SELECT, 0)]
    for place, token in enumerate(tokens):
        before = tokens[place - 1] if place else None
        after = tokens[place + 1] if place + 1 < len(tokens) else None
        kind = token.token_type
        blank = sql[before.end + 1 if before else 0 : token.start]
        if blank.strip():
            return sql  # a comment: it may reach to the end of its line
        query, own, clause, line = outer[-1]
        if kind is TokenType.R_PAREN and len(outer) > 1:
            outer.pop()
            if query:
                level = line
                blank = _line(level)
        elif query and before and _begins_a_line(token, before, after):
            level = own
            blank = _line(level)
            outer[-1] = (query, own, kind, line)
        elif query and before and _ends_an_item(before, clause):
            level = own + 1
            blank = _line(level)
        elif blank:
            blank = " "
        out += [blank, sql[token.start : token.end + 1]]
        if kind is TokenType.L_PAREN:
            of_query = after is not None and after.token_type is TokenType.SELECT
            outer.append((of_query, level + 1, TokenType.SELECT, level))
    return "".join(out)


def _line(level: int) -> str:
    return "\n" + "  " * level


def _begins_a_line(token: Token, before: Token, after: Token | None) -> bool:
    if token.token_type in _SIDES:
        return after is not None and after.token_type is TokenType.JOIN
    return token.token_type in _CLAUSES and before.token_type not in _SIDES


def _ends_an_item(before: Token, clause: TokenType) -> bool:
    return before.token_type is TokenType.COMMA and clause is TokenType.SELECT

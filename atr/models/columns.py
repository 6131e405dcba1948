# SPDX-License-Identifier: Apache-2.0
"""Types of columns of ATR's tables, as ATR stores them. What may be NULL there has one value for us where it is."""

import enum
from typing import Any

import sqlalchemy
import sqlmodel.sql.sqltypes as sqltypes


class Instant(sqltypes.UTCDateTime):
    """An instant in a table of ATR's: aware UTC, as in our own tables, in a column of ATR's type."""

    impl = sqlalchemy.TIMESTAMP
    cache_ok = True


class TextOrNull(sqlalchemy.TypeDecorator[str]):
    """Text that may be NULL in ATR, where it is the empty string for us."""

    impl = sqlalchemy.String
    cache_ok = True

    def process_result_value(self, value: str | None, _dialect: sqlalchemy.Dialect) -> str:
        """What is read."""
        return value or ""


class NumberOrNull(sqlalchemy.TypeDecorator[int]):
    """A number that may be NULL in ATR, where it is `otherwise` for us."""

    impl = sqlalchemy.Integer
    cache_ok = True

    def __init__(self, otherwise: int) -> None:
        super().__init__()
        self.otherwise = otherwise

    def process_result_value(self, value: int | None, _dialect: sqlalchemy.Dialect) -> int:
        """What is read."""
        return self.otherwise if value is None else value


class ObjectOrNull(sqlalchemy.TypeDecorator[dict[str, Any]]):
    """A JSON object that may be NULL in ATR, where it is empty for us."""

    impl = sqlalchemy.JSON
    cache_ok = True

    def process_result_value(self, value: dict[str, Any] | None, _dialect: sqlalchemy.Dialect) -> dict[str, Any]:
        """What is read."""
        return value or {}


def atr_enum_column(kind: type[enum.StrEnum]) -> sqlalchemy.Column[Any]:
    """A column of ATR's that holds the name of a member of an enum. ATR's database does not check it."""
    return sqlalchemy.Column(sqlalchemy.Enum(kind, native_enum=False, validate_strings=True), nullable=False)

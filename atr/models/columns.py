# SPDX-License-Identifier: Apache-2.0
"""Column types of ATR's tables, as ATR stores them. Each type that may be NULL there reads NULL as one value."""

import enum
from typing import Any

import sqlalchemy
import sqlmodel.sql.sqltypes as sqltypes


class Instant(sqltypes.UTCDateTime):
    """An instant in a table of ATR's: aware UTC, as in this module's tables, in a column of ATR's type."""

    impl = sqlalchemy.TIMESTAMP
    cache_ok = True


class TextOrNull(sqlalchemy.TypeDecorator[str]):
    """Text that may be NULL in ATR, which is read as the empty string."""

    impl = sqlalchemy.String
    cache_ok = True

    def process_result_value(self, value: str | None, _dialect: sqlalchemy.Dialect) -> str:
        """Return the stored text, or the empty string for NULL."""
        return value or ""


class NumberOrNull(sqlalchemy.TypeDecorator[int]):
    """A number that may be NULL in ATR, which is read as `otherwise`."""

    impl = sqlalchemy.Integer
    cache_ok = True

    def __init__(self, otherwise: int) -> None:
        super().__init__()
        self.otherwise = otherwise

    def process_result_value(self, value: int | None, _dialect: sqlalchemy.Dialect) -> int:
        """Return the stored number, or `otherwise` for NULL."""
        return self.otherwise if value is None else value


class ObjectOrNull(sqlalchemy.TypeDecorator[dict[str, Any]]):
    """A JSON object that may be NULL in ATR, which is read as an empty one."""

    impl = sqlalchemy.JSON
    cache_ok = True

    def process_result_value(self, value: dict[str, Any] | None, _dialect: sqlalchemy.Dialect) -> dict[str, Any]:
        """Return the stored object, or an empty one for NULL."""
        return value or {}


def atr_enum_column(kind: type[enum.StrEnum]) -> sqlalchemy.Column[Any]:
    """Return a column of ATR's for the member name of an enum. ATR's database does not check it."""
    return sqlalchemy.Column(sqlalchemy.Enum(kind, native_enum=False, validate_strings=True), nullable=False)

"""File formats, by name. An app adds one with `register`."""

from analytics.exports.formats.base import FORMATS, FileFormat, register, unavailable
from analytics.exports.formats.csvfile import CsvFormat
from analytics.exports.formats.jsonfile import JsonFormat, JsonLinesFormat
from analytics.exports.formats.parquet import ParquetFormat
from analytics.exports.formats.pdf import PdfFormat
from analytics.exports.formats.xlsx import XlsxFormat

for _format in (CsvFormat(), JsonFormat(), JsonLinesFormat(), XlsxFormat(), PdfFormat(), ParquetFormat()):
    register(_format)

NAMES = tuple(sorted(FORMATS))
"""The formats that are always known; the API's description names them as one enumeration."""

__all__ = ["FORMATS", "NAMES", "FileFormat", "register", "unavailable"]

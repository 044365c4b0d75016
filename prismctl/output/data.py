"""The machine formats: json, jsonl, yaml, csv. The API's values, unchanged and harmless to show."""

import csv
import io
from collections.abc import Sequence
from decimal import Decimal

from prismctl.jsontext import Json, Object, dumps, pick
from prismctl.output import safe
from prismctl.output.human import Look, plain


def to_json(value: Json) -> str:
    """Write indented JSON and a newline."""
    return safe.in_json(dumps(value, indent=2)) + "\n"


def to_jsonl(rows: Sequence[Json]) -> str:
    """Write a line of JSON per value."""
    return "".join(safe.in_json(dumps(row)) + "\n" for row in rows)


def to_csv(rows: Sequence[Object], fields: Sequence[str], look: Look) -> str:
    """Write comma-separated values with a header of field names (RFC 4180, LF line ends)."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(fields)
    for row in rows:
        writer.writerow([safe.line(plain(pick(row, field), look)) for field in fields])
    return buffer.getvalue()


def to_yaml(value: Json) -> str:
    """Write YAML in the API's own order of fields."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Strings that hold control characters are quoted and escaped; decimals stay exact."""

    def text(dumper: yaml.SafeDumper, item: str) -> yaml.ScalarNode:
        style = None if safe.is_clean(item) else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", item, style=style)

    def decimal(dumper: yaml.SafeDumper, item: Decimal) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:float", format(item, "f"))

    Dumper.add_representer(str, text)
    Dumper.add_representer(Decimal, decimal)
    written: str = yaml.dump(
        value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=10_000
    )
    # What the emitter thinks printable but a terminal obeys is by now inside double quotes.
    return safe.in_json(written)


def select(row: Object, fields: Sequence[str]) -> Object:
    """Return only the given fields, in the given order; dotted paths keep their dotted name."""
    return {field: pick(row, field) for field in fields}

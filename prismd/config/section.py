"""The base of every section: frozen, closed to unknown names, documented field by field."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A group of settings. The string under a field is its text in the JSON schema and the docs."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

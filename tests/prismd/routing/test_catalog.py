import pytest

from prismd.kernel.errors import NotFound
from prismd.providers.base import ProviderSpec, Upstream
from prismd.routing.catalog import Catalog, Provider


class NoUpstream:
    """A provider that is never called in these tests."""


def provider(name: str, models: tuple[str, ...] | None, *, prefixed: bool = False) -> Provider:
    """Make one; as the fake it is listed with its id in front, and its names have settings."""
    spec = ProviderSpec(
        type="openai",
        title="x",
        docs_url="x",
        base_url=None,
        lists_prefixed=prefixed,
        settings_mark="+" if prefixed else None,
    )
    upstream: Upstream = NoUpstream()  # type: ignore[assignment]
    return Provider(name, spec, None, upstream, models, is_local=False, is_asked=models is None)


def targets(catalog: Catalog, name: str) -> list[tuple[str, str]]:
    return [(target.provider.id, target.model) for target in catalog.find(name)]


CATALOG = Catalog(
    [
        provider("a", ("m1", "m2")),
        provider("b", ("m2", "deep/m3")),
        provider("fake", ("echo",), prefixed=True),
        provider("open", None),
    ],
    {"alias": "a/m1", "m9": "b"},
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("m1", [("a", "m1")]),
        ("m2", [("a", "m2"), ("b", "m2")]),
        ("b/m2", [("b", "m2")]),
        ("deep/m3", [("b", "deep/m3")]),
        ("b/deep/m3", [("b", "deep/m3")]),
        ("fake/echo", [("fake", "echo")]),
        ("fake/nope", []),
        ("alias", [("a", "m1")]),
        ("m9", [("b", "m9")]),
        ("open/anything/at-all", [("open", "anything/at-all")]),
        ("never-heard-of", [("open", "never-heard-of")]),
    ],
)
def test_names_are_resolved_in_the_documented_order(
    name: str, expected: list[tuple[str, str]]
) -> None:
    assert targets(CATALOG, name) == expected


def test_names_are_sorted_and_prefixed_where_the_vendor_wants_it() -> None:
    assert CATALOG.names() == ["alias", "deep/m3", "fake/echo", "m1", "m2", "m9"]


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("m1", "m1"),
        ("a/m1", "m1"),
        ("b/deep/m3", "deep/m3"),
        ("fake/echo", "fake/echo"),
        ("fake/echo+rate=5", "fake/echo"),
        ("fake/nope+rate=5", None),
        ("a/m1+rate=5", None),
        ("open/anything", None),
        ("never-heard-of", None),
        ("a/", None),
        ("", None),
    ],
)
def test_a_name_is_counted_as_the_listed_one_that_it_means(name: str, listed: str | None) -> None:
    assert CATALOG.listed_name(name) == listed


def test_an_unknown_model_is_refused_with_the_nearest_names() -> None:
    catalog = Catalog([provider("a", ("gpt-4o-mini", "gpt-4o"))], {})
    with pytest.raises(NotFound, match="Did you mean gpt-4o") as caught:
        catalog.resolve("gtp-4o")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_discovered_models_join_and_close_the_open_door() -> None:
    catalog = CATALOG.with_models({"open": ("new",)})
    assert targets(catalog, "new") == [("open", "new")]
    assert targets(catalog, "never-heard-of") == []
    assert targets(CATALOG, "new") == [("open", "new")]
    assert targets(CATALOG, "zzz") == [("open", "zzz")]
    assert targets(CATALOG.with_models({"a": ("new",)}), "new") == [("open", "new")]

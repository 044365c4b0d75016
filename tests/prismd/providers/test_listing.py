import json

import pytest

from prismd.providers.listing import Page, read_page, with_query


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        # OpenAI, and who is like it
        ({"object": "list", "data": [{"id": "b"}, {"id": "a", "object": "model"}]}, ["b", "a"]),
        ([{"id": "a"}], ["a"]),
        ({"object": "list", "data": None}, []),
        ({"data": [{"id": 3}, {"name": "x"}, "y", {"id": "a"}]}, ["a"]),
        # llama.cpp writes two lists
        ({"models": [{"name": "a.gguf"}], "object": "list", "data": [{"id": "a"}]}, ["a"]),
        # Google: models that do not chat are left out
        (
            {
                "models": [
                    {"name": "models/g-2", "supportedGenerationMethods": ["generateContent"]},
                    {"name": "models/embed", "supportedGenerationMethods": ["embedContent"]},
                ]
            },
            ["g-2"],
        ),
        ({"models": []}, []),
        ({}, None),
        # Cohere
        ({"models": [{"name": "command-a", "endpoints": ["chat"]}]}, ["command-a"]),
        ({"data": "none"}, None),
        ({"error": {}}, None),
        ("text", None),
        (3, None),
    ],
)
def test_a_list_of_models_is_read_with_patience(body: object, ids: list[str] | None) -> None:
    page = read_page(json.dumps(body).encode())
    assert (None if page is None else list(page.ids)) == ids


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000, b"\xff"])
def test_what_is_no_json_is_no_list(body: bytes) -> None:
    assert read_page(body) is None


@pytest.mark.parametrize(
    ("more", "parameter"),
    [
        ({"has_more": True, "last_id": "a"}, ("after_id", "a")),
        ({"has_more": False, "last_id": "a"}, None),
        ({"nextPageToken": "t/1"}, ("pageToken", "t/1")),
        ({"next_page_token": "t"}, ("page_token", "t")),
        ({"nextPageToken": ""}, None),
        ({"has_more": True, "last_id": None}, None),
    ],
)
def test_each_vendor_says_in_its_way_that_there_is_more(
    more: dict[str, object], parameter: tuple[str, str] | None
) -> None:
    assert read_page(json.dumps({"data": [{"id": "a"}], **more}).encode()) == Page(
        ("a",), parameter
    )


def test_a_parameter_is_added_to_a_query_or_begins_one() -> None:
    assert with_query("/models", ("after_id", "a/b&c")) == "/models?after_id=a%2Fb%26c"
    assert with_query("/models?limit=9", ("t", "1")) == "/models?limit=9&t=1"

"""Each official SDK lists and looks up models of the gateway, a page after the other."""

from collections.abc import Iterator

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors, types

from tests.daemon_process import Daemon, Key

LISTED = {"fake/echo", "fake/lorem", "mock/echo"}


@pytest.fixture(scope="module")
def some(daemon: Daemon) -> Key:
    """A key that may use three models."""
    return daemon.create_key(models=sorted(LISTED))


@pytest.fixture
def with_openai(daemon: Daemon, some: Key) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{daemon.url}/v1", api_key=some.secret, max_retries=0) as client:
        yield client


@pytest.fixture
def with_anthropic(daemon: Daemon, some: Key) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=daemon.url, api_key=some.secret, max_retries=0) as client:
        yield client


@pytest.fixture(params=["v1beta", "v1"])
def with_google(daemon: Daemon, some: Key, request: pytest.FixtureRequest) -> genai.Client:
    options = types.HttpOptions(base_url=daemon.url, api_version=request.param)
    return genai.Client(api_key=some.secret, http_options=options)


def test_openai(with_openai: openai.OpenAI) -> None:
    models = {model.id: model for model in with_openai.models.list()}
    assert set(models) == LISTED
    assert models["mock/echo"].owned_by == "mock"
    assert with_openai.models.retrieve("fake/echo") == models["fake/echo"]
    with pytest.raises(openai.NotFoundError) as caught:
        with_openai.models.retrieve("fake/nope")
    assert caught.value.code == "model_not_found"


def test_anthropic(with_anthropic: anthropic.Anthropic) -> None:
    first = with_anthropic.models.list(limit=2)
    assert [model.id for model in first.data] == ["fake/echo", "fake/lorem"]
    assert (first.has_more, first.first_id, first.last_id) == (True, "fake/echo", "fake/lorem")
    assert [model.id for model in first.get_next_page().data] == ["mock/echo"]
    assert [model.id for model in with_anthropic.models.list(limit=1)] == sorted(LISTED)
    before = with_anthropic.models.list(limit=1, before_id="mock/echo")
    assert [model.id for model in before] == ["fake/lorem", "fake/echo"]
    one = with_anthropic.models.retrieve("fake/echo")
    assert one == first.data[0]
    assert (one.type, one.display_name, one.lifecycle) == ("model", "fake/echo", "active")
    assert one.created_at.year == 1970
    assert one.max_input_tokens is not None
    with pytest.raises(anthropic.NotFoundError) as caught:
        with_anthropic.models.retrieve("fake/nope")
    assert caught.value.type == "not_found_error"
    assert (caught.value.request_id or "").startswith("req_")
    with pytest.raises(anthropic.BadRequestError) as refused:
        with_anthropic.models.list(limit=0)
    assert refused.value.type == "invalid_request_error"


def test_google(with_google: genai.Client) -> None:
    pages = with_google.models.list(config={"page_size": 2})
    assert [model.name for model in pages.page] == ["models/fake/echo", "models/fake/lorem"]
    assert {model.name for model in pages} == {f"models/{name}" for name in LISTED}
    one = with_google.models.get(model="fake/echo")
    assert (one.name, one.display_name) == ("models/fake/echo", "fake/echo")
    assert one.input_token_limit
    assert "generateContent" in (one.supported_actions or [])
    with pytest.raises(errors.ClientError) as caught:
        with_google.models.get(model="fake/nope")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
    with pytest.raises(errors.ClientError) as refused:
        with_google.models.list(config={"page_size": 0})
    assert refused.value.status == "INVALID_ARGUMENT"


@pytest.mark.parametrize("path", ["/v1beta/models", "/v1/models"])
def test_google_with_the_key_in_the_query(daemon: Daemon, some: Key, path: str) -> None:
    asking = {"x-goog-api-client": "genai-js"}
    with daemon.client(asking) as client:
        answer = client.get(path, params={"key": some.secret, "pageSize": 1})
        assert answer.json()["models"][0]["name"] == "models/fake/echo"
        token = answer.json()["nextPageToken"]
        last = client.get(path, params={"key": some.secret, "pageToken": token})
        assert len(last.json()["models"]) == 2
        assert "nextPageToken" not in last.json()

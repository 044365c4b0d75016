from prismd.kernel import errors
from prismd.kernel.errors import ConfigError, LimitReached, NotFound, PrismError, UpstreamError


def test_every_error_has_a_status_type_and_code_that_a_client_can_use() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, PrismError)
    ]
    assert len(kinds) > 15
    for kind in kinds:
        assert 400 <= kind.status < 600
        assert kind.code.islower()
        assert kind.type.islower()


def test_details_travel_with_the_error() -> None:
    error = LimitReached("wait", param="rate_limit_rpm", retry_after_s=3, headers={"a": "b"})
    assert (error.status, error.retry_after_s, error.headers) == (429, 3, {"a": "b"})
    assert NotFound("x", code="model_not_found").code == "model_not_found"
    upstream = UpstreamError("x", provider="p", status=429, type_="rate_limit_error")
    assert (upstream.status, upstream.type, upstream.provider) == (429, "rate_limit_error", "p")
    assert str(ConfigError(["a:1:2 x", "b"])) == "a:1:2 x\nb"

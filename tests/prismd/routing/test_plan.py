from dataclasses import replace

import pytest

from prismd.kernel.errors import Forbidden, Unsupported
from prismd.providers.base import OPENAI_ENDPOINTS_AND_TEXT, ProviderSpec, Upstream
from prismd.routing.catalog import Provider, Target
from prismd.routing.plan import plan
from prismd.wire.call import Op


def target(name: str, *, can_chat: bool = True) -> Target:
    spec = ProviderSpec(type="openai", title="x", docs_url="x", base_url=None)
    if not can_chat:
        spec = ProviderSpec(type="openai", title="x", docs_url="x", base_url=None, ops={})
    upstream: Upstream = object()  # type: ignore[assignment]
    return Target(Provider(name, spec, None, upstream, None, is_local=False), "m")


def planned(*targets: Target, allowed: tuple[str, ...] | None = None, most: int = 9) -> list[str]:
    steps = plan(targets, op=Op.CHAT, allowed_providers=allowed, max_attempts=most)
    return [step.provider.id for step in steps]


def test_targets_keep_their_order_and_number() -> None:
    three = (target("a"), target("b"), target("c"))
    assert planned(*three) == ["a", "b", "c"]
    assert planned(*three, most=1) == ["a"]
    assert planned(*three, allowed=("c", "a")) == ["a", "c"]


def test_a_provider_that_the_key_may_not_use_is_refused() -> None:
    for allowed in ((), ("z",)):
        with pytest.raises(Forbidden) as caught:
            planned(target("a"), allowed=allowed)
        assert caught.value.param == "provider"


def test_a_provider_without_the_operation_is_passed_over() -> None:
    assert planned(target("a", can_chat=False), target("b")) == ["b"]
    with pytest.raises(Unsupported) as caught:
        planned(target("a", can_chat=False))
    assert caught.value.status == 501


def test_who_could_do_it_is_named() -> None:
    cannot, can = target("a", can_chat=False), target("b")
    for others, says in (((can,), "Ask for a model of b."), ((), "vendors that can: fake, openai")):
        with pytest.raises(Unsupported) as caught:
            plan(
                [cannot],
                op=Op.CHAT,
                allowed_providers=None,
                max_attempts=1,
                configured=[other.provider for other in (cannot, *others)],
            )
        assert caught.value.message.startswith("'chat' is not supported by the providers of this")
        assert says in caught.value.message


def test_text_is_asked_for_as_a_chat_where_there_is_no_other_way() -> None:
    for can_complete, path in ((True, "/completions"), (False, "/chat/completions")):
        one = target("a")
        if can_complete:
            spec = replace(one.provider.spec, ops=OPENAI_ENDPOINTS_AND_TEXT)
            one = Target(replace(one.provider, spec=spec), "m")
        (step,) = plan([one], op=Op.COMPLETIONS, allowed_providers=None, max_attempts=1)
        assert step.endpoint.path == path

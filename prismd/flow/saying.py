"""Say a call in the words of the provider that is asked, and read its answer in the caller's.

Where both speak the same dialect, the caller's own bytes are spliced and the provider's are passed
on as they are. Otherwise the request is read once, and written for each provider that is tried.
What the provider's dialect has no words for is left out and told (``x-prism-translation-drops``),
or refused where the caller wants all of it (``x-prism-strict: true``).
"""

from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from prismd.dialects.base import About, Dialect, Follower, HttpCall, Outgoing
from prismd.dialects.json_tool import unwrap_answer
from prismd.dialects.registry import DIALECTS
from prismd.dialects.translation import Translation
from prismd.flow.media import with_data
from prismd.flow.walk import Walk
from prismd.kernel import clock, jsonio
from prismd.kernel.errors import InvalidRequest
from prismd.routing.plan import Attempt
from prismd.wire.call import Call
from prismd.wire.common import Usage

_FAKE_HEADERS = "x-prism-fake-"
STRICT = "x-prism-strict"


class NotAllSaid(InvalidRequest):
    """A provider cannot be told all of a request whose caller wants that; another one may be."""


class Relayed(msgspec.Struct, frozen=True, eq=False):
    """Both speak the same dialect."""

    request: HttpCall
    drops: tuple[str, ...]
    call: Call
    dialect: Dialect
    provider: str

    def read(self, body: bytes) -> tuple[bytes, Usage | None]:
        """Return the provider's own bytes, which have been looked at."""
        return body, self.dialect.read_usage(body, provider=self.provider)

    def follow(self) -> Follower:
        """Return what passes the provider's events on."""
        return self.dialect.follower(_about(self.call), provider=self.provider)


class Translated(msgspec.Struct, frozen=True, eq=False):
    """The provider speaks another dialect than the caller."""

    request: HttpCall
    drops: tuple[str, ...]
    call: Call
    theirs: Dialect
    ours: Dialect
    provider: str
    json_tool: str | None

    def read(self, body: bytes) -> tuple[bytes, Usage | None]:
        """Read the provider's answer, and write it for the caller."""
        answer = self.theirs.read_answer(body, provider=self.provider)
        if self.json_tool is not None:
            answer = unwrap_answer(answer, self.json_tool)
        return self.ours.write_answer(answer, _about(self.call)), answer.usage

    def follow(self) -> Follower:
        """Return what translates the provider's events."""
        decoder = self.theirs.decoder(provider=self.provider)
        return Translation(decoder, self.ours, _about(self.call), json_tool=self.json_tool)


Saying: TypeAlias = Relayed | Translated
"""A call as one provider is asked, and how its answer is read."""


async def say(walk: Walk, target: Attempt, output_limit: int | None) -> Saying:
    """Say a call to a provider.

    Args:
        walk: The call.
        target: Who is asked.
        output_limit: The most tokens of an answer, where the caller gave none.

    Raises:
        InvalidRequest: it cannot be read or said. NotAllSaid: not all of it, and the caller is
        strict.
    """
    call, provider, endpoint = walk.call, target.provider, target.endpoint
    theirs = DIALECTS[endpoint.dialect]
    if endpoint.dialect is call.dialect:
        relayed = theirs.relay(call.request, model=target.model, output_limit=output_limit)
        request, drops = _finished(call, target, relayed, ())
        return Relayed(request, drops, call, theirs, provider.id)
    ours = DIALECTS[call.dialect]
    conversation = walk.conversation or ours.read(call.request)
    # With what was fetched, also for who is tried next: a URL is fetched once for a call.
    conversation = walk.conversation = await with_data(conversation, theirs, walk.snap.fetcher)
    if output_limit is not None:
        conversation = replace(conversation, max_output_tokens=output_limit)
    written = theirs.write(conversation, model=target.model, is_stream=call.request.is_stream)
    request, drops = _finished(call, target, written, conversation.drops)
    return Translated(request, drops, call, theirs, ours, provider.id, written.json_tool)


def _finished(
    call: Call, target: Attempt, outgoing: Outgoing, dropped: tuple[str, ...]
) -> tuple[HttpCall, tuple[str, ...]]:
    """Apply what is special at the provider; return its request, and all that it is not told."""
    fields, provider = outgoing.fields, target.provider
    if target.endpoint.names_model:
        fields.pop("model", None)
    by_rule = provider.apply_rules(target.model, fields)
    if by_rule or outgoing.drops or dropped:
        dropped = tuple(dict.fromkeys((*dropped, *outgoing.drops, *by_rule)))
        if call.headers.get(STRICT, "").lower() == "true":
            raise _not_all(target, dropped)
    path = target.endpoint.path_for(target.model, is_stream=call.request.is_stream)
    return HttpCall("POST", path, jsonio.encode(fields), _headers(call, target)), dropped


def _not_all(target: Attempt, dropped: tuple[str, ...]) -> NotAllSaid:
    msg = (
        f"Provider '{target.provider.id}' cannot be told all of this request: "
        f"{', '.join(dropped)}. Leave that out, use another model, or leave out {STRICT}."
    )
    return NotAllSaid(msg, code="translation_drops", param=dropped[0])


def _headers(call: Call, target: Attempt) -> tuple[tuple[str, str], ...]:
    """Return the caller's headers that may go to this vendor."""
    provider = target.provider
    passed: tuple[tuple[str, str], ...] = ()
    if call.passed:
        allowed = provider.passed_headers
        passed = tuple(item for item in call.passed.items() if item[0] in allowed)
    if not provider.is_local:
        return passed
    # What only a provider on this machine is told: it may be our own fake.
    fake = [item for item in call.headers.items() if item[0].startswith(_FAKE_HEADERS)]
    return (("x-request-id", call.id), *fake, *passed)


def _about(call: Call) -> About:
    return About(
        id=call.id,
        model=call.request.model,
        created_s=clock.now_s(),
        wants_usage=call.wants_usage,
        is_array=call.request.is_array,
        request=call.request,
    )

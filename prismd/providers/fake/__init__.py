"""The built-in vendor: deterministic models with faults and pace, for laptops, demos and tests.

    a door: upstream.py (in-process) | server.py (a process of its own)
        → vendor.py         one request in, one reply out; faults and pace
            → faults.py         what the caller wants broken or slow
            → openai_request.py → engine.py (models.py) → openai_shape.py
            → any_dialect.py    the same in every other dialect, through the gateway's codecs
        → record.py         what was served

Adding a wire shape: a request file and a shape file, and a branch in ``vendor.answer``.
"""

from decimal import Decimal

from prismd.providers.base import AuthKind, ProviderSpec
from prismd.providers.fake.models import MODELS
from prismd.providers.fake.upstream import FakeUpstream
from prismd.wire.price import ModelFacts, Price
from prismd.wire.rates import read_rates

__all__ = ["CONTEXT_TOKENS", "MODELS", "RATES", "SPEC", "FakeUpstream"]

CONTEXT_TOKENS = 128_000

RATES = read_rates(
    {
        "input_per_mtok": Decimal(1),
        "cached_input_per_mtok": Decimal("0.1"),
        "output_per_mtok": Decimal(2),
    }
)
"""The nominal price of every model, so that money moves on a laptop too: $1, $0.1, $2 per 1M."""

SPEC = ProviderSpec(
    type="fake",
    title="Built-in fake",
    docs_url="",
    base_url=None,
    auth=AuthKind.NONE,
    settings_mark="+",
    lists_prefixed=True,
    facts=ModelFacts(Price(RATES, source="fake"), CONTEXT_TOKENS),
)

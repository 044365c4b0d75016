"""One configuration in force: ``build`` checks what it *means* and makes a ``Snapshot``.

Does this vendor exist, is this secret there, does this name lead anywhere? All faults are collected
and told with their lines. Nothing is opened and nobody is called here.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from prismd.config.load import LoadedConfig
from prismd.config.model import Config
from prismd.config.problem import ConfigProblem
from prismd.config.providers import ProviderConfig
from prismd.config.secrets import resolve
from prismd.config.values import MAX_DURATION_S
from prismd.kernel import clock
from prismd.kernel.errors import ConfigError, UpstreamError, UpstreamTimeout
from prismd.kernel.guarded import Fetcher, FetchRules
from prismd.kernel.outbound import Outbound
from prismd.kernel.secret import Secret
from prismd.metering.overrides import PriceOverrides
from prismd.metering.prices import PriceBook, PricedModel
from prismd.policy.access import Network, parse_networks
from prismd.providers import fake
from prismd.providers.setup import connect
from prismd.routing.catalog import Catalog, Provider, Target
from prismd.routing.offer import Offer, OfferName, make_offer
from prismd.routing.plan import plan
from prismd.wire.call import Op
from prismd.wire.key import KeyRecord
from prismd.wire.price import ModelFacts, Price, PriceOverride

UPSTREAM_TIMEOUT_S = MAX_DURATION_S
"""The sender's own limit; the corridor's deadlines are not longer, and come first."""

MIN_ADMIN_TOKEN_CHARS = 32

MAX_OFFERS = 4_096
"""Offers that are remembered: a caller may name any model of a provider that lists none."""

_ERROR_STATUSES = range(400, 600)
_CREDENTIAL_REFUSED = frozenset({401, 403})


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One configuration in force, and everything derived from it."""

    config: Config
    hash: str
    source: Path | None
    loaded_at_s: float
    catalog: Catalog
    prices: PriceBook
    admin_token: bytes = field(repr=False)
    allowed_hosts: frozenset[str] | None
    """Host names that are served, lower case; None: every well-formed one."""
    trusted_proxies: tuple[Network, ...]
    max_body_bytes: int
    """The largest body of an inference call."""
    max_running_calls: int
    """How many inference calls may run at once."""
    tries_next_on_timeout: bool
    """Whether the next target is tried when one does not answer in time."""
    keeps_bodies: bool
    """Whether requests and answers of anybody are kept."""
    fetcher: Fetcher
    """Fetches what callers name by URL."""
    _offers: dict[OfferName, Offer] = field(default_factory=dict, init=False, repr=False)

    @property
    def stream_idle_timeout_s(self) -> float:
        """How long a provider may be silent within a stream."""
        return self.config.server.stream_idle_timeout

    @property
    def max_attempts(self) -> int:
        """How many targets a call may try."""
        failover = self.config.routing.failover
        return failover.max_attempts if failover.enabled else 1

    @property
    def default_max_tokens(self) -> int:
        """What is sent as ``max_tokens`` where a hold needs one and the caller gave none."""
        return self.config.cost_tracking.default_max_tokens

    def keeps_bodies_of(self, org_id: str | None) -> bool:
        """Say whether requests and answers of the keys of an org are kept; None: of no org."""
        orgs = self.config.logging.request_logging.bodies_of_orgs
        return self.keeps_bodies and (orgs is None or org_id in orgs)

    def needs_price(self, *, is_paid_ahead: bool) -> bool:
        """Say whether a call of a model without a price is refused."""
        rule = self.config.cost_tracking.unknown_models
        return rule == "deny" or (rule == "deny_managed" and is_paid_ahead)

    def failover_covers(self, error: UpstreamError) -> bool:
        """Say whether the next target is tried after this failure."""
        failover = self.config.routing.failover
        if not failover.enabled:
            return False
        if isinstance(error, UpstreamTimeout):
            return failover.on_timeout
        status = error.upstream_status
        if status is None or status not in _ERROR_STATUSES:
            return True  # no answer, or one that is no answer to the request
        return status in _CREDENTIAL_REFUSED or status in failover.on_status_codes

    def timeout_s(self, model: str, provider_id: str) -> float:
        """Return how long a caller waits: for the whole answer, or a stream's first event."""
        by_model = self.config.routing.model_timeouts.get(model)
        if by_model is not None:
            return by_model
        of_provider = self.config.providers[provider_id].default_timeout
        return of_provider or self.config.server.default_request_timeout

    def offer(self, model: str, op: Op, key: KeyRecord) -> Offer:
        """Return what a call of a key may be sent to; most calls find what another one has asked.

        Raises:
            NotFound: nobody serves the model. Forbidden: the key may use none of the providers.
            Unsupported: none of them can do the operation.
        """
        name = (model, op, key.providers, key.org_id)
        edition = self.prices.edition()
        offer = self._offers.get(name)
        if offer is None or offer.edition != edition:
            if len(self._offers) >= MAX_OFFERS:
                self._offers.clear()
            offer = self._offers[name] = self._find_offer(name, op, edition)
        return offer

    def _find_offer(self, name: OfferName, op: Op, edition: tuple[int, float]) -> Offer:
        model, _, allowed_providers, org_id = name
        attempts = plan(
            self.catalog.resolve(model),
            op=op,
            allowed_providers=allowed_providers,
            max_attempts=self.max_attempts,
            configured=self.catalog.providers.values(),
        )
        facts = [self.facts(model, attempt.target, org_id) for attempt in attempts]
        sections = self.config.providers.items()
        drained = {name for name, section in sections if section.on_disconnect == "drain"}
        waits = {step.provider.id: self.timeout_s(model, step.provider.id) for step in attempts}
        return make_offer(attempts, facts, drained=drained, timeouts_s=waits, edition=edition)

    def facts(self, public_name: str, target: Target, org_id: str | None = None) -> ModelFacts:
        """Return context window of a model, and its price for an org."""
        return self.prices.facts(public_name, _priced(target), org_id)

    def override(self, public_name: str, target: Target) -> PriceOverride | None:
        """Return the override that is in force for everybody's calls of a model, if one is."""
        return self.prices.override(public_name, _priced(target))

    def keeping(self, before: "Snapshot") -> "Snapshot":
        """Return the same with the models that providers of before gave, at the same address."""
        found = {
            provider.id: provider.discovered
            for provider in before.catalog.providers.values()
            if provider.discovered is not None
            and (now := self.catalog.providers.get(provider.id)) is not None
            and now.base_url == provider.base_url
        }
        return replace(self, catalog=self.catalog.with_models(found))


def build(
    loaded: LoadedConfig,
    *,
    outbound: Outbound,
    overrides: PriceOverrides,
    own_admin_token: Secret | None,
) -> Snapshot:
    """Make the snapshot of a configuration.

    Args:
        loaded: The configuration, with its lines.
        outbound: The connection pool that all providers share.
        overrides: The operator's prices from the database, shared by all snapshots.
        own_admin_token: What ``prismd init`` wrote, used when the config names no other.

    Raises:
        ConfigError: with every fault, and its line where it has one.
    """
    config = loaded.config
    faults = _Faults()
    providers = []
    for provider_id, section in config.providers.items():
        with faults.collected():
            providers.append(_provider(provider_id, section, outbound))
    for name, where in config.model_map.items():
        with faults.collected():
            _check_mapping(name, where, config)
    admin_token = None
    with faults.collected():
        _check_tls(config)
    with faults.collected():
        admin_token = _admin_token(config, own_admin_token)
    if faults.found or admin_token is None:
        lines = [line for fault in faults.found for line in loaded.explain(fault).problems]
        raise ConfigError(lines or ["there is no admin token: run prismd init, or set admin.token"])
    return Snapshot(
        config=config,
        hash=loaded.hash,
        source=loaded.source,
        loaded_at_s=clock.wall_s(),
        catalog=Catalog(providers, config.model_map),
        prices=PriceBook(_own_prices(config), overrides),
        admin_token=admin_token.reveal().encode(),
        allowed_hosts=config.server.served_hosts(),
        trusted_proxies=parse_networks(tuple(config.ip_acl.trusted_proxies)),
        max_body_bytes=config.server.max_request_body_size,
        max_running_calls=config.server.max_running_calls,
        tries_next_on_timeout=config.routing.failover.enabled
        and config.routing.failover.on_timeout,
        keeps_bodies=config.logging.request_logging.include_bodies,
        fetcher=Fetcher(outbound, _fetch_rules(config)),
    )


def _fetch_rules(config: Config) -> FetchRules:
    fetch = config.fetch
    return FetchRules(
        is_enabled=fetch.enabled,
        allows_http=fetch.allow_http,
        networks=tuple(map(ip_network, fetch.allow_networks)),
        ports=frozenset({80, 443, *fetch.allow_ports}),
        own_ports=frozenset({config.server.port}),
        max_bytes=fetch.max_size,
        timeout_s=fetch.timeout,
    )


class _Faults:
    def __init__(self) -> None:
        self.found: list[ConfigProblem] = []

    @contextmanager
    def collected(self) -> Iterator[None]:
        try:
            yield
        except ConfigProblem as problem:
            self.found.append(problem)


def _provider(provider_id: str, section: ProviderConfig, outbound: Outbound) -> Provider:
    reached = connect(provider_id, section, timeout_s=UPSTREAM_TIMEOUT_S, outbound=outbound)
    spec, base_url = reached.spec, reached.base_url
    is_asked = section.models is None if section.auto_discover is None else section.auto_discover
    is_inside = base_url is None
    return Provider(
        provider_id,
        spec,
        base_url,
        reached.upstream,
        (section.models or tuple(fake.MODELS)) if is_inside else section.models,
        is_local=base_url is None or _is_loopback(base_url),
        is_asked=is_asked and not is_inside,
        passed_headers=spec.passed_headers | {name.lower() for name in section.pass_headers},
    )


def _is_loopback(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_mapping(name: str, where: str, config: Config) -> None:
    provider_id = where.partition("/")[0]
    if provider_id not in config.providers:
        msg = f'model_map.{name} names the provider "{provider_id}", which is not configured'
        raise ConfigProblem(("model_map", name), msg)


def _check_tls(config: Config) -> None:
    if (tls := config.server.tls) is None:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.cert_file, tls.key_file)
    except OSError as error:
        reason = error.strerror or str(error)
        msg = f"server.tls: certificate and key cannot be used: {reason}"
        raise ConfigProblem(("server", "tls"), msg) from None


def _admin_token(config: Config, own: Secret | None) -> Secret | None:
    if config.admin.token is None:
        return own
    token = resolve(config.admin.token, ("admin", "token"))
    if len(token.reveal()) < MIN_ADMIN_TOKEN_CHARS:
        msg = f"admin.token must have at least {MIN_ADMIN_TOKEN_CHARS} characters"
        raise ConfigProblem(("admin", "token"), msg)
    return token


def _priced(target: Target) -> PricedModel:
    provider = target.provider
    return PricedModel(provider.id, provider.spec, target.model, provider.is_local)


def _own_prices(config: Config) -> dict[str, Price]:
    return {
        model: Price(pricing.rates(), source="config")
        for model, pricing in config.cost_tracking.custom_pricing.items()
    }

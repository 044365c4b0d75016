"""The ``fetch`` section: which URLs of callers the gateway fetches for vendors that do not."""

from typing import Annotated

from pydantic import Field

from prismd.config.policy import Cidr
from prismd.config.section import Section
from prismd.config.values import Duration, Size, Switch, Whole


class FetchConfig(Section):
    """Images and files that a caller names by URL, where the vendor does not fetch them itself.

    The host must be public: nobody may have the gateway look into a private network.
    """

    enabled: Switch = True
    """Whether such URLs are fetched; if not, only data (base64) is taken for those vendors."""

    allow_http: Switch = False
    """Whether http:// is fetched, too."""

    allow_networks: tuple[Cidr, ...] = ()
    """Private networks that callers may reach all the same, such as 10.1.0.0/16."""

    allow_ports: tuple[Annotated[Whole, Field(ge=1, le=65_535)], ...] = ()
    """Ports beside 80 and 443."""

    max_size: Size = 20 * 1024 * 1024
    """The largest image or file."""

    timeout: Duration = 10.0
    """How long one may take, redirects included."""

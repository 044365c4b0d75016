"""``GET /-/usage``: what was used and what it cost, summed from the usage rows."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict

from prismd.endpoints import deps
from prismd.endpoints.replies import json_reply, usd
from prismd.kernel import clock
from prismd.kernel.errors import InvalidRequest
from prismd.store import usage as usage_table
